from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import email_normalize_all


class ResCompany(models.Model):
    """Where the seals of a company's trails are sent (threat A1)."""

    _inherit = "res.company"

    referral_seal_email = fields.Char(
        string="Seals are sent to",
        help="Each day's seal of the trails is sent here, best to somebody outside: an"
        " auditor, a lawyer. Several addresses are divided by commas.",
    )

    @api.constrains("referral_seal_email")
    def _check_referral_seal_email(self):
        for company in self.filtered("referral_seal_email"):
            parts = company.referral_seal_email.replace(";", ",").split(",")
            if len(email_normalize_all(company.referral_seal_email)) != len(parts):
                raise ValidationError(
                    self.env._(
                        "“%(text)s” is no e-mail address. Write one, or several divided"
                        " by commas.",
                        text=company.referral_seal_email,
                    )
                )
