from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    referral_lead_masking = fields.Selection(
        related="company_id.referral_lead_masking", readonly=False, required=True
    )
