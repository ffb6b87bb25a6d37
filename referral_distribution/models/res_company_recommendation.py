from odoo import fields, models


class ResCompany(models.Model):
    """How many companies a member may recommend a day (rule L4)."""

    _inherit = "res.company"

    referral_recommendation_limit = fields.Integer(
        string="Recommendations per day",
        default=20,
        required=True,
        help="How many companies one member may recommend in the portal on one day."
        " 0: no limit.",
    )

    _referral_recommendation_limit_range = models.Constraint(
        "CHECK (referral_recommendation_limit BETWEEN 0 AND 10000)",
        "The number of recommendations a day must be between 0 and 10,000.",
    )
