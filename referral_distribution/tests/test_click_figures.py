from datetime import date, datetime, timedelta
from unittest.mock import patch

from freezegun import freeze_time

from odoo.exceptions import AccessError
from odoo.tests import tagged
from odoo.tools import SQL
from odoo.tools.safe_eval import safe_eval

from ..engine.visit import Visit
from ..models import referral_click_rollup
from .common import ReferralCase

NOON = "2026-03-10 04:00:00"  # noon in Shanghai


class ClickCase(ReferralCase):
    """Clicks on the member's link, made as the door makes them."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.partner_id.tz = "Asia/Shanghai"
        cls.env.flush_all()
        cls.clicks = cls.env["referral.click"]
        cls.figures = cls.env["referral.click.figure"]

    def click(self, visitor="1", at=None, link=None, address=None):
        """Visit ``link`` as ``visitor``, at a moment of UTC."""
        visit = Visit(address or f"10.0.0.{visitor}", f"browser {visitor}")
        with freeze_time(at or datetime.now()):
            self.clicks._visit((link or self.link).code, visit)

    def click_often(self, count, at=NOON, addresses=None, link=None, first=0):
        """Add clicks of ``count`` visitors at once; each has an address by default."""
        at = datetime.fromisoformat(at)
        self.clicks._make_partitions(at.date(), 1)
        self.env.cr.execute(
            SQL(
                "INSERT INTO referral_click (link_id, clicked_at, clicked_hour,"
                "   visitor_hash, ip_hash, counted)"
                " SELECT %(link)s, %(at)s, date_trunc('hour', %(at)s::timestamp),"
                "   md5('v' || n), md5('a' || COALESCE(n %% %(addresses)s, -n)), TRUE"
                " FROM generate_series(%(first)s + 1, %(first)s + %(count)s) n",
                link=(link or self.link).id,
                at=at,
                addresses=addresses,
                first=first,
                count=count,
            )
        )

    def assertFigures(self, expected, link=None):
        """Compare the link's days: ``[(day, clicks, visitors)]``, the oldest first."""
        rows = self.figures.search([("link_id", "=", (link or self.link).id)])
        found = [(str(row.day), row.clicks, row.visitors) for row in rows.sorted("day")]
        self.assertEqual(found, expected)


