import base64
from unittest.mock import patch

import psycopg2

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from odoo.addons.referral_distribution.engine import poster
from odoo.addons.referral_distribution.models import referral_poster_design

from .common import ReferralCase
from .test_poster_engine import make_bomb, make_picture, read

DATA = "referral_distribution.poster_design_"


@tagged("post_install", "-at_install")
class TestPosterDesign(ReferralCase):
    """What marketers edit (rule S6)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.media = cls.make_user("rd_media_posters", "media_operator")
        cls.designs = cls.env["referral.poster.design"].with_user(cls.media)
        cls.design = cls.designs.create({"name": "Mine", "sequence": 1})

    def box(self, kind="title"):
        return self.design.box_ids.filtered(lambda box: box.kind == kind)

    def test_four_designs_ship_and_each_can_be_scanned(self):
        for name in ("clear", "night", "festive", "words"):
            design = self.env.ref(f"{DATA}{name}")
            with self.subTest(design=name):
                self.assertTrue(design.background)
                content = poster.Content(
                    "https://x.example/s/1", "标题", "摘要", "王芳"
                )
                fonts = design._get_fonts()
                png = poster.render(design._prepare_layout(), content, fonts)
                self.assertEqual(read(png)[1], ["https://x.example/s/1"])

    def test_a_new_design_can_be_used_at_once(self):
        self.assertIn("qr", self.design.box_ids.mapped("kind"))
        image, codes = read(base64.b64decode(self.design.preview))
        self.assertEqual((image.width, len(codes)), (450, 1))

    def test_the_preview_follows_what_is_typed_before_it_is_saved(self):
        with Form(self.design) as form:
            before = form.preview
            form.background_color = "#00ff00"
            green = form.preview
            self.assertNotEqual(green, before)
            with form.box_ids.edit(0) as line:
                line.x, line.width = -50, 99999  # the picture comes all the same
                line.x, line.width = 300, 400
            self.assertNotEqual(form.preview, green)

    def test_what_is_not_a_color_or_a_place_is_still_drawn_in_the_preview(self):
        design = self.designs.new({"name": "x", "background_color": "nonsense"})
        design.box_ids = [
            Command.create({"kind": "title", "font_size": 10**9, "color": "x"}),
            Command.create({"kind": "qr", "x": 10**9, "y": -5, "width": 0}),
        ]
        self.assertEqual(len(read(base64.b64decode(design.preview))[1]), 1)

    def test_a_background_is_a_real_picture_of_a_modest_size(self):
        for data, words in (
            (b"<svg/>", "PNG or JPEG"),
            (make_picture(kind="GIF"), "PNG or JPEG"),
            (make_bomb(), "PNG or JPEG"),
            (make_picture((3000, 2001), "PNG"), "6 million pixels"),
            (make_picture((900, 900), "PNG")[:200], "damaged"),
            (b"\0" * (poster.MAX_BACKGROUND_BYTES + 1), "2 MB"),
        ):
            with (
                self.subTest(words=words),
                self.assertRaisesRegex(ValidationError, words),
            ):
                self.design.background = base64.b64encode(data)
        with self.assertRaisesRegex(ValidationError, "PNG or JPEG"):
            self.designs.create({"name": "x", "background": "PHN2Zy8+"})
        with self.assertRaisesRegex(ValidationError, "PNG or JPEG"):
            self.design.background = "no base64 at all!"

    def test_a_poster_keeps_its_qr_code(self):
        qr = self.box("qr")
        for change in (
            qr.unlink,
            lambda: qr.write({"kind": "logo"}),
            lambda: qr.write({"design_id": self.env.ref(f"{DATA}clear").id}),
            lambda: self.design.write({"box_ids": [Command.unlink(qr.id)]}),
            lambda: self.designs.create({"name": "No code", "box_ids": []}),
        ):
            with self.assertRaisesRegex(UserError, "QR code"), self.env.cr.savepoint():
                change()
        self.assertTrue(qr.exists())
        self.design.unlink()

    def test_words_about_the_member_name_the_member(self):
        with self.assertRaisesRegex(ValidationError, "{name}"):
            self.design.member_text = "Your friend recommends"
        self.design.member_text = False

    def test_a_thing_stands_on_a_poster_once(self):
        with (
            mute_logger("odoo.sql_db"),
            self.assertRaises(psycopg2.errors.UniqueViolation),
        ):
            self.env["referral.poster.box"].create(
                {"design_id": self.design.id, "kind": "title"}
            ).flush_recordset()

    def test_a_box_off_the_canvas_is_refused_in_words(self):
        with (
            mute_logger("odoo.sql_db"),
            self.assertRaisesRegex(psycopg2.errors.CheckViolation, "within_canvas"),
        ):
            self.box().x = 700
            self.env.flush_all()

    def test_a_copy_is_a_design_of_its_own(self):
        copy = self.design.copy()
        self.assertEqual(
            copy.box_ids.mapped("kind"), self.design.box_ids.mapped("kind")
        )
        copy.box_ids[0].x = 7
        self.assertNotEqual(self.design.box_ids[0].x, 7)

    def test_content_operators_look_and_media_operators_edit(self):
        content = self.make_user("rd_content_posters", "content_operator")
        design = self.design.with_user(content)
        self.assertEqual(design.name, "Mine")
        for change in (lambda: design.write({"name": "x"}), design.box_ids.unlink):
            with self.assertRaises(AccessError):
                change()
        self.box().with_user(self.media).x = 5

    def test_the_list_draws_each_design_once(self):
        """Thumbnails stay in memory until a design changes."""
        first = self.design.thumbnail
        self.env.invalidate_all()
        with self.assertQueryCount(0):  # neither the design nor its boxes
            self.assertEqual(self.design._get_thumbnail(), base64.b64decode(first))
        self.box().x = 100
        self.env.invalidate_all()
        self.assertNotEqual(self.design.thumbnail, first)

    def test_a_machine_without_chinese_fonts_says_so(self):
        fonts = referral_poster_design.poster_fonts.Fonts(
            *[(referral_poster_design.poster_fonts.BUILT_IN,)] * 2
        )
        path = referral_poster_design.__name__
        find = referral_poster_design.find_fonts.__wrapped__
        with (
            self.patch_find(fonts),
            self.assertLogs(path, "WARNING") as logs,
        ):
            find("/nowhere.ttf")
        self.assertIn("/nowhere.ttf", logs.output[0])
        self.assertIn("fonts-noto-cjk", logs.output[1])

    def patch_find(self, fonts):
        return patch.object(
            referral_poster_design.poster_fonts, "find", return_value=fonts
        )
