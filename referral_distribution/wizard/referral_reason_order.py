from odoo import fields, models


class ReferralReason(models.TransientModel):
    """Also asks why orders are not rewarded, or which phase one is and why."""

    _inherit = "referral.reason"

    order_ids = fields.Many2many("sale.order", string="Contracts")
    step = fields.Selection(selection_add=[("phase", "Change phase")])
    phase = fields.Integer()

    def action_apply(self):
        """Hand the reason to the orders; see the base class."""
        self.ensure_one()
        orders = self.order_ids | self.order_id
        if not orders:
            return super().action_apply()
        if self.step == "phase":
            orders.action_referral_set_phase(self.phase, self.reason)
        else:
            orders.action_referral_refuse(self.reason)
        return {"type": "ir.actions.act_window_close"}
