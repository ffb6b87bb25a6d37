import doctest
import re
from urllib.parse import quote

from odoo import http
from odoo.tests import HttpCase, new_test_user, tagged
from odoo.tools import mute_logger

from ..controllers import portal as portal_module
from ..engine.identity import masked
from .common import ReferralCase

PAGES = ("", "/share", "/leads", "/contracts", "/team", "/earnings", "/invite")
JUNK = (
    "page=abc",
    "page=-1",
    "page=0",
    "page=99999999999999999999",
    "page=²",
    "filterby=nothing",
    "filterby=valid'--",
    "level=3",
    "level=99999999999999999999",
    "state=x'--",
    "role[]=agent",
    "invite=%00%3Cb%3E",
    "level=²",
    "search=%00%25_'%22%3C",
    "search=" + "x" * 5000,
    "search=%ed%a0%80",
    "channel=abc",
    "channel=99999999999999999999",
    "url=%00",
    "url=//evil.example",
    "sortby=id;drop",
    "page=1&page=2&unknown=1",
)
EVIL_PAGES = (
    "//evil.example",
    "/\\evil.example",
    "https://evil.example/",
    "javascript:alert(1)",
    "/a\r\nSet-Cookie: x=1",
    "http://localhost@evil.example/",
    "",
    "blog",
)


class PortalCase(ReferralCase, HttpCase):
    """The member of ``ReferralCase`` in a browser, beside another member."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.email = "hello@company.example"
        cls.other_user = cls.make_portal_user("rd_other", cls.inviter)
        cls.other_link = cls.env["referral.link"]._obtain(
            cls.inviter, cls.channel, "/other"
        )

    @classmethod
    def make_portal_user(cls, login, partner):
        return new_test_user(
            cls.env, login=login, groups="base.group_portal", partner_id=partner.id
        )

    def log_in(self, user=None):
        login = (user or self.portal).login
        self.authenticate(login, login.ljust(8, "x"))

    def get_page(self, path):
        """Return the page's HTML; it opened without being sent elsewhere."""
        response = self.url_open(path, allow_redirects=False)
        self.assertEqual(response.status_code, 200, path)
        return response.text

    def send_link_form(self, url="/shop", channel=None, **values):
        values = {
            "csrf_token": http.Request.csrf_token(self),
            "channel": self.channel.id if channel is None else channel,
            "url": url,
            **values,
        }
        return self.url_open("/my/referral/share/link", data=values)

    def record_share(self, link_id, method):
        """Tell the server of a share; return whether it was recorded."""
        answer = self.make_jsonrpc_request(
            "/my/referral/share/record", {"link_id": link_id, "method": method}
        )
        return answer["recorded"]

    def count(self, model, *domain):
        return self.env[model].search_count(list(domain))

    def count_queries(self, path):
        for _time in range(2):
            self.get_page(path)  # fills the caches
        before = self.cr.sql_log_count
        self.get_page(path)
        return self.cr.sql_log_count - before


