from datetime import date
from unittest.mock import patch

import psycopg2
from freezegun import freeze_time

from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.referral_distribution.engine.visit import Visit
from odoo.addons.referral_distribution.models.referral_click import ReferralClick

from .common import ReferralCase


class ClickCase(ReferralCase):
    def record(self, code=None, address="10.0.0.1", agent="browser", **more):
        clicks = self.env["referral.click"]
        visit = Visit(address, agent, **more)
        return clicks._record(self.link.code if code is None else code, visit)

    def rows(self, *columns):
        """Return the columns of every click, or how many there are: ``[(n,)]``."""
        what = f"{', '.join(columns)} FROM referral_click ORDER BY id"
        if not columns:
            what = "count(*) FROM referral_click"
        self.env.cr.execute(f"SELECT {what}")
        return self.env.cr.fetchall()


@tagged("post_install", "-at_install")
class TestClicks(ClickCase):
    """Clicks are facts (rule S2)."""

    def test_a_visit_is_counted_and_answered_in_one_statement(self):
        self.record("unknown-code")  # reads the key of the hashes
        code = self.link.code
        with self.assertQueryCount(1):
            found = self.record(code)
        self.assertEqual(found, (self.link.id, code, "/shop", 30))
        self.assertEqual(self.rows(), [(1,)])

    def test_a_visitor_counts_once_an_hour_and_link(self):
        with freeze_time("2026-03-04 10:59:59"):
            self.env["referral.click"]._make_partitions(date(2026, 3, 1), 1)
            for address, agent in (("1", "a"), ("1", "a"), ("1", "b"), ("2", "a")):
                self.record(address=address, agent=agent)
            self.assertEqual(self.rows(), [(3,)])
            other = self.env["referral.link"]._obtain(self.member, self.channel, "/x")
            self.record(other.code, address="1", agent="a")
            self.assertEqual(self.rows(), [(4,)])
        with freeze_time("2026-03-04 11:00:00"):
            self.record(address="1", agent="a")
        self.assertEqual(self.rows(), [(5,)])

    def test_a_click_says_neither_address_nor_browser(self):
        self.record(address="203.0.113.7", agent="Mozilla")
        [row] = self.rows("*")
        self.assertNotIn("203.0.113.7", str(row))
        self.assertNotIn("Mozilla", str(row))

    def test_a_click_says_where_it_came_from(self):
        self.record(device="mobile", referrer_host="weibo.com", country_code="CN")
        columns = ("device", "referrer_host", "country_code", "counted")
        self.assertEqual(self.rows(*columns), [("mobile", "weibo.com", "CN", True)])

    def test_clicks_on_ones_own_link_are_kept_but_do_not_count(self):
        self.record(user_id=self.portal.id)
        self.record(user_id=self.stranger.id, address="10.0.0.2")
        self.assertEqual(self.rows("counted"), [(False,), (True,)])

    def test_looking_up_counts_nothing(self):
        found = self.env["referral.click"]._find(self.link.code)
        self.assertEqual(found.target_url, "/shop")
        self.assertEqual(self.rows(), [(0,)])

    def test_links_that_lead_nowhere_are_not_found(self):
        """Threat S7: unknown, off, channel or owner archived, suspended or gone."""
        self.assertIsNone(self.record("unknown-code"))
        for record, field, value in (
            (self.link, "active", False),
            (self.channel, "active", False),
            (self.member, "member_state", "suspended"),
            (self.member, "member_state", "left"),
        ):
            before = record[field]
            record[field] = value
            self.env.flush_all()
            with self.subTest(field=field, value=value):
                self.assertIsNone(self.record())
                self.assertIsNone(self.env["referral.click"]._find(self.link.code))
            record[field] = before
        self.portal.active = False
        self.member.active = False
        self.env.flush_all()
        self.assertIsNone(self.record())
        self.assertEqual(self.rows(), [(0,)])


