from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    referral_attribution_days = fields.Integer(
        related="company_id.referral_attribution_days", readonly=False
    )
    referral_attribution_policy = fields.Selection(
        related="company_id.referral_attribution_policy", readonly=False, required=True
    )
    referral_click_limit_address = fields.Integer(
        related="company_id.referral_click_limit_address", readonly=False
    )
    referral_click_limit_link = fields.Integer(
        related="company_id.referral_click_limit_link", readonly=False
    )
    referral_target_hosts = fields.Text(
        related="company_id.referral_target_hosts", readonly=False
    )
    referral_paying_levels = fields.Selection(
        related="company_id.referral_paying_levels", readonly=False, required=True
    )
    referral_share_needs_click = fields.Boolean(
        related="company_id.referral_share_needs_click", readonly=False
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
    referral_people_line = fields.Integer(
        related="company_id.referral_people_line", readonly=False
    )
    referral_levels_line = fields.Integer(
        related="company_id.referral_levels_line", readonly=False
    )
    referral_warn_percent = fields.Integer(
        related="company_id.referral_warn_percent", readonly=False
    )
    referral_compliance_user_id = fields.Many2one(
        related="company_id.referral_compliance_user_id", readonly=False
    )
    referral_consent_text = fields.Text(
        related="company_id.referral_consent_text", readonly=False
    )
