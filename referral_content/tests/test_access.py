from odoo.exceptions import AccessError
from odoo.tests import tagged

from .common import ContentCase


@tagged("post_install", "-at_install")
class TestAccess(ContentCase):
    """What each role may do, and what it may not."""

    def test_operators_write_articles_but_no_ordinary_posts(self):
        self.article.with_user(self.ben).name = "Corrected"
        news = self.make_article(self.dora, "News", referral_kind=False)
        for user in (self.anna, self.max, self.sam):
            with self.assertRaises(AccessError):
                news.with_user(user).name = "Not mine"
        with self.assertRaises(AccessError):
            self.make_article(self.anna, "News", referral_kind=False)

    def test_editors_of_the_site_keep_their_rights(self):
        both = self.dora
        both.group_ids += self.env.ref("referral_distribution.group_content_operator")
        news = self.make_article(both, "News", referral_kind=False).with_user(both)
        news.name = "More news"
        news.unlink()

    def test_articles_of_another_companys_website_are_not_theirs(self):  # threat P3
        company = self.env["res.company"].create({"name": "Elsewhere"})
        self.blog.website_id = self.env["website"].create(
            {"name": "Elsewhere", "company_id": company.id}
        )
        with self.assertRaises(AccessError):
            self.article.with_user(self.ben).name = "Not mine"

    def test_only_operators_write_articles(self):
        for user in (self.max, self.sam, self.mia):
            with self.assertRaises(AccessError):
                self.article.with_user(user).name = "Not mine"
            with self.assertRaises(AccessError):
                self.make_article(user, "Not mine")
        with self.assertRaises(AccessError):
            self.article.with_user(self.anna).unlink()

    def test_readers_see_published_articles_only(self):
        readers = (self.mia, self.env.ref("base.public_user"))
        for reader in readers:
            with self.assertRaises(AccessError):
                self.article.with_user(reader).read(["name"])
        self.publish(self.article)
        for reader in readers:
            self.article.with_user(reader).read(["name", "referral_kind"])

    def test_content_operators_keep_the_plan_and_spreaders_read_it(self):
        slots = self.env["referral.content.slot"]
        slot = slots.with_user(self.anna).create({"kind": "event"})
        slot.with_user(self.max).read(["state"])
        with self.assertRaises(AccessError):
            slot.with_user(self.max).kind = "other"
        for user in (self.sam, self.mia, self.dora):
            with self.assertRaises(AccessError):
                slot.with_user(user).read(["kind"])
        slot.with_user(self.eve).unlink()

    def test_operators_of_both_sorts_plan_publications(self):
        for user, channel in (
            (self.anna, self.channel),
            (self.max, self.website_channel),
        ):
            publication = (
                self.env["referral.publication"]
                .with_user(user)
                .create({"blog_post_id": self.article.id, "channel_id": channel.id})
            )
            self.assertEqual(publication.operator_id, user)
            for stranger in (self.sam, self.mia, self.dora):
                with self.assertRaises(AccessError):
                    publication.with_user(stranger).read(["planned_at"])

    def test_another_companys_plan_is_invisible(self):  # threat P3
        company = self.env["res.company"].create({"name": "Elsewhere"})
        slot = self.env["referral.content.slot"].create(
            {"company_id": company.id, "responsible_id": self.env.uid}
        )
        publication = self.env["referral.publication"].create(
            {
                "company_id": company.id,
                "blog_post_id": self.article.id,
                "channel_id": self.channel.id,
                "operator_id": self.env.uid,
            }
        )
        for record in (slot, publication):
            with self.assertRaises(AccessError):
                record.with_user(self.eve).read(["display_name"])

    def test_only_operators_open_the_rejection_form(self):
        for user in (self.max, self.sam, self.mia):
            with self.assertRaises(AccessError):
                self.env["referral.content.rejection"].with_user(user).create(
                    {"blog_post_id": self.article.id, "reason": "No"}
                )
