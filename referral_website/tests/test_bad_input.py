import json
from random import Random

from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.referral_distribution.tests.test_intake import EVIL, PHONES

from .test_flows import FlowCase

FORM = "/website/form/crm.lead"
TEXTS = ("name", "contact_name", "partner_name", "description")


@tagged("post_install", "-at_install")
class TestBadInput(FlowCase):
    """What strangers post to Odoo's contact form (threats S2, L3, I4)."""

    def post(self, **values):
        """Return what the form answers: the id of a lead, or what is wrong."""
        data = {
            "name": "We need a website",
            "contact_name": "Visitor",
            "email_from": "visitor@customer.example",
            "description": "Soon.",
            "referral": self.link.code,
            **values,
        }
        response = self.url_open(FORM, data=data)
        self.assertEqual(response.status_code, 200)
        self.env.invalidate_all()
        return response.json()

    def count(self):
        self.env.flush_all()
        leads = self.env["crm.lead"].with_context(active_test=False)
        entries = self.env["referral.trail.entry"].sudo()
        return leads.search_count([]), entries.search_count([])

    def test_names_with_script_formulas_and_ten_thousand_signs(self):
        chance = Random(17)
        for text in EVIL:
            text = text.encode("utf-8", "replace").decode()
            field = chance.choice(TEXTS)
            with self.subTest(text=text[:20], field=field):
                answer = self.post(**{field: text})
                lead = self.env["crm.lead"].browse(answer["id"])
                self.assertEqual(lead.referrer_id, self.member)
                for name in TEXTS[:3]:
                    self.assertLessEqual(len(lead[name] or ""), 200)
                    for sign in "\0\u202e\u200f\ufeff":
                        self.assertNotIn(sign, lead[name] or "")
                self.assertNotIn("<script", lead.description)
                self.assertNotIn("<img", lead.description)

    def test_phones_of_ten_countries(self):
        for code, (typed, kept) in PHONES.items():
            with self.subTest(country=code):
                country = self.env.ref(f"base.{code}")
                answer = self.post(phone=typed, country_id=str(country.id))
                lead = self.env["crm.lead"].browse(answer["id"])
                if lead.country_id:  # if the form may say so
                    self.assertEqual(lead.phone, kept)
                answer = self.post(phone=kept)
                lead = self.env["crm.lead"].browse(answer["id"])
                self.assertEqual(lead.phone, kept)

    def test_half_an_address_is_refused_with_a_message_and_writes_nothing(self):
        before = self.count()
        for name, text in (
            ("email_from", "a" * 300 + "@customer.example"),
            ("phone", "1" * 60),
        ):
            with self.subTest(field=name):
                answer = self.post(**{name: text})
                self.assertIn("too long", answer["error"])
                self.assertEqual(self.count(), before)

    def test_a_post_with_every_field_of_a_lead_sets_none_of_ours(self):
        """Threat I4: also as Odoo's own names for values, and as JSON."""
        fields = self.env["crm.lead"]._fields
        more = {
            name: str(self.inviter.id)
            for name in fields
            if name.startswith(("referr", "territory")) and name != "referred"
        }
        more |= {
            "context": json.dumps({"referral_gate": True, "referral_origin": {}}),
            "default_referrer_id": str(self.inviter.id),
            "referral_origin": "portal",
            "won_status": "won",
            "create_uid": "1",
            "website_form_signature": "x",
            "a\u202e\0b": "\u202ec",
            "many" * 500: "x" * 5000,
        }
        answer = self.post(**more)
        lead = self.env["crm.lead"].browse(answer["id"])
        self.assertEqual(lead.referrer_id, self.member)
        self.assertEqual(lead.referral_evidence, "form")
        self.assertEqual(lead.referral_validity, "to_review")
        self.assertFalse(lead.referral_contact_agreed)
        self.assertEqual(lead.referral_landing_page, "/shop")
        self.assertNotIn("\u202e", lead.description)
        self.assertEqual(lead.won_status, "pending")

    def test_targets_in_the_form_send_nobody_elsewhere(self):
        """Threat S2: the form answers with an id, and no address is followed."""
        for target in ("//evil.example", "/\\evil.example", "javascript:alert(1)"):
            with self.subTest(target=target):
                response = self.url_open(
                    FORM,
                    data={
                        "name": "x",
                        "email_from": "v@customer.example",
                        "referral": self.link.code,
                        "redirect": target,
                        "_success_page": target,
                        "url": target,
                        "target_url": target,
                        "referral_landing_page": target,
                    },
                    allow_redirects=False,
                )
                self.assertEqual(response.status_code, 200)
                self.env.invalidate_all()
                lead = self.env["crm.lead"].browse(response.json()["id"])
                self.assertEqual(lead.referral_landing_page, "/shop")

    @mute_logger("odoo.http")
    def test_a_code_of_who_takes_no_part_costs_no_lead(self):
        """Threats S7, I5: archived; the lead is made and nobody's."""
        self.member.user_ids.active = False
        self.member.active = False
        self.env.flush_all()
        for code in (
            self.link.code,
            self.member.invite_code,
            "no such",
            "\0",
            "x" * 99,
        ):
            with self.subTest(code=code):
                answer = self.post(referral=code)
                lead = self.env["crm.lead"].browse(answer["id"])
                self.assertTrue(lead.exists())
                self.assertFalse(lead.referrer_id or lead.referral_evidence)

    def test_a_seeded_storm_of_posts_leaves_no_half(self):
        chance, letters = Random(19), "ab=+@<>\"'\0\r\n\u202e\u200f王é😀%&;{}[]"
        for _number in range(25):
            values = {
                chance.choice((*TEXTS, "phone", "city", "referral", "x")): "".join(
                    chance.choices(letters, k=chance.randrange(80))
                )
                for _field in range(4)
            }
            before = self.count()
            answer = self.post(**values)
            if "id" not in answer:
                self.assertTrue(answer.get("error") or answer.get("error_fields"))
                self.assertEqual(self.count(), before)
