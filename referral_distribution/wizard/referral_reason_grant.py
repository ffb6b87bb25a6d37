from odoo import fields, models


class ReferralReason(models.TransientModel):
    """Also asks why a manual commission is refused."""

    _inherit = "referral.reason"

    grant_id = fields.Many2one("referral.commission.grant")

    def action_apply(self):
        """Hand the reason on; see the base class."""
        self.ensure_one()
        if not self.grant_id:
            return super().action_apply()
        self.grant_id.action_refuse(self.reason)
        return {"type": "ir.actions.act_window_close"}
