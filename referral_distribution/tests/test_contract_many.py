from itertools import product

from odoo.tests import tagged

from .test_contracts import ContractCase


@tagged("post_install", "-at_install")
class TestManyContracts(ContractCase):
    """One contract more costs next to nothing more (rule C3)."""

    def count(self, action):
        self.env.flush_all()
        self.env.invalidate_all()
        before = self.env.cr.sql_log_count
        action()
        self.env.flush_all()
        return self.env.cr.sql_log_count - before

    def make_some(self, number):
        orders = self.env["sale.order"]
        for _index in range(number):
            customer = self.env["res.partner"].create({"name": "C"})
            orders += self.make_order(self.make_lead(), partner_id=customer.id)
        return orders

    def sign_after(self, with_lead, *numbers):
        """Return the queries of a quotation and of its signature, after each of these
        numbers of more contracts of the customer."""
        customer = self.env["res.partner"].create({"name": "Loyal"})
        counts = []
        for earlier in numbers:
            for _index in range(earlier):
                self.make_contract(self.make_lead(), partner_id=customer.id)
            lead, made = self.make_lead() if with_lead else None, []
            values = {"lead": lead, "partner_id": customer.id}
            quoting = self.count(
                lambda made=made, values=values: made.append(self.make_order(**values))
            )
            counts.append((quoting, self.count(made[0].action_confirm)))
        expected = sum(numbers) + len(numbers)
        self.assertEqual(made[0].project_phase, expected)
        return counts

    def test_a_signature_takes_as_many_queries_whatever_was_signed_before(self):
        """After none or one, and after 30 more."""
        for months, with_lead in product((0, 24), (True, False)):
            with self.subTest(months=months, with_lead=with_lead):
                self.company.referral_attachment_months = months
                first = 0 if with_lead else 1
                self.sign_after(with_lead, first)  # warms up what is cached for good
                few, many = self.sign_after(with_lead, first, 30)
                self.assertEqual(few, many)

    def test_a_signature_reads_no_earlier_contract(self):
        """Rule C2: one of 30 is found, and 30 are counted, by the database."""
        for _index in range(30):
            self.make_contract(self.make_lead())
        self.env.flush_all()
        self.env.invalidate_all()
        order = self.make_order()
        order.action_confirm()
        self.assertEqual(order.project_phase, 31)
        names = ("name", "date_order", "referrer_id", "opportunity_id")
        read = {
            record_id
            for name in names
            for record_id in order._fields[name]._get_all_cache_ids(self.env)
        }
        self.assertLessEqual(len(read), 3)

    def test_orders_signed_together_add_no_query_each(self):
        """Of ours: Odoo's own way from quotation to order is taken off."""
        some = [self.make_some(2), self.make_some(3), self.make_some(9)]
        for orders in some:
            orders.sudo().write({"state": "sale"})
        counts = [self.count(orders._sign_contracts) for orders in some]
        self.assertEqual(counts[1], counts[2], counts)

    def test_many_are_confirmed_in_one_go(self):
        orders = self.make_some(10)
        orders.action_confirm()
        for order in orders:
            self.pay(self.invoice(order))
        parts = orders[:1].ids, orders[1:3].ids, orders[3:].ids
        confirm = [
            self.count(lambda ids=ids: self.confirm(orders.browse(ids)))
            for ids in parts  # the first warms up what is cached for good
        ]
        self.assertEqual(set(orders.mapped("referral_state")), {"confirmed"})
        self.assertLessEqual(confirm[2], confirm[1], confirm)
