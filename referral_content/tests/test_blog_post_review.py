from psycopg2 import IntegrityError

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import ContentCase


@tagged("post_install", "-at_install")
class TestReview(ContentCase):
    """Rule T1: an article is reviewed by somebody else before it is published."""

    def _end_request(self):
        self.env.flush_all()
        self.cr.flush()

    def test_whoever_starts_an_article_is_its_originator(self):
        self.assertEqual(self.article.originator_id, self.anna)
        self.assertEqual(self.article.review_state, "draft")

    def test_a_colleague_approves_and_the_article_can_be_published(self):
        self.approve(self.article)
        self.article.with_user(self.anna).website_published = True
        self.assertTrue(self.article.is_published)

    def test_a_draft_cannot_be_published(self):
        for field in ("website_published", "is_published"):
            with self.assertRaises(ValidationError):
                self.article.with_user(self.anna).write({field: True})

    def test_an_article_cannot_be_born_published(self):
        with self.assertRaises(ValidationError):
            self.make_article(self.anna, "Hasty", is_published=True)

    def test_the_superuser_cannot_publish_a_draft_either(self):
        with self.assertRaises(ValidationError):
            self.article.sudo().is_published = True

    @mute_logger("odoo.sql_db")
    def test_the_database_refuses_a_published_draft(self):
        self.env.flush_all()
        with self.assertRaises(IntegrityError), self.env.cr.savepoint():
            self.env.cr.execute(
                "UPDATE blog_post SET is_published = true WHERE id = %s",
                [self.article.id],
            )

    def test_the_originator_cannot_approve_or_reject(self):
        article = self.article.with_user(self.anna)
        article.action_referral_submit()
        with self.assertRaises(UserError):
            article.action_referral_approve()
        with self.assertRaises(UserError):
            article.action_referral_reject("Not good enough.")

    def test_a_manager_cannot_approve_their_own_article(self):
        article = self.make_article(self.eve, "By the manager")
        article.with_user(self.eve).action_referral_submit()
        with self.assertRaises(UserError):
            article.with_user(self.eve).action_referral_approve()

    def test_only_content_operators_review(self):
        self.article.with_user(self.anna).action_referral_submit()
        for user in (self.max, self.sam, self.dora):
            with self.assertRaises(AccessError):
                self.article.with_user(user).action_referral_approve()

    def test_nobody_writes_the_review_state_by_hand(self):
        for user in (self.anna, self.ben, self.eve, self.dora):
            with self.assertRaises(UserError):
                self.article.with_user(user).review_state = "approved"
        with self.assertRaises(UserError):
            self.make_article(self.anna, "Approved already", review_state="approved")
        with self.assertRaises(UserError):
            self.article.with_user(self.anna).with_context(
                referral_review_gate=True
            ).write({"review_state": "approved"})

    def test_an_operator_cannot_put_another_name_on_an_article(self):
        with self.assertRaises(AccessError):
            self.article.with_user(self.anna).originator_id = self.ben
        with self.assertRaises(AccessError):
            self.make_article(self.anna, "By Ben", originator_id=self.ben.id)
        self.article.with_user(self.eve).originator_id = self.ben
        self.assertEqual(self.article.originator_id, self.ben)

    def test_an_operator_cannot_make_an_article_an_ordinary_post(self):
        with self.assertRaises(AccessError):
            self.article.with_user(self.anna).referral_kind = False
        self.article.with_user(self.dora).referral_kind = False
        self.assertFalse(self.article.referral_kind)

    def test_a_published_post_cannot_become_an_unreviewed_article(self):
        post = self.make_article(self.dora, "News", referral_kind=False)
        post.is_published = True
        with self.assertRaises(ValidationError):
            post.referral_kind = "hot_topic"

    def test_a_rejection_needs_a_reason_and_tells_the_originator(self):
        self.article.with_user(self.anna).action_referral_submit()
        reviewed = self.article.with_user(self.ben)
        for nothing in ("", "   ", False):
            with self.assertRaises(UserError):
                reviewed.action_referral_reject(nothing)
        wizard = (
            self.env["referral.content.rejection"]
            .with_user(self.ben)
            .create({"blog_post_id": self.article.id, "reason": "No figures yet."})
        )
        wizard.action_reject()
        self.assertEqual(self.article.review_state, "rejected")
        note = self.article.message_ids.filtered(lambda m: "figures" in m.body)
        self.assertEqual(note.author_id, self.ben.partner_id)
        self.assertIn(self.anna.partner_id, note.notified_partner_ids)
        self.assertTrue(note.subtype_id.internal, "readers must not see it")

    def test_a_rejected_article_can_be_handed_in_again(self):
        self.article.with_user(self.anna).action_referral_submit()
        self.article.with_user(self.ben).action_referral_reject("Too short.")
        self.article.with_user(self.anna).action_referral_submit()
        self.assertEqual(self.article.review_state, "in_review")

    def test_pressing_a_button_twice_changes_nothing(self):
        for _press in range(2):
            self.article.with_user(self.anna).action_referral_submit()
        for _press in range(2):
            self.article.with_user(self.ben).action_referral_approve()
        self.assertEqual(self.article.review_state, "approved")

    def test_moves_that_are_not_allowed_are_refused(self):
        with self.assertRaises(UserError):
            self.article.with_user(self.ben).action_referral_approve()
        self.approve(self.article)
        with self.assertRaises(UserError):
            self.article.with_user(self.ben).action_referral_reject("Too late.")
        with self.assertRaises(UserError):
            self.article.with_user(self.anna).action_referral_submit()

    def test_back_to_draft_takes_the_article_off_the_website(self):
        self.publish(self.article)
        self.article.with_user(self.anna).action_referral_reset()
        self.assertRecordValues(
            self.article, [{"review_state": "draft", "is_published": False}]
        )

    def test_the_originator_cannot_change_the_text_after_the_review(self):
        self.approve(self.article)
        for field in ("name", "subtitle", "content"):
            with self.assertRaises(UserError):
                self.article.with_user(self.anna).write({field: "Something else"})
        self.article.with_user(self.ben).name = "A factory in Suzhou, China"
        self.assertEqual(self.article.review_state, "approved")

    def test_an_ordinary_post_needs_no_review(self):
        post = self.make_article(self.dora, "News", referral_kind=False)
        post = post.with_user(self.dora)
        post.website_published = True
        post.content = "<p>More news</p>"
        self.assertTrue(post.is_published)
        self.assertFalse(post.originator_id)
        with self.assertRaises(UserError):
            post.action_referral_submit()

    def test_a_copy_starts_over(self):
        self.publish(self.article)
        copy = self.article.with_user(self.ben).copy()
        self.assertRecordValues(
            copy,
            [
                {
                    "review_state": "draft",
                    "is_published": False,
                    "originator_id": self.ben.id,
                    "referral_kind": "service_package",
                }
            ],
        )

    def test_an_operator_writes_with_odoos_own_editor(self):
        page = self.env.ref("website_blog.blog_post_complete").with_user(self.anna)
        page.save(
            f'<div data-oe-model="blog.post" data-oe-id="{self.article.id}"'
            ' data-oe-field="content" data-oe-type="html" data-oe-expression="x">'
            "<p>From the website</p></div>"
        )
        self.assertIn("From the website", self.article.content)

    def test_the_chatter_keeps_who_reviewed(self):
        self._end_request()
        self.article.with_user(self.anna).action_referral_submit()
        self._end_request()
        self.article.with_user(self.ben).action_referral_approve()
        self._end_request()
        tracked = self.article.message_ids.tracking_value_ids.filtered(
            lambda value: value.field_id.name == "review_state"
        )
        self.assertEqual(
            set(tracked.mapped("new_value_char")), {"In review", "Approved"}
        )
        self.assertIn(self.ben.partner_id, tracked.mail_message_id.author_id)

    def test_an_operator_brings_no_script_into_an_article(self):  # threat P5
        article = self.article.with_user(self.anna)
        article.content = "<p class='lead'>Good</p><script>alert(1)</script>"
        self.assertNotIn("script", article.content)
        self.assertIn("lead", article.content)

    def test_the_blogs_followers_hear_of_a_publication(self):
        self.blog.message_subscribe(self.sam.partner_id.ids)
        self.publish(self.article)
        message = self.blog.message_ids[:1]
        self.assertEqual(
            message.subtype_id, self.env.ref("website_blog.mt_blog_blog_published")
        )
        self.assertIn(self.sam.partner_id, message.notified_partner_ids)
