import re
from urllib.parse import quote_plus

from lxml import html

from odoo.tests import HttpCase, tagged

from .common import ContentCase


@tagged("post_install", "-at_install")
class TestArticlePage(ContentCase, HttpCase):
    """What a reader sees of an article, in both languages (rules T1, T2, S6, X4)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._install_chinese()
        cls.article.sudo().content = f"<p>{'word ' * 500}</p>"
        cls.publish(cls.article)
        cls.path = cls.article.website_url

    @classmethod
    def _install_chinese(cls):
        lang = cls.env["res.lang"]._activate_lang("zh_CN")
        website = cls.env["website"].get_current_website()
        if lang not in website.language_ids:
            website.language_ids += lang
            cls.env["ir.module.module"].search(
                [("name", "=", "referral_content")]
            )._update_translations(["zh_CN"])
        cls.chinese = f"/{lang.url_code}"

    def _read(self, path):
        response = self.url_open(path)
        self.assertEqual(response.status_code, 200)
        return html.fromstring(response.text)

    def _part(self, page, name):
        found = page.xpath(f"//div[@name='referral_article_{name}']")
        return " ".join(found[0].text_content().split()) if found else ""

    def test_a_reader_sees_kind_reading_time_and_order_entry(self):
        page = self._read(self.path)
        self.assertEqual(
            self._part(page, "line"), "Service package Reading time: 3 min"
        )
        self.assertIn("Order entry", self._part(page, "entries"))
        self.assertNotIn("Share and earn", self._part(page, "entries"))

    def test_a_chinese_reader_sees_it_in_chinese(self):
        page = self._read(f"{self.chinese}{self.path}")
        self.assertEqual(self._part(page, "line"), "服务包 阅读时间： 3 分钟")
        self.assertIn("下单入口", self._part(page, "entries"))
        href = page.xpath("//a[contains(@href, '/contactus?subject=')]/@href")[0]
        self.assertTrue(href.startswith(f"{self.chinese}/contactus"), href)

    def test_the_order_entry_opens_a_form_that_makes_a_lead(self):
        page = self._read(self.path)
        href = page.xpath("//a[contains(@href, '/contactus?subject=')]/@href")[0]
        form = self._read(href)
        self.assertTrue(
            form.xpath("//form[@id='contactus_form'][@data-model_name='crm.lead']")
        )
        names = form.xpath("//form[@id='contactus_form']//*[@name]/@name")
        self.assertLessEqual(
            {"name", "contact_name", "partner_name", "email_from", "phone"}, set(names)
        )
        self.assertNotIn("email_to", names)
        values = form.xpath("//*[@data-for='contactus_form']/@data-values")[0]
        self.assertIn("A factory in Suzhou", values)

    def _order(self, **typed):
        """Send the order entry's form as a visitor does; return the lead."""
        page = self.url_open(self.article._get_order_entry_url()).text
        answer = self.url_open(
            "/website/form/crm.lead",
            data={
                "csrf_token": re.search(r'csrf_token: "(\w+)"', page)[1],
                "name": self.article.name,
                "contact_name": "Li Lei",
                "partner_name": "A buyer",
                "email_from": "li.lei@example.com",
                "phone": "+86 10 5555 0100",
                "description": "We would like the same.",
                **typed,
            },
        )
        return self.env["crm.lead"].browse(answer.json()["id"])

    def _open_link(self):
        link = self.make_link(self.article)
        self.env.flush_all()
        self.url_open(f"/s/{link.code}")

    def test_who_orders_after_a_members_link_is_a_lead_of_the_article(self):
        self._open_link()
        self.assertRecordValues(
            self._order(),
            [
                {
                    "name": "A factory in Suzhou",
                    "contact_name": "Li Lei",
                    "partner_name": "A buyer",
                    "referrer_id": self.member.id,
                    "blog_post_id": self.article.id,
                }
            ],
        )

    def test_a_form_sent_twice_is_one_lead(self):  # rule L5
        self._open_link()
        lead = self._order()
        self.assertEqual(self._order(), lead)
        self.assertNotEqual(self._order(description="Something else."), lead)

    def test_visitors_without_a_link_are_leads_as_ever(self):
        lead = self._order()
        self.assertFalse(lead.referrer_id or lead.blog_post_id)
        self.assertNotEqual(self._order(), lead)

    def test_a_member_can_share_and_earn(self):
        self.authenticate(self.mia.login, self.mia.login)
        page = self._read(self.path)
        self.assertIn("Share and earn", self._part(page, "entries"))
        self.assertTrue(
            page.xpath(f"//a[@href='/my/referral/share?url={quote_plus(self.path)}']")
        )
        page = self._read(f"{self.chinese}{self.path}")
        self.assertIn("转发", self._part(page, "entries"))

    def test_the_share_page_names_the_article_but_no_draft(self):
        self.authenticate(self.mia.login, self.mia.login)
        page = self.url_open(self.article._get_share_url()).text
        self.assertIn("A factory in Suzhou", page)
        draft = self.make_article(self.anna, "Nobody knows yet")
        page = self.url_open(draft._get_share_url())
        self.assertEqual(page.status_code, 200)
        self.assertNotIn("Nobody knows", page.text)

    def test_who_is_no_active_member_cannot_share(self):
        self.member.sudo().member_state = "suspended"
        self.authenticate(self.mia.login, self.mia.login)
        self.assertNotIn("Share", self._part(self._read(self.path), "entries"))

    def test_an_ordinary_post_looks_as_before(self):
        post = self.make_article(self.dora, "News", referral_kind=False)
        post.is_published = True
        page = self._read(post.website_url)
        self.assertEqual(self._part(page, "line"), "")
        self.assertEqual(self._part(page, "entries"), "")

    def test_our_part_of_the_page_loads_nothing_from_elsewhere(self):
        page = self._read(self.path)
        for part in page.xpath("//div[starts-with(@name, 'referral_article_')]"):
            for link in part.xpath(".//@href | .//@src"):
                self.assertTrue(link.startswith("/"), link)

    def test_a_title_is_text_whatever_it_contains(self):  # threat P5
        self.article.with_user(self.ben).name = 'A "<script>alert(1)</script>" & more'
        page = self._read(self.article.website_url)
        self.assertFalse(page.xpath("//div[@name]//script[text()='alert(1)']"))
        href = page.xpath("//a[contains(@href, '/contactus?subject=')]/@href")[0]
        self.assertNotIn("<", href)
        self.assertFalse(self._read(href).xpath("//script[text()='alert(1)']"))