@tagged("post_install", "-at_install")
class TestLimits(ClickCase):
    """Threat S5: what one address or one link may count in an hour."""

    def visit_often(self, number, address="10.0.0.1", **more):
        for visitor in range(number):
            found = self.record(
                address=address.format(visitor), agent=f"browser {visitor}", **more
            )
            self.assertTrue(found, "the visitor goes on, counted or not")

    def limit(self, **limits):
        for name, value in limits.items():
            self.company[f"referral_click_limit_{name}"] = value
        self.env.flush_all()

    def test_an_address_counts_up_to_its_limit_over_all_links(self):
        self.limit(address=5)
        other = self.env["referral.link"]._obtain(self.member, self.channel, "/x")
        self.visit_often(3)
        self.visit_often(4, code=other.code)
        self.assertEqual(self.rows(), [(5,)])
        self.visit_often(1, address="10.0.0.2")
        self.assertEqual(self.rows(), [(6,)])

    def test_the_limit_is_for_an_hour(self):
        self.limit(address=2)
        self.env["referral.click"]._make_partitions(date(2026, 3, 1), 1)
        for hour in ("10:59:59", "11:00:01"):
            with freeze_time(f"2026-03-04 {hour}"):
                self.visit_often(3)
        self.assertEqual(self.rows(), [(4,)])

    def test_what_does_not_count_takes_nobodys_place(self):
        self.limit(address=2)
        self.visit_often(3, user_id=self.portal.id)
        self.visit_often(3, address="10.0.1.{}")
        self.assertEqual(self.rows(), [(6,)])

    def test_a_link_counts_exactly_up_to_a_low_limit(self):
        self.limit(link=7)
        self.visit_often(20, address="10.0.0.{}")
        self.assertEqual(self.rows(), [(7,)])

    def test_a_high_limit_of_a_link_is_held_by_a_slice_of_its_visitors(self):
        """256 slices: none holds more than its part and three deviations."""
        self.limit(link=600, address=0)
        with patch.object(ReferralClick, "_hash", lambda *_: "ab" + "0" * 14):
            self.record()  # all of one slice: 2.3 and three times 1.5
        for number in range(30):
            hashed = f"ab{number:014x}"
            with patch.object(ReferralClick, "_hash", lambda *_, h=hashed: h):
                self.record()
        self.assertEqual(self.rows(), [(7,)])
        with patch.object(ReferralClick, "_hash", lambda *_: "ac" + "0" * 14):
            self.record()
        self.assertEqual(self.rows(), [(8,)])

    def test_no_limit_is_no_limit(self):
        self.limit(address=0, link=0)
        self.visit_often(320)
        self.assertEqual(self.rows(), [(320,)])


@tagged("post_install", "-at_install")
class TestTable(ClickCase):
    """The table is PostgreSQL's business: partitions, and rows nobody alters."""

    def test_the_months_ahead_are_ready(self):
        self.env.cr.execute("SELECT now() AT TIME ZONE 'UTC'")
        today = self.env.cr.fetchone()[0].date()
        months = self.env["referral.click"]._query_partitions()
        self.assertIn(today.replace(day=1), months)
        self.assertGreater(max(months), today)

    def test_a_month_that_nobody_made_ready_is_made_by_the_first_visit(self):
        clicks = self.env["referral.click"]
        with freeze_time("2031-07-15 12:00:00"), mute_logger("odoo.sql_db"):
            found = clicks._visit(self.link.code, Visit("10.0.0.1", "browser"))
        self.assertEqual(found.id, self.link.id)
        self.assertEqual(self.rows("clicked_at::text"), [("2031-07-15 12:00:00",)])
        self.assertIn(date(2031, 7, 1), clicks._query_partitions())
        self.assertEqual(clicks._make_partitions(date(2031, 7, 31), 1), 0)

    def test_a_click_cannot_be_changed_or_deleted(self):
        self.record()
        month = max(
            table
            for day, table in self.env["referral.click"]._query_partitions().items()
            if day <= date.today()
        )
        for table in ("referral_click", month):
            for statement in ("UPDATE {} SET counted = FALSE", "DELETE FROM {}"):
                with (
                    self.subTest(table=table, statement=statement),
                    self.assertDatabaseRefuses(psycopg2.errors.RestrictViolation),
                ):
                    self.env.cr.execute(statement.format(table))
        with self.assertDatabaseRefuses(psycopg2.errors.RestrictViolation):
            self.env.cr.execute("TRUNCATE referral_click")

    def test_the_hour_is_that_of_the_moment(self):
        with self.assertDatabaseRefuses():
            self.env.cr.execute(
                "INSERT INTO referral_click (link_id, clicked_at, clicked_hour,"
                " visitor_hash, ip_hash, counted) VALUES (%s, now(),"
                " date_trunc('hour', now()) - interval '1 hour', 'a', 'b', TRUE)",
                (self.link.id,),
            )

    def test_a_link_that_was_clicked_stays(self):
        self.record()
        with self.assertDatabaseRefuses(psycopg2.errors.ForeignKeyViolation):
            self.env.cr.execute(
                "DELETE FROM referral_link WHERE id = %s", (self.link.id,)
            )
