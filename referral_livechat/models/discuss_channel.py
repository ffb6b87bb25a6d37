from odoo import fields, models
from odoo.fields import Domain
from odoo.tools import html2plaintext

from odoo.addons.referral_distribution.engine import mail_code
from odoo.addons.referral_distribution.models.referral_attribution import Origin

MESSAGES = 100  # of a chat that are read


class DiscussChannel(models.Model):
    """A live chat knows the member whose link brought its visitor (rules L1, L4).

    What counts is the visit the chat began on; without one, a code that the visitor
    wrote, as in a mail.
    """

    _inherit = "discuss.channel"

    referral_visit = fields.Json(
        string="Visit through a personal link",
        readonly=True,
        copy=False,
        groups=fields.NO_ACCESS,
        help="What a lead of this chat keeps of it.",
    )

    def _convert_visitor_to_lead(self, partner, key):
        """Make the lead of an operator's ``/lead``, credited to who brought it."""
        chat = self._with_referral_origin(self)
        lead = super(DiscussChannel, chat)._convert_visitor_to_lead(partner, key)
        return lead.with_env(self.env)

    def _with_referral_origin(self, records):
        """Return records in whose context the leads they make go to who brought it."""
        return records.with_context(
            referral_outside=True, referral_origin=self._get_referral_origin()
        )

    def _get_referral_origin(self):
        """Return the ``Origin`` of leads of this chat, None without one."""
        self.ensure_one()
        chat = self.sudo()
        visitors = chat.livechat_customer_partner_ids
        return chat._read_visit(visitors) or self.env[
            "referral.attribution"
        ]._read_codes(
            chat._get_written_codes(),
            "livechat",
            self.env.company,
            besides=visitors[:1],
        )

    def _read_visit(self, visitors):
        """Return the ``Origin`` of the visit, None if its link is closed by now."""
        visit = self.referral_visit or {}
        links = self.env["referral.link"]
        link = links.browse(visit.get("referral_link_id") or []).exists()
        link = links._find_open(link.code)
        if not link or link.company_id != self.env.company:
            return None
        if link.partner_id in visitors:
            return None
        return Origin("livechat", link.partner_id, link, visit=visit)

    def _get_written_codes(self):
        """Return the codes that visitors wrote, who are no employees and no bots."""
        messages = self.env["mail.message"].search(
            Domain("model", "=", self._name)
            & Domain("res_id", "=", self.id)
            & Domain("message_type", "=", "comment")
            & (
                Domain("author_guest_id", "!=", False)
                | Domain("author_id", "in", self.livechat_customer_partner_ids.ids)
            ),
            order="id",
            limit=MESSAGES,
        )
        text = "\n".join(html2plaintext(message.body) for message in messages)
        hosts = self.env["referral.link"]._get_own_hosts()
        return mail_code.find_codes((), "", text, hosts)
