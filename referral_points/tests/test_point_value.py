from datetime import date

import psycopg2
from freezegun import freeze_time

from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import PointsCommon


@tagged("post_install", "-at_install")
class TestPointValue(PointsCommon):
    """What a point is worth is the company's rate of PTS (rule P1)."""

    def _money(self, points, day, company=None):
        company = company or self.company
        return self.points_currency._convert(points, company.currency_id, company, day)

    def test_a_point_is_worth_one_unit_of_money_to_begin_with(self):
        self.assertEqual(self.company.referral_point_value, 1.0)
        self.assertEqual(self._money(12.34, date.today()), 12.34)
        self.assertEqual(self.points_currency.rounding, 0.01)

    def test_a_new_company_has_a_point_value(self):
        company = self.env["res.company"].create(
            {"name": "Abroad", "currency_id": self.env.ref("base.JPY").id}
        )
        self.assertEqual(self._money(100, date.today(), company), 100)

    def test_a_change_counts_from_its_day_and_leaves_the_past_alone(self):
        # threat F5
        with freeze_time("2031-03-01"):
            self.company.referral_point_value = 0.5
        with freeze_time("2031-04-01"):
            self.company.referral_point_value = 0.3
            self.company.referral_point_value = 0.25
        self.assertEqual(self._money(100, date(2031, 3, 31)), 50)
        self.assertEqual(self._money(100, date(2031, 4, 1)), 25)
        self.assertEqual(self._money(100, date(2030, 12, 31)), 100)

    def test_branches_share_the_value_of_their_company(self):
        branch = self.env["res.company"].create(
            {"name": "Branch", "parent_id": self.company.id}
        )
        self.company.referral_point_value = 0.5
        self.assertEqual(branch.referral_point_value, 0.5)
        self.assertEqual(self._money(100, date.today(), branch), 50)

    def test_a_value_that_is_no_positive_number_is_refused(self):
        # threats W6, W7
        for value in (-1, float("nan"), float("inf"), 1e308, "12", True):
            with self.subTest(value=value), self.assertRaises(UserError):
                self.company.write({"referral_point_value": value})
        with (
            mute_logger("odoo.sql_db"),
            self.assertRaises(psycopg2.errors.CheckViolation),
        ):
            self.company.referral_point_value = 0

    def test_the_setting_is_in_settings(self):
        self.env["res.config.settings"].create(
            {"referral_point_value": 0.8, "referral_goods_minimum": 1500}
        ).execute()
        self.assertEqual(self.company.referral_point_value, 0.8)
        self.assertEqual(self.company.referral_goods_minimum, 1500)
