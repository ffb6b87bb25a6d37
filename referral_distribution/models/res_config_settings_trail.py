from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    referral_seal_email = fields.Char(
        related="company_id.referral_seal_email", readonly=False
    )