@tagged("post_install", "-at_install")
class TestPortalPages(PortalCase):
    def test_masking_and_reading_of_parameters_work_as_documented(self):
        self.assertEqual(doctest.testmod(portal_module).failed, 0)

    def test_a_member_finds_figures_code_and_recent_leads(self):
        # rules X1, S2, M2
        lead = self.make_lead(partner_name="Harvest Foods")
        lead.with_user(self.sales).action_referral_validate()
        self.log_in()
        page = self.get_page("/my/referral")
        self.assertIn(self.member.invite_code, page)
        self.assertIn("Harvest Foods", page)
        self.assertIn("Valid leads", page)
        figures = re.findall(r'figure_value"[^>]*>(\d+)<', page)
        self.assertEqual(figures, ["0", "1", "1", "0"])
        self.assertNotIn("How it works", page)

    def test_a_newcomer_is_shown_the_three_steps(self):
        # rule X1
        self.log_in()
        page = self.get_page("/my/referral")
        self.assertIn("How it works", page)
        self.assertIn("Share an article", page)

    def test_only_members_have_the_entry_in_the_portal_home(self):
        # rule X1
        self.log_in()
        self.assertIn('href="/my/referral"', self.get_page("/my"))
        self.log_in(self.stranger)
        self.assertNotIn('href="/my/referral"', self.get_page("/my"))

    def test_who_is_no_member_is_told_what_it_is_and_whom_to_ask(self):
        # rule M1
        self.log_in(self.stranger)
        for page in PAGES:
            text = self.get_page(f"/my/referral{page}")
            self.assertIn("Apply to become a member", text)
            self.assertIn("hello@company.example", text)
            self.assertNotIn("referral_nav", text)

    def test_a_candidate_and_a_former_member_learn_where_they_stand(self):
        # rule M1
        partner = self.stranger.partner_id
        self.log_in(self.stranger)
        partner.member_state = "candidate"
        self.assertIn("Thank you for applying", self.get_page("/my/referral"))
        partner.member_state = "left"
        self.assertIn("has ended", self.get_page("/my/referral/leads"))

    def test_nobody_gets_in_without_login(self):
        # threat P1
        for page in PAGES:
            response = self.url_open(f"/my/referral{page}", allow_redirects=False)
            self.assertEqual(response.status_code, 303, page)
            self.assertIn("/web/login", response.headers["Location"])

    def test_junk_parameters_give_the_default_page(self):
        # threat P6
        self.make_lead()
        self.log_in()
        for page in PAGES:
            for junk in JUNK:
                self.get_page(f"/my/referral{page}?{junk}")
        for page in PAGES[1:]:
            for number in ("abc", "-1", "0", "9" * 30, quote("²"), "%00"):
                self.get_page(f"/my/referral{page}/page/{number}")

    def test_a_search_is_cut_to_what_the_database_can_take(self):
        # threat P6
        self.log_in()
        page = self.get_page("/my/referral/share?search=%00a%00" + "b" * 5000)
        self.assertIn(f'value="a{"b" * 79}"', page)

    def test_lists_take_the_same_queries_however_long_they_are(self):
        # rule X1
        self.log_in()
        pages = [page for page in PAGES if page != "/share"]
        self.fill_lists(5)
        few = [self.count_queries(f"/my/referral{page}") for page in pages]
        self.fill_lists(25)
        many = [self.count_queries(f"/my/referral{page}") for page in pages]
        self.assertEqual(few, many)

    def fill_lists(self, number):
        start = self.count("crm.lead")
        for index in range(start, start + number):
            lead = self.make_lead(partner_name=f"Company {index}")
            order = self.make_contract(lead, amount=1000.0)
            if index % 5 == 0:
                self.pay(self.invoice(order))
                order.with_user(self.finance).action_referral_confirm()
            invitee = self.make_member(f"Guest {index}", inviter_id=self.member.id)
            self.make_member(f"Friend {index}", inviter_id=invitee.id)
        self.env.flush_all()


@tagged("post_install", "-at_install")
class TestPortalPrivacy(PortalCase):
    def test_a_member_never_sees_what_another_one_brought(self):
        # threat P1
        lead = self.make_lead(
            referral_link_id=self.other_link.id, partner_name="Secret Customer"
        )
        order = self.make_paid_contract(lead)
        order.with_user(self.finance).action_referral_confirm()
        self.log_in()
        for page in PAGES:
            text = self.get_page(f"/my/referral{page}")
            for secret in ("Secret Customer", order.name, self.other_link.code):
                self.assertNotIn(secret, text)
        path = f"/my/referral/share/link/{self.other_link.id}"
        self.assertEqual(self.url_open(path).status_code, 404)
        self.assertFalse(self.record_share(self.other_link.id, "copy"))
        self.log_in(self.other_user)
        self.assertIn("Secret Customer", self.get_page("/my/referral/leads"))
        self.assertIn(order.name, self.get_page("/my/referral/contracts"))

    def test_another_companys_records_stay_there(self):
        # threat P3
        company = self.env["res.company"].create({"name": "Elsewhere"})
        self.make_lead(partner_name="Lead Elsewhere", company_id=company.id)
        self.link.company_id = company
        self.log_in()
        self.assertNotIn("Lead Elsewhere", self.get_page("/my/referral/leads"))
        path = f"/my/referral/share/link/{self.link.id}"
        self.assertEqual(self.url_open(path).status_code, 404)

    def test_contact_data_of_leads_is_masked(self):
        # threat P1
        self.make_lead(contact_name="Wang Wei", email_from="wei@private.example")
        self.make_lead(email_from="zoe@private.example", phone="13800138000")
        self.log_in()
        for page in ("", "/leads"):
            text = self.get_page(f"/my/referral{page}")
            self.assertIn("W**", text)
            self.assertIn("z**", text)
            for secret in ("Wang", "private.example", "13800138000"):
                self.assertNotIn(secret, text)

    def test_names_from_outside_are_text_and_nothing_else(self):
        # threats P5, L3
        script = "<script>alert(1)</script>"
        lead = self.make_lead(partner_name=script)
        lead.with_user(self.sales).action_referral_invalidate(script)
        self.log_in()
        for page in ("", "/leads", f"/share?search={quote(script)}"):
            self.assertNotIn(script, self.get_page(f"/my/referral{page}"))


