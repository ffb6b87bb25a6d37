from unittest.mock import patch

from odoo.fields import Command
from odoo.tests import tagged

from odoo.addons.referral_distribution.models.true_up_events import Event

from .test_true_up import TrueUpCase


class BaseCase(TrueUpCase):
    """A contract of goods for 300 and a service for 1,000."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.category = cls.env["product.category"].create({"name": "Goods"})
        below = cls.category.create({"name": "Below", "parent_id": cls.category.id})
        cls.goods = cls.product.create(
            {
                "name": "Goods",
                "type": "service",
                "invoice_policy": "order",
                "categ_id": below.id,
            }
        )

    def activate(self, *rules, trigger="contract"):
        """Put a plan in force: these rules, and 10 % of all that for the inviter."""
        share = {"name": "S", "level": 1, "base": "member_reward", "rate": 10}
        rules = [{"name": "M", "trigger": trigger, **rule} for rule in rules]
        self.make_plan([*rules, {**share, "trigger": trigger}])._activate()

    def sell(self, *prices, products=None):
        """Return a contract of the goods, then the service, at these prices."""
        lines = [
            Command.create({"product_id": one.id, "price_unit": price, "tax_ids": []})
            for one, price in zip(
                products or (self.goods, self.product), prices, strict=True
            )
        ]
        return self.make_contract(self.make_lead(), order_line=lines)

    def sell_and_confirm(self, *prices, **values):
        order = self.sell(*prices or (300, 1000), **values)
        self.pay(self.invoice(order))
        self.confirm(order)
        return order

    def credit_line(self, order, number, price=None):
        """Return the posted credit note of one line of the contract, or a part."""
        bills = order.invoice_ids.filtered(lambda m: m.move_type == "out_invoice")
        note = self.credit_draft(bills)
        line = order.order_line[number]
        others = note.invoice_line_ids.filtered(lambda own: own.sale_line_ids != line)
        note.invoice_line_ids = [Command.delete(other.id) for other in others]
        if price is not None:
            note.invoice_line_ids.price_unit = price
        note.action_post()
        return note

    def assertSame(self, order):
        """Rule C8: each part comes out the same from what is kept with it."""
        lines = order.sudo().referral_commission_ids
        given = lines.filtered(lambda line: not line.reverses_id)
        self.assertEqual(set(given.mapped("replay_state")), {"same"})


@tagged("post_install", "-at_install")
class TestCredits(BaseCase):
    """A credit note takes back what rests on the lines it credits (rule C7)."""

    def goods_rule(self, **values):
        return {"rate": 10, "category_ids": self.category.ids, **values}

    def of_line(self, order, number):
        """Return what the member is left with for one line."""
        line = order.order_line[number]
        own = order.sudo().referral_commission_ids.filtered(
            lambda one: one.order_line_id == line and one.partner_id == self.member
        )
        return self.currency.round(sum(own.mapped("amount")))

    def test_a_line_follows_its_own_credit_notes(self):
        self.activate({"rate": 1}, trigger="order_line")
        order = self.sell_and_confirm()
        self.assertEqual(self.left(order), [13, 1.3])
        self.credit_line(order, 1)
        self.assertEqual([self.of_line(order, n) for n in (0, 1)], [3, 0])
        self.assertEqual(self.left(order), [3, 0.3])
        self.credit_line(order, 0, 100)
        self.assertEqual(self.left(order), [2, 0.2])
        self.assertSame(order)

    def test_a_category_follows_its_lines(self):
        self.activate(self.goods_rule())
        order = self.sell_and_confirm()
        self.assertEqual(self.left(order), [30, 3])
        self.credit_line(order, 1)
        self.assertEqual(self.left(order), [30, 3], "nothing of the goods went back")
        self.credit_line(order, 0, 100)
        self.assertEqual(self.left(order), [20, 2])
        self.credit_line(order, 0, 200)
        self.assertEqual(self.left(order), [0, 0])
        self.assertSame(order)

    def test_where_the_whole_contract_counts_any_line_does(self):
        self.activate(self.goods_rule(category_use="contract"))
        order = self.sell_and_confirm()
        self.assertEqual(self.left(order), [130, 13])
        self.credit_line(order, 1, 650)
        self.assertEqual(self.left(order), [65, 6.5])

    def test_a_share_of_two_rewards_follows_both(self):
        """13 of the whole and 30 of the goods: 4.30 for the inviter."""
        self.activate({"rate": 1}, self.goods_rule())
        order = self.sell_and_confirm()
        self.assertEqual(self.left(order), [43, 4.3])
        self.credit_line(order, 0)
        self.assertEqual(self.left(order), [10, 1])
        self.credit_line(order, 1, 500)
        self.assertEqual(self.left(order), [5, 0.5])
        self.assertSame(order)

    def test_a_share_out_of_a_reward_follows_it(self):
        """27 and 3 of the goods' 30."""
        share = {"level": 1, "base": "member_reward", "rate": 10, "sharing": "out_of"}
        rules = [{"name": "M", **self.goods_rule()}, {"name": "S", **share}]
        self.make_plan(rules)._activate()
        order = self.sell_and_confirm()
        self.assertEqual(self.left(order), [27, 3])
        self.credit_line(order, 1)
        self.assertEqual(self.left(order), [27, 3])
        self.credit_line(order, 0, 100)
        self.assertEqual(self.left(order), [18, 2])

    def test_what_is_confirmed_anew_is_the_rest(self):
        self.activate({"rate": 1}, self.goods_rule())
        order = self.sell_and_confirm()
        note = self.credit_line(order, 0, 100)
        self.assertEqual(self.left(order), [32, 3.2])
        note.with_user(self.finance).button_draft()
        note.with_user(self.finance).button_cancel()
        self.confirm(order)
        self.assertEqual(self.left(order), [43, 4.3])
        self.assertSame(order)

    def test_a_product_that_moves_to_another_category_stays_what_it_was(self):
        """Threat F5."""
        self.activate(self.goods_rule())
        order = self.sell_and_confirm()
        self.goods.categ_id, self.product.categ_id = (
            self.product.categ_id,
            self.goods.categ_id,
        )
        self.credit_line(order, 1)
        self.assertEqual(self.left(order), [30, 3])
        self.credit_line(order, 0, 150)
        self.assertEqual(self.left(order), [15, 1.5])

    def test_what_is_worth_nothing_goes_by_the_contract(self):
        """Seven for a line that is free."""
        self.activate({"rate_type": "fixed", "amount": 7}, trigger="order_line")
        order = self.sell_and_confirm(0, 1000)
        self.assertEqual(self.left(order), [14, 1.4])
        self.credit_line(order, 1, 500)
        self.assertEqual(self.left(order), [7, 0.7])

    def test_a_discount_line_takes_nothing_of_the_others(self):
        self.activate({"rate": 1}, trigger="order_line")
        products = (self.goods, self.product, self.product)
        order = self.sell_and_confirm(300, 1000, -100, products=products)
        self.assertEqual(self.left(order), [13, 1.3])
        self.credit_line(order, 0)
        self.assertEqual(self.left(order), [10, 1])


