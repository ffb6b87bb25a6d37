from odoo import models
from odoo.tools import SQL

from .true_up_events import Event, gathering


class AccountMove(models.Model):
    """Rewards follow what is posted, reset or cancelled of a contract (rule C7)."""

    _inherit = "account.move"

    def write(self, vals):
        if "state" not in vals:
            return super().write(vals)
        with gathering(self.env) as add:
            result = super().write(vals)
            for move, orders in self._find_rewarding_orders().items():
                kind = "credit" if move.move_type == "out_refund" else "invoice"
                add(orders, Event(kind, move.name or ""))
            self._find_matched_moves()._add_payment_true_ups(add)
        return result

    def _post(self, soft=True):
        with gathering(self.env):
            return super()._post(soft=soft)

    def button_draft(self):
        with gathering(self.env):
            return super().button_draft()

    def button_cancel(self):
        with gathering(self.env):
            return super().button_cancel()

    def _add_payment_true_ups(self, add):
        """Name the contracts whose money these invoices, or the payments behind these
        entries, are about."""
        invoices = self | self.sudo().origin_payment_id._get_paid_invoices()
        for move, orders in invoices._find_rewarding_orders().items():
            add(orders, Event("payment", move.name or ""))

    def _find_matched_moves(self):
        """Return what is matched with entries of these; a draft may be, too."""
        self.env["account.partial.reconcile"].flush_model()
        pairs = (
            ("debit_move_id", "credit_move_id"),
            ("credit_move_id", "debit_move_id"),
        )
        queries = [
            SQL(
                "SELECT other.move_id FROM account_move_line own"
                " JOIN account_partial_reconcile pair ON pair.%s = own.id"
                " JOIN account_move_line other ON other.id = pair.%s"
                " WHERE own.move_id IN %s",
                SQL.identifier(mine),
                SQL.identifier(theirs),
                tuple(self.ids) or (0,),
            )
            for mine, theirs in pairs
        ]
        query = SQL(" UNION ").join(queries)
        return self.browse(row[0] for row in self.env.execute_query(query))

    def _find_rewarding_orders(self):
        """Return ``{invoice: contracts it is of}``, of those that reward somebody."""
        if not self.ids:
            return {}
        self.env["sale.order"].flush_model(["project_phase"])
        self.env["referral.commission"].flush_model(["order_id", "state"])
        rows = self.env.execute_query(self._query_rewarding_orders())
        moves = self.sudo()
        return {moves.browse(move_id): orders for move_id, orders in rows}

    def _query_rewarding_orders(self):
        return SQL(
            "SELECT item.move_id, array_agg(DISTINCT line.order_id)"
            " FROM account_move_line item"
            " JOIN sale_order_line_invoice_rel rel ON rel.invoice_line_id = item.id"
            " JOIN sale_order_line line ON line.id = rel.order_line_id"
            " JOIN sale_order contract ON contract.id = line.order_id"
            " WHERE item.move_id IN %s AND (contract.project_phase > 0 OR EXISTS ("
            "  SELECT FROM referral_commission reward"
            "  WHERE reward.order_id = contract.id AND reward.state <> 'reversed'"
            "   AND reward.reverses_id IS NULL))"
            " GROUP BY item.move_id",
            tuple(self.ids),
        )
