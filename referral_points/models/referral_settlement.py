from odoo import api, models


class ReferralSettlement(models.Model):
    _inherit = "referral.settlement"

    @api.model
    def _get_currencies_paid_elsewhere(self):
        """Points go to the wallet, never into a settlement (rule C6)."""
        points = self.env.ref("referral_points.currency_pts")
        return super()._get_currencies_paid_elsewhere() | points
