from odoo import fields, models


class ReferralReason(models.TransientModel):
    """Asks for the reason of a "no".

    To a lead, to an order's reward, to members, to a proposed tier, to an erasure.
    """

    _name = "referral.reason"
    _description = "Reason of a Refusal"

    lead_id = fields.Many2one("crm.lead")
    order_id = fields.Many2one("sale.order")
    erasure_id = fields.Many2one("referral.erasure.request")
    partner_ids = fields.Many2many("res.partner", string="Members")
    tier_change_id = fields.Many2one("referral.tier.change")
    verdict = fields.Selection(
        [("invalid", "Invalid"), ("duplicate", "Duplicate")], default="invalid"
    )
    step = fields.Selection(
        [("refuse", "Refuse"), ("suspend", "Suspend"), ("leave", "End membership")]
    )
    reason = fields.Char(required=True)

    def action_apply(self):
        """Hand the reason to what it was asked for."""
        self.ensure_one()
        if self.tier_change_id:
            self.tier_change_id.action_refuse(self.reason)
        elif self.order_id:
            self.order_id.action_referral_refuse(self.reason)
        elif self.erasure_id:
            self.erasure_id.action_refuse(self.reason)
        elif self.step == "refuse":
            self.partner_ids.action_referral_refuse_membership(self.reason)
        elif self.step == "suspend":
            self.partner_ids.action_referral_suspend(self.reason)
        elif self.step == "leave":
            self.partner_ids.action_referral_leave(self.reason)
        return {"type": "ir.actions.act_window_close"}
