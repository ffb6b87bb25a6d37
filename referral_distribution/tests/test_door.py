import logging
import time
from datetime import timedelta
from unittest.mock import patch

import psycopg2
from freezegun import freeze_time

from odoo.tests import HttpCase, tagged
from odoo.tools import config, hash_sign, mute_logger

from odoo.addons.referral_distribution.engine.token import Touches
from odoo.addons.referral_distribution.models.ir_http import COOKIE, get_scope
from odoo.addons.referral_distribution.models.referral_click import ReferralClick

from .common import ReferralCase

CONTROLLER = "odoo.addons.referral_distribution.controllers.link"


@tagged("post_install", "-at_install")
class DoorCase(ReferralCase, HttpCase):
    def knock(self, code=None, head=False, **headers):
        """Open the short link as a browser would, without following it."""
        path = f"/s/{self.link.code if code is None else code}"
        if head:
            return self.opener.head(
                self.base_url() + path, headers=headers, allow_redirects=False
            )
        return self.url_open(path, headers=headers, allow_redirects=False)

    def clicks(self):
        return self.env["referral.click"].search_count([])

    def sign(self, payload, scope=None, **kwargs):
        scope = scope or get_scope(self.env)
        return hash_sign(self.env(su=True), scope, payload, **kwargs)

    def payload(self, link=None):
        """Return what the cookie says of a visitor who just came through a link."""
        at = int(time.time())
        return Touches().touch(link or self.link.id, at, 86400).to_payload()

    def set_cookie(self, value):
        self.opener.cookies.pop(COOKIE, None)
        if value is not None:
            self.opener.cookies.set(COOKIE, value)


class TestDoor(DoorCase):
    """/s/<code>: the visitor goes on, the visit is counted (rule S2)."""

    def test_the_visitor_is_sent_on_and_nothing_is_cached(self):
        response = self.knock()
        self.assertEqual(response.status_code, 302)
        self.assertEqual(response.headers["Location"], "/shop")
        self.assertEqual(response.headers["Cache-Control"], "no-store")
        self.assertEqual(self.clicks(), 1)

    def test_the_cookie_is_for_the_server_alone_and_lasts_the_window(self):
        """Threat C2."""
        self.company.referral_attribution_days = 7
        [cookie] = [
            value
            for name, value in self.knock().raw.headers.items()
            if name == "Set-Cookie" and value.startswith(COOKIE)
        ]
        parts = {part.strip().lower() for part in cookie.split(";")[1:]}
        for flag in ("httponly", "samesite=lax", f"max-age={7 * 86400}", "path=/"):
            self.assertIn(flag, parts)
        self.assertNotIn("secure", parts)

    def test_over_https_the_cookie_is_secure(self):
        """Threat C2."""
        with patch.dict(config.options, {"proxy_mode": True}):
            headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "shop.example"}
            response = self.knock(**headers)
        [cookie] = [
            value
            for name, value in response.raw.headers.items()
            if name == "Set-Cookie" and value.startswith(COOKIE)
        ]
        self.assertIn("; Secure", cookie)

    def test_a_visitor_is_counted_once_an_hour(self):
        for _time in range(3):
            self.knock()
        self.assertEqual(self.clicks(), 1)
        self.knock(**{"User-Agent": "another browser"})
        self.assertEqual(self.clicks(), 2)

    def test_a_look_at_the_head_is_sent_on_but_not_counted(self):
        """Threat S6."""
        response = self.knock(head=True)
        self.assertEqual(response.status_code, 302)
        self.assertEqual(self.clicks(), 0)

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
                self.assertNotIn(COOKIE, response.cookies)
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
                self.assertNotIn(COOKIE, response.cookies)
            if record == self.member:
                record.write({"active": True, "member_state": "active"})
        self.assertEqual(self.clicks(), 0)

    def test_a_failure_to_record_never_stops_the_visitor(self):
        """Threat S8."""

        def fail(clicks, *_args):
            clicks.env.cr.execute("SELECT 1/0")

        with (
            patch.object(ReferralClick, "_record", fail),
            mute_logger("odoo.sql_db"),
            self.assertLogs(CONTROLLER, logging.ERROR),
        ):
            response = self.knock()
        self.assertEqual(response.status_code, 302)
        self.assertIn(COOKIE, response.cookies)
        self.assertEqual(self.clicks(), 0)

    def test_a_broken_connection_to_the_database_is_no_excuse_to_guess(self):
        """Threat S8: only the failure of recording is forgiven, once."""
        with (
            patch.object(
                ReferralClick, "_record", side_effect=psycopg2.OperationalError
            ),
            self.assertLogs(CONTROLLER, logging.ERROR),
        ):
            self.assertEqual(self.knock().status_code, 302)

    def test_posting_to_the_door_is_refused(self):
        with mute_logger("odoo.http"):
            response = self.url_open(
                f"/s/{self.link.code}", data={"a": 1}, allow_redirects=False
            )
        self.assertIn(response.status_code, (400, 404, 405))
        self.assertEqual(self.clicks(), 0)


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

    def test_a_forged_cookie_does_not_stop_the_door(self):
        """Threat C1: the next visit simply starts anew."""
        self.set_cookie("A" * 8000)
        self.assertEqual(self.knock().status_code, 302)

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
