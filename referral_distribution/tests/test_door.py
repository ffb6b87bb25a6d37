import inspect
import logging
import time
from datetime import timedelta
from random import Random
from unittest.mock import patch

import psycopg2
from freezegun import freeze_time
from werkzeug.exceptions import NotFound

from odoo import http
from odoo.service import db as service_db
from odoo.tests import HttpCase, tagged
from odoo.tools import SQL, config, hash_sign, mute_logger

from odoo.addons.referral_distribution import door
from odoo.addons.referral_distribution.engine.token import Touches
from odoo.addons.referral_distribution.engine.visit import CODE, read_visit
from odoo.addons.referral_distribution.models.ir_http import COOKIE, get_scope
from odoo.addons.referral_distribution.models.referral_click import ReferralClick

from .common import ReferralCase

CLICKS = "odoo.addons.referral_distribution.models.referral_click"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0"


@tagged("post_install", "-at_install")
class DoorCase(ReferralCase, HttpCase):
    """Knocks at ``/s/<code>``, on the road in front or on the ordinary one."""

    in_front = False

    def setUp(self):
        super().setUp()
        self.opener.headers["User-Agent"] = BROWSER
        # However the tests were started, there is no road in front but this one.
        dispatch = inspect.unwrap(http.Application.__call__)
        self.startPatcher(patch.object(http.Application, "__call__", dispatch))
        if self.in_front:
            modules = {"server_wide_modules": ["base", "web", door.ADDON]}
            with patch.dict(config.options, modules):
                door.stand_in_front()

    def knock(self, code=None, head=False, **headers):
        """Open the short link as a browser would, without following it."""
        path = f"/s/{self.link.code if code is None else code}"
        if head:
            return self.opener.head(
                self.base_url() + path, headers=headers, allow_redirects=False
            )
        return self.url_open(path, headers=headers, allow_redirects=False)

    def clicks(self):
        self.env.cr.execute("SELECT count(*) FROM referral_click")
        return self.env.cr.fetchone()[0]

    def get_cookie(self, response):
        """Return the attribution cookie as it was sent, with its flags, or None."""
        sent = response.raw.headers.getlist("Set-Cookie")
        return next((text for text in sent if text.startswith(COOKIE)), None)

    def sign(self, payload, scope=None, **kwargs):
        scope = scope or get_scope(self.env)
        return hash_sign(self.env(su=True), scope, payload, **kwargs)

    def payload(self, link=None):
        """Return what the cookie says of a visitor who just came through a link."""
        at = int(time.time())
        return Touches().touch(link or self.link.id, at, 86400).to_payload()

    def set_cookie(self, value):
        jar = self.opener.cookies
        for cookie in [cookie for cookie in jar if cookie.name == COOKIE]:
            jar.clear(cookie.domain, cookie.path, cookie.name)
        if value is not None:
            self.opener.cookies.set(COOKIE, value)


