from unittest.mock import patch

from odoo.addons.referral_distribution.models.true_up_events import Event

from .test_concurrency import AGAIN, DONE, REFUSED, TwoConnectionsCase

REFUND = Event("credit", "RINV/1")


class TestTrueUpRaces(TwoConnectionsCase):
    """Money of one contract moves twice at once (rule C7; threats F6, J1, J3).

    Each refund is a row of its own, as a credit note is; the contract of 1,000 keeps
    what the rows that a transaction sees leave of it.
    """

    def setUp(self):
        super().setUp()
        self.order = self.make_order()
        self.addCleanup(self._erase_tasks)
        orders = self.registry["sale.order"]
        patcher = patch.object(orders, "_get_referral_receipts", self.receipts)
        patcher.start()
        self.addCleanup(patcher.stop)
        with self.committed() as env:
            order = self.browse(env)
            env.add_to_compute(order._fields["referral_paid_in_full"], order)
            order._decide("confirmed")
            env["referral.commission"]._accrue("contract", order)

    def _erase_tasks(self):
        with self.registry.cursor() as cr:
            cr.execute(
                "DELETE FROM referral_true_up WHERE order_id = %s", (self.order,)
            )

    def browse(self, env):
        return env["sale.order"].browse(self.order)

    @staticmethod
    def receipts(order):
        order.env.cr.execute(
            "SELECT COALESCE(sum(ref::numeric), 0) FROM res_partner WHERE name = %s",
            (f"Refund of {order.id}",),
        )
        [(refunded,)] = order.env.cr.fetchall()
        return 1000 - refunded, not refunded

    def refund(self, amount, follow=False):
        def act(env):
            vals = {"name": f"Refund of {self.order}", "ref": str(amount)}
            self._keep(env["res.partner"].create(vals))
            order = self.browse(env)
            if follow:
                order._referral_follow(REFUND)
            else:
                order._referral_true_up(REFUND)

        return act

    def assertLeft(self, *amounts):
        with self.committed() as env:
            lines = self.browse(env).referral_commission_ids
            left = {
                partner.id: round(sum(own.mapped("amount")), 2)
                for partner, own in lines.grouped("partner_id").items()
            }
            self.assertEqual((left[self.member], left[self.inviter]), amounts)

    def tasks(self, env):
        return env["referral.true.up"].search([("order_id", "=", self.order)])

    def test_two_refunds_at_once_take_back_both_and_no_more(self):
        self.assertEqual(self.race(self.refund(300), self.refund(200)), [DONE, AGAIN])
        self.assertLeft(2.5, 0.25)

    def test_two_true_ups_meet_on_the_order_though_nothing_else_is_written(self):
        def look(env):
            self.browse(env)._referral_true_up(REFUND)

        self.assertEqual(self.race(look, look), [DONE, AGAIN])

    def test_refunds_of_more_than_there_was_take_what_was_given(self):
        refunds = [self.refund(600), self.refund(600), self.refund(600)]
        self.assertEqual(self.race(*refunds), [DONE, AGAIN, AGAIN])
        self.assertLeft(0, 0)

    def test_the_books_do_not_wait_for_each_other_and_the_job_makes_it_right(self):
        refunds = self.refund(300, follow=True), self.refund(200, follow=True)
        self.assertEqual(self.race(*refunds), [DONE, DONE])
        self.assertLeft(3.5, 0.35)
        with self.committed() as env:
            task = self.tasks(env)
            self.assertEqual(task.state, "waiting")
            task._attempt()
            self.assertEqual(task.state, "done")
        self.assertLeft(2.5, 0.25)

    def test_what_one_settles_the_other_does_not_take_back_on_old_figures(self):
        def collect(env):
            self.browse(env).referral_commission_ids.action_collect()

        self.assertEqual(self.race(self.refund(500), collect), [DONE, AGAIN])
        with self.committed() as env:
            lines = self.browse(env).referral_commission_ids
            totals = lines.settlement_id.mapped("amount_total")
            self.assertEqual(sorted(totals), [0.25, 2.5])

    def test_a_refund_waits_while_the_other_has_just_settled(self):
        def collect(env):
            self.browse(env).referral_commission_ids.action_collect()

        self.assertEqual(self.race(collect, self.refund(500)), [DONE, REFUSED])
        self.assertEqual(self.race(self.refund(500, follow=True)), [DONE])
        self.assertLeft(5.0, 0.5)
        with self.committed() as env:
            self.browse(env).referral_commission_ids.settlement_id.unlink()
            self.tasks(env)._attempt()
        self.assertLeft(2.5, 0.25)

    def test_a_confirmation_meets_a_refund(self):
        """Whoever is second decides on what is true then."""
        with self.committed() as env:
            self.refund(500)(env)

        def confirm(env):
            order = self.browse(env)
            order._decide("confirmed")
            env["referral.commission"]._accrue("contract", order)

        self.race(self.refund(250), confirm)
        self.assertLeft(1.25, 0.13)

    def test_a_task_is_worked_on_by_one_job_at_a_time(self):
        with self.committed() as env:
            env["referral.true.up"]._queue(self.browse(env), REFUND)
        with self.committed() as one, self.committed() as other:
            self.assertTrue(one["referral.true.up"]._claim(0))
            self.assertFalse(other["referral.true.up"]._claim(0))
        with self.committed() as env:
            self.assertTrue(env["referral.true.up"]._claim(0), "its lock is gone")
