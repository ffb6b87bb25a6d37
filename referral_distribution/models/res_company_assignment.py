from odoo import api, fields, models


class ResCompany(models.Model):
    """Who works the leads that lie in no team's territory (rule M5)."""

    _inherit = "res.company"

    referral_team_id = fields.Many2one(
        "crm.team",
        string="Team for other leads",
        ondelete="set null",
        domain="[('company_id', 'in', (False, id))]",
        help="Its members take the referred leads that lie in no territory with a team,"
        " in turn. Empty: such leads wait, or go by Odoo's own rules.",
    )

    @api.model_create_multi
    def create(self, vals_list):
        companies = super().create(vals_list)
        companies.referral_team_id._open_referral_turns()
        return companies

    def write(self, vals):
        result = super().write(vals)
        if vals.get("referral_team_id"):
            self.referral_team_id._open_referral_turns()
        return result
