from odoo import fields, models


class ResCompany(models.Model):
    """How long the review of a lead may take (rule L2)."""

    _inherit = "res.company"

    referral_review_hours = fields.Integer(
        string="Hours to review",
        default=24,
        required=True,
        help="Until when a new lead is to be found valid or not. 0: no limit, and no"
        " to-do.",
    )

    _referral_review_hours_range = models.Constraint(
        "CHECK (referral_review_hours BETWEEN 0 AND 8760)",
        "A review takes between 1 and 8,760 hours; 0 sets no limit.",
    )
