from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    referral_attribution_days = fields.Integer(
        related="company_id.referral_attribution_days", readonly=False
    )
    referral_paying_levels = fields.Selection(
        related="company_id.referral_paying_levels", readonly=False, required=True
    )
    referral_join_approval = fields.Boolean(
        related="company_id.referral_join_approval", readonly=False
    )
    referral_team_names = fields.Selection(
        related="company_id.referral_team_names", readonly=False, required=True
    )
    referral_team_insight = fields.Selection(
        related="company_id.referral_team_insight", readonly=False, required=True
    )