@tagged("post_install", "-at_install")
class TestPortalRecords(PortalCase):
    def test_leads_are_filtered_by_validity_and_tell_the_reason(self):
        # rule L2
        self.make_lead(partner_name="Open Case")
        lost = self.make_lead(partner_name="Wrong Number")
        lost.with_user(self.sales).action_referral_invalidate("Nobody answers")
        lost.action_archive()
        self.log_in()
        page = self.get_page("/my/referral/leads?filterby=invalid")
        self.assertIn("Wrong Number", page)
        self.assertIn("Nobody answers", page)
        self.assertIn("Closed", page)
        self.assertNotIn("Open Case", page)
        self.assertIn("Open Case", self.get_page("/my/referral/leads"))

    def test_a_long_list_has_pages(self):
        # rule X1
        for index in range(21):
            self.make_lead(partner_name=f"Number {index:02}")
        self.log_in()
        first = self.get_page("/my/referral/leads")
        second = self.get_page("/my/referral/leads/page/2")
        names = [set(re.findall(r"Number \d\d", page)) for page in (first, second)]
        self.assertEqual([len(page) for page in names], [20, 1])
        self.assertEqual(len(names[0] | names[1]), 21)

    def test_a_contract_tells_its_step_and_how_the_reward_came_about(self):
        # rules G4, C8
        order = self.make_contract(self.make_lead())
        self.log_in()
        self.assert_steps(1, "Next, the work is delivered")
        self.pay(self.invoice(order))
        self.assert_steps(3, "Waiting for finance")
        order.with_user(self.finance).action_referral_confirm()
        self.assert_steps(4, "goes out with the next payout")
        reward = order.sudo().referral_commission_ids.filtered(
            lambda line: line.partner_id == self.member
        )
        reward._set_state("settled")
        page = self.assert_steps(5, "Your reward")
        self.assertIn("0.5 %", page)
        self.assertIn("600.00", page)

    def test_each_reward_behind_the_sum_is_explained(self):
        # rules C8, M4
        lead = self.make_lead(partner_name="Harvest Foods")
        lead.with_user(self.sales).action_referral_validate()
        order = self.make_paid_contract(lead)
        order.with_user(self.finance).action_referral_confirm()
        self.log_in()
        page = self.get_page("/my/referral/earnings")
        self.assertIn("610.00", page)
        for part in ("Lead found valid", "Harvest Foods", order.name, "0.5 %"):
            self.assertIn(part, page)
        self.log_in(self.other_user)
        page = self.get_page("/my/referral/earnings")
        self.assertIn(f"Through {masked(self.member.name)}", page)
        self.assertIn("60.00", page)
        for part in ("Harvest Foods", order.name, "A Customer"):
            self.assertNotIn(part, page)

    def test_a_refused_contract_gives_the_reason(self):
        # rule C3
        order = self.make_paid_contract()
        order.with_user(self.finance).action_referral_refuse("Known before")
        self.log_in()
        self.assert_steps(3, "Known before")

    def assert_steps(self, done, hint):
        page = self.get_page("/my/referral/contracts")
        self.assertEqual(len(re.findall(r'<li class="is-done', page)), done)
        self.assertIn(hint, page)
        return page


