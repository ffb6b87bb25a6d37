from odoo import fields, models


class ReferralReason(models.TransientModel):
    """Also asks why settlements are refused."""

    _inherit = "referral.reason"

    settlement_ids = fields.Many2many("referral.settlement", string="Settlements")

    def action_apply(self):
        """Hand the reason on; see the base class."""
        self.ensure_one()
        if not self.settlement_ids:
            return super().action_apply()
        self.settlement_ids.action_refuse(self.reason)
        return {"type": "ir.actions.act_window_close"}
