from datetime import datetime
from unittest.mock import patch

from freezegun import freeze_time
from psycopg2.errors import CheckViolation

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import tagged

from ..models import gate, referral_click_rollup, referral_link_burst
from .test_click_figures import NOON, ClickCase

LATER = "2026-03-10 05:00:00"


class BurstCase(ClickCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.referral_click_limit_link = 100
        cls.company.referral_compliance_user_id = cls.manager
        cls.bursts = cls.env["referral.link.burst"]

    def find_bursts(self):
        rows = self.bursts.search([("link_id", "=", self.link.id)], order="hour, id")
        return [(row.reason, row.clicks, row.state) for row in rows]

    def flag(self, at=NOON):
        self.click_often(100, at)
        with freeze_time(at):
            self.roll_up()

    def clear(self, at=NOON, reason="A newsletter went out"):
        with freeze_time(at):
            self.link.with_user(self.manager).action_clear_suspicion(reason)

    def make_lead_at(self, touched, **values):
        """Return a lead whose visitor came through the link at ``touched``."""
        values = {"name": "A lead", "referral_link_id": self.link.id, **values}
        leads = gate.opened(self.env["crm.lead"])
        return leads.create({"referral_last_touch_at": touched, **values}).with_env(
            self.env
        )


@tagged("post_install", "-at_install")
class TestBursts(BurstCase):
    """Hours that do not look like people (threat S5)."""

    def test_as_many_clicks_as_the_limit_are_flagged(self):
        self.click_often(99)
        self.roll_up()
        self.assertEqual(self.find_bursts(), [])
        self.assertEqual(self.link.suspicion, "none")
        self.click_often(1, first=99)
        self.roll_up()
        self.assertEqual(self.find_bursts(), [("limit", 100, "to_review")])
        self.assertEqual(self.link.suspicion, "to_review")

    def test_two_quiet_hours_are_no_burst(self):
        self.click_often(60, "2026-03-10 04:59:59")
        self.click_often(60, "2026-03-10 05:00:00", first=60)
        self.roll_up()
        self.assertEqual(self.find_bursts(), [])

    def test_without_a_limit_no_number_is_too_high(self):
        self.company.referral_click_limit_link = 0
        self.env.flush_all()
        self.click_often(500)
        self.roll_up()
        self.assertEqual(self.find_bursts(), [])

    def test_most_clicks_from_one_address_are_flagged(self):
        self.click_often(31, addresses=1)
        self.click_often(19, first=31)
        self.roll_up()
        self.assertEqual(self.find_bursts(), [("address", 50, "to_review")])

    def test_exactly_three_of_five_from_one_address_are_not(self):
        self.click_often(30, addresses=1)
        self.click_often(20, first=30)
        self.roll_up()
        self.assertEqual(self.find_bursts(), [])

    def test_a_few_clicks_say_nothing_about_addresses(self):
        self.click_often(49, addresses=1)
        self.roll_up()
        self.assertEqual(self.find_bursts(), [])

    def test_clicks_that_do_not_count_make_no_burst(self):
        self.click_often(1)
        self.env.cr.execute(
            "INSERT INTO referral_click (link_id, clicked_at, clicked_hour,"
            " visitor_hash, ip_hash, counted) SELECT link_id, clicked_at, clicked_hour,"
            " visitor_hash || n, ip_hash, FALSE FROM referral_click,"
            " generate_series(1, 200) n"
        )
        self.roll_up()
        self.assertEqual(self.find_bursts(), [])

    def test_a_burst_is_found_whatever_chunk_its_clicks_come_in(self):
        with patch.object(referral_click_rollup, "CHUNK", 30):
            self.click_often(100)
            self.roll_up()
        self.assertEqual(self.find_bursts(), [("limit", 100, "to_review")])

    def test_a_burst_that_goes_on_is_one_burst_and_told_once(self):
        self.flag()
        notes = self.link.message_ids
        self.assertEqual(len(self.link.activity_ids), 1)
        self.click_often(20, first=100)
        self.roll_up()
        self.assertEqual(self.find_bursts(), [("limit", 120, "to_review")])
        self.assertEqual(self.link.message_ids, notes)
        self.assertEqual(len(self.link.activity_ids), 1)

    def test_the_next_hour_is_noted_without_another_to_do(self):
        self.flag()
        notes = self.link.message_ids
        self.flag(LATER)
        self.assertEqual(len(self.find_bursts()), 2)
        self.assertEqual(len(self.link.message_ids - notes), 1)
        self.assertEqual(len(self.link.activity_ids), 1)

    def test_the_note_says_what_happened_where_the_company_is(self):
        self.company.partner_id.tz = "Asia/Shanghai"
        self.flag()
        body = str(self.link.message_ids[0].body)
        self.assertIn("100 clicks in the hour from", body)
        self.assertIn("12:00", body)
        self.assertEqual(self.link.activity_ids.user_id, self.manager)

    def test_many_flagged_links_cost_no_query_each(self):
        links = self.link
        for number in range(12):
            links += self.link._obtain(self.member, self.channel, f"/page/{number}")
        counts = []
        for some, hour in ((links[:2], NOON), (links, LATER)):
            for link in some:
                self.click_often(100, hour, link=link)
            before = self.env.cr.sql_log_count
            self.roll_up()
            counts.append(self.env.cr.sql_log_count - before)
        self.assertEqual(set(links.mapped("suspicion")), {"to_review"})
        self.assertLessEqual(counts[1], counts[0] + 10)

    def test_a_flood_of_flagged_links_leaves_a_handful_of_to_dos(self):
        links = self.link
        for number in range(5):
            links += self.link._obtain(self.member, self.channel, f"/page/{number}")
        for number, link in enumerate(links):
            self.click_often(100 + number, link=link)
        with patch.object(referral_link_burst, "TOLD_AT_ONCE", 2):
            self.roll_up()
        asked = links.filtered("activity_ids")
        self.assertEqual(asked, links[-2:])

    def test_a_cleared_burst_names_who_and_why(self):
        self.flag()
        burst = self.bursts.search([("link_id", "=", self.link.id)])
        with self.assertDatabaseRefuses(CheckViolation):
            self.env.cr.execute(
                "UPDATE referral_link_burst SET state = 'cleared' WHERE id = %s",
                (burst.id,),
            )


@tagged("post_install", "-at_install")
class TestReview(BurstCase):
    """A manager judges (threat S5)."""

    def setUp(self):
        super().setUp()
        self.flag()

    def test_a_manager_clears_a_link_with_a_reason(self):
        self.clear()
        self.assertEqual(self.link.suspicion, "cleared")
        burst = self.link.burst_ids
        self.assertRecordValues(
            burst,
            [
                {
                    "state": "cleared",
                    "cleared_by_id": self.manager.id,
                    "cleared_reason": "A newsletter went out",
                }
            ],
        )
        self.assertIn("A newsletter went out", str(self.link.message_ids[0].body))
        self.assertFalse(self.link.activity_ids)

    def test_a_reason_is_required(self):
        link = self.link.with_user(self.manager)
        for reason in ("", "  ", None, 7):
            with self.subTest(reason=reason), self.assertRaises(UserError):
                link.action_clear_suspicion(reason)
        self.assertEqual(self.link.suspicion, "to_review")

    def test_what_waits_for_nothing_is_not_cleared(self):
        self.clear()
        with self.assertRaises(UserError):
            self.clear()

    def test_nobody_but_a_manager_clears_or_switches_off(self):
        for user in (self.sales, self.finance, self.portal, self.clerk):
            link = self.link.with_user(user)
            with self.subTest(user=user.login):
                with self.assertRaises(AccessError):
                    link.action_clear_suspicion("Fine")
                with self.assertRaises(AccessError):
                    link.action_switch_off()
        self.assertEqual(self.link.suspicion, "to_review")

    def test_a_manager_of_another_company_clears_nothing_here(self):
        other = self.env["res.company"].create({"name": "Other"})
        outsider = self.make_user(
            "rd_out",
            "manager",
            company_id=other.id,
            company_ids=[Command.set(other.ids)],
        )
        for action in ("action_clear_suspicion", "action_switch_off"):
            self.env.invalidate_all()
            arguments = ["Fine"] if "clear" in action else []
            with self.assertRaises(AccessError):
                getattr(self.link.with_user(outsider), action)(*arguments)
        self.assertTrue(self.link.active)

    def test_the_flag_is_written_by_the_buttons_only(self):
        link = self.link.with_user(self.manager)
        for value in ("none", "cleared"):
            with self.assertRaises(AccessError):
                link.write({"suspicion": value})
        with self.assertRaises(AccessError):
            self.env["referral.link"].create(
                {
                    "partner_id": self.member.id,
                    "channel_id": self.channel.id,
                    "target_url": "/new",
                    "suspicion": "cleared",
                }
            )

    def test_a_cleared_link_is_not_flagged_again_that_day(self):
        self.clear()
        self.flag(LATER)
        self.assertEqual(self.link.suspicion, "cleared")
        self.assertEqual(
            self.find_bursts(), [("limit", 100, "cleared"), ("limit", 100, "cleared")]
        )
        self.assertFalse(self.link.activity_ids)

    def test_another_reason_flags_it_again(self):
        self.clear()
        self.click_often(60, LATER, addresses=1)
        self.roll_up()
        self.assertEqual(self.link.suspicion, "to_review")
        self.assertEqual(len(self.link.activity_ids), 1)

    def test_the_next_day_flags_it_again(self):
        """The company's next day: 16:00 in UTC is midnight in Shanghai."""
        self.clear()
        self.flag("2026-03-10 15:00:00")
        self.assertEqual(self.link.suspicion, "cleared")
        self.flag("2026-03-10 16:00:00")
        self.assertEqual(self.link.suspicion, "to_review")

    def test_the_wizard_hands_the_reason_on(self):
        wizard = (
            self.env["referral.reason"]
            .with_user(self.manager)
            .with_context(default_link_ids=self.link.ids)
            .create({"reason": "Event with a shared network"})
        )
        wizard.action_apply()
        self.assertEqual(self.link.suspicion, "cleared")

    def test_a_manager_switches_a_link_off(self):
        code = self.link.code
        self.link.with_user(self.manager).action_switch_off()
        self.assertFalse(self.link.active)
        self.assertIsNone(self.clicks._find(code))
        self.assertFalse(self.link.activity_ids)
        self.assertEqual(self.link.suspicion, "to_review")

    def test_sales_sees_the_flag_and_members_do_not(self):
        [row] = self.link.with_user(self.sales).read(["suspicion", "burst_ids"])
        self.assertEqual(row["suspicion"], "to_review")
        with self.assertRaises(AccessError):
            self.link.with_user(self.portal).read(["suspicion"])
        self.assertNotIn("suspicion", self.link.with_user(self.portal).fields_get())


@tagged("post_install", "-at_install")
class TestLeads(BurstCase):
    """Leads that came in a burst show it."""

    def test_a_lead_of_that_hour_shows_it(self):
        self.flag()
        lead = self.make_lead_at("2026-03-10 04:59:59").with_user(self.sales)
        self.assertEqual(lead.referral_suspicion, "to_review")
        self.assertIn("100 clicks", lead.referral_suspicion_reason)

    def test_a_lead_of_another_hour_or_link_does_not(self):
        self.flag()
        other = self.env["referral.link"]._obtain(self.member, self.channel, "/b")
        for lead in (
            self.make_lead_at("2026-03-10 03:59:59"),
            self.make_lead_at("2026-03-10 05:00:00"),
            self.make_lead_at(NOON, referral_link_id=other.id),
            self.make_lead(referral_link_id=False, referrer_id=self.member.id),
        ):
            self.assertEqual(lead.referral_suspicion, "none")
            self.assertFalse(lead.referral_suspicion_reason)

    def test_the_first_touch_counts_too(self):
        self.flag()
        lead = self.make_lead_at(
            "2026-03-12 04:00:00", referral_first_touch_at="2026-03-10 04:10:00"
        )
        self.assertEqual(lead.referral_suspicion, "to_review")

    def test_a_lead_without_touches_counts_from_when_it_was_made(self):
        hour = datetime.now().replace(minute=0, second=0, microsecond=0)
        self.flag(str(hour))
        lead = self.make_lead()
        self.env.cr.execute(
            "UPDATE crm_lead SET create_date = %s WHERE id = %s", (hour, lead.id)
        )
        lead.invalidate_recordset()
        self.assertEqual(lead.referral_suspicion, "to_review")

    def test_a_cleared_burst_is_shown_as_cleared(self):
        self.flag()
        lead = self.make_lead_at(NOON)
        self.assertEqual(lead.referral_suspicion, "to_review")
        self.clear()
        self.assertEqual(lead.referral_suspicion, "cleared")

    def test_leads_are_found_by_what_they_show(self):
        self.flag()
        flagged = self.make_lead_at(NOON)
        plain = self.make_lead_at(LATER)
        leads = self.env["crm.lead"].with_user(self.sales)
        ours = [("id", "in", (flagged + plain).ids)]
        for state, expected in (
            ("to_review", flagged),
            ("none", plain),
            ("cleared", leads.browse()),
        ):
            domain = [("referral_suspicion", "=", state), *ours]
            self.assertEqual(leads.search(domain).ids, expected.ids, state)
        domain = [("referral_suspicion", "!=", "to_review"), *ours]
        self.assertEqual(leads.search(domain).ids, plain.ids)
        self.clear()
        domain = [("referral_suspicion", "in", ["cleared", "none"]), *ours]
        self.assertEqual(set(leads.search(domain).ids), set((flagged + plain).ids))

    def test_a_lead_of_a_waiting_and_a_cleared_burst_waits(self):
        self.flag()
        self.clear()
        self.click_often(60, LATER, addresses=1)
        self.roll_up()
        lead = self.make_lead_at(LATER, referral_first_touch_at=NOON)
        self.assertEqual(lead.referral_suspicion, "to_review")
        leads = self.env["crm.lead"]
        domain = [("id", "=", lead.id), ("referral_suspicion", "=", "cleared")]
        self.assertFalse(leads.search(domain))

    def test_a_list_of_leads_reads_it_in_one_go(self):
        self.flag()
        leads = self.env["crm.lead"]
        for number in range(12):
            leads += self.make_lead_at(NOON, name=f"Lead {number}")
        names = ["referral_suspicion", "referral_suspicion_reason"]
        self.assertReadInOneGo(leads, names, self.sales)

    def test_who_has_no_role_reads_leads_as_before(self):
        self.flag()
        lead = self.make_lead_at(NOON, user_id=self.clerk.id)
        self.assertNotIn("referral_suspicion", lead.with_user(self.clerk).read()[0])
