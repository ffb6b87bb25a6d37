from odoo import api, fields, models
from odoo.fields import Domain


class ResPartner(models.Model):
    """Whether a contact agreed to the consent text in force (PIPL Art. 14, GDPR 7)."""

    _inherit = "res.partner"

    referral_consent_ids = fields.One2many(
        "referral.consent",
        "partner_id",
        string="Consents",
        groups="referral_distribution.group_manager",
    )
    referral_consented = fields.Boolean(
        string="Agreed to the consent text",
        compute="_compute_referral_consented",
        search="_search_referral_consented",
        groups="referral_distribution.group_manager",
        help="To the text in force, in any language. When it changes, members are"
        " asked again.",
    )

    @api.depends("referral_consent_ids")
    @api.depends_context("company")
    def _compute_referral_consented(self):
        mine = Domain("id", "in", self.ids)
        everybody = self.with_context(active_test=False)
        agreed = everybody.search(self._get_consented_domain() & mine)
        for partner in self:
            partner.referral_consented = partner._origin in agreed

    def _search_referral_consented(self, operator, value):
        if operator != "in":
            return NotImplemented
        domain = self._get_consented_domain()
        return domain if True in value else ~domain

    @api.model
    def _get_consented_domain(self):
        """Return who agreed to the current company's text in force."""
        hashes = self.env["referral.consent.text"]._get_hashes(self.env.company)
        if not hashes:
            return Domain.TRUE
        consents = self.env["referral.consent"].sudo()
        agreed = consents._search(
            [
                ("company_id", "=", self.env.company.id),
                ("text_id.text_hash", "in", list(hashes)),
            ]
        )
        return Domain("id", "in", agreed.subselect("partner_id"))

    def _has_consented(self, company):
        """Tell whether this contact agreed to the company's text in force."""
        self.ensure_one()
        contacts = self.sudo().with_company(company).with_context(active_test=False)
        domain = contacts._get_consented_domain() & Domain("id", "=", self.id)
        return bool(contacts.search_count(domain))

    def action_referral_record_consent(self):
        """Note that the contacts agreed to the text in force on paper or by word.

        :raises AccessError: unless the user is a manager.
        """
        self.env.user._referral_require("group_manager")
        self.check_access("write")
        company = self.env.company
        for partner in self:
            text = self.env["referral.consent.text"]._get_shown(company, partner.lang)
            self.env["referral.consent"]._agree(
                partner, company, text and text["hash"], "back_office"
            )
        return True
