from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    referral_team_id = fields.Many2one(
        related="company_id.referral_team_id", readonly=False
    )
