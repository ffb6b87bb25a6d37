import random
from urllib.parse import quote

from odoo.tests import tagged
from odoo.tools import mute_logger

from .test_portal import PortalCase

JUNK = (
    "",
    "abc",
    "-1",
    "0",
    "9" * 30,
    "²",
    "%00",
    "'--",
    "<b>",
    "None",
    "[]",
    "é" * 999,
)


@tagged("post_install", "-at_install")
class TestPortalLeads(PortalCase):
    """A member's leads: where each stands, its history, and nobody else's."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lead = cls.make_lead(
            partner_name="Harvest Foods",
            contact_name="Wang Wei",
            email_from="wei@private.example",
            phone="13800138000",
        )
        cls.others_lead = cls.make_lead(
            referral_link_id=cls.other_link.id, partner_name="Secret Customer"
        )

    def setUp(self):
        super().setUp()
        self.log_in()

    def get_lead_page(self, lead=None):
        return self.get_page(f"/my/referral/leads/{(lead or self.lead).id}")

    def test_a_lead_says_in_plain_words_where_it_stands_and_what_comes_next(self):
        # rules L2, G4
        for page in (self.get_page("/my/referral/leads"), self.get_lead_page()):
            self.assertIn("We are looking at it", page)
            self.assertIn("Sales looks at it", page)
            self.assertIn("Harvest Foods", page)
        self.lead.with_user(self.sales).action_referral_validate()
        page = self.get_lead_page()
        self.assertIn("Next: a quotation", page)
        self.assertIn("You shared “/shop” on Our community", page)
        self.assertIn("You got", page)

    def test_expected_rewards_are_those_of_the_plan_in_force_and_marked(self):
        # rules L2, C4
        for path in ("/my/referral/leads", f"/my/referral/leads/{self.lead.id}"):
            page = " ".join(self.get_page(path).split())
            self.assertIn("Expected, if it is found valid:", page)
            self.assertRegex(page, r"oe_currency_value\">10.00<")
        self.lead.with_user(self.sales).action_referral_validate()
        self.assertNotIn("Expected", self.get_lead_page())

    def test_nothing_is_expected_where_the_plan_gives_nothing(self):
        # rules S4, M4
        self.member.accepts_commission = False
        self.assertNotIn("Expected", self.get_lead_page())
        self.member.accepts_commission = True
        self.assertIn("Expected", self.get_lead_page())
        self.plan._set_state("archived")
        self.assertNotIn("Expected", self.get_lead_page())

    def test_another_members_lead_does_not_exist(self):
        # threat P1
        lead = self.others_lead
        lead.message_post(body="Secret words")
        attachment = self.env["ir.attachment"].create(
            {
                "name": "secret.txt",
                "raw": b"secret",
                "res_model": "crm.lead",
                "res_id": lead.id,
            }
        )
        paths = {
            f"/my/referral/leads/{lead.id}": 404,
            f"/web/content/{attachment.id}": 404,
            f"/web/content/crm.lead/{lead.id}/email_from": 404,
            f"/mail/view?model=crm.lead&res_id={lead.id}": 303,
        }
        with mute_logger("odoo.http"):
            for path, status in paths.items():
                response = self.url_open(path, allow_redirects=False)
                self.assertEqual(response.status_code, status, path)
                self.assertNotIn("ecret", response.text)

    def test_who_is_no_member_finds_no_lead_either(self):
        # threat P1; a channel's partner, or who has left
        self.log_in(self.stranger)
        with mute_logger("odoo.http"):
            nobodys = self.env["crm.lead"].create({"name": "Nobody's"})
            for lead in (self.lead, self.others_lead, nobodys):
                response = self.url_open(f"/my/referral/leads/{lead.id}")
                self.assertEqual(response.status_code, 404)

    def test_nobody_reads_a_leads_chatter_from_the_portal(self):
        # threat P1
        for lead in (self.others_lead, self.lead):
            lead.message_post(body="Secret words")
            params = {"thread_model": "crm.lead", "thread_id": lead.id}
            with mute_logger("odoo.http"):
                response = self.url_open(
                    "/mail/thread/messages", json={"params": params}
                )
            told = response.json().get("result", {})
            self.assertFalse(told.get("messages") or told.get("data"))
            self.assertNotIn("Secret words", response.text)

    def test_the_lead_page_shows_neither_contact_data_nor_staff(self):
        # threat P1
        self.lead.with_user(self.sales).action_referral_validate()
        self.lead.with_user(self.sales).user_id = self.sales
        page = self.get_lead_page()
        for secret in ("Wang", "private.example", "13800138000", "rd_sales"):
            self.assertNotIn(secret, page)

    def test_the_company_decides_how_much_of_a_name_is_shown(self):
        # threat P1
        person = self.make_lead(contact_name="Zhou Min", email_from="z@p.example")
        mailer = self.make_lead(email_from="qiu@private.example")
        self.make_contract(self.lead, amount=1000)
        seen = {
            "masked": ("H**", "Z**", "q**", "A**"),
            "company": ("Harvest Foods", "Z**", "q**", "A Customer"),
            "full": ("Harvest Foods", "Zhou Min", "q**", "A Customer"),
        }
        for masking, names in seen.items():
            self.company.referral_lead_masking = masking
            listed = self.get_page("/my/referral/leads")
            for lead, name in zip((self.lead, person, mailer), names[:3], strict=True):
                self.assertEqual(lead._get_masked_name(), name)
                self.assertIn(name, listed)
                self.assertIn(name, self.get_lead_page(lead))
            self.assertIn(names[3], self.get_page("/my/referral/contracts"))
            self.assertNotIn("private.example", listed)
        self.company.referral_lead_masking = "masked"
        pages = ("", "/leads", "/contracts", "/earnings", f"/leads/{self.lead.id}")
        self.lead.with_user(self.sales).action_referral_validate()
        for page in pages:
            text = self.get_page(f"/my/referral{page}")
            for name in ("Harvest", "Zhou", "A Customer"):
                self.assertNotIn(name, text, page)
        exported = str(self.member.sudo()._prepare_personal_data())
        self.assertNotIn("Harvest", exported)

    def test_names_in_a_history_are_text_and_nothing_else(self):
        # threat P5
        script = "<script>alert(1)</script>"
        self.lead.partner_name = script
        self.lead._referral_log("stage_changed", content={"from": "a", "to": script})
        self.lead.with_user(self.sales).action_referral_invalidate(script)
        page = self.get_lead_page()
        self.assertIn("&lt;script&gt;", page)
        self.assertNotIn(script, page)

    def test_what_is_not_the_members_business_is_left_out(self):
        # threat P1
        inviter = self.inviter.name
        self.lead._referral_log("held", content={"reason": "Same bank account"})
        self.lead._referral_log(
            "rewarded", content={"who": self.inviter.id, "amount": "77.00 CNY"}
        )
        self.lead._referral_log("quoted", content={"document": "S9", "amount": "5 CNY"})
        page = self.get_lead_page()
        self.assertIn("The reward is held until it is checked", page)
        self.assertIn("Quotation S9 made", page)
        for secret in (
            "bank account",
            inviter,
            "\N{NO-BREAK SPACE}77",
            "5 CNY",
            "¥\N{NO-BREAK SPACE}5",
        ):
            self.assertNotIn(secret, page)

    def test_a_contract_tells_its_history(self):
        # rule G4
        order = self.make_paid_contract(self.lead)
        order.with_user(self.finance).action_referral_confirm()
        page = self.get_page("/my/referral/contracts")
        self.assertIn(f"Finance confirmed the reward for {order.name}", page)
        self.assertIn("You got", page)

    def test_leads_are_sorted_and_filtered(self):
        # rule X1
        newer = self.make_lead(partner_name="Newer Company")
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE crm_lead SET create_date = create_date + interval '1 hour'"
            " WHERE id = %s",
            [newer.id],
        )

        def get_order(query):
            page = self.get_page(f"/my/referral/leads?{query}")
            names = ("Newer Company", "Harvest Foods")
            places = {name: page.find(name) for name in names}
            return sorted((name for name in names if places[name] > 0), key=places.get)

        self.assertEqual(get_order(""), ["Newer Company", "Harvest Foods"])
        self.assertEqual(get_order("sortby=oldest"), ["Harvest Foods", "Newer Company"])
        self.assertEqual(get_order("filterby=signed"), [])
        self.make_contract(self.lead, amount=1000)
        self.assertEqual(get_order("filterby=signed"), ["Harvest Foods"])
        self.assertEqual(get_order("filterby=valid"), [])

    def test_junk_gives_the_default_page_or_none(self):
        # threat P6; a failure names its seed
        seed = random.randrange(10**6)
        fuzz = random.Random(seed)
        default = self.get_page("/my/referral/leads").count("o_referral_lead_step")
        signs = "aZ09-_'\"<>%;()[]{}²\0\u202e汉\ud83d\ude00".replace(
            "\ud83d\ude00", "😀"
        )
        for _try in range(25):
            junk = "".join(fuzz.choices(signs, k=fuzz.randrange(60)))
            values = [quote(fuzz.choice((junk, *JUNK))) for _name in range(3)]
            query = "&".join(
                f"{name}={value}"
                for name, value in zip(
                    ("sortby", "filterby", "page"), values, strict=True
                )
            )
            page = self.get_page(f"/my/referral/leads?{query}")
            found = page.count("o_referral_lead_step")
            self.assertEqual(found, default, f"seed {seed}: {query}")
        for junk in JUNK[1:]:
            path = f"/my/referral/leads/{quote(junk, safe='%')}"
            response = self.url_open(path, allow_redirects=False)
            self.assertEqual(response.status_code, 303, junk)
        with mute_logger("odoo.http"):
            response = self.url_open("/my/referral/leads/999999999")
        self.assertEqual(response.status_code, 404)

    def test_the_page_takes_the_same_queries_however_many_leads_there_are(self):
        # rule X1
        channels = self.env["referral.channel"].create(
            [{"name": f"Channel {number}"} for number in range(3)]
        )
        links = self.env["referral.link"]
        for channel in channels:
            links += self.env["referral.link"]._obtain(self.member, channel, "/shop")

        def fill(number):
            for index in range(number):
                lead = self.make_lead(referral_link_id=links[index % 3].id)
                if index % 2:
                    self.make_contract(lead, amount=100)
            self.env.flush_all()

        move = {"from": "a", "to": "b"}
        fill(6)
        self.lead._referral_log("stage_changed", content=move)
        few = self.count_queries("/my/referral/leads")
        one = self.count_queries(f"/my/referral/leads/{self.lead.id}")
        fill(12)
        for _number in range(20):
            self.lead._referral_log("stage_changed", content=move)
        self.assertEqual(self.count_queries("/my/referral/leads"), few)
        self.assertEqual(self.count_queries(f"/my/referral/leads/{self.lead.id}"), one)