class RoadCase(DoorCase):
    """One suite over both roads (rule S2)."""

    def test_the_visitor_is_sent_on_and_nothing_is_cached(self):
        response = self.knock()
        self.assertEqual(response.status_code, 302)
        code = self.link.code
        self.assertEqual(response.headers["Location"], f"/shop?referral={code}")
        self.assertEqual(response.headers["Cache-Control"], "no-store")
        self.assertEqual(self.clicks(), 1)

    def test_the_road_is_the_one_that_is_meant(self):
        with patch.object(http.Request, "_serve_db", side_effect=NotFound):
            served = self.knock().status_code
        self.assertEqual(served, 302 if self.in_front else 404)

    def test_the_code_goes_with_the_visitor_for_who_keeps_no_cookies(self):
        """Threat C3; the address stays one that works."""
        for target, goal in (
            ("/shop?a=b", "/shop?a=b&referral={}"),
            ("/shop?a=b#top", "/shop?a=b&referral={}#top"),
        ):
            link = self.env["referral.link"]._obtain(self.member, self.channel, target)
            response = self.knock(link.code)
            self.assertEqual(response.headers["Location"], goal.format(link.code))

    def test_the_cookie_is_for_the_server_alone_and_lasts_the_window(self):
        """Threat C2."""
        self.company.referral_attribution_days = 7
        cookie = self.get_cookie(self.knock())
        parts = {part.strip().lower() for part in cookie.split(";")[1:]}
        for flag in ("httponly", "samesite=lax", f"max-age={7 * 86400}", "path=/"):
            self.assertIn(flag, parts)
        self.assertNotIn("secure", parts)

    def test_over_https_the_cookie_is_secure(self):
        """Threat C2."""
        with patch.dict(config.options, {"proxy_mode": True}):
            headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "shop.example"}
            response = self.knock(**headers)
        self.assertIn("; Secure", self.get_cookie(response))

    def test_a_proxy_says_whose_address_it_is_and_nobody_else(self):
        """Threat S5: without proxy mode, what a client claims is worth nothing."""
        headers = {"X-Forwarded-Host": "shop.example"}
        for number in range(3):
            headers["X-Forwarded-For"] = f"203.0.113.{number}"
            self.knock(**headers)
        self.assertEqual(self.clicks(), 1)
        with patch.dict(config.options, {"proxy_mode": True}):
            for number in range(3):
                headers["X-Forwarded-For"] = f"198.51.100.9, 203.0.113.{number}"
                self.knock(**headers)
        self.assertEqual(self.clicks(), 4)

    def test_where_cookies_are_not_wanted_none_is_set(self):
        """Threat C3."""
        hook = patch.object(
            self.registry["ir.http"],
            "_referral_may_set_cookie",
            lambda _http, cookies, host: cookies.get("bar") == "yes",
        )
        with hook:
            response = self.knock()
            self.assertEqual(response.status_code, 302)
            self.assertIsNone(self.get_cookie(response))
            self.opener.cookies.set("bar", "yes")
            self.assertTrue(self.get_cookie(self.knock()))
        self.assertEqual(self.clicks(), 1)

    def test_a_visitor_is_counted_once_an_hour(self):
        for _time in range(3):
            self.knock()
        self.assertEqual(self.clicks(), 1)
        self.knock(**{"User-Agent": "another browser"})
        self.assertEqual(self.clicks(), 2)

    def test_what_is_no_persons_tap_is_sent_on_and_neither_counts_nor_credits(self):
        """Threats S6 and C4: machines, looks ahead, pictures and frames."""
        for headers in (
            {"User-Agent": "Mozilla/5.0 (compatible; Baiduspider/2.0)"},
            {"User-Agent": "Slackbot-LinkExpanding 1.0"},
            {"User-Agent": "WhatsApp/2.23"},
            {"User-Agent": ""},
            {"Sec-Purpose": "prefetch;prerender"},
            {"Purpose": "prefetch"},
            {"X-Moz": "prefetch"},
            {"Sec-Fetch-Dest": "image"},
            {"Sec-Fetch-Dest": "iframe"},
            {"Sec-Fetch-Dest": "empty"},
            {"head": True},
        ):
            with self.subTest(headers=headers):
                response = self.knock(**headers)
                self.assertEqual(response.status_code, 302)
                self.assertIsNone(self.get_cookie(response))
        self.assertEqual(self.clicks(), 0)
        self.knock(**{"Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate"})
        self.assertEqual(self.clicks(), 1)

    def test_ones_own_click_is_marked(self):
        self.authenticate("rd_portal", "rd_portal")
        self.knock()
        self.env.cr.execute("SELECT counted FROM referral_click")
        self.assertEqual(self.env.cr.fetchall(), [(False,)])

    def test_junk_codes_are_not_found_and_leave_no_row(self):
        """Threat S1: no 5xx, whatever is asked for."""
        junk = [
            "x",
            "%00",
            self.link.code + "%00",
            self.link.code[:-1],
            self.link.code.swapcase(),
            "..%2f..%2fetc%2fpasswd",
            "%2e%2e",
            "%0d%0aSet-Cookie:%20a=b",
            "x//%0a%00",
            "%F0%9F%98%80",
            "%ff%fe",
            "'%20OR%201=1--",
            "%25s",
            "a/b/../c",
            "//evil.example",
            "x" * 65,
            "x" * 10_000,
        ]
        for code in junk:
            response = self.knock(code)
            with self.subTest(code=code[:40]):
                self.assertIn(response.status_code, (301, 404))
                goal = response.headers.get("Location", "/")
                self.assertRegex(goal.removeprefix(self.base_url()), r"\A/(?!/)")
                self.assertIsNone(self.get_cookie(response))
        self.assertEqual(self.clicks(), 0)

    def test_links_of_members_who_take_no_part_lead_nowhere(self):
        """Threat S7."""
        for record, values in (
            (self.member, {"member_state": "suspended"}),
            (self.member, {"member_state": "active", "active": False}),
            (self.link, {"active": False}),
        ):
            if "active" in values and record == self.member:
                self.portal.active = False
            record.write(values)
            response = self.knock()
            with self.subTest(values=values):
                self.assertEqual(response.status_code, 404)
                self.assertIsNone(self.get_cookie(response))
            if record == self.member:
                record.write({"active": True, "member_state": "active"})
        self.assertEqual(self.clicks(), 0)

    def test_a_failure_to_record_never_stops_the_visitor(self):
        """Threat S8."""

        failure = SQL("SELECT 1/0")
        with (
            patch.object(ReferralClick, "_query_record", return_value=failure),
            mute_logger("odoo.sql_db"),
            self.assertLogs(CLICKS, logging.ERROR),
        ):
            response = self.knock()
        self.assertEqual(response.status_code, 302)
        self.assertTrue(self.get_cookie(response))
        self.assertEqual(self.clicks(), 0)

    def test_a_broken_connection_to_the_database_is_no_excuse_to_guess(self):
        """Threat S8: only the failure of recording is forgiven, once."""
        failure = psycopg2.OperationalError
        with (
            patch.object(ReferralClick, "_query_record", side_effect=failure),
            self.assertLogs(CLICKS, logging.ERROR),
        ):
            self.assertEqual(self.knock().status_code, 302)

    def test_posting_to_the_door_is_refused(self):
        with mute_logger("odoo.http"):
            response = self.url_open(
                f"/s/{self.link.code}", data={"a": 1}, allow_redirects=False
            )
        self.assertIn(response.status_code, (400, 404, 405))
        self.assertEqual(self.clicks(), 0)

    def test_a_forged_cookie_does_not_stop_the_door(self):
        """Threat C1: the visit simply starts anew."""
        for value in ("A" * 8000, "=", "%ff", "\x7f"):
            self.set_cookie(value)
            self.assertEqual(self.knock().status_code, 302)


