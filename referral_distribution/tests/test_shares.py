from datetime import date, datetime, timedelta

from freezegun import freeze_time

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..engine.visit import Visit
from .common import RULES, ReferralCase

SHARE_RULE = {
    "name": "First share of the day",
    "trigger": "share",
    "rate_type": "fixed",
    "amount": 1,
}
PHONE = Visit("203.0.113.7", "Mozilla/5.0 (iPhone) Mobile")
FRIEND = Visit("198.51.100.9", "Mozilla/5.0 (Android) Mobile")
NOW = datetime(2026, 3, 10, 4, 0)  # noon in Shanghai


class ShareCase(ReferralCase):
    """The company is in Shanghai, and its plan pays 1 for the first share of a day."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.partner_id.tz = "Asia/Shanghai"
        cls.make_plan((*RULES, SHARE_RULE))._activate()
        cls.shares = cls.env["referral.share"]
        cls.h5 = cls.env["referral.channel"].create({"name": "H5", "platform": "h5"})
        house = cls.env["res.partner"].create({"name": "Media", "is_company": True})
        cls.owner = cls.make_member("Editor", parent_id=house.id)
        cls.media = cls.env["referral.channel"].create(
            {"name": "Media", "kind": "partner", "partner_id": house.id}
        )

    def setUp(self):
        super().setUp()
        self.freeze(NOW)

    def freeze(self, moment):
        frozen = freeze_time(moment)
        self.clock = frozen.start()
        self.addCleanup(frozen.stop)

    def obtain(self, member=None, channel=None, url="/page"):
        return self.env["referral.link"]._obtain(
            member or self.member, channel or self.channel, url
        )

    def record(self, method="copy", link=None, **options):
        return self.shares._record(link or self.link, method, **options)

    def merge(self, source, stays):
        wizard = self.env["base.partner.merge.automatic.wizard"].create({})
        wizard._merge((source | stays).ids, stays)
        self.env.invalidate_all()

    def earned(self, member=None):
        lines = self.env["referral.commission"].search(
            [("trigger", "=", "share"), ("partner_id", "=", (member or self.member).id)]
        )
        return sum(lines.mapped("amount"))


@tagged("post_install", "-at_install")
class TestSharesAreRecorded(ShareCase):
    """One row per link, method and day; only where the member may share (S2-S4, S6)."""

    def test_a_share_keeps_member_channel_method_day_and_time(self):
        # rule S2
        share = self.record("weibo")
        self.assertRecordValues(
            share,
            [
                {
                    "link_id": self.link.id,
                    "partner_id": self.member.id,
                    "channel_id": self.channel.id,
                    "company_id": self.company.id,
                    "method": "weibo",
                    "share_date": date(2026, 3, 10),
                    "shared_at": NOW,
                    "first_of_day": True,
                }
            ],
        )

    def test_every_method_is_recorded_once_a_day(self):
        # rule S6
        methods = [value for value, _label in self.shares._fields["method"].selection]
        self.assertEqual(
            sorted(methods),
            ["api", "copy", "email", "native", "poster", "qr", "wechat", "weibo"],
        )
        for method in methods:
            self.assertEqual(self.record(method).method, method)
            self.assertFalse(self.record(method), method)
        self.assertEqual(len(self.link.share_ids), len(methods))
        self.assertEqual(len(self.link.share_ids.filtered("first_of_day")), 1)

    def test_a_way_that_does_not_exist_is_refused(self):
        for method in ("fax", "", None, ["copy"], 1):
            with self.assertRaisesRegex(UserError, "no way to share"):
                self.record(method)

    def test_the_day_is_the_companys(self):
        # 23:59:59 and midnight in Shanghai, both on 9 March in UTC
        self.clock.move_to(datetime(2026, 3, 9, 15, 59, 59))
        late = self.record()
        self.clock.move_to(datetime(2026, 3, 9, 16, 0))
        early = self.record()
        self.assertEqual(
            (late + early).mapped("share_date"), [date(2026, 3, 9), date(2026, 3, 10)]
        )
        self.assertEqual(self.earned(), 2)

    def test_the_day_is_that_of_the_links_company_not_of_the_user(self):
        self.env.user.tz = "America/Los_Angeles"
        self.clock.move_to(datetime(2026, 3, 9, 17, 0))
        self.assertEqual(self.record().share_date, date(2026, 3, 10))

    def test_a_day_of_23_hours_and_one_of_25_give_one_point_each(self):
        self.company.partner_id.tz = "Europe/Paris"
        for first, last, after in (  # UTC
            ((2026, 3, 28, 23, 0), (2026, 3, 29, 21, 59), (2026, 3, 29, 22, 0)),
            ((2026, 10, 24, 22, 0), (2026, 10, 25, 22, 59), (2026, 10, 25, 23, 0)),
        ):
            before = self.earned()
            self.clock.move_to(datetime(*first))
            self.record("copy")
            self.clock.move_to(datetime(*last))
            self.record("qr")
            self.assertEqual(self.earned(), before + 1, first)
            self.clock.move_to(datetime(*after))
            self.record("copy")
            self.assertEqual(self.earned(), before + 2, first)

    def test_members_do_not_share_on_a_partners_channel(self):
        # rule S4
        link = self.obtain(channel=self.media)
        with self.assertRaisesRegex(UserError, "Media is a partner's channel"):
            self.record(link=link)
        self.assertFalse(link.share_ids)

    def test_the_partner_shares_on_its_own_channel_and_earns_no_point_there(self):
        # rule S4
        link = self.obtain(self.owner, self.media)
        share = self.record(link=link)
        self.assertRecordValues(
            share, [{"first_of_day": False, "reward_state": "none"}]
        )
        self.assertEqual(self.earned(self.owner), 0)
        self.assertTrue(self.record(link=self.obtain(self.owner)).first_of_day)
        self.assertEqual(self.earned(self.owner), 1)

    def test_a_member_finds_own_channels_and_a_partner_its_own_too(self):
        channels = self.env["referral.channel"]
        for member, found in ((self.member, False), (self.owner, True)):
            shareable = channels._get_shareable(member, self.company)
            self.assertIn(self.channel, shareable)
            self.assertEqual(self.media in shareable, found)
        self.assertEqual(shareable[-1], self.media)

    def test_an_ended_cooperation_is_refused_and_not_offered(self):
        # rule S1
        self.media.stage = "ended"
        with self.assertRaisesRegex(UserError, "is closed"):
            self.media._check_shareable(self.owner)
        channels = self.env["referral.channel"]
        self.assertNotIn(self.media, channels._get_shareable(self.owner, self.company))

    def test_a_closed_channel_is_refused(self):
        self.channel.active = False
        with self.assertRaisesRegex(UserError, "is closed"):
            self.record()

    def test_who_is_no_active_member_and_a_link_switched_off_are_refused(self):
        self.link.active = False
        with self.assertRaisesRegex(UserError, "no longer in use"):
            self.record()
        self.link.write({"active": True, "expires_at": NOW})
        with self.assertRaisesRegex(UserError, "no longer in use"):
            self.record()
        self.link.expires_at = False
        theirs = self.obtain(self.grandparent)
        self.member.member_state = "suspended"
        self.grandparent.active = False
        for link in (self.link, theirs):
            with self.assertRaisesRegex(UserError, "Only active members"):
                self.record(link=link)
        self.assertFalse((self.link + theirs).share_ids)

    def test_on_an_h5_page_the_original_is_opened_first_and_each_day_anew(self):
        # rule S3
        link = self.obtain(channel=self.h5)
        with self.assertRaisesRegex(UserError, "Open the original first"):
            self.record(link=link)
        self.assertFalse(link.share_ids)
        link._open_original()
        self.assertTrue(self.record(link=link))
        self.clock.move_to(NOW + timedelta(days=1))
        with self.assertRaisesRegex(UserError, "Open the original first"):
            self.record("qr", link=link)
        self.assertTrue(self.record("qr", link=link, original_opened=True))

    def test_a_link_that_changes_hands_takes_no_share_with_it(self):
        share = self.record()
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE referral_link SET partner_id = %s WHERE id = %s",
            (self.inviter.id, self.link.id),
        )
        self.env.invalidate_all()
        self.link.modified(["partner_id"])
        self.env.flush_all()
        self.assertEqual(share.partner_id, self.member)

    def test_nobody_writes_shares_by_hand(self):
        # threat P2
        share = self.record()
        for user in (self.manager, self.sales, self.portal):
            own = share.with_user(user)
            for action in (
                lambda own=own: own.write({"first_of_day": False}),
                lambda own=own: own.create({"link_id": self.link.id, "method": "qr"}),
                lambda own=own: own.unlink(),
                lambda own=own: own.read(["visitor_hash"]),
            ):
                with mute_logger("odoo.models"), self.assertRaises(AccessError):
                    action()

    def test_reading_a_list_of_shares_takes_constant_queries(self):
        links = [self.obtain(url=f"/p{number}") for number in range(12)]
        shares = self.shares.union(*(self.record(link=link) for link in links))
        names = ["partner_id", "channel_id", "target_url", "click_count", "method"]
        self.assertReadInOneGo(shares, [*names, "display_name"], self.sales)

    def test_the_trail_of_a_lead_says_when_its_link_was_shared(self):
        # rule L3
        self.record()
        self.clock.move_to(NOW + timedelta(hours=3))
        lead = self.make_lead()
        self.assertEqual(self.nodes(lead)[0], "shared")
        self.assertEqual(lead.referral_trail_ids.sorted("sequence")[0].occurred_at, NOW)
