from odoo import fields, models


class ResCompany(models.Model):
    _inherit = "res.company"

    referral_attribution_days = fields.Integer(
        string="Attribution window (days)",
        default=30,
        help="How long a visit through a personal link keeps counting for its member.",
    )
    referral_paying_levels = fields.Selection(
        [("1", "1: who brought it"), ("2", "2: who brought it and the inviter")],
        string="Paying levels",
        default="2",
        required=True,
        help="How many levels of the invite tree a contract rewards.",
    )

    _referral_attribution_days_range = models.Constraint(
        "CHECK (referral_attribution_days BETWEEN 1 AND 400)",
        "The attribution window must be between 1 and 400 days.",
    )
