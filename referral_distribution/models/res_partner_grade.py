from odoo import fields, models


class ResPartnerGrade(models.Model):
    _inherit = "res.partner.grade"

    referral_role = fields.Selection(
        [
            ("agent", "Agent"),
            ("distributor", "Distributor"),
            ("member", "Member"),
            ("channel_partner", "Channel Partner"),
        ],
        help="What members of this tier are in the distribution.",
    )