class TestRoadInFront(RoadCase):
    """In front of Odoo's dispatcher, where the addon is loaded server-wide."""

    in_front = True

    def test_what_goes_wrong_on_this_road_is_handed_to_the_other(self):
        with (
            patch.object(door, "_find_database", side_effect=ZeroDivisionError),
            self.assertLogs(door.__name__, logging.WARNING),
        ):
            self.assertEqual(self.knock().status_code, 302)
        self.assertEqual(self.clicks(), 1)

    def test_it_stands_there_only_where_the_addon_is_loaded_server_wide(self):
        before = http.Application.__call__
        modules = {"server_wide_modules": ["base", "web", "rpc"]}
        with patch.dict(config.options, modules):
            door.stand_in_front()
        self.assertIs(http.Application.__call__, before)

    def test_the_database_is_chosen_as_odoo_does(self):
        database = self.env.cr.dbname
        environ = {"HTTP_HOST": "two.example:8069"}
        for settings, session, header, found in (
            ({"db_name": [database]}, {}, None, database),
            ({"db_name": [database, "other"]}, {}, None, None),
            ({"db_name": [database, "other"]}, {"db": "other"}, None, "other"),
            ({"db_name": [database]}, {"db": "other"}, None, database),
            ({"db_name": ["two", "other"], "dbfilter": "^%d$"}, {}, None, "two"),
            ({"db_name": [database]}, {}, database, None),
        ):
            settings = {"dbfilter": "", **settings}
            more = {"HTTP_X_ODOO_DATABASE": header} if header else {}
            with (
                self.subTest(settings=settings, session=session, header=header),
                patch.dict(config.options, settings),
                patch.object(service_db, "list_dbs", return_value=settings["db_name"]),
            ):
                chosen = door._find_database({**environ, **more}, session)
                self.assertEqual(chosen, found)

    def test_twenty_thousand_junk_codes_answer_and_leave_no_row(self):
        """Threat S1: the seed is fixed, so a failure can be repeated."""
        random = Random(20_260_401)
        alphabet = [*map(chr, range(256)), *"%/\\.\0\r\n", "%00", "../", "\u2028", "😀"]
        alphabet += list(self.link.code) * 20
        answered = {404: 0, None: 0}
        with patch.object(door, "_answer", lambda _environ, _code: None):
            for _number in range(20_000):
                length = random.choice((1, 5, 12, 12, 64, 65, 300))
                code = "".join(random.choices(alphabet, k=length))
                path = f"/s/{code}"
                environ = {"REQUEST_METHOD": "GET", "PATH_INFO": path}
                response = door.answer_in_front(environ)
                answered[response and response.status_code] += 1
                self.assertEqual(response is None, bool(CODE.fullmatch(code)), code)
        self.assertGreater(min(answered.values()), 100)
        self.assertEqual(self.clicks(), 0)

    def test_what_a_browser_says_of_itself_never_fails(self):
        """Threats S1, S6: twenty thousand environs of junk, with a fixed seed."""
        random = Random(20_260_402)
        names = ("USER_AGENT", "REFERER", "SEC_FETCH_DEST", "PURPOSE", "SEC_PURPOSE")
        pieces = ["http://", "[", "]", "::1", "\0", "\xff", "@", ":", "bot", "é", " "]
        pieces += ["a.example", "x" * 600, "prefetch", "document", "\ud800", "%00"]
        for _number in range(20_000):
            environ = {
                f"HTTP_{name}": "".join(random.choices(pieces, k=random.randrange(6)))
                for name in random.sample(names, 3)
            }
            visit = read_visit({"REQUEST_METHOD": "GET", **environ})
            for text in (visit.agent, visit.address, visit.referrer_host or ""):
                text.encode()
                self.assertNotIn("\0", text)
                self.assertLessEqual(len(text), 512)


