from unittest.mock import patch

from freezegun import freeze_time

from odoo.fields import Command, Date
from odoo.tests import tagged

from odoo.addons.referral_distribution.models.true_up_events import Event

from .test_contract_money import MoneyCase
from .test_true_up import PAYMENT_RULES, TrueUpCase


class BookCase(TrueUpCase, MoneyCase):
    def statement_line(self, amount):
        """Return a line of the bank statement that nothing is matched with."""
        journal = self.env["account.journal"].search([("type", "=", "bank")], limit=1)
        return self.env["account.bank.statement.line"].create(
            {
                "journal_id": journal.id,
                "payment_ref": "From the customer",
                "partner_id": self.customer.id,
                "amount": amount,
                "date": Date.today(),
            }
        )

    def match(self, statement_line, item):
        """Match it with an open item, as finance does."""
        _liquidity, suspense, _other = statement_line._seek_for_lines()
        suspense.account_id = item.account_id
        (suspense + item).reconcile()

    def open_item(self, bill):
        return bill.line_ids.filtered(
            lambda line: line.account_type == "asset_receivable"
        )


@tagged("post_install", "-at_install")
class TestBooks(BookCase):
    """Threat F6: however money leaves a contract, rewards go back once."""

    def setUp(self):
        super().setUp()
        self.order = self.make_contract(self.make_lead())
        self.bill = self.invoice(self.order)

    def assertGoneOnce(self):
        self.assertEqual(self.left(self.order), [0, 0])
        self.assertEqual(self.order.referral_state, "awaiting_payment")
        taken = self.order.referral_commission_ids.filtered("reverses_id")
        self.assertEqual(len(taken), 2, "once each")

    def test_a_bank_statement_line_that_is_undone(self):
        line = self.statement_line(120000)
        self.match(line, self.open_item(self.bill))
        self.confirm(self.order)
        self.assertEqual(self.left(self.order), [600, 60])
        line.action_undo_reconciliation()
        self.assertGoneOnce()

    def test_a_bank_statement_line_that_is_deleted(self):
        line = self.statement_line(120000)
        self.match(line, self.open_item(self.bill))
        self.confirm(self.order)
        line.unlink()
        self.assertGoneOnce()

    def test_a_payment_the_bank_does_not_have_any_more(self):
        """Where the company follows payments until they are on a statement."""
        with self.on_its_way():
            payment = self.pay(self.bill)
            line = self.statement_line(120000)
            self.match(line, payment._seek_for_lines()[0])
            self.confirm(self.order)
            self.assertEqual(self.left(self.order), [600, 60])
            line.action_undo_reconciliation()
            self.assertGoneOnce()

    def test_the_bank_entry_of_a_payment_is_reset(self):
        """A payment, here matched by hand, that is on a statement no more."""
        with self.on_its_way():
            vals = {"partner_id": self.customer.id, "amount": 120000}
            payment = self.env["account.payment"].create(vals)
            payment.action_post()
            own = self.open_item(payment.move_id)
            (own + self.open_item(self.bill)).reconcile()
            line = self.statement_line(120000)
            self.match(line, payment._seek_for_lines()[0])
            self.confirm(self.order)
            line.move_id.with_user(self.finance).button_draft()
            self.assertGoneOnce()

    def test_the_entry_of_a_statement_line_is_reset(self):
        """The matching stays where Odoo leaves it; the money does not count."""
        line = self.statement_line(120000)
        self.match(line, self.open_item(self.bill))
        self.confirm(self.order)
        line.move_id.with_user(self.finance).button_draft()
        self.assertGoneOnce()

    def test_a_payment_without_an_entry_is_rejected(self):
        payment = self.pay(self.bill)
        self.confirm(self.order)
        payment.action_reject()
        payment.action_draft()
        self.assertGoneOnce()

    def test_a_cancelled_invoice(self):
        self.pay(self.bill)
        self.confirm(self.order)
        self.bill.with_user(self.finance).button_draft()
        self.bill.with_user(self.finance).button_cancel()
        self.assertEqual(self.left(self.order), [0, 0])
        taken = self.order.referral_commission_ids.filtered("reverses_id")
        self.assertEqual(len(taken), 2, "once each")

    def test_one_payment_of_two_contracts_that_is_undone_takes_both(self):
        other = self.make_contract(amount=30000)
        bill = self.invoice(other)
        line = self.statement_line(150000)
        _liquidity, suspense, _other = line._seek_for_lines()
        suspense.account_id = self.open_item(self.bill).account_id
        (suspense + self.open_item(self.bill) + self.open_item(bill)).reconcile()
        self.confirm(self.order)
        self.confirm(other)
        self.assertEqual(
            (self.left(self.order), self.left(other)), ([600, 60], [300, 30])
        )
        line.action_undo_reconciliation()
        self.assertEqual((self.left(self.order), self.left(other)), ([0, 0], [0, 0]))

    def test_a_contract_that_is_cancelled_and_signed_again_is_rewarded_again(self):
        self.pay(self.bill)
        self.confirm(self.order)
        self.order._action_cancel()
        self.assertEqual(self.left(self.order), [0, 0])
        self.order.action_draft()
        self.order.action_confirm()
        self.assertEqual(self.order.project_phase, 1)
        self.assertEqual(self.left(self.order), [0, 0], "not without finance")
        self.confirm(self.order)
        self.assertEqual(self.left(self.order), [600, 60])
        self.refund(self.bill, 60000)
        self.assertEqual(self.left(self.order), [300, 30])

    def test_errors_of_the_books_are_not_taken_for_ours(self):
        """What bookkeeping has not written yet fails by itself, not in our line."""
        self.pay(self.bill)
        with self.assertDatabaseRefuses():
            self.bill.currency_id.rounding = -1
            self.order._referral_follow(Event("payment", "INV/1"))


