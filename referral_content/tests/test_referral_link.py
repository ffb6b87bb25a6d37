import json
from datetime import timedelta

from odoo import fields
from odoo.tests import tagged

from .common import ContentCase


@tagged("post_install", "-at_install")
class TestLink(ContentCase):
    """Links know the article they lead to; members pick from published ones (S2)."""

    def _article_of(self, target):
        return self.env["referral.link"].new({"target_url": target}).blog_post_id

    def test_a_link_knows_its_article(self):
        self.assertEqual(self.make_link(self.article).blog_post_id, self.article)

    def test_the_language_and_what_follows_the_path_do_not_matter(self):
        self.env["res.lang"]._activate_lang("zh_CN")
        prefix = self.env["res.lang"]._get_data(code="zh_CN").url_code
        for target in (
            f"/{prefix}{self.article.website_url}",
            f"{self.article.website_url}?utm_source=weibo#comments",
            f"/blog/{self.blog.id}/{self.article.id}",
        ):
            found = self._article_of(target)
            self.assertEqual(found.id or found._origin.id, self.article.id, target)

    def test_junk_leads_to_no_article(self):
        for target in (
            "/",
            "/blog",
            f"/blog/page/{self.article.id}",
            f"/nowhere{self.article.website_url}",
            "/blog/1/gone-2147483647",
            "/blog/1/huge-99999999999999999999",
            "/blog/1/%00",
        ):
            self.assertFalse(self._article_of(target), target)

    def test_a_link_to_an_article_is_of_that_kind(self):
        link = self.make_link(self.article)
        self.assertEqual(link.target_kind, "article")
        link.sudo().target_url = "/blog"
        self.assertEqual((link.target_kind, link.blog_post_id.id), ("page", False))

    def test_links_older_than_this_addon_get_their_kind(self):
        """What installation and upgrade call; switched off ones are links too."""
        links = self.make_link(self.article)
        links += self.env["referral.link"]._obtain(self.member, self.channel, "/")
        links[0].active = False
        self.env.flush_all()
        self.env.cr.execute("UPDATE referral_link SET target_kind = 'page'")
        self.env.invalidate_all()
        links._find_kinds_anew()
        self.assertEqual(links.mapped("target_kind"), ["article", "page"])

    def test_what_looks_like_an_article_elsewhere_is_none(self):
        """Threat S2: a listed host has articles of its own."""
        self.env.company.referral_target_hosts = "elsewhere.example"
        link = self.env["referral.link"]._obtain(
            self.member,
            self.channel,
            f"https://elsewhere.example{self.article.website_url}",
        )
        self.assertEqual((link.target_kind, link.blog_post_id.id), ("outside", False))

    def test_links_made_at_once_know_their_articles_too(self):
        """The same as the ORM would write, in as many queries for any number."""
        other = self.make_article(self.anna, "Another")
        pages = [self.article.website_url, other.website_url, "/shop"]
        links = self.env["referral.link"]
        links = links._obtain_many(self.member, self.channel, pages)
        self.env.flush_all()
        self.env.invalidate_all()
        found = {link.target_url: link for link in links}
        self.assertEqual(found["/shop"].target_kind, "page")
        self.assertFalse(found["/shop"].blog_post_id)
        for article in (self.article, other):
            link = found[article.website_url]
            self.assertEqual(link.blog_post_id, article)
            self.assertEqual(link.target_kind, "article")

    def test_a_deleted_article_leaves_its_links(self):
        link = self.make_link(self.article)
        self.article.sudo().unlink()
        self.assertTrue(link.exists())
        self.assertFalse(link.blog_post_id)

    def _share(self, **options):
        return (
            self.env["referral.link"]
            .with_user(self.mia)
            ._get_shareable_contents(self.member, **options)
        )

    def test_members_pick_published_articles_newest_first(self):
        older = self.make_article(
            self.anna, "Older", subtitle="In short", referral_kind="event"
        )
        self.publish(older, self.article)
        self.env["blog.post"].browse(older.id).published_date = "2020-01-01"
        draft = self.make_article(self.anna, "Draft")
        contents, _total = self._share(limit=100)
        urls = [content["url"] for content in contents]
        self.assertNotIn(draft.website_url, urls)
        self.assertLess(
            urls.index(self.article.website_url), urls.index(older.website_url)
        )
        self.assertEqual(
            contents[urls.index(older.website_url)],
            {
                "title": "Older",
                "summary": "In short",
                "url": older.website_url,
                "image_url": False,
                "kind_label": "Event",
            },
        )

    def test_what_is_scheduled_for_later_is_not_offered(self):
        self.publish(self.article)
        self.article.sudo().published_date = fields.Datetime.now() + timedelta(days=1)
        self.assertEqual(self._share(search="factory in Suzhou"), ([], 0))

    def test_members_search_title_and_subtitle_literally(self):
        other = self.make_article(self.anna, "Another", subtitle="100% Suzhou")
        self.publish(self.article, other)
        titles = [entry["title"] for entry in self._share(search="suzhou")[0]]
        self.assertCountEqual(titles, ["A factory in Suzhou", "Another"])
        self.assertEqual(self._share(search="100% s")[1], 1)
        self.assertEqual(self._share(search="1_0%")[1], 0)
        self.assertEqual(self._share(search="no such words"), ([], 0))

    def test_a_page_of_articles_tells_how_many_there_are(self):
        articles = [self.make_article(self.anna, f"Page {n}") for n in range(5)]
        self.publish(*articles)
        contents, total = self._share(search="Page", offset=2, limit=2)
        self.assertEqual((len(contents), total), (2, 5))

    def test_other_companies_websites_are_left_out(self):  # threat P3
        company = self.env["res.company"].create({"name": "Elsewhere"})
        website = self.env["website"].create(
            {"name": "Elsewhere", "company_id": company.id}
        )
        self.publish(self.article)
        self.blog.website_id = website
        self.assertEqual(self._share(search="factory in Suzhou")[1], 0)
        theirs = self.env["res.partner"].create(
            {"name": "Theirs", "company_id": company.id}
        )
        links = self.env["referral.link"]
        self.assertEqual(links._get_shareable_contents(theirs, "Suzhou")[1], 1)

    def test_only_pictures_of_the_own_site_are_shown(self):
        for image, expected in (
            ("url('/web/image/1-abc/cover.jpg')", "/web/image/1-abc/cover.jpg"),
            ("url(/web/image/1)", "/web/image/1"),
            ("url(//evil.example/x.png)", False),
            ("url('https://evil.example/x.png')", False),
            ("none", False),
        ):
            self.article.sudo().cover_properties = json.dumps(
                {"background-image": image, "resize_class": "cover_auto"}
            )
            self.assertEqual(self.article._get_cover_url(), expected)

    def test_the_front_page_is_offered_until_something_is_published(self):
        self.env["blog.post"].search([]).is_published = False
        contents, total = self._share()
        self.assertEqual((contents[0]["url"], total), ("/", 1))

    def test_a_page_of_twelve_costs_as_many_queries_as_one_of_three(self):
        self.publish(*[self.make_article(self.anna, f"Page {n}") for n in range(12)])

        def count_queries(limit):
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            contents, _total = self._share(search="Page", limit=limit)
            self.assertEqual(len(contents), limit)
            return self.env.cr.sql_log_count - before

        count_queries(12)
        self.assertEqual(count_queries(3), count_queries(12))
        self.env.invalidate_all()
        with self.assertQueryCount(9):
            self._share(search="Page")
