from unittest.mock import patch

from freezegun import freeze_time

from odoo.exceptions import UserError
from odoo.tests import tagged

from ..models import referral_click_retention
from .test_click_figures import ClickCase

TODAY = "2026-03-10 04:00:00"


@tagged("post_install", "-at_install")
class TestRetention(ClickCase):
    """Single clicks go, a month at a time; figures stay (rule S2)."""

    def keep(self, months):
        name = referral_click_retention.KEPT_MONTHS
        self.env["ir.config_parameter"].set_param(name, months)

    def keep_house(self):
        """Do what the day's job does, in the test's own transaction."""
        with (
            freeze_time(TODAY),
            patch.object(type(self.clicks), "_let_go", type(self.clicks)._query_drop),
            patch.object(
                type(self.env["ir.cron"]), "_commit_progress", lambda *a, **k: 1
            ),
        ):
            self.clicks._cron_keep_house()

    def find_months(self):
        return sorted(str(month)[:7] for month in self.clicks._query_partitions())

    def test_months_older_than_kept_go_with_their_clicks_and_figures_stay(self):
        for month in ("2025-10", "2025-11", "2025-12", "2026-03"):
            self.click_often(2, f"{month}-15 10:00:00")
        self.roll_up()
        self.keep("3")
        self.keep_house()
        months = self.find_months()
        self.assertNotIn("2025-10", months)
        self.assertNotIn("2025-11", months)
        self.assertIn("2025-12", months)
        self.assertEqual(self.clicks.search_count([]), 4)
        self.assertEqual(self.link.click_count, 8)

    def test_a_month_that_is_not_counted_yet_is_kept(self):
        self.click_often(2, "2025-01-15 10:00:00")
        self.keep("3")
        with self.assertLogs("odoo.addons.referral_distribution", "WARNING") as log:
            self.keep_house()
        self.assertIn("2025_01", log.output[0])
        self.assertEqual(self.clicks.search_count([]), 2)
        self.roll_up()
        self.keep_house()
        self.assertEqual(self.clicks.search_count([]), 0)
        self.assertEqual(self.link.click_count, 2)

    def test_zero_keeps_everything(self):
        self.click_often(1, "2020-01-15 10:00:00")
        self.roll_up()
        self.keep("0")
        self.keep_house()
        self.assertEqual(self.clicks.search_count([]), 1)

    def test_two_years_are_kept_if_nothing_is_said(self):
        self.env["ir.config_parameter"].search(
            [("key", "=", referral_click_retention.KEPT_MONTHS)]
        ).unlink()
        for month in ("2024-02", "2024-03"):
            self.click_often(1, f"{month}-15 10:00:00")
        self.roll_up()
        self.keep_house()
        self.assertEqual(self.clicks.search_count([]), 1)

    def test_a_setting_nobody_can_read_deletes_nothing(self):
        for value in ("abc", "-3"):
            self.keep(value)
            self.assertEqual(self.clicks._get_kept_months(), 0)

    def test_the_next_months_are_ready_before_they_begin(self):
        self.keep_house()
        months = self.find_months()
        for month in ("2026-03", "2026-04", "2026-05", "2026-06"):
            self.assertIn(month, months)

    def test_the_setting_is_kept_for_the_whole_database(self):
        settings = self.env["res.config.settings"]
        self.assertEqual(settings.create({}).referral_click_months, 24)
        for months in (6, 0):
            settings.create({"referral_click_months": months}).execute()
            self.assertEqual(self.clicks._get_kept_months(), months)
            self.assertEqual(settings.create({}).referral_click_months, months)

    def test_a_number_that_is_no_time_is_refused(self):
        for months in (-1, 1201):
            with self.subTest(months=months), self.assertRaises(UserError):
                self.env["res.config.settings"].create(
                    {"referral_click_months": months}
                ).execute()
