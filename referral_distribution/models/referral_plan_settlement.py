from odoo import fields, models


class ReferralPlan(models.Model):
    """When what a plan gives is paid out (rule C6).

    Fixed with the version, as its rules are: a contract's rewards are settled as its
    plan says.
    """

    _inherit = "referral.plan"

    settlement_mode = fields.Selection(
        [
            ("at_once", "As soon as they are due"),
            ("week", "Weekly"),
            ("month", "Monthly"),
            ("manual", "By hand"),
        ],
        string="Rewards in money are settled",
        required=True,
        default="manual",
        help="Weeks begin on Monday. By hand: finance selects the commissions.",
    )
    holding_days = fields.Integer(
        help="Days to wait after finance has confirmed, before a reward is due.",
    )
    company_currency_id = fields.Many2one(related="company_id.currency_id")
    payout_minimum = fields.Monetary(
        string="Minimum payout",
        currency_field="company_currency_id",
        help="What is less is carried forward until it is as much.",
    )

    _holding_days_range = models.Constraint(
        "CHECK (holding_days IS NULL OR holding_days BETWEEN 0 AND 366)",
        "A reward is held for 0 to 366 days.",
    )
    _payout_minimum_range = models.Constraint(
        "CHECK (payout_minimum IS NULL"
        " OR (payout_minimum >= 0 AND payout_minimum < 1e12))",
        "The minimum payout is zero or more.",
    )
