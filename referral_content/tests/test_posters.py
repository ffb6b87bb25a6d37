import json
from datetime import timedelta

from odoo import fields
from odoo.tests import tagged

from .common import ContentCase


@tagged("post_install", "-at_install")
class TestPosters(ContentCase):
    """What the posters of articles and pages say (rule S6)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.article.subtitle = "What they did"
        cls.link = cls.make_link(cls.article)

    def content(self, link=None):
        return (link or self.link)._in_poster_language()._get_poster_content()

    def test_a_published_article_gives_title_summary_and_cover(self):
        picture = "/referral_distribution/static/src/img/poster/sample.jpg"
        cover = {"background-image": f"url({picture})"}
        self.article.cover_properties = json.dumps(cover)
        self.publish(self.article)
        found = self.content()
        self.assertEqual(found["title"], "A factory in Suzhou")
        self.assertEqual(found["summary"], "What they did")
        self.assertTrue(found["picture"].read().startswith(b"\xff\xd8"))

    def test_what_not_everybody_can_read_is_on_no_poster(self):
        """Threat P1."""
        company = self.env.company.name
        self.assertEqual(self.content()["title"], company)
        self.publish(self.article)
        for change in (
            {"is_published": False},
            {"post_date": fields.Datetime.now() + timedelta(days=1)},
            {"active": False},
        ):
            with self.subTest(change=change):
                before = {name: self.article[name] for name in change}
                self.article.sudo().write(change)
                self.env.flush_all()
                self.assertEqual(self.content()["title"], company)
                self.article.sudo().write(before)

    def test_the_title_is_in_the_language_of_the_page(self):
        self.env["res.lang"]._activate_lang("zh_CN")
        self.article.sudo().with_context(lang="zh_CN").name = "苏州的一家工厂"
        self.publish(self.article)
        chinese = self.env["res.lang"]._get_data(code="zh_CN")
        link = self.env["referral.link"]._obtain(
            self.member,
            self.channel,
            f"/{chinese.url_code}{self.article.website_url}",
        )
        self.assertEqual(self.content(link)["title"], "苏州的一家工厂")
        self.assertEqual(self.content()["title"], "A factory in Suzhou")
        self.env.company.website_id.language_ids |= self.env["res.lang"].browse(
            chinese.id
        )
        self.env.company.website_id.default_lang_id = chinese.id
        self.env.invalidate_all()
        self.assertEqual(self.content()["title"], "苏州的一家工厂")

    def test_a_page_of_the_website_gives_its_name_when_everybody_can_read_it(self):
        page = self.env["website.page"].create(
            {
                "name": "Our offer",
                "url": "/our-offer",
                "type": "qweb",
                "arch": "<div>Offer</div>",
                "is_published": True,
                "website_meta_description": "In short",
            }
        )
        link = self.env["referral.link"]._obtain(
            self.member, self.channel, "/our-offer?x=1"
        )
        found = self.content(link)
        self.assertEqual((found["title"], found["summary"]), ("Our offer", "In short"))
        for change in ({"visibility": "connected"}, {"is_published": False}):
            page.write({"visibility": False, "is_published": True, **change})
            with self.subTest(change=change):
                self.assertEqual(self.content(link)["title"], self.env.company.name)
