from odoo import fields, models


class ReferralReason(models.TransientModel):
    """Also asks why a held reward is given or refused."""

    _inherit = "referral.reason"

    held_lead_ids = fields.Many2many("crm.lead", string="Leads")
    hold_step = fields.Selection([("release", "Release"), ("withhold", "Refuse")])

    def action_apply(self):
        """Hand the reason on; see the base class."""
        self.ensure_one()
        if self.hold_step == "release":
            self.held_lead_ids.action_referral_release(self.reason)
        elif self.hold_step == "withhold":
            self.held_lead_ids.action_referral_withhold(self.reason)
        else:
            return super().action_apply()
        return {"type": "ir.actions.act_window_close"}
