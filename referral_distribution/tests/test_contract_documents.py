from unittest.mock import patch

from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import tagged

from .test_contract_money import MoneyCase


@tagged("post_install", "-at_install")
class TestDocumentsOfAllKinds(MoneyCase):
    """Rule C3: what Odoo knows to bill and settle, with figures."""

    def make_tax(self, **values):
        vals = {"name": "VAT", "amount": 13, "amount_type": "percent", **values}
        return self.env["account.tax"].create(vals)

    def make_account(self, code, account_type):
        return self.env["account.account"].create(
            {"name": code, "code": code, "account_type": account_type}
        )

    def make_taxed(self, amount, tax):
        order = self.make_order(self.make_lead(), amount)
        order.order_line.sudo().tax_ids = tax
        order.action_confirm()
        return order

    def test_taxes_in_the_price_are_no_part_of_the_reward(self):
        order = self.make_taxed(
            135600, self.make_tax(price_include_override="tax_included")
        )
        self.assertEqual((order.amount_untaxed, order.amount_total), (120000, 135600))
        invoice = self.invoice(order)
        self.pay(invoice, 35600)
        self.assertMoney(order, "awaiting_payment", 35600, 100000)
        self.pay(invoice)
        self.assertMoney(order, "to_confirm", 135600, 0)
        self.confirm(order)
        self.assertRewards(order, [(self.member, 0, 600.0), (self.inviter, 1, 60.0)])

    def test_a_fixed_down_payment_counts_as_one_of_a_percentage_does(self):
        order = self.make_contract(self.make_lead())
        wizard = (
            self.env["sale.advance.payment.inv"]
            .with_user(self.sales)
            .with_context(active_model="sale.order", active_ids=order.ids)
            .create({"advance_payment_method": "fixed", "fixed_amount": 20000})
        )
        first = wizard._create_invoices(order).with_user(self.finance)
        first.action_post()
        self.pay(first)
        self.assertMoney(order, "awaiting_completion", 20000, 100000)
        final = self.invoice(order)
        self.assertEqual(final.amount_total, 100000)
        self.pay(final)
        self.assertMoney(order, "to_confirm", 120000, 0)

    def test_each_instalment_of_an_invoice_arrives_by_itself(self):
        term = self.env["account.payment.term"].create(
            {
                "name": "30, 30, 40",
                "line_ids": [
                    Command.create({"value_amount": share, "nb_days": days})
                    for share, days in ((30, 0), (30, 30), (40, 60))
                ],
            }
        )
        order = self.make_contract(self.make_lead(), payment_term_id=term.id)
        invoice = self.invoice(order)
        for amount, received in ((36000, 36000), (36000, 72000)):
            self.pay(invoice, amount)
            self.assertMoney(order, "awaiting_payment", received, 120000 - received)
        self.pay(invoice, 48000)
        self.assertMoney(order, "to_confirm", 120000, 0)

    def test_an_early_payment_discount_that_was_agreed_settles_the_invoice(self):
        loss = self.make_account("EPDLOSS", "expense")
        self.company.account_journal_early_pay_discount_loss_account_id = loss
        term = self.env["account.payment.term"].create(
            {
                "name": "2 % in 10 days",
                "early_discount": True,
                "discount_percentage": 2,
                "discount_days": 10,
                "line_ids": [Command.create({"value_amount": 100, "nb_days": 30})],
            }
        )
        order = self.make_contract(self.make_lead(), 1000, payment_term_id=term.id)
        invoice = self.invoice(order)
        payment = self.pay(invoice)
        self.assertEqual((payment.amount, invoice.payment_state), (980, "paid"))
        self.assertMoney(order, "to_confirm", 1000, 0)

    def test_an_invoice_rounded_to_coins_is_paid_in_coins(self):
        rounding = self.env["account.cash.rounding"].create(
            {
                "name": "5 cents",
                "rounding": 0.05,
                "rounding_method": "HALF-UP",
                "profit_account_id": self.make_account("RNDPROFIT", "income").id,
                "loss_account_id": self.make_account("RNDLOSS", "expense").id,
            }
        )
        order = self.make_contract(self.make_lead(), 1000.03)
        invoice = order.with_user(self.finance)._create_invoices(final=True)
        invoice.invoice_cash_rounding_id = rounding
        invoice.action_post()
        self.assertEqual(invoice.amount_total, 1000.05)
        self.pay(invoice)
        self.assertMoney(order, "to_confirm", 1000.03, 0)

    def test_an_invoice_rounded_down_to_coins_is_paid_too(self):
        rounding = self.env["account.cash.rounding"].create(
            {
                "name": "5 cents",
                "rounding": 0.05,
                "rounding_method": "DOWN",
                "profit_account_id": self.make_account("RNDPROFIT", "income").id,
                "loss_account_id": self.make_account("RNDLOSS", "expense").id,
            }
        )
        order = self.make_contract(self.make_lead(), 1000.03)
        invoice = order.with_user(self.finance)._create_invoices(final=True)
        invoice.invoice_cash_rounding_id = rounding
        invoice.action_post()
        self.assertEqual(invoice.amount_total, 1000.0)
        self.pay(invoice)
        self.assertMoney(order, "to_confirm", 1000.03, 0)

    def test_a_line_that_bills_two_orders_counts_once(self):
        """Somebody links the paid invoice of one order with another one, too."""
        one = self.make_contract(self.make_lead(), 1000)
        two = self.make_contract(self.make_lead(), 1000)
        invoice = self.invoice(one)
        invoice.invoice_line_ids.sudo().sale_line_ids |= two.order_line
        self.pay(invoice)
        self.assertEqual((one + two).mapped("referral_received_amount"), [500, 500])
        self.assertNotIn("to_confirm", (one + two).mapped("referral_state"))

    def test_a_payment_in_a_third_currency_settles_what_odoo_says_it_settles(self):
        pricelist = self.env["product.pricelist"].create(
            {"name": "Foreign", "currency_id": self.make_currency().id}
        )
        third = self.make_currency("XTT", 4)
        order = self.make_contract(self.make_lead(), 1000, pricelist_id=pricelist.id)
        invoice = self.invoice(order)
        wizard = (
            self.env["account.payment.register"]
            .with_user(self.finance)
            .with_context(active_model="account.move", active_ids=invoice.ids)
            .create({"currency_id": third.id, "amount": 2000})
        )
        wizard._create_payments()
        self.env.flush_all()
        self.assertMoney(order, "awaiting_payment", 250, 750)


