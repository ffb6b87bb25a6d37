import csv
import io
import json
from random import Random
from zipfile import ZipFile

from lxml import etree

from odoo import http
from odoo.exceptions import AccessError, UserError
from odoo.tests import BaseCase, HttpCase, tagged
from odoo.tools.mail import email_normalize

from ..engine import mail_code, outside_text
from ..models.crm_lead_intake import HTML_LENGTH, LIMITS
from .common import ReferralCase
from .test_attribution import VisitorCase

# A number as people dial it at home, and how it is kept.
PHONES = {
    "cn": ("138 0013 8000", "+86 138 0013 8000"),
    "hk": ("9123-4567", "+852 9123 4567"),
    "tw": ("0912 345 678", "+886 912 345 678"),
    "jp": ("090-1234-5678", "+81 90-1234-5678"),
    "us": ("(212) 555-2368", "+1 212-555-2368"),
    "uk": ("07400 123456", "+44 7400 123456"),
    "de": ("01512 3456789", "+49 1512 3456789"),
    "fr": ("06 12 34 56 78", "+33 6 12 34 56 78"),
    "in": ("081234 56789", "+91 81234 56789"),
    "br": ("(11) 96123-4567", "+55 11 96123-4567"),
}
EVIL = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    '=HYPERLINK("http://evil.example")',
    "{=1+1}",
    "@SUM(1)",
    "+1+cmd|' /C calc'!A0",
    "x" * 10_000,
    "王\0伟\u202e有限公司\ufeff",
    "👩\u200d💻 Ltd \U0001f1e8\U0001f1f3",
    "\u202e\u200f\0",
    "a\ud800b",
    "${7*7} {{7*7}} %(name)s %s",
    "'; DROP TABLE crm_lead; --",
)


@tagged("post_install", "-at_install")
class TestOutsideText(BaseCase):
    """engine/outside_text.py and engine/mail_code.py, for whatever is typed (L3)."""

    letters = (
        "ab 王伟é\u0301😀\u200d\ufe0f🇨\0\x07\x1b\t\r\n\x85\u2028\u202e\u200f\u2066"
        "\ufeff\u00ad\ud800\udfff\U000e0041<>&\"'=+@-%{}/:?&.#_,;مرحباשלום"
    )

    def some_text(self, chance, longest=300):
        return "".join(chance.choices(self.letters, k=chance.randrange(longest)))

    def test_a_line_is_one_line_that_shows_what_it_is(self):
        chance = Random(5)
        for _number in range(3000):
            text, limit = self.some_text(chance), chance.randrange(40)
            line = outside_text.line(text, limit)
            self.assertLessEqual(len(line), limit)
            self.assertEqual(line, " ".join(line.split()))
            self.assertFalse(set(line) & set("\0\x07\x1b\n\x85\u2028\u202e\u2066"))
            line.encode()  # the database takes it
            self.assertEqual(outside_text.line(line, limit), line)

    def test_paragraphs_keep_their_breaks_and_nothing_unseen(self):
        chance = Random(6)
        for _number in range(3000):
            text, limit = self.some_text(chance), chance.randrange(300)
            clean = outside_text.paragraphs(text, limit)
            self.assertLessEqual(len(clean), limit)
            self.assertNotIn("\n\n\n", clean)
            self.assertFalse(set(clean) & set("\0\x07\x1b\r\x85\u2028\u202e\u2066"))
            clean.encode()
            self.assertEqual(outside_text.paragraphs(clean, limit), clean)

    def test_whatever_a_mail_says_is_read_without_failing(self):
        chance = Random(7)
        parts = (
            "Referral code: ", "推荐码：", "https://shop.example/s/", "Ab3", "\n> ",
            "?referral=", "sales+", "@shop.example", "On ", " wrote:", "\n", " ",
            "-----Original Message-----", "from: x\nsent: y", "x" * 70,
        )  # fmt: skip
        for _number in range(2000):
            text = "".join(chance.choices(parts, k=chance.randrange(40)))
            codes = list(mail_code.find_codes((text,), text, text, {"shop.example"}))
            self.assertLessEqual(len(codes), mail_code.MOST)
            for code in codes:
                self.assertRegex(code, f"^{mail_code.CODE}$")

    def test_a_mail_made_to_take_long_does_not(self):
        for text in ("https://a" * 9000, "a+" * 50_000, "于" * 50_000, "\n " * 50_000):
            list(mail_code.find_codes((text,), text, text, {"shop.example"}))


