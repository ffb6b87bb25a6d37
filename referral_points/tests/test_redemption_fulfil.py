from freezegun import freeze_time

from odoo import fields
from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import tagged

from .common import PointsCommon


@tagged("post_install", "-at_install")
class TestRedemptionFulfil(PointsCommon):
    """Each kind of reward reaches the member by documents of Odoo's own."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.wallet = cls._open_wallet(10000)

    def _submit(self, reward, quantity=1):
        redemption = self._request(reward, quantity).with_user(self.finance)
        redemption.with_user(self.sales).action_submit()
        return redemption

    def test_a_privilege_begins_today_and_has_a_last_day(self):
        # rule R3
        reward = self._create_reward(points=100, privilege_days=30)
        with freeze_time("2031-03-01"):
            redemption = self._submit(reward, quantity=2)
            redemption.action_approve()
            self.assertFalse(redemption.privilege_ids)
            redemption.action_done()
        self.assertRecordValues(
            redemption.privilege_ids,
            [
                {
                    "partner_id": self.member.id,
                    "reward_id": reward.id,
                    "date_start": fields.Date.to_date("2031-03-01"),
                    "date_end": fields.Date.to_date("2031-04-29"),
                }
            ],
        )

    def test_a_privilege_may_have_no_end(self):
        redemption = self._submit(self._create_reward(points=100))
        redemption.action_approve()
        redemption.action_done()
        self.assertFalse(redemption.privilege_ids.date_end)

    def test_approved_goods_are_ordered_in_points(self):
        # rules R1, R5
        redemption = self._submit(self._create_reward("goods", 2000), quantity=2)
        redemption.action_approve()
        order = redemption.order_id.sudo()
        self.assertEqual(order.state, "sale")
        self.assertEqual(order.partner_id, self.member)
        self.assertEqual(order.currency_id, self.points_currency)
        self.assertEqual(order.amount_total, 4000)
        redemption.action_done()
        self.assertSums(self.wallet, 6000)

    def test_the_price_in_points_includes_taxes(self):
        reward = self._create_reward("goods", 2000)
        taxes = self.env["account.tax"]
        for included in ("tax_excluded", "tax_included"):
            reward.product_id.taxes_id = taxes.create(
                {
                    "name": f"13 % {included}",
                    "amount": 13,
                    "type_tax_use": "sale",
                    "price_include_override": included,
                    "country_id": self.company.account_fiscal_country_id.id,
                    "tax_group_id": self._tax_group().id,
                }
            )
            redemption = self._submit(reward)
            redemption.action_approve()
            self.assertEqual(redemption.order_id.sudo().amount_total, 2000)
            self.assertEqual(redemption.order_id.sudo().amount_tax, 230.09)

    def _tax_group(self):
        return self.env["account.tax.group"].create(
            {
                "name": "13 %",
                "country_id": self.company.account_fiscal_country_id.id,
            }
        )

    def test_cancelled_goods_are_not_delivered(self):
        redemption = self._submit(self._create_reward("goods", 2000))
        redemption.action_approve()
        redemption.with_user(self.sales).action_cancel()
        self.assertEqual(redemption.order_id.sudo().state, "cancel")
        self.assertSums(self.wallet, 10000)

    def test_spending_points_is_no_contract(self):
        # rules C1, M4: the member is a customer that somebody else brought
        customer_order = self.env["sale.order"].create(
            {
                "partner_id": self.member.id,
                "opportunity_id": self.env["crm.lead"]
                .create(
                    {
                        "name": "Mei buys",
                        "type": "opportunity",
                        "partner_id": self.member.id,
                        "referrer_id": self._create_member("Bo").id,
                    }
                )
                .id,
                "order_line": [
                    Command.create({"product_id": self._create_reward().product_id.id})
                ],
            }
        )
        customer_order.action_confirm()
        self.assertEqual(customer_order.project_phase, 1)
        redemption = self._submit(self._create_reward("goods", 2000))
        redemption.action_approve()
        order = redemption.order_id.sudo()
        self.assertFalse(order.referrer_id)
        self.assertFalse(order.project_phase)
        self.assertEqual(order.referral_state, "none")

    def test_cash_without_a_bank_journal_changes_nothing(self):
        # rule R2
        journals = self.env["account.journal"].search([])
        journals.filtered(lambda line: line.type in ("bank", "cash")).action_archive()
        redemption = self._submit(self._create_reward("cash", 1), quantity=300)
        redemption.action_approve()
        with self.assertRaisesRegex(UserError, "journal"), self.env.cr.savepoint():
            redemption.with_user(self.cashier).action_done()
        redemption.invalidate_recordset()
        self.assertEqual(redemption.state, "approved")
        self.assertSums(self.wallet, 10000, held=300)