@tagged("post_install", "-at_install")
class TestNothingToPay(MoneyCase):
    """Orders without invoices: complete once delivered or invoiced."""

    def test_a_full_discount_waits_for_the_delivery_alone(self):
        order = self.make_order(self.make_lead())
        order.order_line.discount = 100
        order.action_confirm()
        self.assertMoney(order, "contracted", 0, 0)
        order.order_line.sudo().qty_delivered = 1
        self.assertMoney(order, "to_confirm", 0, 0)
        self.confirm(order)
        self.assertEqual(order.referral_state, "confirmed")
        self.assertRewards(order, [])

    def test_an_invoice_over_nothing_completes_a_zero_order(self):
        order = self.make_contract(self.make_lead(), 0)
        self.invoice(order)
        self.assertMoney(order, "to_confirm", 0, 0)

    def test_a_prepaid_order_of_which_nothing_is_delivered_is_not_complete(self):
        order = self.make_contract(self.make_lead(), 1000)
        orders = self.env.registry["sale.order"]
        with patch.object(orders, "_is_referral_prepaid", lambda order: True):
            self.env.add_to_compute(order._fields["referral_paid_in_full"], order)
            self.env.add_to_compute(order._fields["referral_state"], order)
            self.assertMoney(order, "contracted", 1000, 0)


