from odoo import fields, models


class ReferralReason(models.TransientModel):
    """Also asks why held rewards are given or refused."""

    _inherit = "referral.reason"

    step = fields.Selection(
        selection_add=[("release", "Release reward"), ("withhold", "Refuse reward")]
    )

    def action_apply(self):
        """Hand the reason on; see the base class."""
        self.ensure_one()
        if self.step == "release":
            self.lead_ids.action_referral_release(self.reason)
        elif self.step == "withhold":
            self.lead_ids.action_referral_withhold(self.reason)
        else:
            return super().action_apply()
        return {"type": "ir.actions.act_window_close"}
