import time

from lxml import html

from odoo import http
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..engine.token import Touches
from ..models.ir_http import COOKIE, sign_touches
from .test_signup import NEW, PASSWORD, SignupCase


@tagged("post_install", "-at_install")
class TestProposedInvite(SignupCase):
    """Who comes through a member's link is offered that member's code (rule M2)."""

    def come(self, link=None):
        """Be a visitor who came through a link, with cookies."""
        self.authenticate(None, None)
        touches = Touches().touch((link or self.link).id, int(time.time()), 86400)
        self.opener.cookies.set(COOKIE, sign_touches(self.env, touches, 30))

    def send_form(self, **values):
        """Sign up without losing the cookie, which ``sign_up`` does."""
        values = {
            "csrf_token": http.Request.csrf_token(self),
            "name": "New Comer",
            "login": NEW,
            "password": PASSWORD,
            "confirm_password": PASSWORD,
            **values,
        }
        with mute_logger("odoo.addons.auth_signup.controllers.main"):
            return self.url_open("/web/signup", data=values)

    def open_form(self, path="/web/signup", **headers):
        self.env.flush_all()
        response = self.url_open(path, headers=headers)
        self.assertEqual(response.status_code, 200)
        return html.fromstring(response.text)

    def get_code(self, page):
        return [code for code in page.xpath("//input[@name='invite']/@value") if code]

    def get_note(self, page):
        note = page.xpath("//*[contains(@class, 'o_referral_invite_proposed')]")
        return " ".join(note[0].text_content().split()) if note else ""

    def test_the_code_stands_in_the_form_and_says_whose_it_is(self):
        self.come()
        page = self.open_form()
        self.assertEqual(self.get_code(page), [self.code.code])
        owner = page.xpath("//*[contains(@class, 'o_referral_invite_owner')]")
        self.assertEqual(owner[0].text_content(), "M**")
        self.assertIn("came through this member's link", self.get_note(page))
        self.assertIn("Clear it if nobody invited you", self.get_note(page))

    def test_without_cookies_the_address_is_enough(self):
        """Threat C3: of the form's page, or of the page that led to it."""
        self.authenticate(None, None)
        code = self.link.code
        page = self.open_form(f"/web/signup?referral={code}")
        self.assertEqual(self.get_code(page), [self.code.code])
        before = f"{self.base_url()}/?referral={code}"
        page = self.open_form(Referer=before)
        self.assertEqual(self.get_code(page), [self.code.code])
        self.assertFalse(self.get_code(self.open_form()))

    def test_who_leaves_the_code_joins_below_the_member(self):
        self.come()
        [code] = self.get_code(self.open_form())
        self.sign_up(code)
        self.assertEqual(self.find_partner().inviter_id, self.member)

    def test_who_clears_it_has_no_inviter(self):
        """Never silently: what the form says counts, even with the cookie there."""
        self.come()
        self.assertTrue(self.get_code(self.open_form()))
        self.send_form(invite="")
        partner = self.find_partner()
        self.assertEqual(partner.member_state, "active")
        self.assertFalse(partner.inviter_id)

    def test_a_form_without_the_field_has_no_inviter(self):
        """Another page's form: nobody saw a code there."""
        self.come()
        self.send_form()
        self.assertEqual(self.find_partner().member_state, "active")
        self.assertFalse(self.find_partner().inviter_id)

    def test_a_form_with_a_mistake_keeps_what_was_typed(self):
        for typed in ("", self.inviter.invite_code):
            self.come()
            response = self.send_form(invite=typed, confirm_password="another")
            page = html.fromstring(response.text)
            with self.subTest(typed=typed):
                self.assertFalse(self.find_user())
                self.assertEqual(self.get_code(page), [typed] if typed else [])
                self.assertFalse(self.get_note(page))

    def test_a_code_that_came_with_the_address_counts_before_the_link(self):
        self.come()
        code = self.inviter.invite_code
        page = self.open_form(f"/web/signup?invite={code}")
        self.assertEqual(self.get_code(page), [code])
        self.assertFalse(self.get_note(page))

    def test_where_one_must_be_invited_a_shared_link_is_no_invitation(self):
        """Rule M6: the code that opens the door is not told to all who read along."""
        self.set_scope("b2b")
        self.come()
        page = self.open_form()
        self.assertFalse(self.get_code(page))
        self.assertFalse(self.get_note(page))

    def test_a_member_who_takes_no_part_is_not_proposed_and_sign_up_works(self):
        """Threat I5: archived, suspended, of another company, without a code."""
        elsewhere = self.env["res.company"].create({"name": "Elsewhere"})
        for number, (of_code, values) in enumerate(
            (
                (False, {"member_state": "suspended"}),
                (False, {"active": False}),
                (False, {"company_id": elsewhere.id}),
                (True, {"active": False}),
            )
        ):
            sharer = self.make_member("Sharer")
            link = self.env["referral.link"]._obtain(sharer, self.channel, "/x")
            self.come(link)
            self.assertTrue(self.get_code(self.open_form()))
            (sharer.invite_code_ids if of_code else sharer).write(values)
            login = f"newcomer{number}@example.com"
            with self.subTest(values=values):
                self.come(link)
                self.assertFalse(self.get_code(self.open_form()))
                self.sign_up("", login=login)
                partner = self.find_partner(login)
                self.assertEqual(partner.member_state, "active")
                self.assertFalse(partner.inviter_id)

    def test_who_was_invited_by_odoo_is_asked_nothing_more(self):
        guest = self.env["res.partner"].create(
            {"name": "Guest", "email": "g@x.example"}
        )
        guest.signup_prepare()
        self.come()
        url = guest._get_signup_url_for_action()[guest.id]
        page = self.open_form(url.removeprefix(self.base_url()))
        self.assertFalse(self.get_code(page))
