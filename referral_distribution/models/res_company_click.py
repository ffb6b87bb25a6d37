from odoo import fields, models


class ResCompany(models.Model):
    """What counts as a visit through a personal link (rule S2, threat S5)."""

    _inherit = "res.company"

    referral_click_limit_address = fields.Integer(
        string="Clicks per address",
        default=300,
        required=True,
        help="How many clicks an hour count from one internet address. Many visitors"
        " of one office or mobile network share one. 0: no limit.",
    )
    referral_click_limit_link = fields.Integer(
        string="Clicks per link",
        default=10000,
        required=True,
        help="How many clicks an hour count for one link, roughly. 0: no limit.",
    )

    _referral_click_limit_address_range = models.Constraint(
        "CHECK (referral_click_limit_address BETWEEN 0 AND 1000000)",
        "The limit of clicks per address must be between 0 and 1,000,000.",
    )
    _referral_click_limit_link_range = models.Constraint(
        "CHECK (referral_click_limit_link BETWEEN 0 AND 100000000)",
        "The limit of clicks per link must be between 0 and 100,000,000.",
    )
