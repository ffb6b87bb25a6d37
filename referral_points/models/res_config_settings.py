from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    referral_point_value = fields.Float(
        related="company_id.referral_point_value", readonly=False, required=True
    )
    referral_goods_minimum = fields.Float(
        related="company_id.referral_goods_minimum", readonly=False, required=True
    )
