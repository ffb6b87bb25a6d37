from odoo import fields, models


class ResCompany(models.Model):
    _inherit = "res.company"

    referral_lead_masking = fields.Selection(
        [
            ("masked", "First letter only"),
            ("company", "Companies by name, people by their first letter"),
            ("full", "Full names"),
        ],
        string="Names of customers",
        default="company",
        required=True,
        help="How a member sees who became a lead or customer through it.",
    )
