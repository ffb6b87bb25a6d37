from odoo.tests import tagged

from .test_door import DoorCase


@tagged("post_install", "-at_install")
class TestClosedPage(DoorCase):
    """Who opens a closed link is told so, and nothing is remembered (threat S7)."""

    def setUp(self):
        super().setUp()
        self.env["res.lang"]._activate_lang("zh_CN")
        self.link.alias = "spring-fair"

    def assertClosedPage(self, response, words="This link is no longer in use"):
        self.assertEqual(response.status_code, 404)
        self.assertIn(words, response.text)
        self.assertEqual(response.headers["Cache-Control"], "no-store")
        self.assertEqual(list(response.cookies), [])
        self.assertEqual(self.clicks(), 0)

    def test_a_closed_link_leads_to_a_friendly_page(self):
        for record, values in (
            (self.link, {"expires_at": "2020-01-01 00:00:00"}),
            (self.channel, {"active": False}),
            (self.member, {"member_state": "suspended"}),
            (self.link, {"active": False}),
        ):
            before = {name: record[name] for name in values}
            record.write(values)
            self.env.flush_all()
            for code in (self.link.code, self.link.alias):
                response = self.knock(code)
                with self.subTest(values=values, code=code):
                    self.assertClosedPage(response)
                    self.assertIn('href="/"', response.text)
            record.write(before)
        self.assertEqual(self.knock().status_code, 302)

    def test_the_page_says_neither_where_it_led_nor_whose_it_was(self):
        self.member.name = "Zhang Xiaoming"
        self.link.write({"active": False, "target_url": "/secret-page"})
        text = self.knock().text
        for secret in ("secret-page", "Zhang Xiaoming", "spring-fair"):
            self.assertNotIn(secret, text)

    def test_the_page_speaks_the_visitors_language(self):
        self.link.active = False
        self.opener.cookies.set("frontend_lang", "zh_CN")
        response = self.knock()
        self.assertEqual(response.status_code, 404)
        self.assertIn("该链接已失效", response.text)
        self.assertIn('lang="zh-CN"', response.text)
        self.opener.cookies.clear()
        response = self.knock(**{"Accept-Language": "zh-CN,zh;q=0.9"})
        self.assertIn("该链接已失效", response.text)

    def test_junk_gets_no_page_at_all(self):
        for junk in ("a.b", "x" * 65, "%3Cscript%3E"):
            response = self.knock(junk)
            self.assertEqual((response.status_code, response.text), (404, ""))

    def test_an_open_alias_leads_on(self):
        response = self.knock("spring-fair")
        self.assertEqual(response.status_code, 302)
        self.assertEqual(self.clicks(), 1)

    def test_a_link_to_a_listed_host_leads_there(self):
        self.company.referral_target_hosts = "weibo.com"
        self.link.target_url = "https://weibo.com/a"
        response = self.knock()
        self.assertTrue(response.headers["Location"].startswith("https://weibo.com/a"))


class TestClosedPageInFront(TestClosedPage):
    """The road in front hands closed links over; the answers are the same."""

    in_front = True
