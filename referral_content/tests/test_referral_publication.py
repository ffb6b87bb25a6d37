from freezegun import freeze_time
from psycopg2 import IntegrityError

from odoo.exceptions import UserError, ValidationError
from odoo.fields import Datetime
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import ContentCase


@tagged("post_install", "-at_install")
class TestPublication(ContentCase):
    """Rule T4: the new-media operator brings an article to a channel."""

    def _plan(self, channel=None, article=None):
        return (
            self.env["referral.publication"]
            .with_user(self.max)
            .create(
                {
                    "blog_post_id": (article or self.article).id,
                    "channel_id": (channel or self.channel).id,
                    "planned_at": "2026-03-04 09:00:00",
                }
            )
        )

    def test_marking_records_when_and_by_whom(self):
        self.approve(self.article)
        publication = self._plan()
        with freeze_time("2026-03-04 09:30:00"):
            publication.action_mark_published()
        self.assertRecordValues(
            publication,
            [
                {
                    "operator_id": self.max.id,
                    "planned_at": Datetime.to_datetime("2026-03-04 09:00:00"),
                    "published_at": Datetime.to_datetime("2026-03-04 09:30:00"),
                }
            ],
        )
        self.assertFalse(self.article.is_published, "another channel")

    def test_marking_twice_keeps_the_first_time(self):
        self.approve(self.article)
        publication = self._plan()
        with freeze_time("2026-03-04 09:30:00"):
            publication.action_mark_published()
        publication.action_mark_published()
        self.assertEqual(str(publication.published_at), "2026-03-04 09:30:00")

    def test_marking_on_the_website_publishes_the_article(self):
        self.approve(self.article)
        self._plan(self.website_channel).action_mark_published()
        self.assertTrue(self.article.is_published)

    def test_a_partners_website_is_not_ours(self):
        partner = self.env["res.partner"].create({"name": "An agency"})
        channel = self.env["referral.channel"].create(
            {
                "name": "Agency",
                "platform": "website",
                "kind": "partner",
                "partner_id": partner.id,
            }
        )
        self.approve(self.article)
        self._plan(channel).action_mark_published()
        self.assertFalse(self.article.is_published)

    def test_an_unreviewed_article_goes_nowhere(self):  # rule T1
        for channel in (self.channel, self.website_channel):
            publication = self._plan(channel)
            with self.assertRaises(ValidationError), self.env.cr.savepoint():
                publication.action_mark_published()
            with self.assertRaises(ValidationError), self.env.cr.savepoint():
                publication.published_at = Datetime.now()
        self.assertFalse(self.article.is_published)

    @mute_logger("odoo.sql_db")
    def test_an_article_is_planned_once_per_channel(self):
        self._plan()
        with self.assertRaises(IntegrityError), self.env.cr.savepoint():
            self._plan()

    def test_what_was_published_stays_on_record(self):
        self.approve(self.article)
        done, planned = self._plan(), self._plan(self.website_channel)
        done.action_mark_published()
        with self.assertRaises(UserError):
            done.unlink()
        planned.unlink()

    def test_the_spreader_finds_the_article_among_theirs(self):
        self._plan()
        search = self.env.ref("referral_content.blog_post_view_search").arch
        self.assertIn("publication_ids.operator_id", search)
        mine = self.env["blog.post"].with_user(self.max)
        self.assertEqual(
            mine.search([("publication_ids.operator_id", "=", self.max.id)]),
            self.article,
        )