@tagged("post_install", "-at_install")
class TestPortalShare(PortalCase):
    def test_the_same_form_sent_twice_gives_one_link(self):
        # rule S2
        self.log_in()
        first = self.send_link_form(url="/page-a")
        again = self.send_link_form(url="/page-a")
        self.assertEqual(first.url, again.url)
        link = self.env["referral.link"].search([("target_url", "=", "/page-a")])
        self.assertEqual(link.partner_id, self.member)
        self.assertIn(f"{self.base_url()}/s/{link.code}", first.text)

    def test_a_page_elsewhere_is_refused_with_a_message_and_nothing_written(self):
        # threat S2
        self.log_in()
        before = self.count("referral.link")
        for url in EVIL_PAGES:
            response = self.send_link_form(url=url)
            self.assertEqual(response.status_code, 200, url)
            self.assertIn("leads to a page of this site", response.text, url)
        self.assertIn(
            "leads to a page of this site",
            self.get_page("/my/referral/share?url=//evil.example"),
        )
        self.assertEqual(self.count("referral.link"), before)

    def test_members_share_on_own_channels_only(self):
        # rule S4
        partner = self.env["res.partner"].create({"name": "Media House"})
        foreign = self.env["referral.channel"].create(
            {"name": "Media", "kind": "partner", "partner_id": partner.id}
        )
        elsewhere = self.env["referral.channel"].create(
            {
                "name": "Elsewhere",
                "company_id": self.env["res.company"].create({"name": "Else"}).id,
            }
        )
        self.log_in()
        before = self.count("referral.link")
        for channel in (foreign.id, elsewhere.id, "", "abc", "9" * 30):
            response = self.send_link_form(channel=channel)
            self.assertIn("Choose one of our channels", response.text, channel)
        self.assertEqual(self.count("referral.link"), before)
        page = self.get_page("/my/referral/share")
        self.assertIn("Our community", page)
        for name in ("Media", "Elsewhere"):
            self.assertNotIn(f">{name}<", page)

    @mute_logger("odoo.http")
    def test_the_form_needs_its_token(self):
        # threat P4
        self.log_in()
        before = self.count("referral.link")
        response = self.send_link_form(url="/page-b", csrf_token="wrong")
        self.assertEqual(response.status_code, 400)
        self.assertEqual(self.count("referral.link"), before)

    def test_a_page_of_the_site_is_offered_up_front(self):
        # rule S6
        self.log_in()
        page = self.get_page("/my/referral/share?url=/some/page")
        self.assertIn('name="url" value="/some/page"', page)

    def test_the_link_page_has_address_and_qr_of_the_host_it_is_seen_on(self):
        # rule S6
        self.log_in()
        page = self.get_page(f"/my/referral/share/link/{self.link.id}")
        address = f"{self.base_url()}/s/{self.link.code}"
        self.assertIn(f'value="{address}"', page)
        source = re.search(r'src="(/report/barcode/[^"]+)"', page)[1]
        self.assertIn(quote(address, safe=""), source)
        image = self.url_open(source.replace("&amp;", "&"))
        self.assertEqual(image.headers["Content-Type"], "image/png")

    def test_the_pages_load_nothing_from_other_hosts(self):
        # rule S6
        self.log_in()
        for path in (*PAGES, f"/share/link/{self.link.id}"):
            page = self.get_page(f"/my/referral{path}")
            main = page[page.index("o_referral_portal") : page.index("<footer")]
            self.assertFalse(re.findall(r'src="(?:https?:)?//', main), path)

    def test_a_share_counts_once_per_link_method_and_day(self):
        # rule S2
        self.log_in()
        answers = [self.record_share(self.link.id, "copy") for _time in range(3)]
        self.assertEqual(answers, [True, False, False])
        self.assertTrue(self.record_share(self.link.id, "native"))
        shares = self.env["referral.share"].search([("link_id", "=", self.link.id)])
        self.assertEqual(sorted(shares.mapped("method")), ["copy", "native"])
        self.assertEqual(shares.partner_id, self.member)
        shares.share_date = "2020-01-01"
        self.env.flush_all()
        self.assertTrue(self.record_share(self.link.id, "copy"))

    def test_junk_is_no_share(self):
        # threat P6
        self.log_in()
        for link_id in (None, "1", True, [1], {"a": 1}, -1, 2**70, 1.5):
            self.assertFalse(self.record_share(link_id, "copy"), link_id)
        for method in (None, "mail", ["copy"], {}, 1):
            self.assertFalse(self.record_share(self.link.id, method), method)
        self.assertFalse(self.count("referral.share"))

    def test_a_suspended_member_looks_but_does_not_share(self):
        # rule M1
        self.member.member_state = "suspended"
        self.log_in()
        for path in (*PAGES, f"/share/link/{self.link.id}"):
            page = self.get_page(f"/my/referral{path}")
            self.assertIn("Your membership is suspended", page)
            self.assertNotIn('class="o_referral_share_open', page)
        before = self.count("referral.link")
        self.assertIn("Only active members", self.send_link_form(url="/c").text)
        self.assertFalse(self.record_share(self.link.id, "copy"))
        self.assertEqual(self.count("referral.link"), before)

    def test_who_is_no_member_gets_no_link(self):
        # rule M1
        self.log_in(self.stranger)
        before = self.count("referral.link")
        self.assertIn("Apply to become a member", self.send_link_form(url="/d").text)
        self.assertEqual(self.count("referral.link"), before)

    def test_the_copy_button_copies_and_records_the_share(self):
        # rules S2, S6
        press = """
            const clipboard = { writeText: async (text) => (window.copied = text) };
            Object.defineProperty(navigator, "clipboard", { value: clipboard });
            const button = document.querySelector(".o_referral_copy");
            const timer = setInterval(() => {
                button.click();
                if (window.copied === button.dataset.copyText) {
                    clearInterval(timer);
                    setTimeout(() => console.log("test successful"), 1000);
                }
            }, 100);
        """
        self.browser_js(
            f"/my/referral/share/link/{self.link.id}", press, login=self.portal.login
        )
        self.assertEqual(
            self.count("referral.share", ("link_id", "=", self.link.id)), 1
        )
