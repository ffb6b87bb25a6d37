from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    referral_recommendation_limit = fields.Integer(
        related="company_id.referral_recommendation_limit", readonly=False
    )
