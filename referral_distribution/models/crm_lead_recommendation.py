from odoo import SUPERUSER_ID, api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL, plaintext2html
from odoo.tools.mail import email_normalize, single_email_re

from ..engine import outside_text
from ..engine.period import days_ago
from .crm_lead_intake import LIMITS
from .referral_attribution import Origin

# What a member types, and how long it may be; the names of the form's fields.
TYPED = {
    "company": LIMITS["partner_name"],
    "contact": LIMITS["contact_name"],
    "phone": LIMITS["phone"],
    "email": LIMITS["email_from"],
    "note": 2000,
}
# Two recommendations with all of these alike are one that was sent twice.
SAME = ("partner_name", "contact_name", "phone", "email_from")


class CrmLead(models.Model):
    """A member recommends a company (rule L4).

    The lead has no channel, as it was shared on none: channels would claim it in their
    figures. In utm terms its medium is "Referral" and its source "Recommendation".
    """

    _inherit = "crm.lead"

    # counts a member's recommendations of a day
    _referral_recommended_index = models.Index(
        "(referrer_id, create_date) WHERE referral_evidence = 'portal'"
    )

    @api.model
    def _get_recommend_problem(self, member, company):
        """Return why a contact cannot recommend companies, or ""."""
        if not member or member.member_state != "active" or not member.active:
            return self.env._("Only active members can recommend a company.")
        if member.referral_role == "channel_partner":
            return self.env._(
                "You are paid for what comes through your channel. Share your channel's"
                " links instead."
            )
        return ""

    @api.model
    def _recommend(self, member, company, typed):
        """Make a lead of a company that a member recommends (rule L4).

        Sent twice on a day it is one lead. What is wrong changes nothing.

        :param member: res.partner of the portal's user.
        :param company: res.company the lead is for.
        :param dict typed: what the form says: the names of ``TYPED``, and "agreed".
        :return: ``(crm.lead as superuser, problems)``: problems is
            ``{field or "": sentence in the user's language}``, empty if there is none.
        """
        leads = self.sudo()
        problem = leads._get_recommend_problem(member, company)
        if problem:
            return leads.browse(), {"": problem}
        vals, problems = leads._read_recommendation(company, typed)
        if problems:
            return leads.browse(), problems
        today = leads._get_recommended_today(member, company)
        same = today.filtered(lambda lead: all(lead[key] == vals[key] for key in SAME))
        limit = company.referral_recommendation_limit
        if not same and limit and len(today) >= limit:
            return leads.browse(), {"": leads._get_limit_text(limit)}
        return same[:1] or leads._create_recommended(member, company, vals), {}

    @api.model
    def _get_limit_text(self, limit):
        return self.env._(
            "You have recommended %(limit)s companies today, which is all for one day."
            " Come back tomorrow.",
            limit=limit,
        )

    @api.model
    def _get_recommended_today(self, member, company):
        """Return what a member has recommended today, one request at a time.

        The member's row is written first: of two requests at once the second waits,
        gets a serialization failure, is tried again by Odoo, and finds the first lead.
        """
        self.env.cr.execute(
            SQL("UPDATE res_partner SET active = active WHERE id = %s", member.id),
            log_exceptions=False,  # starting again is no error
        )
        midnight = days_ago(fields.Datetime.now(), company._referral_tz(), 0)
        return self.with_context(active_test=False).search(
            Domain("referrer_id", "=", member.id)
            & Domain("referral_evidence", "=", "portal")
            & Domain("company_id", "=", company.id)
            & Domain("create_date", ">=", midnight)
        )

    @api.model
    def _create_recommended(self, member, company, vals):
        origin = Origin("portal", member, self.env["referral.link"], agreed=True)
        leads = self.with_company(company).with_context(
            referral_origin=origin, mail_create_nosubscribe=True
        )
        return leads.create(vals).with_env(self.env)

    @api.model
    def _read_recommendation(self, company, typed):
        """Return ``(values of a lead, {field: what is wrong})``."""
        said, problems = {}, {}
        for key, limit in TYPED.items():
            text = typed.get(key)
            text = text if isinstance(text, str) else ""
            clean = outside_text.paragraphs if key == "note" else outside_text.line
            said[key] = clean(text, len(text))
            if len(said[key]) > limit:
                problems[key] = self.env._(
                    "Write at most %(limit)s characters.", limit=limit
                )
        problems = {**self._check_recommendation(company, said, typed), **problems}
        return ({} if problems else self._prepare_brought_vals(company, said)), (
            problems
        )

    @api.model
    def _check_recommendation(self, company, said, typed):
        """Return ``{field: what is wrong with it}``."""
        problems = {}
        if not said["company"]:
            problems["company"] = self.env._("Write the name of the company.")
        if not said["contact"]:
            problems["contact"] = self.env._("Write whom we should talk to.")
        if not (said["phone"] or said["email"]):
            problems["phone"] = self.env._("Give a phone number or an e-mail address.")
        if said["phone"] and not self._format_phone(said["phone"], company.country_id):
            problems["phone"] = self.env._(
                "“%(phone)s” is no phone number. Write it with the country code, like"
                " +86 138 0013 8000.",
                phone=outside_text.cut(said["phone"], LIMITS["phone"]),
            )
        if said["email"] and not _read_email(said["email"]):
            problems["email"] = self.env._(
                "This is no e-mail address. Write it like name@company.com."
            )
        if not typed.get("agreed"):
            problems["agreed"] = self.env._(
                "Ask the contact first, and confirm it here: we call or write only to"
                " who agreed."
            )
        return problems

    @api.model
    def _prepare_brought_vals(self, company, said):
        """Return the values of a lead that a member or an outside site brings."""
        bot = self.env["res.users"].browse(SUPERUSER_ID)
        use_leads = bot.has_group("crm.group_use_lead")
        medium = self.env.ref("referral_distribution.utm_medium_referral", False)
        source = self.env.ref("referral_distribution.utm_source_recommendation", False)
        return {
            "name": said["company"] or said["contact"],
            "type": "lead" if use_leads else "opportunity",
            "partner_name": said["company"] or False,
            "contact_name": said["contact"] or False,
            "phone": self._format_phone(said["phone"], company.country_id),
            "email_from": _read_email(said["email"]),
            "description": plaintext2html(said["note"]) if said["note"] else False,
            "company_id": company.id,
            "user_id": False,  # sales assigns it: who brings it is none of them
            "medium_id": medium.id if medium else False,
            "source_id": source.id if source else False,
        }


def _read_email(text):
    """Return an e-mail address in small letters, False if it is not one."""
    return bool(single_email_re.match(text)) and email_normalize(text)
