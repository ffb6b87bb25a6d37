from odoo import fields, models


class ReferralSignoffReason(models.TransientModel):
    """Asks why a sign-off is refused or revoked."""

    _name = "referral.signoff.reason"
    _description = "Reason about a Sign-off"

    signoff_id = fields.Many2one(
        "referral.compliance.signoff", string="Sign-off", required=True
    )
    verdict = fields.Selection(
        [("refused", "Refuse"), ("revoked", "Revoke")], required=True
    )
    reason = fields.Text(required=True)

    def action_apply(self):
        """Hand the reason to the sign-off it was asked for."""
        self.ensure_one()
        if self.verdict == "refused":
            self.signoff_id.action_refuse(self.reason)
        else:
            self.signoff_id.action_revoke(self.reason)
        return {"type": "ir.actions.act_window_close"}
