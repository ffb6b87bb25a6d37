import random
from decimal import Decimal
from unittest.mock import patch

from odoo.tests import tagged

from odoo.addons.referral_distribution.engine.true_up import Base, due, kept_share
from odoo.addons.referral_distribution.models.true_up_events import Event

from .test_true_up import PAYMENT_RULES, TrueUpCase

CONTRACT_RULES = (
    {"name": "In the end", "rate": 0.37},
    {"name": "Inviter", "level": 1, "base": "member_reward", "rate": 10},
)


@tagged("post_install", "-at_install")
class TestProperty(TrueUpCase):
    """Whatever happens in whatever order, what is left is what is due (threat W14).

    ``self.kept`` stands for what the books say; ``test_with_real_books`` asks them.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.make_plan(PAYMENT_RULES + CONTRACT_RULES)._activate()

    def setUp(self):
        super().setUp()
        self.kept = Decimal(0)

    def follow_figures(self):
        """Let contracts believe ``self.kept`` instead of their invoices."""

        def receipts(order):
            return float(self.kept), self.kept >= round(Decimal(order.amount_total), 2)

        orders = type(self.env["sale.order"])
        self.startPatcher(patch.object(orders, "_get_referral_receipts", receipts))
        self.startPatcher(
            patch.object(orders, "_is_referral_complete", lambda order: True)
        )

    def assertDue(self, order, confirmed_anew=False):
        """Each reward adds up to its target, to the cent, at each step."""
        lines = order.sudo().referral_commission_ids
        for parts in (
            lines.filtered(lambda line: not line.reverses_id)
            .grouped(lambda line: line._get_part_key())
            .values()
        ):
            latest = parts.sorted("instalment")[-1]
            left = Decimal(
                repr(round(sum((parts | parts.reversal_ids).mapped("amount")), 2))
            )
            whole = Decimal(repr(latest.contract_amount))
            target = due(
                Decimal(repr(latest.full_amount)),
                kept_share([Base(self.kept, whole)]),
                Decimal("0.01"),
            )
            self.assertGreaterEqual(left, 0)
            self.assertLessEqual(left, Decimal(repr(latest.full_amount)))
            if latest.trigger == "payment" or confirmed_anew:
                self.assertEqual(left, target)
            else:
                self.assertLessEqual(left, target)
            for part in parts:
                taken = -sum(part.reversal_ids.mapped("amount"))
                self.assertAlmostEqual(taken, part.reversed_amount, 6)

    def step(self, order, chance):
        """Let something happen to the money; return whether finance confirmed."""
        whole = Decimal(repr(order.amount_total))
        what = chance.choice(
            ("pay", "pay", "rest", "undo", "all", "confirm", "pay out")
        )
        if what == "confirm" and order.referral_state == "to_confirm":
            self.confirm(order)
            return True
        if what == "pay out":
            free = order.sudo().referral_commission_ids.filtered(
                lambda line: line.state == "approved" and not line.reverses_id
            )
            paid = free if chance.random() < 0.5 else free.browse()
            debts = paid.reversal_ids.filtered(lambda line: line.state == "approved")
            (paid | debts)._set_state("settled")  # as a settlement that was paid does
            return False
        some = round(whole * Decimal(chance.randrange(1, 10**6)) / 10**6, 2)
        self.kept = {
            "pay": min(whole, self.kept + some),
            "rest": whole,
            "undo": max(self.kept - some, Decimal(0)),
            "all": Decimal(0),
        }.get(what, self.kept)
        order._referral_follow(Event("payment", "INV/1"))
        return False

    def test_a_hundred_lives_of_a_contract(self):
        self.follow_figures()
        amounts = (0.01, 1, 99.99, 100, 33333.33, 120000, 7654321.09)
        for seed in range(100):
            chance = random.Random(seed)
            self.kept = Decimal(0)
            order = self.make_contract(self.make_lead(), chance.choice(amounts))
            with self.subTest(seed=seed):
                for _step in range(8):
                    confirmed = self.step(order, chance)
                    self.assertDue(order, confirmed)
                self.kept = Decimal(repr(order.amount_total))
                order._referral_follow(Event("payment", "INV/1"))
                if order.referral_state == "to_confirm":
                    self.confirm(order)
                self.assertDue(order, confirmed_anew=True)
                self.kept = Decimal(0)
                order._referral_follow(Event("payment", "INV/1"))
                lines = order.sudo().referral_commission_ids
                self.assertAlmostEqual(sum(lines.mapped("amount")), 0, 6)
        self.assertFalse(self.env["referral.true.up"].search([]))

    def test_with_real_books(self):
        """Pay, undo, credit, cancel the credit note, confirm: through the documents."""
        for seed in range(5):
            chance = random.Random(seed)
            order = self.make_contract(self.make_lead(), 100)
            bill = self.invoice(order)
            payments, notes = [], []
            for _step in range(6):
                self.live(chance, order, bill, payments, notes)
                self.kept = Decimal(repr(round(order._get_referral_kept(), 2)))
                with self.subTest(seed=seed):
                    self.assertDue(order)
        self.assertFalse(self.env["referral.true.up"].search([]))

    def live(self, chance, order, bill, payments, notes):
        what = chance.choice(("pay", "pay", "undo", "credit", "cancel", "confirm"))
        if what == "pay" and bill.amount_residual:
            some = round(bill.amount_residual * chance.random(), 2)
            payments.append(self.pay(bill, some or None))
        elif what == "undo" and payments:
            payments.pop(chance.randrange(len(payments))).action_cancel()
        elif what == "credit" and not notes:
            notes.append(self.refund(bill, round(99 * chance.random() + 1, 2)))
        elif what == "cancel" and notes:
            notes.pop().with_user(self.finance).button_cancel()
        elif what == "confirm" and order.referral_state == "to_confirm":
            self.confirm(order)
