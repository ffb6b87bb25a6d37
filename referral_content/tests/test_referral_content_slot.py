from freezegun import freeze_time
from psycopg2 import IntegrityError

from odoo.exceptions import ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import ContentCase


@tagged("post_install", "-at_install")
class TestSlot(ContentCase):
    """Rule T3: what is due on which day, and by whom."""

    def _make_slot(self, **values):
        return (
            self.env["referral.content.slot"]
            .with_user(self.anna)
            .create({"kind": "service_package", "planned_date": "2026-03-04", **values})
        )

    def test_a_slot_is_open_then_late_until_an_article_fills_it(self):
        slot = self._make_slot()
        self.assertEqual(slot.responsible_id, self.anna)
        for today, state in (("2026-03-04", "open"), ("2026-03-05", "late")):
            with freeze_time(today):
                slot.invalidate_recordset()
                self.assertEqual(slot.state, state)
        slot.blog_post_id = self.article
        self.assertEqual(slot.state, "filled")

    def test_the_article_must_be_of_the_slots_kind(self):
        slot = self._make_slot(kind="hot_topic")
        with self.assertRaises(ValidationError):
            slot.blog_post_id = self.article

    @mute_logger("odoo.sql_db")
    def test_an_article_fills_one_slot_only(self):
        self._make_slot(blog_post_id=self.article.id)
        with self.assertRaises(IntegrityError), self.env.cr.savepoint():
            self._make_slot(blog_post_id=self.article.id)

    def test_a_slot_is_named_after_what_it_holds(self):
        slot = self._make_slot()
        self.assertEqual(slot.display_name, "Service package")
        slot.blog_post_id = self.article
        self.assertEqual(slot.display_name, "Service package: A factory in Suzhou")

    def test_a_deleted_article_reopens_its_slot(self):
        slot = self._make_slot(blog_post_id=self.article.id, planned_date="2999-01-01")
        self.article.sudo().unlink()
        self.assertEqual(slot.state, "open")