@tagged("post_install", "-at_install")
class TestMoneyByLine(BaseCase):
    """Money is not paid per line: what arrives is all lines' in proportion (C6)."""

    def setUp(self):
        super().setUp()
        goods = {"rate": 10, "category_ids": self.category.ids}
        self.activate(goods, trigger="payment")

    def test_a_down_payment_is_all_lines_in_proportion(self):
        """30 % of 1,300, half of the rest, and the last: 9, 19.50, 30."""
        order = self.sell(300, 1000)
        self.pay(self.down_payment(order, 30))
        self.assertEqual(self.left(order), [9, 0.9])
        final = self.invoice(order)
        self.pay(final, 455)
        self.assertEqual(self.left(order), [19.5, 1.95])
        self.pay(final)
        self.assertEqual(self.left(order), [30, 3])
        self.assertSame(order)

    def test_a_credit_of_what_nobody_has_paid_gives_nothing(self):
        order = self.sell(300, 1000)
        bill = self.invoice(order)
        note = self.credit_line(order, 1)
        (bill + note).line_ids.filtered(
            lambda line: line.account_type == "asset_receivable" and not line.reconciled
        ).reconcile()
        self.assertEqual(self.left(order), [0, 0])
        self.pay(bill)
        self.assertEqual(self.left(order), [30, 3])

    def test_a_credit_of_other_lines_takes_nothing_back(self):
        order = self.sell(300, 1000)
        self.pay(self.invoice(order))
        self.credit_line(order, 1, 400)
        self.assertEqual(self.left(order), [30, 3])
        self.credit_line(order, 0, 100)
        self.assertEqual(self.left(order), [20, 2])

    def test_a_payment_undone_takes_its_part_of_each_line(self):
        order = self.sell(300, 1000)
        bill = self.invoice(order)
        self.pay(bill, 650)
        payment = self.pay(bill)
        self.assertEqual(self.left(order), [30, 3])
        payment.action_cancel()
        self.assertEqual(self.left(order), [15, 1.5])
        self.assertSame(order)

    def test_another_line_that_is_sold_more_of_disturbs_nobody(self):
        order = self.sell(300, 1000)
        self.pay(self.invoice(order))
        order.sudo().order_line[1].product_uom_qty = 3
        order._referral_follow(Event("payment", "INV/1"))
        self.assertEqual(self.left(order), [30, 3])

    def test_it_is_a_part_of_the_same_whole_as_long_as_its_lines_are(self):
        """Threat F5: whatever is sold besides, and whatever a rate has become."""
        order = self.sell(300, 1000)
        bill = self.invoice(order)
        self.pay(bill, 650)
        order.sudo().order_line[1].product_uom_qty = 3
        rates = type(self.env["referral.plan.rule"])
        with patch.object(rates, "_get_engine_currencies", self.get_other_rates):
            self.pay(bill)
        self.assertEqual(self.left(order), [30, 3])
        self.assertSame(order)

    def test_invoices_of_single_lines_pay_their_own(self):
        order = self.sell(300, 1000)
        bill = order.with_user(self.finance)._create_invoices(final=True)
        items = bill.invoice_line_ids
        items.filtered(lambda i: i.sale_line_ids == order.order_line[0]).unlink()
        bill.action_post()
        self.pay(bill)
        self.assertEqual(self.left(order), [0, 0])
        self.pay(self.invoice(order))
        self.assertEqual(self.left(order), [30, 3])

    def test_the_explanation_tells_of_the_lines_that_count(self):
        order = self.sell(300, 1000)
        self.pay(self.invoice(order), 650)
        line = order.sudo().referral_commission_ids.filtered(lambda one: not one.level)
        self.assertIn("150.00", line.explanation_text)
        self.assertIn("300.00", line.explanation_text)
        self.assertNotIn("1,300.00", line.explanation_text)
