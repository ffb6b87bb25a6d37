from odoo import fields, models


class ReferralReason(models.TransientModel):
    """Asks for the reason of a "no": to a lead by sales, to an order by finance."""

    _name = "referral.reason"
    _description = "Reason of a Refusal"

    lead_id = fields.Many2one("crm.lead")
    order_id = fields.Many2one("sale.order")
    verdict = fields.Selection(
        [("invalid", "Invalid"), ("duplicate", "Duplicate")], default="invalid"
    )
    reason = fields.Char(required=True)

    def action_apply(self):
        """Hand the reason to the lead or the order it was asked for."""
        self.ensure_one()
        if self.lead_id:
            self.lead_id.action_referral_invalidate(self.reason, self.verdict)
        else:
            self.order_id.action_referral_refuse(self.reason)
        return {"type": "ir.actions.act_window_close"}