@tagged("post_install", "-at_install")
class TestOrderChangesLater(MoneyCase):
    """Rules C3, C7: lines that come and go after the reward was given."""

    def left(self, order):
        sums = {self.member: 0, self.inviter: 0}
        for line in order.sudo().referral_commission_ids:
            sums[line.partner_id] += line.amount
        return [self.currency.round(amount) for amount in sums.values()]

    def given(self):
        order = self.make_paid_contract()
        self.confirm(order)
        self.assertEqual(self.left(order), [600, 60])
        return order

    def test_what_is_sold_on_top_is_rewarded_once_it_is_paid_and_confirmed(self):
        order = self.given()
        line = {"product_id": self.product.id, "price_unit": 30000, "tax_ids": []}
        order.with_user(self.sales).order_line = [Command.create(line)]
        self.assertMoney(order, "awaiting_completion", 120000, 30000)
        self.assertEqual(self.left(order), [600, 60])
        with self.assertRaises(UserError):
            self.confirm(order)
        self.pay(self.invoice(order))
        self.assertMoney(order, "to_confirm", 150000, 0)
        self.assertEqual(self.left(order), [600, 60])
        self.confirm(order)
        self.assertEqual(self.left(order), [750, 75])

    def test_what_is_sold_less_is_taken_back_with_its_credit_note(self):
        line = {"product_uom_qty": 2, "price_unit": 60000, "tax_ids": []}
        line["product_id"] = self.product.id
        order = self.make_contract(self.make_lead(), order_line=[Command.create(line)])
        self.assertEqual(order.amount_total, 120000)
        self.pay(self.invoice(order))
        self.confirm(order)
        order.with_user(self.sales).order_line.product_uom_qty = 1
        self.assertEqual(order.amount_total, 60000)
        self.assertEqual(self.left(order), [600, 60], "all of the money is there")
        note = order.with_user(self.finance)._create_invoices(final=True)
        self.assertEqual((note.move_type, note.amount_total), ("out_refund", 60000))
        note.action_post()
        self.env.flush_all()
        self.assertEqual(self.left(order), [300, 30])
        self.pay(note)
        self.assertMoney(order, "to_confirm", 60000, 0)
        self.confirm(order)
        self.assertEqual(self.left(order), [300, 30])


@tagged("post_install", "-at_install")
class TestFiguresAreComputedAgain(MoneyCase):
    """Stored figures of Odoo that are written over RPC are not believed (rule C3)."""

    def test_figures_written_over_a_line_are_not_believed(self):
        rules = [
            {
                "name": "Services",
                "rate": 1,
                "category_ids": [Command.set(self.product.categ_id.ids)],
            },
            {"name": "Lines", "trigger": "order_line", "rate": 2},
        ]
        self.make_plan(rules)._activate()
        order = self.make_paid_contract(amount=1000)
        order.order_line.with_user(self.sales).write(
            {"price_subtotal": 1e9, "price_total": 1e9}
        )
        self.confirm(order)
        amounts = order.referral_commission_ids.mapped("amount")
        self.assertEqual(sorted(amounts), [10, 20])

    def test_a_forged_amount_pays_no_more_in_real_time(self):
        self.make_plan(
            [{"name": "At once", "trigger": "payment", "rate": 1}]
        )._activate()
        order = self.make_contract(self.make_lead(), 1000)
        invoice = self.invoice(order)
        order.with_user(self.sales).write({"amount_untaxed": 1e9})
        self.pay(invoice, 500)
        self.assertEqual(order.sudo().referral_commission_ids.mapped("amount"), [5])

    def test_the_margin_is_offered_and_counts_where_orders_know_theirs(self):
        """Another figure stands in where Odoo's margins are not installed."""
        rules = self.env["referral.plan.rule"]
        offered = dict(rules.fields_get(["base"])["base"]["selection"])
        self.assertEqual(
            "margin" in offered, "margin" in self.env["sale.order"]._fields
        )
        if "margin" in offered:
            self.check_margin()
            return
        plan = self.make_plan([{"name": "M", "rate": 10}])
        plan._activate()
        order = self.make_contract(self.make_lead(), 1000)
        orders = self.env.registry["sale.order"]
        amounts = {"untaxed": "amount_untaxed", "margin": "amount_untaxed"}
        with patch.object(orders, "_get_referral_amounts", lambda order: amounts):
            facts = order.sudo()._prepare_referral_facts("contract", plan.rule_ids)
        self.assertEqual(facts.bases["margin"], 1000)

    def check_margin(self):
        """In the order's currency, of the day it was signed; a loss earns nothing."""
        pricelist = self.env["product.pricelist"].create(
            {"name": "Foreign", "currency_id": self.make_currency().id}
        )
        self.make_plan([{"name": "M", "base": "margin", "rate": 10}])._activate()
        for cost, reward in ((300, [340.0]), (0, [400.0]), (3000, [])):
            with self.subTest(cost=cost):
                self.product.standard_price = cost
                line = {"product_uom_qty": 2, "price_unit": 1000, "tax_ids": []}
                line["product_id"] = self.product.id
                order = self.make_contract(
                    self.make_lead(),
                    order_line=[Command.create(line)],
                    pricelist_id=pricelist.id,
                )
                self.pay(self.invoice(order))
                order.with_user(self.sales).write({"margin": 1e9})
                order.order_line.with_user(self.sales).write({"margin": 1e9})
                self.confirm(order)
                amounts = order.referral_commission_ids.mapped("amount")
                self.assertEqual(amounts, reward)