@tagged("post_install", "-at_install")
class TestIntake(VisitorCase):
    """What comes from outside is cleaned, whoever makes the lead (rules L1, L5)."""

    def test_phones_of_ten_countries_are_written_as_dialled_from_anywhere(self):
        for code, (typed, kept) in PHONES.items():
            country = self.env.ref(f"base.{code}")
            for number in (typed, f" {kept} ", kept.replace("+", "00", 1)):
                with self.subTest(country=code, number=number), self.visit():
                    lead = self.make_visitors_lead(phone=number, country_id=country.id)
                    self.assertEqual(lead.phone, kept)
                    plain = "".join(sign for sign in kept if sign.isdigit())
                    self.assertEqual(lead.phone_sanitized, f"+{plain}")

    def test_without_a_country_the_contacts_then_the_companys_counts(self):
        self.company.country_id = self.env.ref("base.de")
        customer = self.env["res.partner"].create(
            {"name": "C", "country_id": self.env.ref("base.fr").id}
        )
        with self.visit():
            lead = self.make_visitors_lead(phone="01512 3456789")
            self.assertEqual(lead.phone, "+49 1512 3456789")
            lead = self.make_visitors_lead(
                phone="06 12 34 56 78", partner_id=customer.id
            )
            self.assertEqual(lead.phone, "+33 6 12 34 56 78")
            lead = self.make_visitors_lead(phone="call me at noon")
            self.assertEqual(lead.phone, "call me at noon")

    def test_an_e_mail_is_kept_in_small_letters_and_a_name_trimmed(self):
        with self.visit():
            lead = self.make_visitors_lead(
                email_from=" Wang.Wei@Customer.EXAMPLE ",
                partner_name="  Customer\u202e   Ltd. \n",
            )
            named = self.make_visitors_lead(email_from="Wang <W@Customer.example>")
        self.assertEqual(lead.email_from, "wang.wei@customer.example")
        self.assertEqual(lead.partner_name, "Customer Ltd.")
        self.assertEqual(named.email_from, '"Wang" <w@customer.example>')

    def test_whatever_is_typed_is_kept_safely_or_refused_whole(self):
        """Threat L3: names with script, formulas, 10 kB, emoji, marks of direction."""
        names = ("name", "partner_name", "contact_name", "function", "city", "street")
        for text in EVIL:
            with self.subTest(text=text[:20]), self.visit():
                lead = self.make_visitors_lead(
                    **dict.fromkeys(names, text), description=text
                )
                lead.flush_recordset()
                for name in names:
                    self.assertLessEqual(len(lead[name] or ""), LIMITS.get(name, 250))
                    for sign in "\0\u202e\u200f\ufeff\ud800":
                        self.assertNotIn(sign, lead[name] or "")
                self.assertTrue(lead.name)
                self.assertNotIn("<script", lead.description or "")
                self.assertNotIn("onerror", (lead.description or "").split("&lt;")[0])

    def test_a_lead_whose_title_is_nothing_to_see_gets_one(self):
        with self.visit():
            lead = self.make_visitors_lead(name="\u202e\0 ", partner_name="Customer")
            self.assertEqual(lead.name, "Customer")
            lead = self.make_visitors_lead(name="\u202e\0 ")
            self.assertEqual(lead.name, "Inquiry")

    def test_half_an_address_or_number_is_none_so_it_is_refused(self):
        before = self.env["crm.lead"].search_count([])
        for name, text in (
            ("email_from", "a" * 300 + "@x.example"),
            ("phone", "1" * 50),
        ):
            with (
                self.subTest(field=name),
                self.visit(),
                self.assertRaisesRegex(UserError, "too long: write at most"),
            ):
                self.make_visitors_lead(**{name: text})
        self.assertEqual(self.env["crm.lead"].search_count([]), before)

    def test_a_long_text_is_cut_and_says_so(self):
        with self.visit():
            lead = self.make_visitors_lead(
                partner_name="x" * 500, description="<p>y</p>" * HTML_LENGTH
            )
        self.assertEqual(lead.partner_name, "x" * 199 + "…")
        self.assertLess(len(lead.description), HTML_LENGTH * 2)
        self.assertIn("…", lead.description)

    def test_what_a_visitor_adds_later_is_cleaned_too(self):
        """As Odoo's form does with fields it does not know."""
        lead = self.make_lead()
        with self.visit():
            lead.description = "<p>a\u202e\0b</p>"
            lead.partner_name = " x " * 200
        self.assertEqual(lead.description, "<p>ab</p>")
        self.assertLessEqual(len(lead.partner_name), 200)

    def test_what_sales_types_stays_as_typed(self):
        lead = self.env["crm.lead"].with_user(self.sales)
        lead = lead.create(
            {
                "name": "  A \u200f lead\0 ",
                "phone": "010-1234 (ask for Li)",
                "email_from": "Li@Customer.Example",
                "partner_name": "y" * 400,
            }
        )
        self.assertEqual(lead.name, "  A \u200f lead ")
        self.assertEqual(lead.phone, "010-1234 (ask for Li)")
        self.assertEqual(lead.email_from, "Li@Customer.Example")
        self.assertEqual(lead.partner_name, "y" * 400)
        lead.write({"contact_name": "L\0i\ud800"})
        lead.flush_recordset()
        self.assertEqual(lead.contact_name, "Li")

    def test_a_visitors_files_and_choices_are_left_alone(self):
        country = self.env.ref("base.cn")
        with self.visit():
            lead = self.make_visitors_lead(
                country_id=country.id,
                priority="2",
                date_deadline="2026-12-01",
                tag_ids=[(0, 0, {"name": "From\0 form"})],
            )
        self.assertEqual(lead.priority, "2")
        self.assertEqual(lead.tag_ids.name, "From form")

    def test_a_seeded_storm_of_leads_leaves_no_half(self):
        chance, text = Random(8), TestOutsideText()
        names = ("name", "partner_name", "contact_name", "phone", "email_from", "city")
        with self.visit():
            for _number in range(60):
                vals = {name: text.some_text(chance, 60) for name in names}
                vals["phone"], vals["email_from"] = (
                    vals["phone"][:30],
                    vals["email_from"][:60],
                )
                lead = self.make_visitors_lead(**vals)
                lead.flush_recordset()
                self.assertTrue(lead.name)
                if email_normalize(lead.email_from or ""):
                    self.assertEqual(lead.email_from, lead.email_from.lower())