class TestOrdinaryRoad(RoadCase):
    """An ordinary route, where it is not."""


del RoadCase  # it has no road, so it is no test


class TestAttribution(DoorCase):
    """From the cookie to the lead (rule L1)."""

    def setUp(self):
        super().setUp()
        if "website_form_key" not in self.env["ir.model"]._fields:
            self.skipTest("the website's contact form is not installed")

    def submit(self, **extra):
        """Send the website's contact form; return the new lead."""
        before = self.env["crm.lead"].search([], order="id desc", limit=1).id or 0
        response = self.url_open(
            "/website/form/crm.lead",
            data={
                "name": "We need a website",
                "contact_name": "Visitor",
                "email_from": "visitor@customer.example",
                **extra,
            },
            headers={"Referer": self.base_url() + "/contactus"},
        )
        response.raise_for_status()
        self.env.invalidate_all()
        lead = self.env["crm.lead"].search([("id", ">", before)])
        self.assertEqual(len(lead), 1, response.text)
        return lead

    def test_the_visitors_lead_is_the_members(self):
        """Rule L1: member, link, channel, touches and Odoo's own utm fields."""
        self.knock()
        lead = self.submit()
        self.assertRecordValues(
            lead,
            [
                {
                    "referrer_id": self.member.id,
                    "referral_link_id": self.link.id,
                    "referral_first_link_id": self.link.id,
                    "referral_channel_id": self.channel.id,
                    "source_id": self.channel.source_id.id,
                    "medium_id": self.channel.medium_id.id,
                    "referral_validity": "to_review",
                }
            ],
        )
        self.assertTrue(lead.referral_first_touch_at <= lead.referral_last_touch_at)
        self.assertEqual(self.nodes(lead), ["shared", "clicked", "created"])

    def test_without_a_visit_nobody_brought_the_lead(self):
        self.assertFalse(self.submit().referrer_id)

    def test_the_last_member_gets_the_lead_and_the_first_is_remembered(self):
        """Threat C5: the stated policy; a direct visit later changes nothing."""
        links = self.env["referral.link"]
        second = links._obtain(self.inviter, self.channel, "/contactus")
        self.knock()
        self.knock(second.code)
        self.url_open("/contactus")
        lead = self.submit()
        self.assertEqual(lead.referrer_id, self.inviter)
        self.assertEqual(lead.referral_first_link_id, self.link)

    def test_what_the_form_says_about_rewards_is_ignored(self):
        """Threat I4."""
        lead = self.submit(
            referrer_id=str(self.inviter.id),
            referral_link_id=str(self.link.id),
            referral_validity="valid",
            referral_channel_id=str(self.channel.id),
        )
        self.assertFalse(lead.referrer_id)
        self.assertFalse(lead.referral_link_id)
        self.assertEqual(lead.referral_validity, "to_review")

    def test_a_form_cannot_take_the_lead_from_the_member_who_brought_it(self):
        """Threat I4, with the cookie in place."""
        self.knock()
        lead = self.submit(referrer_id=str(self.inviter.id), referral_link_id="0")
        self.assertEqual(lead.referrer_id, self.member)

    def test_cookies_that_are_not_ours_are_as_if_there_were_none(self):
        """Threat C1."""
        payload = self.payload()
        good = self.sign(payload)
        with freeze_time("2020-01-01"):
            expired = self.sign(payload, expiration=timedelta(days=30))
        forged = [
            good[:-4],
            good[:20] + ("A" if good[20] != "A" else "B") + good[21:],
            good + "A" * 8000,
            "x",
            "====",
            "%ff%fe",
            expired,
            self.sign(payload, scope="another-purpose"),
            self.sign(self.payload(link=2**39)),
            self.sign([*payload[:-1], -1]),
            self.sign([2, *payload[1:]]),
            self.sign({"last_link": self.link.id}),
            self.sign("text"),
        ]
        for number, value in enumerate(forged):
            self.set_cookie(value)
            with self.subTest(number=number):
                self.assertFalse(self.submit().referrer_id)

    def test_a_sound_cookie_is_read(self):
        """The counterpart of the forged ones: the guard refuses not everything."""
        self.set_cookie(self.sign(self.payload()))
        self.assertEqual(self.submit().referrer_id, self.member)

    def test_who_left_in_the_meantime_gets_no_lead(self):
        """Threat S7: suspended, archived, or the link switched off after the visit."""
        self.knock()
        for record, values in (
            (self.member, {"member_state": "suspended"}),
            (self.link, {"active": False}),
        ):
            before = record.read(list(values))[0]
            record.write(values)
            with self.subTest(values=values):
                self.assertFalse(self.submit().referrer_id)
            record.write({name: before[name] for name in values})
        self.portal.active = False
        self.member.active = False
        self.assertFalse(self.submit().referrer_id)

    def test_a_colleague_who_opened_a_link_brings_no_lead(self):
        """Rule L4: what sales types in was brought by nobody."""
        self.authenticate("rd_sales", "rd_sales")
        self.knock()
        self.assertIn(COOKIE, self.opener.cookies)
        lead = self.make_jsonrpc_request(
            "/web/dataset/call_kw/crm.lead/create",
            {
                "model": "crm.lead",
                "method": "create",
                "args": [[{"name": "By phone"}]],
                "kwargs": {},
            },
        )
        self.assertFalse(self.env["crm.lead"].browse(lead).referrer_id)