@tagged("post_install", "-at_install")
class TestFigures(ClickCase):
    """Figures of a link and day (rules S2, X2)."""

    def test_clicks_and_visitors_of_a_day_are_counted(self):
        self.click("1", "2026-03-10 01:00:00")
        self.click("1", "2026-03-10 02:00:00")
        self.click("2", "2026-03-10 02:00:00")
        self.roll_up()
        self.assertFigures([("2026-03-10", 3, 2)])
        self.assertEqual(self.link.click_count, 3)
        self.assertEqual(self.link.visitor_count, 2)

    def test_the_figure_knows_whose_link_it_is(self):
        self.click(at=NOON)
        self.roll_up()
        figure = self.figures.search([("link_id", "=", self.link.id)])
        self.assertEqual(figure.partner_id, self.member)
        self.assertEqual(figure.channel_id, self.channel)
        self.assertEqual(figure.company_id, self.company)

    def test_what_was_counted_is_not_counted_again(self):
        self.click("1", NOON)
        self.roll_up()
        self.roll_up()
        self.assertFigures([("2026-03-10", 1, 1)])
        self.click("2", NOON)
        self.roll_up()
        self.assertFigures([("2026-03-10", 2, 2)])

    def test_the_members_own_visits_do_not_count(self):
        visit = Visit("10.0.0.1", "browser", user_id=self.portal.id)
        self.clicks._visit(self.link.code, visit)
        self.env.cr.execute("SELECT counted FROM referral_click")
        self.assertEqual(self.env.cr.fetchall(), [(False,)])
        self.roll_up()
        self.assertFigures([])

    def test_the_day_is_the_companys(self):
        """23:59 and 00:00 in Shanghai are one minute apart, on two days."""
        self.click("1", "2026-03-10 15:59:00")
        self.click("1", "2026-03-10 16:00:00")
        self.roll_up()
        self.assertFigures([("2026-03-10", 1, 1), ("2026-03-11", 1, 1)])

    def test_two_companies_have_their_own_days(self):
        other = self.env["res.company"].create({"name": "Far West"})
        other.partner_id.tz = "America/Los_Angeles"
        env = self.env(context={"allowed_company_ids": other.ids})
        channel = env["referral.channel"].create(
            {"name": "Theirs", "company_id": other.id}
        )
        theirs = env["referral.link"]._obtain(self.member, channel, "/theirs")
        self.env.flush_all()
        for link in (self.link, theirs):
            self.click("1", "2026-03-10 02:00:00", link)
        self.roll_up()
        self.assertFigures([("2026-03-10", 1, 1)])
        self.assertFigures([("2026-03-09", 1, 1)], theirs)

    def test_a_day_of_25_hours_is_one_day(self):
        """Paris turns its clocks back at 01:00 UTC on 25 October 2026."""
        self.company.partner_id.tz = "Europe/Paris"
        self.env.flush_all()
        for moment in (
            "2026-10-24 21:59:00",
            "2026-10-24 22:00:00",
            "2026-10-25 00:30:00",
            "2026-10-25 01:30:00",
            "2026-10-25 22:59:00",
            "2026-10-25 23:00:00",
        ):
            self.click("1", moment)
            self.roll_up()
        self.assertFigures(
            [("2026-10-24", 1, 1), ("2026-10-25", 4, 1), ("2026-10-26", 1, 1)]
        )

    def test_a_day_of_23_hours_is_one_day(self):
        self.company.partner_id.tz = "Europe/Paris"
        self.env.flush_all()
        for moment in ("2026-03-28 22:59:00", "2026-03-28 23:00:00"):
            self.click("1", moment)
        for moment in ("2026-03-29 21:59:00", "2026-03-29 22:00:00"):
            self.click("1", moment)
            self.roll_up()
        self.assertFigures(
            [("2026-03-28", 1, 1), ("2026-03-29", 2, 1), ("2026-03-30", 1, 1)]
        )

    def test_a_day_may_begin_at_half_past(self):
        self.company.partner_id.tz = "Asia/Kolkata"
        self.env.flush_all()
        for moment in ("2026-03-09 18:20:00", "2026-03-09 19:00:00"):
            self.click("1", moment)
            self.roll_up()
        self.click_often(1, "2026-03-09 18:40:00")
        self.roll_up()
        self.assertFigures([("2026-03-09", 1, 1), ("2026-03-10", 2, 2)])

    def test_a_time_zone_the_database_does_not_know_is_utc(self):
        self.click("1", "2026-03-10 16:00:00")
        with patch.object(
            type(self.company), "_referral_tz", lambda company: "Nowhere/Land"
        ):
            self.roll_up()
        self.assertFigures([("2026-03-10", 1, 1)])

    def test_a_visitor_counts_once_a_day_however_often_it_is_rolled_up(self):
        """Both ways of looking a visitor up give the same."""
        for lookups, day in ((0, "2026-03-10"), (10**9, "2026-03-12")):
            with patch.object(referral_click_rollup, "LOOKUPS", lookups):
                for hour in ("00:10", "05:10", "15:10"):
                    self.click("1", f"{day} {hour}:00")
                    self.click("2" if hour == "05:10" else "1", f"{day} {hour}:20")
                    self.roll_up()
        self.assertFigures([("2026-03-10", 4, 2), ("2026-03-12", 4, 2)])

    def test_another_links_visitor_is_a_new_one(self):
        other = self.env["referral.link"]._obtain(self.member, self.channel, "/b")
        for lookups, day in ((0, "2026-03-10"), (10**9, "2026-03-12")):
            with patch.object(referral_click_rollup, "LOOKUPS", lookups):
                self.click("1", f"{day} 01:00:00")
                self.click("2", f"{day} 01:00:00", other)
                self.roll_up()
                self.click("1", f"{day} 02:00:00", other)
                self.roll_up()
        self.assertFigures([("2026-03-10", 2, 2), ("2026-03-12", 2, 2)], other)

    def test_a_click_that_did_not_count_makes_nobody_a_known_visitor(self):
        """The member looks at the own link, then somebody at the same computer."""
        own = Visit("10.0.0.1", "browser 1", user_id=self.portal.id)
        for lookups, day in ((0, "2026-03-10"), (10**9, "2026-03-12")):
            with patch.object(referral_click_rollup, "LOOKUPS", lookups):
                with freeze_time(f"{day} 01:00:00"):
                    self.clicks._visit(self.link.code, own)
                self.click("2", f"{day} 01:00:00")
                self.roll_up()
                self.click("1", f"{day} 02:00:00")
                self.roll_up()
        self.assertFigures([("2026-03-10", 2, 2), ("2026-03-12", 2, 2)])

    def test_chunks_add_up(self):
        with patch.object(referral_click_rollup, "CHUNK", 3):
            for number in range(10):
                self.click(str(number % 4), f"2026-03-10 {number:02}:00:00")
            self.roll_up()
        self.assertFigures([("2026-03-10", 10, 4)])

    def test_old_and_new_figures_are_the_same_as_a_plain_count(self):
        """In any order of clicks, days and roll-ups."""
        for number in range(40):
            hour = number * 7 % 24
            day = 10 + number * 5 % 3
            self.click(str(number % 6), f"2026-03-{day} {hour:02}:00:00")
            if number % 4 == 0:
                with patch.object(
                    referral_click_rollup, "LOOKUPS", (number % 8) * 10**9
                ):
                    self.roll_up()
        self.roll_up()
        self.env.cr.execute(
            "SELECT (clicked_at + interval '8 hours')::date::text, count(*),"
            " count(DISTINCT visitor_hash) FROM referral_click WHERE counted"
            " GROUP BY 1 ORDER BY 1"
        )
        self.assertFigures(self.env.cr.fetchall())

    def test_figures_follow_a_merge_of_members(self):
        self.click(at=NOON)
        self.roll_up()
        double = self.env["res.partner"].create({"name": "Double"})
        self.env["base.partner.merge.automatic.wizard"]._merge(
            (self.member + double).ids, double
        )
        figure = self.figures.search([("link_id", "=", self.link.id)])
        self.assertEqual(figure.partner_id, double)

    def test_nobody_writes_figures(self):
        self.click(at=NOON)
        self.roll_up()
        figure = self.figures.search([("link_id", "=", self.link.id)])
        for user in (self.sales, self.finance, self.manager):
            theirs = figure.with_user(user)
            self.assertEqual(theirs.read(["clicks"])[0]["clicks"], 1)
            with self.assertRaises(AccessError):
                theirs.write({"clicks": 9})
            with self.assertRaises(AccessError):
                theirs.unlink()

    def test_a_list_of_links_reads_its_figures_in_one_query(self):
        links = self.link
        for number in range(20):
            links += self.link._obtain(self.member, self.channel, f"/page/{number}")
        for link in links:
            self.click(link=link, at=NOON)
        self.roll_up()
        self.env.flush_all()
        self.env.invalidate_all()
        links.mapped("code")
        with self.assertQueryCount(1):
            self.assertEqual(links.mapped("click_count"), [1] * 21)
            self.assertEqual(links.mapped("visitor_count"), [1] * 21)

    def test_a_roll_up_takes_as_many_queries_for_many_links_as_for_one(self):
        links = self.link
        for number in range(15):
            links += self.link._obtain(self.member, self.channel, f"/page/{number}")
        self.roll_up()
        counts = []
        for some in (links[:1], links):
            for link in some:
                self.click(link=link, at=NOON, visitor=str(len(some)))
            before = self.env.cr.sql_log_count
            self.roll_up()
            counts.append(self.env.cr.sql_log_count - before)
        self.assertEqual(counts[0], counts[1])

    def test_ids_are_given_in_order(self):
        """The roll-up counts on it: no connection keeps ids for later."""
        self.env.cr.execute(
            "SELECT seqcache, seqincrement, seqcycle FROM pg_sequence WHERE seqrelid"
            " = pg_get_serial_sequence('referral_click', 'id')::regclass"
        )
        self.assertEqual(self.env.cr.fetchone(), (1, 1, False))

    def test_the_mark_of_an_untouched_table_is_zero(self):
        """So that the first click of all is not skipped."""
        self.env.cr.execute("ALTER SEQUENCE referral_click_id_seq RESTART")
        self.assertEqual(self.figures._query_last_id(), 0)


