from lxml import html as lxml_html

from odoo import api, models
from odoo.tools import html2plaintext, html_sanitize

from ..engine import mail_code


class CrmLead(models.Model):
    """Mail to the leads' alias that carries a member's code (rule L4).

    The code stands in a plus-address it went to, in a line "Referral code: ...", or in
    a personal link of the own site. What the mail repeats of another one is not read,
    and whom the code names is not who wrote it.
    """

    _inherit = "crm.lead"

    @api.model
    def message_new(self, msg_dict, custom_values=None):
        """Make a lead of a mail, cleaned and credited to whom its code names (L1, L4).

        A code that names nobody who takes part is passed over: the lead is made.
        """
        company = self._get_mail_company(custom_values or {})
        author = self.env["res.partner"].browse(msg_dict.get("author_id") or [])
        codes = self._get_mail_codes(msg_dict)
        origin = self.env["referral.attribution"]._read_codes(
            codes, "email", company, besides=author
        )
        reader = self.with_context(referral_outside=True, referral_origin=origin)
        lead = super(CrmLead, reader).message_new(msg_dict, custom_values=custom_values)
        return lead.with_context(referral_outside=False, referral_origin=False)

    @api.model
    def _get_mail_company(self, values):
        """Return the company that a lead of an alias with these defaults is for."""
        teams = self.env["crm.team"].sudo()
        company = self.env["res.company"].browse(values.get("company_id") or [])
        team = teams.browse(values.get("team_id") or [])
        return company or team.company_id or self.env.company

    @api.model
    def _get_mail_codes(self, msg_dict):
        addresses = [msg_dict.get(key) or "" for key in ("to", "cc", "recipients")]
        return mail_code.find_codes(
            addresses,
            msg_dict.get("subject") or "",
            _read_own_words(msg_dict.get("body") or ""),
            self.env["referral.link"]._get_own_hosts(),
        )


def _read_own_words(body):
    """Return the text of a mail without what its program repeats of another one."""
    body = str(body)[: mail_code.LENGTH * 10]
    clean = html_sanitize(body, silent=True)  # it marks quotes, too
    if not clean.strip():
        return ""
    tree = lxml_html.fromstring(f"<div>{clean}</div>")
    for quote in tree.xpath("//*[@data-o-mail-quote]"):
        if quote.getparent() is not None:
            quote.drop_tree()
    return html2plaintext(lxml_html.tostring(tree, encoding="unicode"))
