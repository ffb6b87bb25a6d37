from odoo import api, models
from odoo.fields import Domain


class ReferralLink(models.Model):
    """Links of a cooperation that has ended are closed (rule S1, threat S7)."""

    _inherit = "referral.link"

    @api.depends("channel_id.stage")
    def _compute_state(self):
        return super()._compute_state()

    @api.model
    def _get_open_channel_domain(self):
        return super()._get_open_channel_domain() & Domain("stage", "!=", "ended")