@tagged("post_install", "-at_install")
class TestForeignBooks(BookCase):
    """Two currencies, and the difference of their rates (rules C6, C7)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.make_plan(PAYMENT_RULES)._activate()
        cls.company.currency_exchange_journal_id = cls.env["account.journal"].create(
            {"name": "Exchange", "code": "XCH", "type": "general"}
        )

    def test_an_exchange_difference_moves_no_reward(self):
        """60,000 at two of ours each; paid when one is worth ten."""
        foreign = self.make_currency()
        prices = {"name": "Foreign", "currency_id": foreign.id}
        pricelist = self.env["product.pricelist"].create(prices)
        with freeze_time("2026-03-02"):
            lead = self.make_lead()
            order = self.make_contract(lead, 60000, pricelist_id=pricelist.id)
            bill = self.invoice(order)
        foreign.rate_ids = [Command.create({"name": "2026-04-01", "rate": 0.1})]
        first = self.pay(bill, 20000)
        self.assertEqual(self.left(order), [200, 20])
        self.pay(bill)
        partials = self.open_item(bill).matched_credit_ids
        self.assertTrue(partials.exchange_move_id, "the rates differ")
        self.assertEqual(self.left(order), [600, 60])
        first.action_cancel()
        self.assertEqual(self.left(order), [400, 40])
        self.refund(bill, 15000)  # of what is open: 40,000 are still there
        self.assertEqual(self.left(order), [400, 40])
        self.pay(bill)
        self.assertEqual(self.left(order), [450, 45])
        parts = order.sudo().referral_commission_ids
        given = parts.filtered(lambda line: not line.reverses_id)
        self.assertEqual(set(given.mapped("replay_state")), {"same"})


@tagged("post_install", "-at_install")
class TestCost(BookCase):
    """What bookkeeping that rewards nobody pays for it: queries, not per entry."""

    def make_bills(self, count):
        line = {"name": "Anything", "price_unit": 10, "tax_ids": []}
        vals = {
            "move_type": "out_invoice",
            "partner_id": self.customer.id,
            "invoice_line_ids": [Command.create(line)],
        }
        return self.env["account.move"].create([vals] * count)

    def count(self, act, records):
        """Return how many queries ``act`` takes."""
        self.env.flush_all()
        self.env.invalidate_all()
        before = self.env.cr.sql_log_count
        act(records)
        self.env.flush_all()
        return self.env.cr.sql_log_count - before

    def assertCosts(self, most, act, make):
        """At most so many queries more than without us, for one and for three.

        The fewest of two times: caches, sequences and the like have queries too.
        """
        moves = type(self.env["account.move"])
        self.env.cr.execute("ANALYZE")  # else Odoo's own queries take minutes
        for count in (1, 3):
            own, without = [], []
            for _time in range(2):
                own.append(self.count(act, make(count)))
                with patch.object(moves, "_find_touched_contracts", lambda *_args: []):
                    without.append(self.count(act, make(count)))
            with self.subTest(count=count):
                self.assertLessEqual(min(own) - min(without), most)

    def test_posting_costs_one_query(self):
        self.assertCosts(1, lambda some: some.action_post(), self.make_bills)

    def make_posted(self, count):
        bills = self.make_bills(count)
        bills.action_post()
        return bills

    def test_registering_payments_costs_one(self):
        self.assertCosts(1, self.pay, self.make_posted)

    def make_items(self, count):
        bills, line = self.make_posted(count), self.statement_line(10 * count)
        _liquidity, suspense, _other = line._seek_for_lines()
        suspense.account_id = self.open_item(bills).account_id
        return suspense + self.open_item(bills)

    def test_matching_costs_one(self):
        self.assertCosts(1, lambda some: some.reconcile(), self.make_items)
