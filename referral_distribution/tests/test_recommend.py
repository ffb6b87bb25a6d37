import re
from random import Random

from odoo import http
from odoo.tests import tagged
from odoo.tools import mute_logger

from .test_intake import EVIL
from .test_portal import PortalCase

PAGE = "/my/referral/leads/new"
GOOD = {
    "company": "Customer Ltd",
    "contact": "Wang Wei",
    "phone": "138 0013 8000",
    "email": "Wang@Customer.example",
    "note": "They need a website.\nSoon.",
    "agreed": "1",
}


class RecommendCase(PortalCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.country_id = cls.env.ref("base.cn")

    def send(self, user=None, token=True, page=PAGE, **typed):
        """Post the form as a member; return the response, redirects not followed."""
        self.log_in(user)
        data = {**GOOD, **typed}
        if token:
            data["csrf_token"] = http.Request.csrf_token(self)
        response = self.url_open(page, data=data, allow_redirects=False)
        self.env.invalidate_all()
        return response

    def get_recommended(self, member=None):
        return self.env["crm.lead"].search(
            [
                ("referrer_id", "=", (member or self.member).id),
                ("referral_evidence", "=", "portal"),
            ]
        )

    def assertRefused(self, *messages, **typed):
        response = self.send(**typed)
        self.assertEqual(response.status_code, 200)
        for message in messages:
            self.assertIn(message, response.text)
        self.assertFalse(self.get_recommended(), "something was written")
        return response.text


@tagged("post_install", "-at_install")
class TestRecommend(RecommendCase):
    """A member recommends a company in the portal (rule L4)."""

    def test_a_member_recommends_a_company(self):
        response = self.send()
        self.assertEqual(response.status_code, 303)
        self.assertIn("Thank you!", self.get_page(response.headers["Location"]))
        lead = self.get_recommended()
        self.assertRecordValues(
            lead,
            [
                {
                    "name": "Customer Ltd",
                    "partner_name": "Customer Ltd",
                    "contact_name": "Wang Wei",
                    "phone": "+86 138 0013 8000",
                    "email_from": "wang@customer.example",
                    "referrer_id": self.member.id,
                    "referral_evidence": "portal",
                    "referral_contact_agreed": True,
                    "referral_validity": "to_review",
                    "referral_channel_id": False,
                    "referral_link_id": False,
                    "company_id": self.company.id,
                    "user_id": False,
                }
            ],
        )
        self.assertIn("a website.<br>Soon.", lead.description.replace("<br/>", "<br>"))
        self.assertEqual(lead.source_id.name, "Recommendation")
        self.assertEqual(lead.medium_id.name, "Referral")
        self.assertEqual(self.nodes(lead), ["created"])
        facts = lead.referral_trail_ids.content
        self.assertEqual(facts, {"evidence": "portal", "agreed": 1})
        self.assertEqual(lead.referral_trail_ids.actor_id, self.portal)
        self.assertIn("recommended", lead.referral_attribution_text)

    def test_a_member_who_works_in_sales_is_not_given_the_own_lead(self):
        self.sales.partner_id.member_state = "active"
        lead, problems = (
            self.env["crm.lead"]
            .with_user(self.sales)
            ._recommend(self.sales.partner_id, self.company, GOOD)
        )
        self.assertFalse(problems)
        self.assertFalse(lead.user_id)

    def test_the_member_does_not_follow_the_lead(self):
        """Threat P1: nor read it, or what sales writes on it."""
        self.send()
        lead = self.get_recommended()
        self.assertNotIn(self.member, lead.message_partner_ids)
        with mute_logger("odoo.http"):
            response = self.url_open(f"/mail/view?model=crm.lead&res_id={lead.id}")
        self.assertNotIn("Wang Wei", response.text)

    def test_what_is_wrong_is_said_beside_its_field_and_the_rest_stays(self):
        for field, text, message in (
            ("company", " \u202e ", "Write the name of the company."),
            ("contact", "", "Write whom we should talk to."),
            ("phone", "123", "is no phone number"),
            ("phone", "abc", "is no phone number"),
            ("email", "not an address", "This is no e-mail address."),
            ("email", "a@b@c.cn", "This is no e-mail address."),
            ("agreed", "", "Ask the contact first"),
            ("company", "x" * 201, "Write at most 200 characters."),
            ("note", "x" * 2001, "Write at most 2000 characters."),
        ):
            with self.subTest(field=field, text=text[:20]):
                page = self.assertRefused(message, "Nothing was sent", **{field: text})
                self.assertIn(
                    "They need a website." if field != "note" else "Wang", page
                )
                self.assertIn('value="Wang Wei"' if field != "contact" else "", page)
        self.assertRefused("Give a phone number or an e-mail", phone="", email="")
        self.assertEqual(self.send(phone="").status_code, 303)

    def test_the_page_speaks_the_members_language(self):
        self.env["res.lang"]._activate_lang("zh_CN")
        self.portal.lang = "zh_CN"
        if "website" in self.env:
            website = self.env["website"].search([], limit=1)
            website.language_ids |= self.env["res.lang"]._lang_get("zh_CN")
        response = self.send(page=f"/zh_CN{PAGE}", company="")
        self.assertIn("请填写公司名称", response.text)
        self.assertFalse(self.get_recommended())

    def test_other_fields_are_ignored(self):
        """Threats S2, I4: whatever else the form posts."""
        ours = [name for name in self.env["crm.lead"]._fields if name.startswith("ref")]
        more = dict.fromkeys([*ours, "user_id", "stage_id", "expected_revenue"], "1")
        more |= {"referrer_id": str(self.inviter.id), "referral_validity": "valid"}
        more |= {"member": str(self.inviter.id), "company_id": "99", "sent": "1"}
        self.assertEqual(self.send(**more).status_code, 303)
        lead = self.get_recommended()
        self.assertEqual(lead.referrer_id, self.member)
        self.assertEqual(lead.referral_validity, "to_review")
        self.assertFalse(lead.user_id)
        self.assertFalse(lead.expected_revenue)
        self.assertEqual(lead.company_id, self.company)

    @mute_logger("odoo.http")
    def test_without_the_forms_own_token_nothing_happens(self):
        """Threat P4."""
        self.assertEqual(self.send(token=False).status_code, 400)
        self.assertFalse(self.get_recommended())

    def test_only_active_members_recommend(self):
        self.assertIn("member", self.send(user=self.stranger).text)
        self.assertFalse(self.get_recommended(self.stranger.partner_id))
        self.member.member_state = "suspended"
        self.assertRefused("Only active members can recommend")
        self.member.member_state = "active"
        grade = self.env.ref("referral_distribution.res_partner_grade_channel_partner")
        self.member.grade_id = grade
        self.assertRefused("your channel")

    def test_sent_twice_it_is_one_lead(self):
        for _time in range(2):
            self.assertEqual(self.send().status_code, 303)
        self.assertEqual(len(self.get_recommended()), 1)
        self.send(company="Another Ltd")
        self.assertEqual(len(self.get_recommended()), 2)

    def test_a_day_has_so_many_and_no_more(self):
        self.company.referral_recommendation_limit = 2
        for number in range(2):
            self.assertEqual(self.send(company=f"C {number}").status_code, 303)
        response = self.send(company="C 2")
        self.assertIn("2 companies today", response.text)
        self.assertIn('value="C 2"', response.text)
        self.assertEqual(len(self.get_recommended()), 2)
        self.assertEqual(self.send(company="C 1").status_code, 303)  # sent before
        self.assertEqual(self.send(user=self.other_user).status_code, 303)
        self.env.cr.execute(
            "UPDATE crm_lead SET create_date = create_date - '1d'::interval"
        )
        self.assertEqual(self.send(company="C 2").status_code, 303)
        self.company.referral_recommendation_limit = 0
        for number in range(3, 6):
            self.assertEqual(self.send(company=f"C {number}").status_code, 303)

    def test_the_limit_is_a_setting_of_the_company(self):
        settings = self.env["res.config.settings"]
        settings.create({"referral_recommendation_limit": 7}).execute()
        self.assertEqual(self.company.referral_recommendation_limit, 7)
        with self.assertDatabaseRefuses():
            self.company.referral_recommendation_limit = -1
            self.env.flush_all()

    def test_whatever_is_typed_makes_a_safe_lead_or_none(self):
        """Threats L3, P5: script, formulas, 10 kB, emoji, marks of direction."""
        chance = Random(11)
        for text in EVIL:
            text = text.encode("utf-8", "replace").decode()
            field = chance.choice(("company", "contact", "note"))
            with self.subTest(text=text[:20], field=field):
                response = self.send(**{field: text})
                self.assertIn(response.status_code, (200, 303))
                self.assertNotIn("<script>alert", response.text)
                self.assertNotIn("<img src=x", response.text)
        for lead in self.get_recommended():
            self.assertLessEqual(len(lead.partner_name), 200)
            self.assertFalse(re.search("[\0\u202e\ufeff]", lead.partner_name))
            self.assertNotIn("<script", lead.description)

    def test_the_leads_page_leads_to_it(self):
        self.log_in()
        self.assertIn(f'href="{PAGE}"', self.get_page("/my/referral/leads"))
        page = self.get_page(PAGE)
        self.assertIn("csrf_token", page)
        for field in ("company", "contact", "phone", "email", "note", "agreed"):
            self.assertIn(f'name="{field}"', page)
