from odoo import fields, models


class ReferralReason(models.TransientModel):
    """Also asks why settlements are refused."""

    _inherit = "referral.reason"

    settlement_ids = fields.Many2many("referral.settlement", string="Settlements")

    def action_apply(self):
        """Hand the reason on; see the base class."""
        self.ensure_one()
        settlements = self._get_settlements()
        if not settlements:
            return super().action_apply()
        settlements.action_refuse(self.reason)
        return {"type": "ir.actions.act_window_close"}

    def _get_settlements(self):
        """Return them; who is asked about something else may read none."""
        return self.sudo().settlement_ids.with_env(self.env)
