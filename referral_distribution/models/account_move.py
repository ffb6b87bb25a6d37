from odoo import models


class AccountMove(models.Model):
    _inherit = "account.move"

    def _post(self, soft=True):
        posted = super()._post(soft=soft)
        for move in posted:
            node = {"out_invoice": "invoiced", "out_refund": "refunded"}.get(
                move.move_type
            )
            if node:
                move._log_referral(node)
        return posted

    def _invoice_paid_hook(self):
        result = super()._invoice_paid_hook()
        paid = self.filtered(lambda move: move.payment_state == "paid")
        for move in paid.filtered(lambda move: move.move_type == "out_invoice"):
            move._log_referral("paid")
        return result

    def _log_referral(self, node):
        """Write ``node`` to the trails of the leads behind the invoiced orders."""
        orders = self.sudo().line_ids.sale_line_ids.order_id
        self.env["referral.trail.entry"]._append(
            orders.referral_lead_id,
            node,
            document=self,
            content={
                "document": self.name,
                "amount": f"{self.amount_total:.2f} {self.currency_id.name}",
            },
        )
