from odoo import api, fields, models


class ResCompany(models.Model):
    """The text people agree to before a company uses their data, and a first draft."""

    _inherit = "res.company"

    referral_consent_text = fields.Text(
        string="Consent text",
        translate=True,
        help="What members agree to before their personal data is used. {company}"
        " stands for the company's name. Empty: nobody is asked.",
    )

    @api.model_create_multi
    def create(self, vals_list):
        companies = super().create(vals_list)
        companies._load_consent_text()
        return companies

    @api.model
    def _load_consent_texts(self):
        """Give every company that has no consent text a plain one to start from."""
        self.sudo().search([])._load_consent_text()

    def _load_consent_text(self):
        """Write the default consent text, in every installed language."""
        langs = [code for code, _name in self.env["res.lang"].get_installed()]
        for company in self.filtered(lambda c: not c.referral_consent_text):
            # the first value is taken for every language: English goes first
            for lang in sorted(langs, key=lambda code: code != "en_US"):
                speaking = company.with_context(lang=lang)
                speaking.referral_consent_text = speaking._get_default_consent_text()

    def _get_default_consent_text(self):
        """Return a plain consent text in the context's language; no legal advice.

        It says what PIPL Art. 17 and GDPR Art. 13 ask for: who, what for, which data,
        how long, which rights. The company makes it its own in the settings.
        """
        paragraphs = (
            self.env._(
                "{company} runs this referral programme and uses your personal data"
                " for it: your name, e-mail, phone and, for payments, your bank"
                " account; who invited you; which links you share and what came of"
                " them; what you earned."
            ),
            self.env._(
                "It serves to run your membership, to credit what you bring about and"
                " to pay you. Other members see no more of you than the first letter"
                " of your name, unless the company shows names within a team. Your data"
                " is not sold."
            ),
            self.env._(
                "It is kept as long as you are a member; after that, only what the law"
                " asks the company to keep, such as invoices and payments."
            ),
            self.env._(
                "You can see and download your data, have it corrected, and ask for its"
                " erasure at any time, on the page “Your data” of your account. You can"
                " withdraw this consent in the same place; your membership then ends."
            ),
        )
        return "\n\n".join(paragraphs)