@tagged("post_install", "-at_install")
class TestLinkScreens(ClickCase):
    """What a link's buttons open, and its chart in the portal."""

    def test_the_buttons_show_this_links_clicks_only(self):
        other = self.env["referral.link"]._obtain(self.member, self.channel, "/b")
        self.click(link=other)
        self.click()
        self.click("2", datetime.now() - timedelta(days=91))
        self.roll_up()
        for name, expected in (
            ("referral_click_figure_action_link", 2),
            ("referral_click_action_link", 1),
        ):
            action = self.env.ref(f"referral_distribution.{name}")
            domain = safe_eval(action.domain, {"active_id": self.link.id})
            model = self.env[action.res_model].with_user(self.sales)
            with self.subTest(model=model._name):
                self.assertEqual(model.search_count(domain), expected)

    def test_the_chart_has_every_day_up_to_today(self):
        for visitor, moment in (
            ("1", "2026-02-08 17:00:00"),  # 9 February in Shanghai, 29 days before
            ("1", "2026-02-08 15:00:00"),  # the day before
            ("1", "2026-03-09 17:00:00"),
            ("2", "2026-03-09 17:00:00"),
            ("2", "2026-03-09 18:00:00"),
        ):
            self.click(visitor, moment)
        self.roll_up()
        with freeze_time("2026-03-09 17:30:00"):
            chart = self.link._prepare_click_chart()
        days = chart["days"]
        self.assertEqual(len(days), 30)
        self.assertEqual(
            (days[0]["day"], days[-1]["day"]), (date(2026, 2, 9), date(2026, 3, 10))
        )
        self.assertEqual([bar["clicks"] for bar in days if bar["clicks"]], [1, 3])
        self.assertEqual([days[0]["percent"], days[-1]["percent"]], [34, 100])
        self.assertEqual((chart["clicks"], chart["visitors"]), (4, 3))

    def test_a_link_nobody_opened_has_an_empty_chart(self):
        chart = self.link._prepare_click_chart()
        self.assertEqual((chart["clicks"], chart["visitors"]), (0, 0))
        self.assertEqual({bar["percent"] for bar in chart["days"]}, {0})
