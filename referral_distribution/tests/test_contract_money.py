from unittest.mock import patch

from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import tagged

from .test_contracts import ContractCase

PAID = ("invoiced", "paid")


class MoneyCase(ContractCase):
    def assertMoney(self, order, state, received, missing):
        self.assertRecordValues(
            order,
            [
                {
                    "referral_state": state,
                    "referral_received_amount": received,
                    "referral_missing_amount": missing,
                }
            ],
        )

    def make_currency(self, name="XTS", rate=0.5):
        return self.env["res.currency"].create(
            {
                "name": name,
                "symbol": name,
                "rounding": 0.01,
                "rate_ids": [Command.create({"name": "2020-01-01", "rate": rate})],
            }
        )

    def consolidated(self, *orders):
        """Return the posted invoice of several orders."""
        orders = self.env["sale.order"].union(*orders)
        invoice = orders.with_user(self.finance)._create_invoices(final=True)
        self.assertEqual(len(invoice), 1)
        invoice.action_post()
        return invoice

    def on_its_way(self):
        """Payments are followed until the bank has them, as in Odoo's Accounting."""
        account = self.env["account.account"].create(
            {
                "name": "Outstanding receipts",
                "code": "OUTRCPT",
                "account_type": "asset_current",
                "reconcile": True,
            }
        )
        methods = self.env["account.payment.method.line"].search(
            [("payment_type", "=", "inbound")]
        )
        methods.payment_account_id = account
        return patch.object(
            self.env.registry["account.move"],
            "_get_invoice_in_payment_state",
            lambda move: "in_payment",
        )


