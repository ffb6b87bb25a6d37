from unittest.mock import patch

from odoo.fields import Datetime
from odoo.tests import tagged

from ..models import gate
from .test_true_up import TrueUpCase


@tagged("post_install", "-at_install")
class TestOpenSettlements(TrueUpCase):
    """Money that goes back meets a settlement on its way (rules C6, C7)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.order = cls.make_contract(cls.make_lead())
        cls.bill = cls.invoice(cls.order)
        cls.pay(cls.bill)
        cls.order.with_user(cls.finance).action_referral_confirm()
        lines = cls.order.referral_commission_ids
        lines.with_user(cls.finance).action_collect()
        cls.settlements = lines.settlement_id.with_user(cls.finance)

    def totals(self):
        found = self.settlements.exists()
        return sorted(found.mapped("amount_total"), reverse=True)

    def task(self):
        domain = [("order_id", "=", self.order.id)]
        return self.env["referral.true.up"].search(domain)

    def run_job(self):
        with patch.object(type(self.env["ir.cron"]), "_commit_progress"):
            self.env["referral.true.up"]._cron_retry()

    def test_a_draft_pays_that_much_less(self):
        self.assertEqual(self.totals(), [600, 60])
        self.refund(self.bill, 40000)
        self.assertEqual(self.left(self.order), [400, 40])
        self.assertEqual(self.totals(), [400, 40])
        self.assertFalse(self.task())

    def test_a_draft_of_nothing_else_is_gone_with_its_contract(self):
        self.credit(self.bill)
        self.assertEqual(self.left(self.order), [0, 0])
        self.assertEqual(self.totals(), [])

    def test_it_is_paid_as_it_shrank(self):
        self.refund(self.bill, 40000)
        self.settlements.action_submit()
        self.settlements.with_user(self.finance_2).action_approve()
        bills = self.settlements.bill_id
        self.assertEqual(sorted(bills.mapped("amount_total")), [40, 400])
        for bill in bills:
            bill.with_user(self.finance).action_post()
            self.pay(bill)
        self.assertEqual(set(self.settlements.mapped("state")), {"paid"})
        lines = self.order.referral_commission_ids
        self.assertEqual(set(lines.mapped("state")), {"settled"})

    def test_a_submitted_one_stays_as_it_is_and_the_books_go_on(self):
        self.settlements.action_submit()
        note = self.refund(self.bill, 40000)
        self.assertEqual(note.state, "posted")
        self.assertEqual(self.left(self.order), [600, 60])
        self.assertEqual(self.totals(), [600, 60])
        task = self.task()
        self.assertEqual(task.state, "waiting")
        task.with_user(self.finance).action_retry()
        self.assertIn("Take it back to draft", task.problem)
        self.assertEqual(len(task._find_todos()), 1)

    def test_back_in_draft_it_shrinks_without_waiting(self):
        self.settlements.action_submit()
        self.refund(self.bill, 40000)
        self.run_job()
        self.assertGreater(self.task().next_attempt, Datetime.now())
        self.settlements.action_reset()
        self.assertLessEqual(self.task().next_attempt, Datetime.now())
        self.run_job()
        self.assertEqual(self.task().state, "done")
        self.assertFalse(self.task()._find_todos())
        self.assertEqual(self.totals(), [400, 40])

    def test_approved_it_is_netted_by_the_next_one(self):
        self.settlements.action_submit()
        self.refund(self.bill, 40000)
        self.run_job()
        self.settlements.with_user(self.finance_2).action_approve()
        self.run_job()
        self.assertEqual(self.totals(), [600, 60])
        self.assertEqual(self.left(self.order), [400, 40])
        second = self.make_paid_contract()
        self.confirm(second)
        settlements = self.settle(second.referral_commission_ids)
        self.assertEqual(sorted(settlements.mapped("amount_total")), [100, 1000])

    def test_what_waits_for_finance_alone_waits_on(self):
        """As what an update has found does."""
        self.settlements.action_submit()
        task = self.make_true_up(self.order)
        gate.opened(task.sudo()).next_attempt = False
        self.settlements.action_reset()
        self.assertFalse(task.next_attempt)

    def test_what_waits_for_another_settlement_waits_on(self):
        self.settlements.action_submit()
        self.refund(self.bill, 40000)
        self.run_job()
        later = self.task().next_attempt
        other = self.make_paid_contract()
        self.confirm(other)
        other.referral_commission_ids.with_user(self.finance).action_collect()
        others = other.referral_commission_ids.settlement_id.with_user(self.finance)
        others.action_submit()
        others.action_reset()
        self.assertEqual(self.task().next_attempt, later)
