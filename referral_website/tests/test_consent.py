from random import Random

from odoo.tests import TransactionCase, tagged

from ..models.ir_http import CONSENT_COOKIE

YES = {CONSENT_COOKIE: '{"required": true, "optional": true}'}
NO = {CONSENT_COOKIE: '{"required": true, "optional": false}'}


@tagged("post_install", "-at_install")
class TestConsent(TransactionCase):
    """Whether a visitor may be given the cookie, asked without a request (C3)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        websites = cls.env["website"]
        websites.search([]).cookies_bar = False
        cls.asking = websites.create(
            {"name": "Asks", "domain": "https://asks.example", "cookies_bar": True}
        )
        cls.other = websites.create({"name": "Other", "domain": "http://other.example"})

    def may(self, cookies=None, host="asks.example"):
        return self.env["ir.http"]._referral_may_set_cookie(cookies or {}, host)

    def test_where_the_bar_is_on_the_visitor_is_asked_first(self):
        self.assertTrue(self.may(YES))
        for cookies in ({}, NO, {CONSENT_COOKIE: "true"}, {"other": "x"}):
            with self.subTest(cookies=cookies):
                self.assertFalse(self.may(cookies))

    def test_where_the_bar_is_off_nobody_is_asked(self):
        for host in ("other.example", "other.example:8069", "unknown.example", ""):
            with self.subTest(host=host):
                self.assertTrue(self.may(NO, host))

    def test_a_change_of_bar_or_domain_counts_at_once(self):
        self.assertFalse(self.may())
        self.asking.cookies_bar = False
        self.assertTrue(self.may())
        self.asking.cookies_bar = True
        self.assertFalse(self.may())
        self.asking.domain = "https://elsewhere.example"
        self.assertTrue(self.may())
        self.assertFalse(self.may(host="elsewhere.example"))
        self.assertTrue(self.may(host="new.example"))
        self.env["website"].create(
            {"name": "New", "domain": "new.example", "cookies_bar": True}
        )
        self.assertFalse(self.may(host="new.example"))

    def test_asking_again_takes_no_query(self):
        """The road in front of Odoo's dispatcher asks at each visit."""
        self.may()
        self.env.invalidate_all()  # as in another request
        with self.assertQueryCount(0):
            self.assertFalse(self.may())
            self.assertTrue(self.may(YES))

    def test_whatever_host_and_cookie_say_never_fails(self):
        chance = Random(3)
        letters = "a.-:@/[]%\0 é。ß中😀\u200d" + "x" * 9
        for number in range(2000):
            text = "".join(chance.choices(letters, k=chance.randrange(100)))
            cookies = {CONSENT_COOKIE: text if number % 2 else "[" * number}
            self.assertIn(self.may(cookies, text), (True, False))
        self.assertFalse(self.may(YES | {CONSENT_COOKIE: "[" * 100_000}))

    def test_a_target_may_name_any_own_website(self):
        """Threat S2: and no other."""
        hosts = self.env["referral.link"]._get_own_hosts()
        self.assertLessEqual({"asks.example", "other.example"}, hosts)
        self.assertNotIn("evil.example", hosts)
        self.assertNotIn("", hosts)
