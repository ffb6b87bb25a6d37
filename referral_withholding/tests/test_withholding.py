from unittest.mock import patch

from odoo.fields import Command
from odoo.tests import tagged

from odoo.addons.referral_distribution.tests.test_settlement_payout import PayoutCase


@tagged("post_install", "-at_install")
class TestWithholding(PayoutCase):
    """A payout withholds the tax of its bill: 20 % of 600 and of 60 (rule C6)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        base, cls.withheld, cls.outstanding = cls.env["account.account"].create(
            [
                {"name": name, "code": code, "account_type": kind, "reconcile": True}
                for name, code, kind in (
                    ("Base", "RDWHT1", "asset_current"),
                    ("Withheld", "RDWHT2", "liability_current"),
                    ("Outstanding", "RDWHT3", "asset_current"),
                )
            ]
        )
        cls.company.withholding_tax_base_account_id = base
        cls.tax = cls._make_tax(-20)
        cls.company.referral_bill_product_id = cls.env["product.product"].create(
            {
                "name": "Commission",
                "type": "service",
                "supplier_taxes_id": [Command.set(cls.tax.ids)],
            }
        )
        cls.method = cls.journal.outbound_payment_method_line_ids[:1]
        cls.method.payment_account_id = cls.outstanding
        for partner in (cls.member, cls.inviter):
            cls.make_bank(partner, f"62{partner.id}")

    @classmethod
    def _make_tax(cls, amount):
        sequence = cls.env["ir.sequence"].create({"name": "Withholding", "padding": 4})
        parts = [
            Command.create({"repartition_type": "base"}),
            Command.create(
                {"repartition_type": "tax", "account_id": cls.withheld.id},
            ),
        ]
        return cls.env["account.tax"].create(
            {
                "name": f"Withheld {amount}",
                "amount": amount,
                "type_tax_use": "purchase",
                "is_withholding_tax_on_payment": True,
                "withholding_sequence_id": sequence.id,
                "invoice_repartition_line_ids": [Command.clear(), *parts],
                "refund_repartition_line_ids": [Command.clear(), *parts],
            }
        )

    def booked(self, payment):
        """Return what is paid out in a payment's entry, and what is withheld."""
        lines = payment.move_id.line_ids.grouped("account_id")
        return [
            sum(lines[account].mapped("balance"))
            for account in (payment.outstanding_account_id, self.withheld)
        ]

    def test_each_payment_of_a_batch_withholds_its_own(self):
        payments = self.payout(self.approve()).sorted("amount")
        self.assertEqual(payments.mapped("amount"), [60, 600])
        self.assertEqual(
            [self.booked(payment) for payment in payments], [[-48, -12], [-480, -120]]
        )
        self.assertEqual(self.both.mapped("state"), ["paid", "paid"])
        self.assertEqual(self.both.bill_id.mapped("amount_residual"), [0, 0])

    def test_the_fiscal_position_decides_what_is_withheld(self):
        position = self.env["account.fiscal.position"].create({"name": "Abroad"})
        self._make_tax(-10).write(
            {
                "fiscal_position_ids": [Command.set(position.ids)],
                "original_tax_ids": [Command.set(self.tax.ids)],
            }
        )
        self.member.property_account_position_id = position
        payment = self.payout(self.approve(self.mine))
        self.assertEqual(self.booked(payment), [-540, -60])

    def test_it_is_booked_whatever_the_payment_method_has_for_accounts(self):
        """Odoo's full accounting calls a bill "in payment" until the bank says so."""
        self.method.payment_account_id = False
        self.approve()
        moves = self.registry["account.move"]
        with patch.object(
            moves, "_get_invoice_in_payment_state", return_value="in_payment"
        ):
            full = self.payout(self.mine)
            self.env.flush_all()
        self.assertEqual(self.booked(full), [-480, -120])
        self.assertEqual(self.mine.state, "approved")
        self.assertEqual(self.booked(self.payout(self.theirs)), [-48, -12])

    def test_without_a_tax_to_withhold_the_payment_is_as_ever(self):
        self.method.payment_account_id = False
        self.company.referral_bill_product_id = False
        self.approve(self.mine)
        moves = self.registry["account.move"]
        with patch.object(
            moves, "_get_invoice_in_payment_state", return_value="in_payment"
        ):
            payment = self.payout(self.mine)
        self.assertEqual((payment.amount, payment.move_id.id), (600, False))

    def test_an_undone_payment_undoes_what_was_withheld(self):
        """Threat F6."""
        payment = self.payout(self.approve(self.mine)).with_user(self.cashier)
        payment.action_draft()
        self.env.flush_all()
        self.assertEqual(self.mine.state, "approved")
        payment.action_cancel()
        self.env.flush_all()
        again = self.payout(self.mine)
        self.assertEqual(self.booked(again), [-480, -120])
        self.assertEqual(self.mine.state, "paid")
