from datetime import datetime, timedelta

from freezegun import freeze_time

from odoo.exceptions import AccessError
from odoo.tests import tagged

from .test_attribution import NOON, VisitorCase


@tagged("post_install", "-at_install")
class TestLeadSources(VisitorCase):
    """Landing page and campaign of a lead, and Odoo's own utm reports (rule L1)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.spring = cls.env["utm.campaign"].create({"name": "Spring Fair"})

    def get_lead(self, visits):
        with self.visit(visits):
            return self.make_visitors_lead()

    def move(self, link, target, day):
        """Let a link lead elsewhere from so many days ago."""
        with freeze_time(NOON - timedelta(days=day)):
            tracked = link.with_context(tracking_disable=False, mail_notrack=False)
            tracked.target_url = target
            self.env.flush_all()
            self.cr.precommit.run()
        message = link.message_ids.sorted("id")[-1:]
        message.date = NOON - timedelta(days=day)
        self.env.flush_all()

    def test_the_landing_page_is_where_the_link_led_at_that_moment(self):
        self.assertEqual(self.get_lead({10: self.link}).referral_landing_page, "/shop")
        self.move(self.link, "/new", 8)
        self.move(self.link, "/newer", 3)
        for day, page in ((10, "/shop"), (5, "/new"), (1, "/newer")):
            with self.subTest(day=day):
                lead = self.get_lead({day: self.link})
                self.assertEqual(lead.referral_landing_page, page)
        with self.visit(code=self.link.code):
            lead = self.make_visitors_lead()
        self.assertEqual(lead.referral_landing_page, "/newer")
        self.assertEqual(lead.referral_evidence, "form")

    def test_who_lands_nowhere_has_no_landing_page(self):
        self.assertFalse(self.get_lead(None).referral_landing_page)
        self.assertFalse(self.make_lead().referral_landing_page, "set by hand")

    def test_the_trail_tells_the_page_the_visitor_opened(self):
        self.move(self.link, "/new", 3)
        lead = self.get_lead({10: self.link})
        clicked = lead.referral_trail_ids.filtered(lambda e: e.node == "clicked")
        self.assertEqual(clicked.content["page"], "/shop")

    def test_the_links_campaign_counts_then_the_pages(self):
        self.assertFalse(self.get_lead({1: self.link}).campaign_id)
        page = self.env["referral.link"]._obtain(
            self.inviter, self.channel, "/a?x=1&utm_campaign=spring%20fair"
        )
        self.assertEqual(self.get_lead({1: page}).campaign_id, self.spring)
        other = self.env["utm.campaign"].create({"name": "Other"})
        page.campaign_id = other
        self.assertEqual(self.get_lead({1: page}).campaign_id, other)

    def test_a_campaign_nobody_has_is_not_made(self):
        """Members choose pages: they make no campaigns, and no pattern finds one."""
        before = self.env["utm.campaign"].search_count([])
        for name in ("Unknown", "_pring%20Fair", "", "x" * 900):
            page = self.env["referral.link"]._obtain(
                self.inviter, self.channel, f"/c?utm_campaign={name}"
            )
            with self.subTest(name=name):
                self.assertFalse(self.get_lead({1: page}).campaign_id)
        self.assertEqual(self.env["utm.campaign"].search_count([]), before)

    def test_odoos_utm_reports_count_by_source_and_medium(self):
        self.link.campaign_id = self.spring
        weibo = self.env["referral.channel"].create({"name": "Weibo fans"})
        second = self.env["referral.link"]._obtain(self.inviter, weibo, "/w")
        leads = self.get_lead({1: self.link}) | self.get_lead({1: self.link})
        leads |= self.get_lead({1: second}) | self.get_lead(None)
        found = self.env["crm.lead"]._read_group(
            [("id", "in", leads.ids)],
            ["source_id", "medium_id", "campaign_id"],
            ["__count"],
        )
        medium = self.env.ref("referral_distribution.utm_medium_referral")
        nothing = self.env["utm.source"], medium.browse(), self.spring.browse()
        self.assertCountEqual(
            found,
            [
                (self.channel.source_id, medium, self.spring, 2),
                (weibo.source_id, medium, self.spring.browse(), 1),
                (*nothing, 1),
            ],
        )

    def test_what_a_visitor_says_of_the_campaign_does_not_beat_the_link(self):
        self.link.campaign_id = self.spring
        other = self.env["utm.campaign"].create({"name": "Other"})
        with self.visit({1: self.link}):
            values = self.env["crm.lead"].default_get(["campaign_id", "source_id"])
            self.assertEqual(values["campaign_id"], self.spring.id)
            lead = self.make_visitors_lead(campaign_id=other.id)
        self.assertEqual(lead.campaign_id, other, "a form's own field")

    def test_nobody_writes_where_a_visitor_landed(self):
        lead = self.get_lead({1: self.link})
        for values in (
            {"referral_landing_page": "/evil"},
            {"referral_contact_agreed": True},
        ):
            for user in (self.sales, self.manager):
                with self.subTest(values=values), self.assertRaises(AccessError):
                    lead.with_user(user).write(values)
        with self.assertRaises(AccessError):
            self.env["crm.lead"].with_user(self.manager).create(
                {"name": "x", "referral_landing_page": "/evil"}
            )
        leads = self.env["crm.lead"].with_user(self.manager)
        leads = leads.with_context(default_referral_landing_page="/evil")
        self.assertFalse(leads.create({"name": "x"}).referral_landing_page)

    def test_a_merged_lead_keeps_the_page_of_who_brought_it(self):
        one = self.get_lead({1: self.link})
        other = self.env["crm.lead"].create({"name": "By hand", "probability": 90})
        head = (one | other)._merge_opportunity()
        self.assertEqual(head.referral_landing_page, "/shop")

    def test_an_origin_that_arrives_over_rpc_is_none(self):
        leads = self.env["crm.lead"].with_user(self.sales)
        for origin in ({"evidence": "portal"}, ["portal", self.member.id], "portal"):
            lead = leads.with_context(referral_origin=origin).create({"name": "x"})
            self.assertFalse(lead.referrer_id or lead.referral_evidence)

    def test_a_members_campaign_needs_the_right_to_change_links(self):
        for user in (self.sales, self.portal):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                self.link.with_user(user).campaign_id = self.spring
        self.link.with_user(self.manager).campaign_id = self.spring

    def test_moments_are_compared_in_utc(self):
        self.move(self.link, "/new", 3)
        at = datetime(2026, 11, 9, 2, 2)  # the very second of the change
        self.assertEqual(self.link._get_target_at(at), "/new")
        before = at - timedelta(seconds=1)
        self.assertEqual(self.link._get_target_at(before), "/shop")