@tagged("post_install", "-at_install")
class TestReceipts(MoneyCase):
    """Rule C3: what has arrived, over every document of the order."""

    def test_a_down_payment_and_two_instalments_arrive_one_by_one(self):
        order = self.make_contract(self.make_lead())
        self.assertMoney(order, "contracted", 0, 120000)
        first = self.down_payment(order, 30)
        self.assertMoney(order, "awaiting_completion", 0, 120000)
        self.pay(first)
        self.assertMoney(order, "awaiting_completion", 36000, 84000)
        final = self.invoice(order)
        self.assertMoney(order, "awaiting_payment", 36000, 84000)
        self.pay(final, 42000)
        self.assertMoney(order, "awaiting_payment", 78000, 42000)
        self.pay(final, 41999.99)
        self.assertMoney(order, "awaiting_payment", 119999.99, 0.01)
        self.pay(final)
        self.assertMoney(order, "to_confirm", 120000, 0)

    def test_three_down_payments_with_tax_add_up_to_the_order(self):
        """Taxes are rounded per document: a third of a cent is nobody's debt."""
        tax = self.env["account.tax"].create(
            {"name": "VAT 13", "amount": 13, "amount_type": "percent"}
        )
        order = self.make_order(self.make_lead(), 1000.01)
        order.order_line.sudo().tax_ids = tax
        order.action_confirm()
        for share in (33.33, 33.33):
            self.pay(self.down_payment(order, share))
        self.assertEqual(order.referral_state, "awaiting_completion")
        self.pay(self.invoice(order))
        self.assertMoney(order, "to_confirm", order.amount_total, 0)

    def test_a_consolidated_invoice_counts_with_the_orders_own_lines(self):
        one = self.make_contract(self.make_lead(), 100)
        two = self.make_contract(amount=300)
        invoice = self.consolidated(one, two)
        self.pay(invoice, 200)
        self.assertMoney(one, "awaiting_payment", 50, 50)
        self.assertMoney(two, "awaiting_payment", 150, 150)
        self.pay(invoice)
        self.assertMoney(one, "to_confirm", 100, 0)
        self.assertMoney(two, "to_confirm", 300, 0)

    def test_a_credit_note_of_one_order_leaves_the_other_alone(self):
        one = self.make_contract(self.make_lead(), 100)
        two = self.make_contract(amount=300)
        invoice = self.consolidated(one, two)
        self.pay(invoice)
        self.credit_lines(invoice, one.order_line)
        self.assertMoney(one, "awaiting_completion", 0, 100)
        self.assertMoney(two, "to_confirm", 300, 0)

    def credit_lines(self, invoice, order_lines, price=None, post=True):
        """Return a credit note of what ``invoice`` bills of some order lines."""
        wizard = (
            self.env["account.move.reversal"]
            .with_user(self.finance)
            .with_context(active_model="account.move", active_ids=invoice.ids)
            .create({"journal_id": invoice.journal_id.id})
        )
        wizard.refund_moves()
        note = wizard.new_move_ids
        others = note.invoice_line_ids.filtered(
            lambda line: not (line.sale_line_ids & order_lines)
        )
        note.invoice_line_ids = [Command.delete(line.id) for line in others]
        if price is not None:
            note.invoice_line_ids.price_unit = price
        if post:
            note.action_post()
            self.env.flush_all()
        return note

    def test_a_credit_on_the_price_alone_stays_missing(self):
        """All of it is invoiced, but the documents do not net to the order's total."""
        order = self.make_paid_contract(amount=1000)
        self.credit_lines(order.invoice_ids, order.order_line, price=200)
        order.order_line.sudo().qty_delivered = 1
        self.assertEqual(order.referral_received_amount, 800)
        self.assertEqual(order.referral_missing_amount, 200)
        self.assertNotEqual(order.referral_state, "to_confirm")

    def test_an_invoice_for_less_than_the_order_leaves_the_rest_missing(self):
        order = self.make_contract(self.make_lead(), 1000)
        invoice = order.with_user(self.finance)._create_invoices(final=True)
        invoice.invoice_line_ids.price_unit = 800
        invoice.action_post()
        self.pay(invoice)
        self.assertEqual((order.invoice_status, invoice.payment_state), PAID)
        self.assertMoney(order, "awaiting_payment", 800, 200)

    def test_cents_of_taxes_that_documents_round_are_nobodys_debt(self):
        self.company.tax_calculation_rounding_method = "round_globally"
        tax = self.env["account.tax"].create(
            {"name": "VAT 10", "amount": 10, "amount_type": "percent"}
        )
        order = self.make_order(self.make_lead(), 1.04)
        line = order.order_line.sudo()
        line.tax_ids = tax
        line.copy({"order_id": order.id})
        line.copy({"order_id": order.id})
        self.assertEqual(order.amount_total, 3.43)
        self.assertEqual(sum(order.order_line.mapped("price_total")), 3.42)
        order.action_confirm()
        self.pay(self.invoice(order))
        self.assertMoney(order, "to_confirm", 3.42, 0)

    def test_a_draft_credit_note_does_not_undo_a_confirmation(self):
        order = self.make_paid_contract()
        self.confirm(order)
        note = self.credit_lines(order.invoice_ids, order.order_line, post=False)
        self.assertEqual(order.referral_state, "confirmed")
        note.action_post()
        self.assertMoney(order, "awaiting_completion", 0, 120000)

    def test_what_is_in_payment_has_not_arrived(self):
        order = self.make_contract(self.make_lead())
        with self.on_its_way():
            invoice = self.invoice(order)
            self.pay(invoice, 40000)
            self.assertMoney(order, "awaiting_payment", 0, 120000)
            payment = self.pay(invoice)
            self.assertEqual(invoice.payment_state, "in_payment")
            self.assertMoney(order, "awaiting_payment", 0, 120000)
            with self.assertRaisesRegex(UserError, "Awaiting payment"):
                self.confirm(order)
            self.match(payment)
            self.assertMoney(order, "awaiting_payment", 80000, 40000)
            self.match(invoice.reconciled_payment_ids - payment)
            self.assertEqual(invoice.payment_state, "paid")
            self.assertMoney(order, "to_confirm", 120000, 0)

    def match(self, payment):
        """The bank statement has the payment."""
        line = self.env["account.bank.statement.line"].create(
            {
                "journal_id": payment.journal_id.id,
                "payment_ref": payment.name,
                "amount": payment.amount,
                "date": payment.date,
            }
        )
        _liquidity, suspense, _other = line._seek_for_lines()
        outstanding = payment._seek_for_lines()[0]
        suspense.account_id = outstanding.account_id
        (suspense + outstanding).reconcile()
        self.env.flush_all()

    def test_an_invoice_settled_by_a_credit_note_of_no_order_has_not_arrived(self):
        order = self.make_contract(self.make_lead(), 1000)
        invoice = self.invoice(order)
        note = (
            self.env["account.move"]
            .with_user(self.finance)
            .create(
                {
                    "move_type": "out_refund",
                    "partner_id": self.customer.id,
                    "invoice_line_ids": [
                        Command.create(
                            {"name": "Gift", "price_unit": 1000, "tax_ids": []}
                        )
                    ],
                }
            )
        )
        note.action_post()
        (invoice + note).line_ids.filtered(
            lambda line: line.account_type == "asset_receivable"
        ).reconcile()
        self.env.flush_all()
        self.assertEqual(invoice.payment_state, "reversed")
        self.assertMoney(order, "awaiting_payment", 0, 1000)

    def test_a_credit_of_one_paid_order_may_pay_another(self):
        """What was paid for one order moves to the other; nothing counts twice."""
        one = self.make_paid_contract(amount=1000)
        two = self.make_contract(amount=1000)
        invoice = self.invoice(two)
        note = self.credit_lines(one.invoice_ids, one.order_line)
        self.assertMoney(one, "awaiting_completion", 0, 1000)
        (invoice + note).line_ids.filtered(
            lambda line: line.account_type == "asset_receivable"
        ).reconcile()
        self.env.flush_all()
        self.assertMoney(one, "awaiting_completion", 0, 1000)
        self.assertMoney(two, "to_confirm", 1000, 0)

    def test_an_order_in_foreign_currency_is_paid_in_company_currency(self):
        pricelist = self.env["product.pricelist"].create(
            {"name": "Foreign", "currency_id": self.make_currency().id}
        )
        order = self.make_contract(self.make_lead(), 1000, pricelist_id=pricelist.id)
        invoice = self.invoice(order)
        self.assertEqual(invoice.currency_id, order.currency_id)
        wizard = (
            self.env["account.payment.register"]
            .with_user(self.finance)
            .with_context(active_model="account.move", active_ids=invoice.ids)
            .create({"currency_id": self.currency.id, "amount": 500})
        )
        wizard._create_payments()
        self.env.flush_all()
        self.assertMoney(order, "awaiting_payment", 250, 750)
        self.pay(invoice)
        self.assertMoney(order, "to_confirm", 1000, 0)

    def test_an_invoice_in_another_currency_counts_at_its_own_days_rate(self):
        foreign = self.make_currency()
        order = self.make_contract(self.make_lead(), 1000)
        invoice = order.with_user(self.finance)._create_invoices(final=True)
        invoice.currency_id = foreign
        invoice.invoice_line_ids.price_unit = 500
        invoice.invoice_date = "2021-05-05"
        foreign.rate_ids = [Command.create({"name": "2021-06-01", "rate": 0.1})]
        invoice.action_post()
        self.pay(invoice, 100)
        self.assertMoney(order, "awaiting_payment", 200, 800)
        self.pay(invoice)
        self.assertMoney(order, "to_confirm", 1000, 0)


