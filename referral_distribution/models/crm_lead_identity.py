from odoo import api, models
from odoo.tools import SQL

from odoo.addons.iap.tools.iap_tools import mail_prepare_for_domain_search

from ..engine.identity import Identity, likeness


class CrmLead(models.Model):
    """What tells who asks apart from others (rule L5).

    Compared with one member in Python; with all leads and contacts through indexes on
    the functions of ``engine/identity_sql``.
    """

    _inherit = "crm.lead"

    _referral_email_index = models.Index(
        "(referral_plain_email(email_normalized)) WHERE email_normalized IS NOT NULL"
    )
    _referral_phone_index = models.Index(
        "(referral_plain_phone(COALESCE(phone_sanitized, phone)))"
        " WHERE referral_plain_phone(COALESCE(phone_sanitized, phone)) IS NOT NULL"
    )

    def _get_identity(self):
        """Return what tells who asks apart from others, for ``likeness``."""
        self.ensure_one()
        lead = self.sudo()
        partner = lead.partner_id._get_identity() if lead.partner_id else Identity()
        emails = filter(None, [lead.email_from, lead.email_normalized])
        phones = filter(None, [lead.phone, lead.phone_sanitized])
        return Identity(
            emails=(*partner.emails, *emails),
            phones=(*partner.phones, *phones),
            family=partner.family,
            accounts=partner.accounts,
        )

    def _get_likeness_to_referrer(self):
        """Return in what the lead is like its referrer, as ``likeness`` does.

        A mailbox of the member's own company is a likeness of the company.
        """
        self.ensure_one()
        member = self.referrer_id
        alike = list(likeness(self._get_identity(), member._get_identity()))
        if self.partner_id == member:
            alike.append("contact")
        host = self.email_domain_criterion or ""
        own = mail_prepare_for_domain_search(member.email_normalized)
        if "company" not in alike and host.startswith("@") and host == own:
            alike.append("company")
        return alike

    @api.model
    def _flush_identity(self):
        """Write down what queries about identities and customers read."""
        self.flush_model()
        for name in ("res.partner", "sale.order", "account.move"):
            self.env[name].flush_model()

    def _query_identity_keys(self):
        """Return everything that tells these leads apart, as text."""
        rows = self.env.execute_query(
            SQL(
                """
                SELECT DISTINCT key FROM crm_lead lead
                LEFT JOIN res_partner customer ON customer.id = lead.partner_id
                CROSS JOIN LATERAL (VALUES
                    (referral_plain_email(lead.email_normalized)),
                    (referral_plain_phone(COALESCE(lead.phone_sanitized, lead.phone))),
                    (lead.email_domain_criterion),
                    (customer.commercial_partner_id::text)) own (key)
                WHERE lead.id = ANY(%s) AND key IS NOT NULL
                """,
                self.ids,
            )
        )
        return [key for (key,) in rows]
