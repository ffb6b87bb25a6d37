from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    referral_attachment_months = fields.Integer(
        related="company_id.referral_attachment_months", readonly=False
    )
    referral_forecast_portal = fields.Boolean(
        related="company_id.referral_forecast_portal", readonly=False
    )
