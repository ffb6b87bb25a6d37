from odoo import fields, models


class ReferralReason(models.TransientModel):
    """Also asks why suspicious clicks are fine."""

    _inherit = "referral.reason"

    link_ids = fields.Many2many("referral.link", string="Links")

    def action_apply(self):
        """Hand the reason on; see the base class."""
        self.ensure_one()
        if not self.link_ids:
            return super().action_apply()
        self.link_ids.action_clear_suspicion(self.reason)
        return {"type": "ir.actions.act_window_close"}
