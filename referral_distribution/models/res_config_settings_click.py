from odoo import api, fields, models
from odoo.exceptions import UserError

from .referral_click_retention import DEFAULT_MONTHS, KEPT_MONTHS

LONGEST = 1200


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    referral_click_months = fields.Integer(
        string="Months to keep single clicks", default=DEFAULT_MONTHS
    )

    @api.model
    def get_values(self):
        """Add what is kept in system parameters: these hold for the whole database."""
        months = self.env["referral.click"]._get_kept_months()
        return {**super().get_values(), "referral_click_months": months}

    def set_values(self):
        """Write the months as text: as a number, Odoo would forget a zero.

        :raises UserError: when it is no number of months.
        """
        if not 0 <= self.referral_click_months <= LONGEST:
            raise UserError(
                self.env._(
                    "Keep single clicks for 1 to 1,200 months, or write 0 to keep them"
                    " for ever."
                )
            )
        self.env["ir.config_parameter"].sudo().set_param(
            KEPT_MONTHS, str(self.referral_click_months)
        )
        return super().set_values()
