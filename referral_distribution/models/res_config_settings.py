from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    referral_attribution_days = fields.Integer(
        related="company_id.referral_attribution_days", readonly=False
    )
    referral_paying_levels = fields.Selection(
        related="company_id.referral_paying_levels", readonly=False, required=True
    )
