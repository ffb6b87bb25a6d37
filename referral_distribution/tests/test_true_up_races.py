from unittest.mock import patch

from odoo import SUPERUSER_ID

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

    def assertTotals(self, *expected):
        with self.committed() as env:
            lines = self.browse(env).referral_commission_ids
            totals = lines.settlement_id.mapped("amount_total")
            self.assertEqual(sorted(totals), list(expected))

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

    def test_a_refund_shrinks_what_the_other_has_just_settled(self):
        def collect(env):
            self.browse(env).referral_commission_ids.action_collect()

        self.assertEqual(self.race(collect, self.refund(500)), [DONE, AGAIN])
        self.assertTotals(0.25, 2.5)
        self.assertLeft(2.5, 0.25)

    def test_a_draft_that_is_submitted_just_now_does_not_shrink(self):
        """Who approves sees what was submitted."""
        with self.committed() as env:
            self.browse(env).referral_commission_ids.action_collect()

        def submit(env):
            lines = self.browse(env).referral_commission_ids
            lines.settlement_id.action_submit()

        self.assertEqual(self.race(submit, self.refund(500)), [DONE, REFUSED])
        self.assertTotals(0.5, 5.0)
        self.assertEqual(self.race(self.refund(500, follow=True)), [DONE])
        self.assertLeft(5.0, 0.5)
        with self.committed() as env:
            settlements = self.browse(env).referral_commission_ids.settlement_id
            settlements.action_reset()
        with self.committed() as env:
            self.tasks(env)._attempt()
        self.assertTotals(0.25, 2.5)

    def test_what_is_submitted_is_what_a_refund_has_left(self):
        with self.committed() as env:
            self.browse(env).referral_commission_ids.action_collect()

        def submit(env):
            lines = self.browse(env).referral_commission_ids
            lines.settlement_id.action_submit()

        self.assertEqual(self.race(self.refund(500), submit), [DONE, AGAIN])
        self.assertTotals(0.25, 2.5)

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


class TestBookRaces(TwoConnectionsCase):
    """The same with real invoices, credit notes and payments (threat F6)."""

    TRIGGER = "contract"

    def _make_plan(self, env):
        plan = env["referral.plan"].browse(super()._make_plan(env))
        contract = plan.rule_ids.filtered(lambda rule: rule.trigger == "contract")
        contract.trigger = self.TRIGGER
        return plan.id

    def setUp(self):
        super().setUp()
        [self.order] = self.make_quotations(1)
        self.addCleanup(self._erase_books)
        with self.committed() as env:
            order = self.browse(env)
            order.action_confirm()
            self.customer = order.partner_id.id
            bill = order._create_invoices(final=True)
            bill.action_post()
            self.bill = bill.id

    def _erase_books(self):
        query = (
            "DELETE FROM account_partial_reconcile WHERE debit_move_id IN (SELECT id"
            " FROM account_move_line WHERE partner_id = %(who)s);"
            "UPDATE account_move_line SET full_reconcile_id = NULL, payment_id = NULL"
            " WHERE partner_id = %(who)s;"
            "DELETE FROM account_payment WHERE partner_id = %(who)s;"
            "DELETE FROM account_payment_register WHERE partner_id = %(who)s;"
            "DELETE FROM referral_true_up WHERE order_id = %(order)s"
        )
        with self.registry.cursor() as cr:
            cr.execute(query, {"who": self.customer, "order": self.order})

    def browse(self, env):
        return env["sale.order"].browse(self.order)

    def pay(self, env, amount=None):
        vals = {} if amount is None else {"amount": amount}
        wizard = env["account.payment.register"].with_context(
            active_model="account.move", active_ids=[self.bill]
        )
        return wizard.create(vals)._create_payments()

    def credit(self, env):
        bill = env["account.move"].browse(self.bill)
        wizard = env["account.move.reversal"].with_context(
            active_model="account.move", active_ids=bill.ids
        )
        wizard = wizard.create({"journal_id": bill.journal_id.id})
        wizard.refund_moves()
        wizard.new_move_ids.action_post()

    def assertLeft(self, *amounts):
        with self.committed() as env:
            domain = [("order_id", "=", self.order), ("state", "=", "waiting")]
            for task in env["referral.true.up"].search(domain):
                task._attempt()
        with self.committed() as env:
            lines = self.browse(env).referral_commission_ids
            left = dict.fromkeys((self.member, self.inviter), 0)
            for line in lines:
                left[line.partner_id.id] += line.amount
            self.assertEqual([round(one, 2) for one in left.values()], list(amounts))

    def confirm(self, env):
        self.browse(env).action_referral_confirm()

    def test_a_credit_note_is_posted_while_finance_confirms(self):
        with self.committed() as env:
            self.pay(env)
        uids = [self.users[0], SUPERUSER_ID]
        outcomes = self.race(self.confirm, self.credit, uids=uids)
        self.assertEqual(outcomes, [DONE, AGAIN])
        self.assertLeft(0, 0)

    def test_finance_confirms_while_a_credit_note_is_posted(self):
        with self.committed() as env:
            self.pay(env)
        uids = [SUPERUSER_ID, self.users[0]]
        outcomes = self.race(self.credit, self.confirm, uids=uids)
        self.assertEqual(outcomes, [DONE, REFUSED])
        self.assertLeft(0, 0)


class TestPaymentRaces(TestBookRaces):
    """Each payment pays its share, also of those that meet (rule C6)."""

    TRIGGER = "payment"

    def test_a_payment_comes_while_another_is_cancelled(self):
        with self.committed() as env:
            first = self.pay(env, 600).id
        self.assertLeft(3.0, 0.3)

        def cancel(env):
            env["account.payment"].browse(first).action_cancel()

        self.assertEqual(self.race(self.pay, cancel), [DONE, AGAIN])
        self.assertLeft(2.0, 0.2)

    def test_a_payment_comes_while_its_contract_is_cancelled(self):
        def cancel(env):
            self.browse(env)._action_cancel()

        self.assertEqual(self.race(cancel, self.pay), [DONE, AGAIN])
        self.assertLeft(0, 0)

    def test_a_contract_is_cancelled_while_its_payment_comes(self):
        def cancel(env):
            self.browse(env)._action_cancel()

        self.assertEqual(self.race(self.pay, cancel), [DONE, AGAIN])
        self.assertLeft(0, 0)
