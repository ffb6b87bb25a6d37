from datetime import datetime, timedelta

from freezegun import freeze_time

from odoo.tests import tagged

from odoo.addons.referral_distribution.models.ir_http import COOKIE
from odoo.addons.referral_distribution.tests.test_door import DoorCase

from ..models.ir_http import CONSENT_COOKIE

NOON = datetime(2026, 11, 12, 2, 2)
# Uses links and forms of the page, some added by other scripts.
BROWSER = """
const wrap = document.querySelector("#wrapwrap");
const add = (html) => {
    wrap.insertAdjacentHTML("beforeend", html);
    return wrap.lastElementChild;
};
const use = (element) => {
    const stop = (ev) => ev.preventDefault();
    document.addEventListener("click", stop, { once: true });
    element.click();
    document.removeEventListener("click", stop);
    return element.href;
};
const check = (name, found, expected) => {
    if (found !== expected) {
        throw new Error(`${name}: ${found} instead of ${expected}`);
    }
};
const here = window.location.origin;
const ends = "referral=%(code)s";
(async () => {
    for (let tries = 0; tries < 100; tries++) {
        if (use(add(`<a href="/x">x</a>`)).includes(ends)) break;
        await new Promise((resolve) => setTimeout(resolve, 100));
    }
    for (const [href, expected] of [
        ["/x", `${here}/x?${ends}`],
        ["/x?a=1#top", `${here}/x?a=1&${ends}#top`],
        ["/x?referral=other", `${here}/x?referral=other`],
        ["#top", window.location.href.split("#")[0] + "#top"],
        ["https://other.example/x", "https://other.example/x"],
        ["mailto:a@b.example", "mailto:a@b.example"],
    ]) {
        check(href, use(add(`<a href="${href}">x</a>`)), expected);
    }
    const send = `<button type="button">Send</button>`;
    for (const [form, expected] of [
        [`<form action="/website/form/">${send}</form>`, "%(code)s"],
        [`<form action="https://other.example/">${send}</form>`, ""],
        [`<form><input name="referral" value="Bob"/>${send}</form>`, "Bob"],
    ]) {
        const element = add(form);
        use(element.querySelector("button"));
        use(element.querySelector("button"));
        const fields = [...element.querySelectorAll("[name=referral]")];
        check(form, fields.map((field) => field.value).join(), expected);
    }
    check("stored", document.cookie.includes("%(code)s"), false);
    const stored = JSON.stringify([{ ...localStorage }, { ...sessionStorage }]);
    check("stored", stored.includes("%(code)s"), false);
    console.log("test successful");
})().catch((error) => console.error(error.message));
"""


