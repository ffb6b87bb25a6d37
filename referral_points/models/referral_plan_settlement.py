from odoo import fields, models


class ReferralPlan(models.Model):
    _inherit = "referral.plan"

    points_by_period = fields.Boolean(
        string="Points too",
        help="Points wait for the end of the holding days and the week or month, as"
        " money does. Else they are in the wallet at once.",
    )
