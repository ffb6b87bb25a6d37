from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import tagged

from ..models import gate
from .test_attribution import VisitorCase


@tagged("post_install", "-at_install")
class TestOnlineOrders(VisitorCase):
    """Orders that visitors and customers make themselves (rules L1, C2)."""

    def order(self, user=None, **values):
        line = {"product_id": self.product.id, "price_unit": 1000.0, "tax_ids": []}
        return (
            self.env["sale.order"]
            .with_user(user or self.public)
            .sudo()
            .create(
                {
                    "partner_id": self.customer.id,
                    "order_line": [Command.create(line)],
                    **values,
                }
            )
        )

    def test_an_online_order_goes_to_who_brought_the_visitor(self):
        for user in (self.public, self.stranger):
            with self.visit({2: self.second}, user=user):
                order = self.order(user)
            with self.subTest(user=user.login):
                self.assertEqual(order.referrer_id, self.inviter)
                self.assertEqual(order.referral_link_id, self.second)
                self.assertEqual(order._get_referral_channel(), self.channel)

    def test_nobody_brought_a_visitor_without_a_link_nor_a_colleagues_order(self):
        with self.visit():
            self.assertFalse(self.order().referrer_id)
        with self.visit({2: self.second}, user=self.sales):
            order = self.make_order()
        self.assertFalse(order.referrer_id or order.referral_link_id)

    def test_an_order_of_a_lead_goes_where_the_lead_went(self):
        for lead in (self.make_lead(), self.env["crm.lead"].create({"name": "x"})):
            with self.visit({2: self.second}):
                order = self.order(opportunity_id=lead.id)
            self.assertEqual(order.referrer_id, lead.referrer_id)
            self.assertFalse(order.referral_link_id)

    def test_the_customers_earlier_contract_wins(self):
        """Rule C2: the referrer stays attached to the customer."""
        self.make_contract(self.make_lead())
        with self.visit({2: self.second}):
            order = self.order()
        self.assertEqual(order.referrer_id, self.member)
        self.assertFalse(order.referral_link_id)

    def test_an_earlier_contract_of_an_online_order_wins_as_well(self):
        """Rule C2: with no lead in between."""
        with self.visit({2: self.second}):
            self.order().action_confirm()
        later = self.make_order()
        self.assertEqual(later.referrer_id, self.inviter)
        with self.visit({2: self.link}):
            order = self.order()
        self.assertEqual(order.referrer_id, self.inviter)
        self.assertFalse(order.referral_link_id)

    def test_a_cart_that_gets_its_customer_late_goes_to_the_customers_referrer(self):
        """A shop's cart is nobody's until the visitor logs in."""
        with self.visit({2: self.second}):
            self.order().action_confirm()
        with self.visit({2: self.link}):
            cart = self.order(partner_id=self.public.partner_id.id)
        self.assertEqual(cart.referrer_id, self.member)
        cart.partner_id = self.customer
        self.assertEqual(cart.referrer_id, self.inviter)
        newcomer = self.env["res.partner"].create({"name": "Newcomer"})
        with self.visit({2: self.link}):
            cart = self.order(partner_id=self.public.partner_id.id)
        cart.partner_id = newcomer
        self.assertEqual(cart.referrer_id, self.member)

    def test_open_quotations_follow_the_first_online_contract(self):
        quotation = self.make_order()
        with self.visit({2: self.second}):
            self.order().action_confirm()
        self.assertEqual(quotation.referrer_id, self.inviter)

    def test_the_whole_way_of_an_online_order_is_rewarded(self):
        """Rules C1, C3, M4: 0.5 % for who brought it, 10 % of that for the inviter."""
        with self.visit({2: self.link}):
            order = self.order(user_id=self.sales.id)
        order.with_user(self.sales).action_confirm()
        self.pay(self.invoice(order))
        order.with_user(self.finance).action_referral_confirm()
        self.assertRewards(order, [(self.member, 0, 5.0), (self.inviter, 1, 0.5)])

    def test_on_a_partner_channel_the_partner_is_paid(self):
        """Rule S4."""
        partner = self.env["res.partner"].create({"name": "A CEO club"})
        club = self.env["referral.channel"].create(
            {"name": "Club", "kind": "partner", "partner_id": partner.id}
        )
        with self.visit({2: self.link}):
            order = self.order()
        gate.opened(self.link).channel_id = club
        self.assertEqual(order._get_referral_channel(), club)
        order.referrer_id = self.inviter
        self.assertFalse(order._get_referral_channel())

    def test_the_link_of_an_order_is_not_written_by_hand(self):
        order = self.make_order()
        for user in (self.sales, self.finance, self.manager):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                order.with_user(user).sudo().referral_link_id = self.link
