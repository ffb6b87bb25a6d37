from odoo.tests import tagged

from .test_contracts import ContractCase


@tagged("post_install", "-at_install")
class TestForecast(ContractCase):
    """Rule C8: what to expect is known from the quotation on."""

    def expected(self, order, member=None):
        order = order.with_user(self.sales)
        return [
            (line["partner"], line["level"], line["amount"])
            for line in order._get_referral_forecast(member).get(order, [])
        ]

    def test_a_quotation_shows_what_its_contract_would_bring(self):
        order = self.make_order(self.make_lead())
        self.assertEqual(
            self.expected(order), [(self.member, 0, 600.0), (self.inviter, 1, 60.0)]
        )
        self.assertEqual(self.expected(order, self.inviter), [(self.inviter, 1, 60.0)])
        shown = order.with_user(self.sales).referral_forecast
        self.assertIn("Inviter", shown)
        self.assertIn("660.00", order.with_user(self.sales).referral_forecast_text)

    def test_the_forecast_is_what_is_given(self):
        for _phase in (1, 2):
            order = self.make_order(self.make_lead())
            before = self.expected(order)
            order.action_confirm()
            self.assertEqual(self.expected(order), before)
            self.pay(self.invoice(order))
            self.assertEqual(self.expected(order), before)
            self.confirm(order)
            self.assertRewards(order, before)

    def test_rewards_that_come_with_the_payments_are_foretold_too(self):
        rules = [{"name": "At once", "trigger": "payment", "rate": 2}]
        self.make_plan(rules)._activate()
        order = self.make_order(self.make_lead())
        self.assertEqual(self.expected(order), [(self.member, 0, 2400.0)])

    def test_a_decided_or_cancelled_order_and_nobodys_has_none(self):
        order = self.make_paid_contract()
        self.confirm(order)
        cancelled = self.make_order(self.make_lead())
        cancelled._action_cancel()
        other = self.env["res.partner"].create({"name": "Walked in"})
        nobodys = self.make_order(partner_id=other.id)
        invalid = self.make_order(self.make_lead())
        lead = invalid.referral_lead_id.with_user(self.sales)
        self.assertTrue(self.expected(invalid))
        lead.action_referral_invalidate("Not a customer", "invalid")
        for record in (order, cancelled, nobodys, invalid):
            with self.subTest(order=record.name):
                self.assertEqual(self.expected(record), [])
                self.assertFalse(record.with_user(self.sales).referral_forecast)

    def test_a_contract_is_forecast_by_the_plan_it_was_signed_under(self):
        order = self.make_contract(self.make_lead())
        self.make_plan([{"name": "Much more", "rate": 50}])._activate()
        self.assertEqual(
            self.expected(order), [(self.member, 0, 600.0), (self.inviter, 1, 60.0)]
        )
        quotation = self.make_order(self.make_lead())
        self.assertEqual(self.expected(quotation), [(self.member, 0, 60000.0)])

    def test_the_queue_is_read_in_one_go(self):
        orders = self.env["sale.order"]
        for number in range(6):
            customer = self.env["res.partner"].create({"name": f"C{number}"})
            orders += self.make_contract(self.make_lead(), partner_id=customer.id)
        names = [
            "referral_forecast_text",
            "referral_received_amount",
            "referral_missing_amount",
            "referral_state",
        ]
        self.assertReadInOneGo(orders, names, self.finance)
