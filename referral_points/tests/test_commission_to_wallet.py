from freezegun import freeze_time

from odoo.fields import Command
from odoo.tests import tagged

from .common import PointsCommon


class PointsPlanCase(PointsCommon):
    """The default rules in force; the member has invited a referrer."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.plan = cls._create_points_plan()
        cls.inviter = cls.member
        cls.referrer = cls._create_member("Bo", inviter_id=cls.inviter.id)

    @classmethod
    def _create_points_plan(cls):
        """Put the default rules in force, whatever plan the database has."""
        plans = cls.env["referral.plan"]
        plan = plans.create(
            {
                "name": "Points",
                "date_from": "2000-01-01",
                "rule_ids": [
                    Command.create(vals)
                    for vals in plans._prepare_points_rules().values()
                ],
            }
        )
        plan._activate()
        return plan

    def _validate_lead(self, name="ACME"):
        lead = self.env["crm.lead"].create(
            {"name": "Inquiry", "partner_name": name, "referrer_id": self.referrer.id}
        )
        lead.with_user(self.sales).action_referral_validate()
        return lead

    def _accrue_contract(self, phase, amount=120000):
        """Return the commissions of a contract, accrued as finance's confirm does."""
        customer = self.env["res.partner"].create({"name": "ACME"})
        product = self.env["product.product"].create(
            {"name": "Development", "type": "service", "taxes_id": False}
        )
        orders = self.env["sale.order"].create(
            [
                {
                    "partner_id": customer.id,
                    "referrer_id": self.referrer.id,
                    "order_line": [
                        Command.create({"product_id": product.id, "price_unit": amount})
                    ],
                }
                for _number in range(phase)
            ]
        )
        for order in orders:
            order.action_confirm()
        self.assertEqual(orders[-1].project_phase, phase)
        arrived = {"referral_received_amount": amount, "referral_paid_in_full": True}
        orders[-1]._write_guarded(arrived)
        return self.env["referral.commission"]._accrue("contract", orders[-1])


@tagged("post_install", "-at_install")
class TestCommissionToWallet(PointsPlanCase):
    """Rewards in points reach the wallet the moment they are approved."""

    def test_the_company_starts_with_the_plan_of_the_rules(self):
        # rules S5, L2, C1, C2, M4
        rules = self.plan.rule_ids.filtered(lambda r: r.beneficiary == "member")
        self.assertEqual(rules.currency_id, self.points_currency)
        self.assertRecordValues(
            rules,
            [
                {"trigger": "share", "level": 0, "amount": 1, "rate": 0},
                {"trigger": "lead_valid", "level": 0, "amount": 10, "rate": 0},
                {"trigger": "contract", "level": 0, "amount": 0, "rate": 0.5},
                {"trigger": "contract", "level": 0, "amount": 0, "rate": 1},
                {"trigger": "contract", "level": 1, "amount": 0, "rate": 10},
            ],
        )

    def test_channel_partners_are_paid_as_agreed_and_in_money(self):
        # rule S4
        rules = self.plan.rule_ids.filtered(lambda r: r.beneficiary != "member")
        self.assertEqual(rules.currency_id, self.company.currency_id)
        self.assertRecordValues(
            rules,
            [
                {"trigger": "lead_valid", "rate_type": "terms"},
                {"trigger": "contract", "rate_type": "terms"},
            ],
        )

    def test_a_company_with_a_plan_keeps_it(self):
        plans = self.env["referral.plan"]
        count = plans.search_count([("company_id", "=", self.company.id)])
        plans._referral_setup_points_plan()
        self.assertEqual(
            plans.search_count([("company_id", "=", self.company.id)]), count
        )

    def test_a_wallet_masks_customers_as_the_company_says(self):
        # threat P1
        lead = self._validate_lead()
        entry = self._open_wallet(member=self.referrer).entry_ids
        self.company.referral_lead_masking = "masked"
        self.assertEqual(entry.reason, "Valid lead: A**")
        lead.sudo().referrer_id = self.inviter  # the points are not of its own lead
        entry.invalidate_recordset(["reason"])
        initial = self.inviter.name[0]
        self.assertEqual(entry.reason, f"Valid lead through {initial}**")

    def test_a_valid_lead_earns_ten_points_once(self):
        # rule L2; threat W4
        lead = self._validate_lead()
        lead.with_user(self.sales).action_referral_validate()
        lead.referral_commission_ids._settle_at_once()
        wallet = self._open_wallet(member=self.referrer)
        self.assertSums(wallet, 10)
        self.assertEqual(wallet.entry_ids.reason, "Valid lead: ACME")
        self.assertEqual(lead.referral_commission_ids.state, "settled")
        self.assertEqual(wallet.entry_ids.origin_ref, lead.referral_commission_ids)
        self.assertEqual(wallet.entry_ids.posted_by_id, self.sales)

    def _share(self, method="copy"):
        channel = self.env["referral.channel"].create({"name": "Ours"})
        link = self.env["referral.link"]._obtain(self.referrer, channel, "/page")
        return self.env["referral.share"]._record(link, method)

    def test_the_first_share_of_the_day_earns_one_point_for_the_sharer_alone(self):
        # rules S5, M4
        self.env.company.partner_id.tz = "Asia/Shanghai"
        with freeze_time("2026-03-09 16:30:00"):  # half past midnight in Shanghai
            share = self._share()
            self._share("qr")
        wallet = self._open_wallet(member=self.referrer)
        self.assertSums(wallet, 1)
        self.assertSums(self._open_wallet(member=self.inviter), 0)
        self.assertEqual(wallet.entry_ids.origin_ref, share.commission_ids)
        self.assertEqual(wallet.entry_ids.reason, "First share of the day: 03/10/2026")
        self.assertEqual(share.commission_ids.state, "settled")

    def test_who_does_not_accept_commissions_gets_no_point_for_sharing(self):
        # rule M4
        self.referrer.accepts_commission = False
        self._share()
        self.assertSums(self._open_wallet(member=self.referrer), 0)

    def test_a_first_contract_earns_half_a_per_cent_and_the_inviter_a_tenth(self):
        # rules C1, M4: 120,000.00 -> 600.00 and 60.00
        self._accrue_contract(phase=1)
        wallet = self._open_wallet(member=self.referrer)
        self.assertSums(wallet, 600)
        self.assertSums(self._open_wallet(member=self.inviter), 60)
        self.assertIn("120,000.00", wallet.entry_ids.reason)
        self.assertIn("0.5 %", wallet.entry_ids.reason)

    def test_a_later_contract_earns_one_per_cent(self):
        # rule C2
        self._accrue_contract(phase=2)
        self.assertSums(self._open_wallet(member=self.referrer), 1200)
        self.assertSums(self._open_wallet(member=self.inviter), 120)

    def test_a_contract_in_money_earns_points_by_the_value_of_a_point(self):
        # rule P1: half the value, twice the points
        self.company.referral_point_value = 0.5
        self._accrue_contract(phase=1)
        self.assertSums(self._open_wallet(member=self.referrer), 1200)

    def test_rewards_in_money_do_not_touch_the_wallet(self):
        lead = self._validate_lead()
        line = lead.referral_commission_ids
        money = line.create(
            line.copy_data(
                {
                    "currency_id": self.company.currency_id.id,
                    "partner_id": self.inviter.id,
                    "state": "pending",
                }
            )
        )
        money._approve()
        self.assertEqual(money.state, "approved")
        self.assertSums(self._open_wallet(member=self.inviter), 0)
