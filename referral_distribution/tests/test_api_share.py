import inspect
import math
from datetime import timedelta

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .test_shares import FRIEND, NOW, PHONE, ShareCase

LINK_FIELDS = {
    "code": str,
    "url": str,
    "qr_url": str,
    "poster_url": str,
    "target": str,
    "channel_id": int,
    "original_first": bool,
}
JUNK = (7.5, math.nan, True, [], ["a"], {}, "a\x00b", "a\nb", "\ud800", "x" * 10000)


class ApiShareCase(ShareCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.site = cls.make_user("rd_site", "integration")
        cls.site.lang = "en_US"
        cls.api = cls.env["referral.api"].with_user(cls.site)
        cls.env["referral.external.ref"]._add({cls.member.id: "user-1"}, cls.company)

    def ask(self, key="key", **values):
        values = {"member_id": self.member.id, "url": "/page", **values}
        values.setdefault("channel", str(self.channel.id))
        return self.api.share_link(idempotency_key=key, **values)

    def tell(self, key="key", code=None, **values):
        code = self.link.code if code is None else code
        return self.api.record_share(code, idempotency_key=key, **values)

    def count(self):
        self.env.flush_all()
        self.env.cr.execute(
            "SELECT (SELECT count(*) FROM referral_link),"
            " (SELECT count(*) FROM referral_share),"
            " (SELECT count(*) FROM referral_commission),"
            " (SELECT count(*) FROM referral_api_request)"
        )
        return self.env.cr.fetchone()

    def assertRefused(self, message, call, **values):
        before = self.count()
        with self.assertRaisesRegex(UserError, message), self.env.cr.savepoint():
            call(**values)
        self.assertEqual(self.count(), before, "something was written")


@tagged("post_install", "-at_install")
class TestShareLink(ApiShareCase):
    """An outside site gets a member's personal link (rules S2, S4, X3)."""

    def test_the_answer_is_the_members_link_and_its_pictures(self):
        answer = self.ask()
        link = self.env["referral.link"].search([("code", "=", answer["code"])])
        self.assertEqual((link.partner_id, link.target_url), (self.member, "/page"))
        self.assertEqual({k: type(v) for k, v in answer.items()}, LINK_FIELDS)
        base = link.get_base_url()
        self.assertEqual(answer["url"], f"{base}/s/{link.code}")
        self.assertEqual(answer["qr_url"], f"{base}/referral/qr/{link.code}.png")
        self.assertFalse(answer["original_first"])

    def test_asked_again_it_is_the_same_link(self):
        # threat W4
        first = self.ask("1")
        for key, values in (
            ("1", {}),
            ("2", {}),
            ("3", {"member_id": None, "external_ref": "user-1"}),
            ("4", {"external_ref": "user-1"}),
        ):
            self.assertEqual(self.ask(key, **values), first, key)

    def test_a_channel_goes_by_its_source_its_platform_or_its_id(self):
        platform = "toutiao"
        channel = self.env["referral.channel"].create(
            {"name": "Top News", "platform": platform}
        )
        for number, value in enumerate(
            ("Top News", "top news", platform, str(channel.id), channel.id)
        ):
            answer = self.ask(str(number), channel=value)
            self.assertEqual(answer["channel_id"], channel.id, value)

    def test_two_channels_of_a_platform_are_told_apart_by_name(self):
        for name in ("News A", "News B"):
            self.env["referral.channel"].create({"name": name, "platform": "toutiao"})
        self.assertRefused("more than one.*News A", self.ask, channel="toutiao")

    def test_channels_of_another_company_and_closed_ones_are_none_of_ours(self):
        other = self.env["res.company"].create({"name": "Other"})
        theirs = self.env["referral.channel"].create(
            {"name": "Theirs", "company_id": other.id}
        )
        closed = self.env["referral.channel"].create({"name": "Shut", "active": False})
        for value in (str(theirs.id), "Theirs", str(closed.id), "%", "0", "9" * 30):
            self.assertRefused("none of our channels", self.ask, channel=value)

    def test_members_get_no_link_on_a_partners_channel_but_the_partner_does(self):
        # rule S4
        media = str(self.media.id)
        self.assertRefused("a partner's channel", self.ask, channel=media)
        self.assertTrue(self.ask(channel=media, member_id=self.owner.id)["code"])

    def test_on_h5_the_site_is_told_to_open_the_original_first(self):
        # rule S3
        self.assertTrue(self.ask(channel=str(self.h5.id))["original_first"])

    def test_who_is_no_active_member_gets_no_link(self):
        candidate = self.make_member("Candidate", member_state="candidate")
        other = self.env["res.company"].create({"name": "Other"})
        theirs = self.make_member("Theirs", company_id=other.id)
        self.assertRefused("active members", self.ask, member_id=candidate.id)
        for values in (
            {"member_id": None},
            {"member_id": self.customer.id},
            {"member_id": theirs.id},
            {"member_id": self.inviter.id, "external_ref": "user-1"},
            {"member_id": None, "external_ref": "nobody"},
            *({"member_id": junk} for junk in (True, "1", -1, 0, 2**70, 1.5, [1])),
        ):
            self.assertRefused("member", self.ask, **values)

    def test_junk_is_refused_by_name_and_nothing_is_written(self):
        for argument in ("channel", "url", "external_ref"):
            for value in JUNK:
                with self.subTest(argument=argument, value=repr(value)[:20]):
                    self.assertRefused(argument, self.ask, **{argument: value})

    def test_a_page_elsewhere_is_refused(self):
        # threat S2
        for url in ("//evil.example", "javascript:alert(1)", "https://evil.example/"):
            self.assertRefused("personal link", self.ask, url=url)


@tagged("post_install", "-at_install")
class TestRecordShare(ApiShareCase):
    """An outside site records shares (rules S2-S5, X3)."""

    def test_a_share_is_recorded_once_a_day_and_the_first_is_rewarded(self):
        answer = self.tell("1", method="wechat")
        self.assertEqual(
            answer,
            {
                "recorded": True,
                "day": "2026-03-10",
                "first_of_day": True,
                "reward": "rewarded",
            },
        )
        again = self.tell("2", method="wechat")
        self.assertEqual(again, {**answer, "recorded": False})
        other = self.tell("3")
        self.assertEqual(other["first_of_day"], False)
        self.assertEqual(
            sorted(self.link.share_ids.mapped("method")), ["api", "wechat"]
        )
        self.assertEqual(self.earned(), 1)

    def test_a_repeated_request_is_answered_as_the_first_even_another_day(self):
        # threat W4
        first = self.tell("1")
        self.clock.move_to(NOW + timedelta(days=2))
        self.assertEqual(self.tell("1"), first)
        self.assertEqual(len(self.link.share_ids), 1)
        self.assertRefused("other content", self.tell, key="1", method="qr")

    def test_on_h5_the_site_says_that_the_original_was_opened(self):
        # rule S3
        link = self.obtain(channel=self.h5)
        self.assertRefused("original first", self.tell, code=link.code)
        self.assertTrue(self.tell(code=link.code, original_opened=True)["recorded"])

    def test_on_a_partners_channel_a_member_is_refused(self):
        # rule S4
        link = self.obtain(channel=self.media)
        self.assertRefused("a partner's channel", self.tell, code=link.code)

    def test_the_members_own_address_keeps_own_clicks_from_counting(self):
        # rule S5
        self.company.referral_share_needs_click = True
        self.env["referral.click"]._make_partitions(NOW.date(), 1)
        told = self.tell(address=PHONE.address, user_agent=PHONE.agent)
        self.assertEqual(told["reward"], "waiting")
        self.clock.move_to(NOW + timedelta(hours=1))
        self.env["referral.click"]._record(self.link.code, PHONE)
        self.assertEqual(self.shares._reward_clicked(), 0)
        self.env["referral.click"]._record(self.link.code, FRIEND)
        self.assertEqual(self.shares._reward_clicked(), 1)

    def test_junk_is_refused_by_name_and_nothing_is_written(self):
        for argument in ("code", "method", "address", "user_agent", "original_opened"):
            for value in JUNK:
                if argument == "original_opened" and value is True:
                    continue
                with self.subTest(argument=argument, value=repr(value)[:20]):
                    self.assertRefused(argument, self.tell, **{argument: value})
        for values, message in (
            ({"code": "nothing"}, "no link with this code"),
            ({"method": "fax"}, "no way to share"),
            ({"address": "300.1.1.1"}, "no IP address"),
        ):
            self.assertRefused(message, self.tell, **values)

    def test_a_link_of_another_company_is_not_known(self):
        # threat P3
        other = self.env["res.company"].create({"name": "Other"})
        channel = self.env["referral.channel"].create(
            {"name": "Theirs", "company_id": other.id}
        )
        link = self.obtain(channel=channel)
        self.assertRefused("no link with this code", self.tell, code=link.code)

    def test_only_integrations_may(self):
        # threat P2
        for user in (self.manager, self.sales, self.portal):
            api = self.env["referral.api"].with_user(user)
            with self.assertRaises(AccessError):
                api.share_link(str(self.channel.id), "/x", self.member.id, None, "k")
            with self.assertRaises(AccessError):
                api.record_share(self.link.code, idempotency_key="k")

    def test_every_method_is_documented_with_types(self):
        for name in ("share_link", "record_share"):
            method = getattr(type(self.api), name)
            signature = inspect.signature(method)
            for parameter in list(signature.parameters.values())[1:]:
                self.assertIsNot(parameter.annotation, inspect.Parameter.empty)
                self.assertIn(f":param {parameter.annotation}"[:6], method.__doc__)
                self.assertIn(f" {parameter.name}:", method.__doc__)
            self.assertIs(signature.return_annotation, dict)
