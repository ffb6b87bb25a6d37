from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    referral_review_hours = fields.Integer(
        related="company_id.referral_review_hours", readonly=False
    )