@tagged("post_install", "-at_install")
class TestOrdersWithoutInvoices(MoneyCase):
    """Their stated rule: complete once delivered, as there is nothing to pay."""

    def test_a_zero_order_waits_for_its_delivery_alone(self):
        order = self.make_contract(self.make_lead(), 0)
        self.assertMoney(order, "contracted", 0, 0)
        order.order_line.sudo().qty_delivered = 1
        self.assertMoney(order, "to_confirm", 0, 0)
        self.confirm(order)
        self.assertRewards(order, [])

    def test_an_order_without_lines_is_never_complete(self):
        order = self.make_contract(self.make_lead(), order_line=[])
        self.assertMoney(order, "contracted", 0, 0)

    def test_a_prepaid_order_has_its_money_before(self):
        order = self.make_contract(self.make_lead(), 1000)
        orders = self.env.registry["sale.order"]
        with patch.object(orders, "_is_referral_prepaid", lambda order: True):
            order.order_line.sudo().qty_delivered = 1
            self.env.add_to_compute(order._fields["referral_paid_in_full"], order)
            self.assertMoney(order, "to_confirm", 1000, 0)


@tagged("post_install", "-at_install")
class TestMoneyGoesBack(MoneyCase):
    """Threat F6: the state goes back, and finance decides anew."""

    def confirmed(self):
        order = self.make_contract(self.make_lead())
        payment = self.pay(self.invoice(order))
        self.confirm(order)
        return order, payment

    def test_a_cancelled_payment_takes_the_confirmation_back(self):
        order, payment = self.confirmed()
        payment.action_cancel()
        self.assertMoney(order, "awaiting_payment", 0, 120000)
        self.assertFalse(order.referral_decision)
        self.pay(order.invoice_ids)
        self.assertMoney(order, "to_confirm", 120000, 0)

    def test_a_deleted_payment_takes_the_confirmation_back(self):
        order, payment = self.confirmed()
        payment.action_draft()
        payment.unlink()
        self.env.flush_all()
        self.assertMoney(order, "awaiting_payment", 0, 120000)

    def test_an_unreconciled_invoice_takes_the_confirmation_back(self):
        order, _payment = self.confirmed()
        order.invoice_ids.with_user(self.finance).line_ids.remove_move_reconcile()
        self.env.flush_all()
        self.assertMoney(order, "awaiting_payment", 0, 120000)

    def test_an_invoice_reset_to_draft_takes_the_confirmation_back(self):
        order, _payment = self.confirmed()
        order.invoice_ids.with_user(self.finance).button_draft()
        self.assertEqual(order.referral_state, "awaiting_payment")
        self.assertFalse(order.referral_decision)

    def test_a_credit_note_takes_the_confirmation_back(self):
        order, _payment = self.confirmed()
        self.credit(order.invoice_ids)
        self.assertMoney(order, "awaiting_completion", 0, 120000)

    def test_a_refusal_stands_whatever_the_money_does(self):
        order = self.make_contract(self.make_lead())
        payment = self.pay(self.invoice(order))
        order.with_user(self.finance).action_referral_refuse("No")
        payment.action_cancel()
        self.assertEqual(order.referral_state, "refused")

    def test_no_role_writes_what_has_arrived(self):
        order = self.make_contract(self.make_lead())
        for name, value in (
            ("referral_received_amount", 120000),
            ("referral_missing_amount", 0),
            ("referral_paid_in_full", True),
            ("referral_salesperson_id", self.finance.id),
        ):
            for user in (self.sales, self.manager, self.finance):
                with (
                    self.subTest(user=user.login, field=name),
                    self.assertRaises(UserError),
                ):
                    order.with_user(user).write({name: value})
