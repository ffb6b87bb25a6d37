from odoo.exceptions import UserError
from odoo.tests import tagged

from odoo.addons.account.tests.common import AccountTestInvoicingCommon

from .common import PointsCommon


@tagged("post_install", "-at_install")
class TestRedemptionCash(PointsCommon, AccountTestInvoicingCommon):
    """Points for money: one payment, by somebody else than who approved (rule R2)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.sudo().referral_point_value = 0.5
        cls.wallet = cls._open_wallet(1000)

    @classmethod
    def get_default_groups(cls):
        manager = cls.quick_ref("referral_distribution.group_manager")
        return super().get_default_groups() | manager

    def _approve_cash(self):
        redemption = self._request(self._create_reward("cash", 1), quantity=300)
        redemption.action_submit()
        redemption.with_user(self.finance).action_approve()
        return redemption

    def test_cash_is_paid_out_once_at_the_value_of_a_point(self):
        # rules P1, R2; threat F1
        redemption = self._approve_cash()
        self.assertFalse(redemption.payment_id)
        redemption.with_user(self.cashier).action_done()
        redemption.with_user(self.cashier).action_done()
        payment = redemption.sudo().payment_id
        self.assertRecordValues(
            payment,
            [
                {
                    "payment_type": "outbound",
                    "partner_id": self.member.id,
                    "amount": 150,
                    "currency_id": self.company.currency_id.id,
                    "memo": redemption.name,
                }
            ],
        )
        self.assertNotEqual(payment.state, "draft")
        self.assertEqual(payment.move_id.state, "posted")
        self.assertSums(self.wallet, 700)

    def test_who_approved_does_not_pay(self):
        # threat F3
        redemption = self._approve_cash()
        with self.assertRaisesRegex(UserError, "second person"):
            redemption.with_user(self.finance).action_done()
