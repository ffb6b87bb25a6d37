from odoo import fields, models


class ResCompany(models.Model):
    """When the first share of a day is rewarded (rule S5)."""

    _inherit = "res.company"

    referral_share_needs_click = fields.Boolean(
        string="Shares need a click",
        help="The first share of a day is rewarded once somebody else has opened the"
        " link: another device at another address, within seven days.",
    )
