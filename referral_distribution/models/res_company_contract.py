from odoo import fields, models


class ResCompany(models.Model):
    """How long a referrer stays with a customer, and what members see ahead (C2)."""

    _inherit = "res.company"

    referral_attachment_months = fields.Integer(
        string="Months a referrer stays",
        default=0,
        required=True,
        help="How long after a contract the referrer also gets the customer's later"
        " contracts that come without a lead. 0: for ever.",
    )
    referral_forecast_portal = fields.Boolean(
        string="Members see expected rewards",
        default=True,
        help="From the quotation on, members see in the portal what they are likely to"
        " get for a contract.",
    )

    _referral_attachment_months_range = models.Constraint(
        "CHECK (referral_attachment_months BETWEEN 0 AND 1200)",
        "A referrer stays between 1 and 1,200 months; 0 means for ever.",
    )
