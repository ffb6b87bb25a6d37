from unittest.mock import patch

from odoo import SUPERUSER_ID

from odoo.addons.referral_distribution.models.true_up_events import Event

from .test_concurrency import AGAIN, DONE, REFUSED, TwoConnectionsCase


class TestContractRaces(TwoConnectionsCase):
    """Finance decides while money moves (rule C3; threats F1, F6).

    A payment that is undone is a row of its own, so that each transaction knows of it
    what its snapshot shows.
    """

    def setUp(self):
        super().setUp()
        self.order = self.make_order()
        self.addCleanup(self._erase_tasks)
        orders = self.registry["sale.order"]
        patcher = patch.object(orders, "_get_referral_receipts", self.receipts)
        patcher.start()
        self.addCleanup(patcher.stop)

    def _erase_tasks(self):
        with self.registry.cursor() as cr:
            cr.execute(
                "DELETE FROM referral_true_up WHERE order_id = %s", (self.order,)
            )

    @staticmethod
    def receipts(order):
        undone = order.env["res.partner"].search_count(
            [("name", "=", f"Undone of {order.id}")]
        )
        return (0, False) if undone else (order.amount_total, True)

    def confirm(self, env):
        env["sale.order"].browse(self.order).action_referral_confirm()

    def undo(self, env):
        self._keep(env["res.partner"].create({"name": f"Undone of {self.order}"}))
        order = env["sale.order"].browse(self.order)
        order._referral_follow(Event("payment", "PAY/1"))

    def race_with_finance(self, *actions):
        uids = [
            self.users[0] if action == self.confirm else SUPERUSER_ID
            for action in actions
        ]
        return self.race(*actions, uids=uids)

    def assertNothingGiven(self):
        with self.committed() as env:
            order = env["sale.order"].browse(self.order)
            self.assertFalse(order.referral_decision)
            self.assertEqual(sum(order.referral_commission_ids.mapped("amount")), 0)

    def test_who_confirms_while_the_payment_is_undone_is_told_so(self):
        outcome = self.race_with_finance(self.undo, self.confirm)
        self.assertEqual(outcome, [DONE, REFUSED])
        self.assertNothingGiven()

    def test_a_payment_undone_while_finance_confirms_takes_it_back(self):
        outcome = self.race_with_finance(self.confirm, self.undo)
        self.assertIn(outcome, ([DONE, AGAIN], [DONE, DONE]))
        with self.committed() as env:
            env["referral.true.up"].search([("order_id", "=", self.order)])._attempt()
        self.assertNothingGiven()
