from odoo import fields, models


class ResCompany(models.Model):
    """What the vendor bills of rewards look like (rule C6)."""

    _inherit = "res.company"

    referral_bill_grouped = fields.Boolean(
        string="One line per bill",
        help="Bills of rewards have one line in all, instead of one per commission. The"
        " statement has them all.",
    )
    referral_bill_product_id = fields.Many2one(
        "product.product",
        string="Product of bills",
        ondelete="restrict",
        check_company=True,
        help="Account and taxes of bills are this product's, by the beneficiary's"
        " fiscal position; a tax to be withheld is one of its vendor taxes.",
    )
    referral_bill_account_id = fields.Many2one(
        "account.account",
        string="Expense account",
        ondelete="restrict",
        check_company=True,
        help="Instead of the product's, or the purchase journal's.",
    )
    referral_bill_analytic_id = fields.Many2one(
        "account.analytic.account",
        string="Analytic account",
        ondelete="restrict",
        check_company=True,
    )
