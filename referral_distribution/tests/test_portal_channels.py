from odoo import http
from odoo.tests import HttpCase, new_test_user, tagged
from odoo.tools import mute_logger

from ..models import gate
from .channels import ChannelCase
from .test_portal import EVIL_PAGES, JUNK

CHANNELS = "/my/referral/channels"


@tagged("post_install", "-at_install")
class TestChannelPages(ChannelCase, HttpCase):
    """A channel partner's company sees its own channels, others nothing (S4, P1)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.partner_user = cls.make_partner_user()
        cls.page = f"{CHANNELS}/{cls.club.id}"
        rival = cls.make_member("Rival", is_company=True)
        cls.rival_club = cls.make_club(name="Rival Club", partner_id=rival.id)
        cls.rival_link = cls.env["referral.link"]._obtain(rival, cls.rival_club, "/")

    def bring(self, **values):
        """Return a lead of the club that was found valid, and its paid contract."""
        lead = self.make_club_lead(contact_name="Zhang Wei", **values)
        lead.with_user(self.sales).action_referral_validate()
        order = self.make_paid_contract(lead, 50000)
        order.with_user(self.finance).action_referral_confirm()
        return lead, order

    def get(self, url, user="rd_partner_user"):
        self.authenticate(user, user)
        with mute_logger("odoo.http"):
            return self.url_open(url, allow_redirects=False)

    def make_link(self, user="rd_partner_user", channel=None, **data):
        self.authenticate(user, user)
        data["csrf_token"] = http.Request.csrf_token(self)
        with mute_logger("odoo.http"):
            return self.url_open(
                f"{CHANNELS}/{(channel or self.club).id}/link",
                data=data,
                allow_redirects=False,
            )

    def test_a_colleague_who_is_no_member_sees_what_was_agreed_and_brought(self):
        self.bring()
        listed = self.get(CHANNELS).text
        self.assertIn("CEO Club", listed)
        self.assertNotIn("Rival", listed)
        self.assertIn("for each valid lead and 3 % of each contract", listed)
        self.assertIn("1,700.00", listed)
        links = self.get(self.page).text
        self.assertIn(self.club_link.code, links)
        self.assertNotIn(self.rival_link.code, links)
        self.assertNotIn("Apply to become a member", links)
        leads = self.get(f"{self.page}?show=leads").text
        self.assertNotIn("Zhang Wei", leads)
        self.assertIn("Valid", leads)
        contracts = self.get(f"{self.page}?show=contracts").text
        self.assertIn("50,000.00", contracts)
        self.assertIn("1,500.00", contracts)
        amounts = self.get(f"{self.page}?show=amounts").text
        self.assertIn("200.00", amounts)
        self.assertIn("Owed", amounts)

    def test_who_is_paid_by_lead_learns_no_amount_of_a_contract(self):
        self.club.terms = "per_lead"
        self.bring()
        contracts = self.get(f"{self.page}?show=contracts").text
        self.assertIn(self.customer.name, contracts)
        self.assertNotIn("50,000.00", contracts)

    def test_nobody_else_finds_the_pages(self):
        """Threat P1: a rival, a member, a stranger."""
        self.bring()
        rival_page = f"{CHANNELS}/{self.rival_club.id}"
        for user, url in (
            ("rd_partner_user", rival_page),
            ("rd_partner_user", f"{CHANNELS}/{self.prospect.id}"),
            ("rd_partner_user", f"{CHANNELS}/{self.channel.id}"),
            ("rd_partner_user", f"{CHANNELS}/999999999"),
            ("rd_partner_user", f"{rival_page}?show=amounts"),
            ("rd_portal", CHANNELS),
            ("rd_portal", self.page),
            ("rd_stranger", CHANNELS),
            ("rd_stranger", f"{self.page}?show=leads"),
            ("rd_sales", self.page),
        ):
            with self.subTest(user=user, url=url):
                self.assertEqual(self.get(url, user).status_code, 404)
        for user, channel in (
            ("rd_partner_user", self.rival_club),
            ("rd_portal", None),
        ):
            found = self.make_link(user, channel, url="/")
            self.assertEqual(found.status_code, 404)
        self.authenticate(None, None)
        self.assertIn("/web/login", self.url_open(self.page).url)

    def test_links_of_others_on_the_channel_are_not_the_partners(self):
        theirs = (
            self.env["referral.link"].sudo()._obtain(self.partner, self.club, "/theirs")
        )
        gate.opened(theirs).partner_id = self.inviter
        page = self.get(self.page).text
        self.assertIn(self.club_link.code, page)
        self.assertNotIn(theirs.code, page)

    def test_a_channel_of_another_company_is_not_found(self):
        """Threat P3."""
        other = self.env["res.company"].create({"name": "Other"})
        theirs = self.make_club(name="Theirs", company_id=other.id)
        self.assertEqual(self.get(f"{CHANNELS}/{theirs.id}").status_code, 404)
        self.assertNotIn("Theirs", self.get(CHANNELS).text)

    def test_a_prospect_learns_nothing_of_what_we_note_about_it(self):
        self.prospect.write({"partner_id": self.partner.id, "terms": "free"})
        self.assertNotIn(self.prospect.name, self.get(CHANNELS).text)
        self.prospect.stage = "ended"
        page = self.get(f"{CHANNELS}/{self.prospect.id}")
        self.assertEqual(page.status_code, 404)

    def test_new_terms_that_are_talked_about_are_not_shown(self):
        self.bring()
        self.club.stage = "ended"
        self.club.stage = "negotiating"
        self.club.lead_fee = 77
        page = self.get(self.page).text
        self.assertIn("We are talking about new terms", page)
        self.assertNotIn("77.00", page)
        self.assertIn("1,700.00", page)

    def test_the_partner_makes_a_link_to_a_page_once(self):
        for _twice in range(2):
            answer = self.make_link(url="/", other="/shop")
            self.assertEqual(answer.status_code, 303)
        link = self.env["referral.link"].search(
            [("channel_id", "=", self.club.id), ("target_url", "=", "/shop")]
        )
        self.assertEqual(link.partner_id, self.partner)
        self.assertTrue(answer.headers["Location"].endswith(f"?made={link.id}"))
        self.assertIn(f"/s/{link.code}", self.get(answer.headers["Location"]).text)

    def test_a_page_that_is_not_ours_is_explained_and_nothing_is_made(self):
        """Threat S2."""
        links = self.env["referral.link"]
        before = links.search_count([])
        for url in EVIL_PAGES:
            with self.subTest(url=url):
                answer = self.make_link(other=url, url=url)
                self.assertEqual(answer.status_code, 200)
                self.assertIn("A personal link leads to a page of this", answer.text)
        self.assertEqual(links.search_count([]), before)

    def test_a_form_without_its_token_is_refused(self):
        """Threat P4."""
        self.authenticate("rd_partner_user", "rd_partner_user")
        with mute_logger("odoo.http"):
            answer = self.url_open(f"{self.page}/link", data={"url": "/shop"})
        self.assertEqual(answer.status_code, 400)

    def test_without_membership_the_page_works_and_says_whom_to_ask(self):
        self.partner.sudo().member_state = False
        page = self.get(self.page)
        self.assertIn("not switched on yet", page.text)
        self.assertIn("Owner inactive", page.text)
        self.assertNotIn(self.club_link.code, page.text, "it leads nowhere")
        answer = self.make_link(url="/shop")
        self.assertIn("Only active members", answer.text)

    def test_after_the_end_nothing_new_is_made_and_everything_is_seen(self):
        self.bring()
        self.club.stage = "ended"
        page = self.get(self.page).text
        self.assertIn("1,700.00", page)
        self.assertNotIn("Get the link", page)
        self.assertIn("has ended", self.make_link(url="/shop").text)

    def test_junk_parameters_show_the_default_page(self):
        """Threat P6."""
        for junk in (*JUNK, "show=x'--", "made=%00", "show=links&show=leads"):
            with self.subTest(junk=junk[:40]):
                self.assertEqual(self.get(f"{self.page}?{junk}").status_code, 200)
        for page in ("abc", "-1", "99999999999999999999"):
            answer = self.get(f"{self.page}/page/{page}?show=leads")
            self.assertEqual(answer.status_code, 200)

    def test_names_are_escaped(self):
        """Threats L3, P5."""
        self.club.name = "<script>alert(1)</script>"
        self.make_club_lead(partner_name="<img src=x onerror=alert(1)>")
        for show in ("links", "leads"):
            page = self.get(f"{self.page}?show={show}").text
            self.assertNotIn("<script>alert(1)", page)
            self.assertNotIn("<img src=x", page)

    def test_a_card_on_the_portals_front_page_leads_there(self):
        self.assertIn(f'href="{CHANNELS}"', self.get("/my").text)
        self.assertNotIn(f'href="{CHANNELS}"', self.get("/my", "rd_portal").text)

    def test_a_member_who_is_a_partner_has_a_tab(self):
        new_test_user(self.env, login="rd_self", groups="base.group_portal")
        user = self.env["res.users"].search([("login", "=", "rd_self")])
        user.partner_id.sudo().write({"parent_id": self.partner.id})
        user.partner_id.sudo().member_state = "active"
        page = self.get("/my/referral", "rd_self").text
        self.assertIn(f'href="{CHANNELS}"', page)
        self.assertNotIn(
            f'href="{CHANNELS}"', self.get("/my/referral", "rd_portal").text
        )
