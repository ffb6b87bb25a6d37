from unittest.mock import patch

from odoo.tests import tagged

from odoo.addons.referral_distribution.models.true_up_events import Event
from odoo.addons.referral_distribution.tests.test_true_up import TrueUpCase

UNDONE = Event("payment", "INV/1")


@tagged("post_install", "-at_install")
class TestTrueUpOfPoints(TrueUpCase):
    """Points follow the money of their contract, spent or not (rules C7, P1, P2)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.points = cls.env.ref("referral_points.currency_pts")
        cls.activate("contract")

    @classmethod
    def activate(cls, trigger):
        paid = {"trigger": trigger, "currency_id": cls.points.id}
        share = {"name": "S", "level": 1, "base": "member_reward", "rate": 10}
        rules = [{"name": "M", "rate": 0.5, **paid}, {**share, **paid}]
        cls.make_plan(rules)._activate()

    def wallet(self, member=None):
        member = member or self.member
        return self.env["referral.wallet"]._of(member, self.company)

    def assertPoints(self, order, *expected):
        """Lines and ledger say the same, and the ledger is sound."""
        self.assertEqual(self.left(order), list(expected))
        wallets = self.wallet() | self.wallet(self.inviter)
        self.assertEqual(wallets.mapped("balance"), list(expected))
        self.assertEqual(wallets._verify(), [])

    def spend(self, points):
        hold = self.wallet()._post("hold", points, f"test:hold:{points}")
        self.wallet()._post("redeem", points, f"test:redeem:{points}", hold=hold)

    def test_a_part_that_is_credited_takes_its_points(self):
        order = self.make_paid_contract()
        self.confirm(order)
        self.assertPoints(order, 600, 60)
        self.refund(order.invoice_ids, 40000)
        self.assertPoints(order, 400, 40)

    def test_points_that_were_spent_are_owed_and_paid_by_the_next_contract(self):
        """Threat W13."""
        order = self.make_paid_contract()
        self.confirm(order)
        self.spend(500)
        self.credit(order.invoice_ids)
        self.assertEqual(self.left(order), [0, 0])
        self.assertEqual(self.wallet().balance, -500)
        second = self.make_paid_contract()
        self.confirm(second)
        self.assertEqual(self.wallet().balance, 100)
        entries = self.wallet().entry_ids.filtered(lambda e: e.entry_type == "reverse")
        self.assertIn("Credit note", entries.reason)

    def test_paid_and_refunded_a_hundred_times_leaves_nothing(self):
        """Threat W14."""
        order = self.make_paid_contract(amount=777.77)
        orders = type(order)
        for _time in range(100):
            with patch.object(orders, "_get_referral_receipts", lambda o: (0, False)):
                order._referral_follow(UNDONE)
            self.assertEqual(self.left(order), [0, 0])
            order._referral_follow(UNDONE)
            self.confirm(order)
            self.assertEqual(self.left(order), [3.89, 0.39])
        with patch.object(orders, "_get_referral_receipts", lambda o: (0, False)):
            order._referral_follow(UNDONE)
        self.assertPoints(order, 0, 0)

    def test_a_contract_in_another_currency_pays_points_as_its_money_comes(self):
        """Rules C6, C8: at the rate of the signing day, whatever comes after."""
        self.activate("payment")
        foreign = self.env["res.currency"].create(
            {
                "name": "XTS",
                "symbol": "X",
                "rounding": 0.01,
                "rate_ids": [(0, 0, {"name": "2020-01-01", "rate": 0.5})],
            }
        )
        prices = {"name": "Foreign", "currency_id": foreign.id}
        pricelist = self.env["product.pricelist"].create(prices)
        order = self.make_contract(
            self.make_lead(), 30000, pricelist_id=pricelist.id
        )  # worth 60,000 of the company's
        bill = self.invoice(order)
        self.assertEqual(bill.currency_id, foreign)
        payment = self.pay(bill, 10000)
        self.assertPoints(order, 100, 10)
        foreign.rate_ids.rate = 0.1
        self.pay(bill)
        self.assertPoints(order, 300, 30)
        payment.action_cancel()
        self.assertPoints(order, 200, 20)

    def test_when_the_wallet_refuses_the_books_go_on_and_the_job_tries_again(self):
        order = self.make_paid_contract()
        self.confirm(order)
        wallets = type(self.wallet())
        with patch.object(wallets, "_post_batch", side_effect=ValueError("Down")):
            self.refund(order.invoice_ids, 40000)
        self.assertEqual(order.invoice_ids.mapped("state"), ["posted", "posted"])
        self.assertPoints(order, 600, 60)
        self.assertFalse(order.referral_decision)
        task = self.env["referral.true.up"].search([("order_id", "=", order.id)])
        task.with_user(self.finance).action_retry()
        self.assertPoints(order, 400, 40)
