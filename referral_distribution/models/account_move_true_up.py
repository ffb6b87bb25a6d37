from odoo import models
from odoo.tools import SQL

from .true_up_events import gathering


class AccountMove(models.Model):
    """Rewards follow what is posted, reset or cancelled of a contract (rule C7).

    All of an operation costs one query more, however many entries it is about.
    """

    _inherit = "account.move"

    def write(self, vals):
        if "state" not in vals:
            return super().write(vals)
        with gathering(self.env) as bag:
            bag.add(self, stated=True)
            return super().write(vals)

    def _post(self, soft=True):
        with gathering(self.env):
            return super()._post(soft=soft)

    def button_draft(self):
        with gathering(self.env):
            return super().button_draft()

    def button_cancel(self):
        with gathering(self.env):
            return super().button_cancel()

    def _find_touched_contracts(self, payments):
        """Return the contracts that reward somebody and whose money these are about.

        :param payments: account.payment to look at as well.
        :return: ``[(invoice, ids of the contracts it is of)]``
        """
        if not self.ids and not payments:
            return []
        for model, names in (
            ("account.partial.reconcile", ["debit_move_id", "credit_move_id"]),
            ("account.payment", ["move_id"]),
            ("sale.order", ["project_phase"]),
            ("referral.commission", ["order_id", "state"]),
        ):
            self.env[model].flush_model(names)
        rows = self.env.execute_query(self._query_touched_contracts(payments))
        moves = self.sudo()
        return [(moves.browse(move_id), orders) for move_id, orders in rows]

    def _query_touched_contracts(self, payments):
        """Return SQL of the documents that these entries are, settle or are settled by.

        What a payment settles is touched by what settles the payment's own entry, such
        as the line of a bank statement.
        """
        return SQL(
            """
            WITH matched AS (SELECT unnest(%(ids)s::int[]) AS id UNION %(of_own)s),
            paying AS (SELECT id, move_id FROM account_payment
                WHERE move_id IN (SELECT id FROM matched) OR id = ANY(%(payments)s)),
            touched AS (SELECT id FROM matched
                UNION SELECT rel.invoice_id FROM account_move__account_payment rel
                    JOIN paying ON paying.id = rel.payment_id
                UNION %(of_paying)s)
            SELECT item.move_id, array_agg(DISTINCT line.order_id)
            FROM touched
            JOIN account_move_line item ON item.move_id = touched.id
            JOIN sale_order_line_invoice_rel rel ON rel.invoice_line_id = item.id
            JOIN sale_order_line line ON line.id = rel.order_line_id
            JOIN sale_order contract ON contract.id = line.order_id
            WHERE contract.project_phase > 0 OR EXISTS (
                SELECT FROM referral_commission reward
                WHERE reward.order_id = contract.id AND reward.state <> 'reversed'
                    AND reward.reverses_id IS NULL)
            GROUP BY item.move_id ORDER BY item.move_id
            """,
            ids=self.ids,
            payments=payments.ids,
            of_own=self._sql_matched(SQL("= ANY(%s)", self.ids)),
            of_paying=self._sql_matched(SQL("IN (SELECT move_id FROM paying)")),
        )

    def _sql_matched(self, condition):
        """Return SQL of what is matched with entries; a draft may be, too.

        :param SQL condition: on the id of these entries.
        """
        pairs = (
            ("debit_move_id", "credit_move_id"),
            ("credit_move_id", "debit_move_id"),
        )
        queries = [
            SQL(
                "SELECT other.move_id FROM account_move_line own"
                " JOIN account_partial_reconcile pair ON pair.%s = own.id"
                " JOIN account_move_line other ON other.id = pair.%s"
                " WHERE own.move_id %s",
                SQL.identifier(mine),
                SQL.identifier(theirs),
                condition,
            )
            for mine, theirs in pairs
        ]
        return SQL(" UNION ").join(queries)
