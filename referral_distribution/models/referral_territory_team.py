from odoo import api, fields, models


class ReferralTerritory(models.Model):
    """Which sales team works the leads of a territory (rule M5)."""

    _inherit = "referral.territory"

    team_id = fields.Many2one(
        "crm.team",
        string="Sales Team",
        check_company=True,
        ondelete="set null",
        index="btree_not_null",
        tracking=True,
        help="Its members take the leads of this territory in turn. Empty: the team of"
        " the next wider territory does.",
    )

    @api.model_create_multi
    def create(self, vals_list):
        territories = super().create(vals_list)
        territories.team_id._open_referral_turns()
        return territories

    def write(self, vals):
        result = super().write(vals)
        if vals.get("team_id"):
            self.team_id._open_referral_turns()
        return result