@tagged("post_install", "-at_install")
class TestShownLead(ReferralCase, HttpCase):
    """What strangers typed is escaped in page, mail and export (threat L3)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        public = cls.env.ref("base.public_user")
        cls.lead = (
            cls.env["crm.lead"]
            .with_user(public)
            .sudo()
            .create(
                {
                    "name": "=1+1<script>alert(1)</script>",
                    "partner_name": "{=2+2}<img src=x onerror=alert(1)>",
                    "contact_name": "@SUM(1+1)",
                    "user_id": False,
                }
            )
        )
        gate_free = cls.lead.with_user(cls.manager)
        gate_free.referrer_id = cls.member

    def export(self, kind):
        self.authenticate("rd_manager", "rd_manager")
        fields = ["name", "partner_name", "contact_name"]
        data = {
            "model": "crm.lead",
            "fields": [
                {"name": name, "label": name, "type": "char"} for name in fields
            ],
            "ids": self.lead.ids,
            "domain": [],
            "groupby": [],
            "import_compat": False,
        }
        response = self.url_open(
            f"/web/export/{kind}",
            data={
                "data": json.dumps(data),
                "csrf_token": http.Request.csrf_token(self),
            },
        )
        self.assertEqual(response.status_code, 200)
        return response.content

    def test_no_cell_of_an_export_is_a_formula(self):
        self.env.ref("base.group_allow_export").user_ids |= self.manager
        rows = list(csv.reader(io.StringIO(self.export("csv").decode())))
        for value in rows[1]:
            self.assertTrue(value.startswith("'"), value)
        with ZipFile(io.BytesIO(self.export("xlsx"))) as book:
            sheet = etree.fromstring(book.read("xl/worksheets/sheet1.xml"))
        self.assertFalse(sheet.xpath("//*[local-name()='f']"), "a formula")

    def test_the_members_page_shows_it_as_text(self):
        self.authenticate("rd_portal", "rd_portal")
        page = self.url_open("/my/referral/leads").text
        self.assertNotIn("<img src=x", page)
        self.assertNotIn("<script>alert(1)", page)

    def test_a_mail_about_it_shows_it_as_text(self):
        self.lead.message_subscribe(self.sales.partner_id.ids)
        message = self.lead.message_post(
            body="x",
            subtype_xmlid="mail.mt_comment",
            author_id=self.manager.partner_id.id,
        )
        mails = (
            self.env["mail.mail"].sudo().search([("mail_message_id", "=", message.id)])
        )
        for mail in mails:
            self.assertNotIn("<script>alert", mail.body_html)

    def test_nobody_writes_why_a_lead_came(self):
        lead = self.lead.with_user(self.manager)
        for name in ("referral_landing_page", "referral_contact_agreed"):
            with self.subTest(field=name), self.assertRaises(AccessError):
                lead[name] = "x"
