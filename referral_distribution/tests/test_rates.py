import psycopg2
from freezegun import freeze_time

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Date
from odoo.tests import tagged

from .test_plan_rules import RuleCase


@tagged("post_install", "-at_install")
class TestOwnRates(RuleCase):
    """What is agreed with one person holds on its days, and stays (C4, threat F5)."""

    def rate(self, **values):
        rates = self.env["referral.rate"].with_user(self.manager)
        return rates.create({"partner_id": self.member.id, "rate": 3, **values})

    def day(self, days):
        return Date.add(self.company._referral_today(), days=days)

    def test_it_holds_on_its_days(self):
        values = {"date_from": self.day(-9), "date_to": self.day(-3)}
        rate = self.make_rate(**values)
        self.assertEarned(self.give([{"name": "R", "rate": 1}]), {self.member: 10.0})
        rate.date_to = False
        self.assertEarned(self.reward(), {self.member: 30.0})

    def test_two_do_not_overlap(self):
        rate = self.rate()
        self.env.flush_all()
        with self.assertDatabaseRefuses(psycopg2.errors.ExclusionViolation):
            rate.copy()
            self.env.flush_all()
        with self.assertRaises(ValidationError):
            rate.copy({"customer_id": self.member.id})

    def test_the_customer_is_the_company_whoever_signs(self):
        """Else two rates would hold for one customer."""
        buyer = self.env["res.partner"].create(
            {"name": "Buyer", "parent_id": self.customer.id}
        )
        rate = self.rate(customer_id=buyer.id)
        self.assertEqual(rate.customer_id, self.customer)
        self.env.flush_all()
        with self.assertDatabaseRefuses(psycopg2.errors.ExclusionViolation):
            self.rate(customer_id=self.customer.id)
            self.env.flush_all()
        other = self.env["res.partner"].create({"name": "Other"})
        rate = self.rate(customer_id=other.id, date_from=self.day(1), level=1)
        rate.customer_id = buyer
        self.assertEqual(rate.customer_id, self.customer)

    def test_one_that_has_begun_is_not_changed(self):
        """A contract of today keeps it, whatever is agreed before its reward."""
        rate = self.rate()
        for values in (
            {"rate": 50},
            {"partner_id": self.inviter.id},
            {"customer_id": self.customer.id},
            {"trigger": "payment"},
            {"level": 1},
            {"beneficiary": "role"},
            {"date_from": self.day(5)},
            {"date_to": self.day(-2)},
        ):
            with self.subTest(values=values), self.assertRaises(UserError):
                rate.write(values)
        with self.assertRaises(UserError):
            rate.unlink()
        self.assertEqual(rate.rate, 3)

    def test_it_is_ended_today_or_yesterday_and_another_one_follows(self):
        rate = self.rate()
        rate.write({"rate": 3, "date_to": self.day(9)})  # a form may send what it has
        rate.date_to = self.day(0)
        self.rate(rate=5, date_from=self.day(1))
        self.assertEarned(self.give([{"name": "R", "rate": 1}]), {self.member: 30.0})

    def test_what_is_over_does_not_come_back(self):
        rate = self.make_rate(date_from=self.day(-9), date_to=self.day(-3))
        for end in (False, self.day(9), self.day(-4)):
            with self.subTest(end=end), self.assertRaises(UserError):
                rate.with_user(self.manager).date_to = end

    def test_none_begins_before_today(self):
        order = self.make_paid_contract()
        with self.assertRaises(UserError) as caught:
            self.rate(rate=50, date_from=self.day(-1))
        self.assertIn("today or later", str(caught.exception))
        later = self.rate(rate=50, date_from=self.day(2))
        with self.assertRaises(UserError):
            later.date_from = self.day(-1)
        later.rate = 60
        order.with_user(self.finance).action_referral_confirm()
        self.assertEarned(order, {self.member: 600.0, self.inviter: 60.0})
        later.unlink()

    def test_the_day_is_the_companys(self):
        """01:00 on 1 April in Shanghai is 31 March for the database."""
        self.company.partner_id.tz = "Asia/Shanghai"
        self.make_plan([{"name": "R", "rate": 1}])._activate()
        self.make_rate(date_from="2026-04-01")
        with freeze_time("2026-03-31 15:59:00"):
            before = self.reward()
        with freeze_time("2026-03-31 17:00:00"):
            after = self.reward(lead=self.env["crm.lead"])
        self.assertEarned(before, {self.member: 10.0})
        self.assertEarned(after, {self.member: 30.0})

    def test_the_day_of_a_signed_contract_is_not_moved_to_a_better_rate(self):
        order = self.make_contract(self.make_lead())
        day = order.date_order
        order.with_user(self.sales).write({"date_order": day})
        with self.assertRaisesRegex(UserError, "its day stays"):
            order.with_user(self.sales).write({"date_order": "2020-01-01 00:00:00"})
        draft = self.make_order()
        draft.with_user(self.sales).write({"date_order": "2020-01-01 00:00:00"})

    def test_only_managers_agree_on_one(self):
        for user in (self.sales, self.finance, self.clerk, self.portal):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                self.env["referral.rate"].with_user(user).create(
                    {"partner_id": self.member.id, "rate": 3}
                )

    def test_rates_out_of_range_and_numbers_that_are_none(self):
        for rate in (-1, 100.5):
            with self.subTest(rate=rate), self.assertDatabaseRefuses():
                self.rate(rate=rate)
        for rate in (float("nan"), float("inf")):
            with self.subTest(rate=rate), self.assertRaises(ValidationError):
                self.rate(rate=rate)
