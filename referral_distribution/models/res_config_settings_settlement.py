from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    referral_bill_grouped = fields.Boolean(
        related="company_id.referral_bill_grouped", readonly=False
    )
    referral_bill_product_id = fields.Many2one(
        related="company_id.referral_bill_product_id", readonly=False
    )
    referral_bill_account_id = fields.Many2one(
        related="company_id.referral_bill_account_id", readonly=False
    )
    referral_bill_analytic_id = fields.Many2one(
        related="company_id.referral_bill_analytic_id", readonly=False
    )