@tagged("post_install", "-at_install")
class FlowCase(DoorCase):
    """A visitor opens a personal link, looks around and sends the contact form."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.website = cls.env["website"].search([], limit=1)
        cls.website.write({"domain": False, "cookies_bar": False})
        cls.second = cls.env["referral.link"]._obtain(
            cls.inviter, cls.channel, "/contactus"
        )
        cls.member.name = "Member"

    def setUp(self):
        super().setUp()
        form = self.env["ir.model"]._get("crm.lead")
        if not form.website_form_access:
            self.skipTest("the contact form makes no leads here")

    def submit(self, page="/contactus", **extra):
        """Send the contact form from a page; return the new lead."""
        response = self.url_open(
            "/website/form/crm.lead",
            data={
                "name": "We need a website",
                "contact_name": "Visitor",
                "email_from": "visitor@customer.example",
                "description": "Soon, please.",
                **extra,
            },
            headers={"Referer": self.base_url() + page},
        )
        self.env.invalidate_all()
        lead = self.env["crm.lead"].browse(response.json()["id"])
        self.assertTrue(lead.exists())
        return lead

    def has_cookie(self):
        return COOKIE in self.opener.cookies


class TestFlows(FlowCase):
    """From the link to the lead over days (rule L1; threats C3, C5, S7)."""

    def come_through_both(self):
        """The member's link, two days later the inviter's, then nobody's."""
        with freeze_time(NOON):
            self.knock()
        with freeze_time(NOON + timedelta(days=2)):
            self.knock(self.second.code)
        with freeze_time(NOON + timedelta(days=3)):
            self.url_open("/contactus")

    def test_two_days_later_by_typing_the_address_the_lead_is_the_members(self):
        with freeze_time(NOON):
            self.knock()
        with freeze_time(NOON + timedelta(days=2)):
            self.url_open("/contactus")
            lead = self.submit()
        self.assertEqual(lead.referrer_id, self.member)
        self.assertEqual(lead.referral_evidence, "cookie")
        self.assertEqual(lead.referral_touch_at, NOON)

    def test_a_second_member_in_between_counts_as_the_policy_says(self):
        """Threat C5: a direct visit later erases nothing."""
        for policy, member, day, later in (
            ("last", self.inviter, 4, self.inviter),
            ("first", self.member, 4, self.member),
            ("first_unless_expired", self.member, 4, self.inviter),
        ):
            self.company.referral_attribution_policy = policy
            self.set_cookie(None)
            self.come_through_both()
            with self.subTest(policy=policy):
                with freeze_time(NOON + timedelta(days=day)):
                    self.assertEqual(self.submit().referrer_id, member)
                with freeze_time(NOON + timedelta(days=31)):
                    self.assertEqual(self.submit().referrer_id, later)
                with freeze_time(NOON + timedelta(days=33)):
                    self.assertFalse(self.submit().referrer_id)

    def test_a_link_that_was_closed_meanwhile_is_passed_over(self):
        """Threat S7."""
        self.come_through_both()
        self.second.active = False
        with freeze_time(NOON + timedelta(days=4)):
            lead = self.submit()
        self.assertEqual(lead.referrer_id, self.member)
        self.assertIn("passed over", lead.referral_attribution_text)

    def test_without_consent_there_is_no_cookie_and_the_code_works(self):
        """Threat C3: Odoo's cookie bar is on."""
        self.website.cookies_bar = True
        target = self.knock().headers["Location"]
        self.assertFalse(self.has_cookie())
        self.assertIn(f"referral={self.link.code}", target)
        lead = self.submit(page=f"/contactus?referral={self.link.code}")
        self.assertEqual(lead.referrer_id, self.member)
        self.assertEqual(lead.referral_evidence, "address")
        lead = self.submit(referral=self.second.code)
        self.assertEqual(lead.referrer_id, self.inviter)
        self.assertEqual(lead.referral_evidence, "form")
        self.assertFalse(self.submit().referrer_id)

    def test_with_consent_there_is_a_cookie(self):
        """Threat C3."""
        self.website.cookies_bar = True
        self.opener.cookies.set(CONSENT_COOKIE, '{"optional":true}')
        self.knock()
        self.assertTrue(self.has_cookie())
        self.assertEqual(self.submit().referrer_id, self.member)

    def test_who_takes_consent_back_is_not_recognised_by_the_cookie(self):
        """Threat C3."""
        self.knock()
        self.website.cookies_bar = True
        self.assertFalse(self.submit().referrer_id)
        lead = self.submit(referral=self.second.code)
        self.assertEqual(lead.referrer_id, self.inviter)
        self.opener.cookies.set(CONSENT_COOKIE, '{"optional":true}')
        self.assertEqual(self.submit().referrer_id, self.member)

    def test_the_code_is_nothing_the_visitor_wrote(self):
        for code in (self.link.code, self.second.code):
            self.second.active = False  # a closed link's neither
            lead = self.submit(referral=code)
            self.assertNotIn("referral", lead.description)
            self.assertNotIn(code, lead.description)
            self.assertIn("Soon, please.", lead.description)
        lead = self.submit(referral="My friend Bob", Budget="High")
        self.assertIn("referral : My friend Bob", lead.description)
        self.assertIn("Budget : High", lead.description)
        self.assertFalse(lead.referrer_id)

    def test_what_else_the_form_says_of_rewards_is_ignored(self):
        """Threat I4: each field of ours, with a code and without."""
        fields = self.env["crm.lead"]._fields
        ours = [name for name in fields if name.startswith(("referr", "territory"))]
        values = dict.fromkeys(ours, str(self.inviter.id)) | {
            "referral_policy": "first"
        }
        values.pop("referred")
        for code in ({}, {"referral": self.link.code}):
            lead = self.submit(**values, **code)
            member = self.member if code else self.env["res.partner"]
            self.assertEqual(lead.referrer_id, member)
            self.assertEqual(lead.referral_evidence, "form" if code else False)
            self.assertEqual(lead.referral_validity, "to_review")
            self.assertFalse(lead.referral_commission_ids)

    def test_forged_cookies_bring_nobody_and_break_nothing(self):
        """Threat C1: over HTTP; twenty thousand of them are in test_token."""
        self.knock()
        good = self.opener.cookies[COOKIE]
        for value in (good[:-7], good[::-1], good + "A" * 8192, "%00", "é".encode()):
            self.set_cookie(
                value if isinstance(value, str) else value.decode("latin-1")
            )
            with self.subTest(value=value[:20]):
                self.assertFalse(self.submit().referrer_id)
                self.assertEqual(self.knock().status_code, 302)

    def test_a_browser_carries_the_code_to_the_next_page_and_into_forms(self):
        """Threat C3: links of the page, of other scripts, other sites; forms."""
        self.website.cookies_bar = True
        self.browser_js(
            f"/contactus?referral={self.link.code}", BROWSER % {"code": self.link.code}
        )
