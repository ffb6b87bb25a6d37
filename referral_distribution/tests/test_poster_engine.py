import io
import zlib
from itertools import pairwise
from unittest.mock import patch

import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from odoo.tests import BaseCase, tagged

from odoo.addons.referral_distribution.engine import poster, poster_fonts, poster_text

repeatable = settings(max_examples=300, deadline=None, derandomize=True, database=None)
drawn = settings(max_examples=25, deadline=None, derandomize=True, database=None)
URL = "https://www.a-rather-long-company-name.example.com/s/AbCdEfGhJkMn"
PHONE_WIDTH = 375
SIGNS = st.one_of(
    st.characters(),
    st.sampled_from(
        "，。！？）》”’：（《“‘中文字 ab.,!?()-'\u202e\u200d\0\n\ud800😀🇨🇳ع"
    ),
)
TEXTS = st.text(SIGNS, max_size=120)


def read(png):
    """Return the picture of a PNG, and the texts of the codes on it."""
    image = Image.open(io.BytesIO(png))
    return image, decode(image)


def decode(image):
    return [code.text for code in zxingcpp.read_barcodes(image.convert("L"))]


def make_picture(size=(400, 300), kind="JPEG", color="#3366cc"):
    out = io.BytesIO()
    Image.new("RGB", size, color).save(out, kind)
    return out.getvalue()


def make_bomb():
    """Return a small PNG whose header promises a picture of a terabyte."""
    header = b"IHDR" + (900_000).to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    chunk = (13).to_bytes(4, "big") + header + zlib.crc32(header).to_bytes(4, "big")
    return b"\x89PNG\r\n\x1a\n" + chunk + make_picture(kind="PNG")[33:]


@tagged("post_install", "-at_install")
class TestLines(BaseCase):
    """Chinese breaks anywhere, Latin at spaces."""

    def wrap(self, text, width, rows=9):
        return poster_text.wrap(text, width, len, rows)[0]

    def test_chinese_breaks_anywhere_and_latin_at_spaces(self):
        self.assertEqual(self.wrap("缩短交期的三步", 4), ["缩短交期", "的三步"])
        self.assertEqual(
            self.wrap("Quote to cash in days", 9), ["Quote to", "cash in", "days"]
        )
        self.assertEqual(self.wrap("用ERP管理", 4), ["用ERP", "管理"])

    def test_closing_marks_start_no_line_and_opening_ones_end_none(self):
        self.assertEqual(self.wrap("缩短交期，好", 4), ["缩短交", "期，好"])
        self.assertEqual(self.wrap("请看我（们）", 4), ["请看我", "（们）"])
        self.assertEqual(self.wrap("a word! yes", 6), ["a", "word!", "yes"])

    def test_what_is_too_long_ends_with_an_ellipsis(self):
        self.assertEqual(self.wrap("一二三四五六七八", 3, 2), ["一二三", "四五…"])
        self.assertEqual(self.wrap("一二三四五。七八", 6, 1), ["一二三四五…"])

    def test_a_word_without_end_is_broken(self):
        self.assertEqual(self.wrap("abcdefgh", 3), ["abc", "def", "gh"])

    @repeatable
    @given(TEXTS, st.integers(4, 30), st.integers(1, 6))
    def test_lines_keep_width_number_and_order(self, text, width, rows):
        text = poster_text.clean(text)
        lines, complete = poster_text.wrap(text, width, len, rows)
        self.assertLessEqual(len(lines), rows)
        self.assertTrue(all(0 < len(line) <= width for line in lines))
        said = "".join(lines).replace(" ", "")
        if complete:
            self.assertEqual(said, text.replace(" ", ""))
        else:
            self.assertTrue(said.endswith(poster_text.ELLIPSIS))

    @repeatable
    @given(st.text(st.sampled_from("中文字，。！“”（）"), max_size=60))
    def test_no_line_starts_with_a_closing_mark(self, text):
        lines, _complete = poster_text.wrap(text, 12, len, 99)
        for before, line in pairwise(lines):
            marks = poster_text.CLOSING
            wide = all(sign in marks for sign in before[1:] + line[:1])
            if not wide:  # a run of marks as wide as the poster has to break
                self.assertNotIn(line[0], marks, lines)

    @repeatable
    @given(TEXTS)
    def test_nothing_unseen_is_left(self, text):
        cleaned = poster_text.clean(text)
        self.assertTrue(all(s.isprintable() for s in cleaned), ascii(cleaned))
        cleaned.encode()


@tagged("post_install", "-at_install")
class TestPoster(BaseCase):
    """What comes out is a picture, and its code scans, whatever goes in."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.fonts = poster_fonts.find()

    def render(self, layout=poster.PLAIN, **said):
        content = poster.Content(**{"url": URL, "title": "Title", **said})
        return read(poster.render(layout, content, self.fonts))

    def test_it_has_the_size_of_a_phone_and_its_code_scans(self):
        image, codes = self.render(member="王芳 推荐", picture=make_picture())
        self.assertEqual((image.size, image.format), ((750, 1334), "PNG"))
        self.assertEqual(codes, [URL])

    def test_the_code_scans_from_a_phone_after_a_chat_has_compressed_it(self):
        image, _codes = self.render(picture=make_picture())
        small = image.resize((PHONE_WIDTH, PHONE_WIDTH * 1334 // 750))
        out = io.BytesIO()
        small.save(out, "JPEG", quality=60)
        self.assertEqual(decode(Image.open(out)), [URL])

    def test_the_smallest_code_allowed_scans_too(self):
        layout = poster.Layout([poster.Box("qr", 500, 1100, 200, 200)])
        image, codes = self.render(layout)
        self.assertEqual(codes, [URL])
        small = image.resize((PHONE_WIDTH, PHONE_WIDTH * 1334 // 750))
        self.assertEqual(decode(small), [URL])

    def test_nothing_covers_the_code(self):
        whole = (0, 0, poster.WIDTH, poster.HEIGHT)
        layout = poster.Layout(
            [
                poster.Box("qr", 100, 100, 250, 250),
                poster.Box("picture", *whole),
                poster.Box("title", *whole, font_size=200, color="#ffffff"),
                poster.Box("logo", *whole),
            ],
            make_picture((750, 1334), color="#000000"),
        )
        picture = make_picture(color="#000000")
        _image, codes = self.render(
            layout, title="黑" * 99, picture=picture, logo=picture
        )
        self.assertEqual(codes, [URL])

    def test_qr_codes_scan_at_every_size_that_can_be_asked_for(self):
        for size in (120, 121, 240, 480, 1200):
            with self.subTest(size=size):
                image, codes = read(poster.render_qr(URL, size))
                self.assertEqual((image.size, codes), ((size, size), [URL]))

    def test_a_picture_fills_its_box_and_leaves_nothing_else_changed(self):
        layout = poster.Layout(
            [poster.Box("picture", 100, 200, 300, 100), poster.PLAIN.boxes[3]]
        )
        image, _codes = self.render(layout, picture=make_picture((50, 900)))
        inside = {image.getpixel(at) for at in ((101, 201), (398, 298), (250, 250))}
        outside = [image.getpixel(at) for at in ((98, 250), (402, 250), (250, 302))]
        self.assertEqual(outside, [(255, 255, 255)] * 3)
        for pixel in inside:
            self.assertLess(pixel[0], 80)

    def test_a_text_stays_in_its_box(self):
        box = poster.Box("title", 100, 100, 200, 40, font_size=60)
        image, _codes = self.render(poster.Layout([box]), title="Ägypten " * 40)
        self.assertGreater(len(image.getcolors(9999)), 1)
        image.paste("#ffffff", (100, 100, 300, 140))
        self.assertEqual(image.getcolors(), [(750 * 1334, (255, 255, 255))])

    def test_chinese_is_written_and_not_left_out(self):
        box = poster.Box("title", 0, 0, 750, 100, font_size=60)
        image, _codes = self.render(poster.Layout([box]), title="中")
        self.assertGreater(len(image.getcolors(9999)), 10)
        self.assertTrue(self.fonts.speaks_chinese)

    def test_a_short_title_lets_the_summary_move_up(self):
        boxes = [
            poster.Box("title", 50, 50, 600, 400, font_size=40),
            poster.Box("summary", 50, 500, 600, 100, color="#ff0000", follows=True),
        ]
        image, _codes = self.render(poster.Layout(boxes), title="短", summary="摘要")
        reds = [y for y in range(1334) if (255, 0, 0) in row_colors(image, y)]
        self.assertLess(max(reds), 250)

    def test_pictures_that_are_none_are_left_out(self):
        whole = make_picture()
        plain, _codes = self.render()
        for name, data in (
            ("nothing", b""),
            ("text", b"<svg onload=alert(1)>"),
            ("cut", whole[: len(whole) // 2]),
            ("bomb", make_bomb()),
            ("large", whole + b"\0" * poster.MAX_PICTURE_BYTES),
            ("many pixels", make_picture((4000, 3100), "PNG")),
        ):
            with self.subTest(name=name):
                image, codes = self.render(picture=data, logo=data)
                self.assertEqual(codes, [URL])
                if name != "cut":
                    self.assertEqual(image.tobytes(), plain.tobytes())

    def test_pictures_of_every_kind_are_drawn(self):
        for mode, kind in (
            *(("RGBA", "PNG"), ("P", "PNG"), ("LA", "PNG"), ("1", "PNG")),
            *(("CMYK", "JPEG"), ("L", "JPEG"), ("RGB", "WEBP"), ("P", "GIF")),
            ("I;16", "PNG"),
        ):
            out = io.BytesIO()
            Image.new(mode, (60, 40)).save(out, kind)
            with self.subTest(mode=mode, kind=kind):
                self.assertEqual(self.render(picture=out.getvalue())[1], [URL])

    def test_without_any_font_of_the_system_the_picture_still_comes(self):
        with patch.object(poster_fonts.shutil, "which", return_value=None):
            fonts = poster_fonts.find.__wrapped__("")
        self.assertFalse(fonts.speaks_chinese)
        content = poster.Content(URL, "缩短 delivery 交期 " * 20, "摘要", "王芳")
        _image, codes = read(poster.render(poster.PLAIN, content, fonts))
        self.assertEqual(codes, [URL])

    def test_a_font_file_of_ones_own_is_asked_first_and_a_bad_one_passed_over(self):
        dejavu = poster_fonts.find().regular[0][0]
        self.assertEqual(poster_fonts.find(dejavu).regular[0][0], dejavu)
        self.assertEqual(poster_fonts.find("/nowhere.ttf"), poster_fonts.find())

    @drawn
    @given(TEXTS, TEXTS, TEXTS)
    def test_no_text_makes_it_fail(self, title, summary, member):
        image, codes = self.render(title=title, summary=summary, member=member)
        self.assertEqual((image.size, codes), ((750, 1334), [URL]))

    def test_the_digest_names_a_layout(self):
        boxes = poster.PLAIN.boxes
        same = poster.Layout(list(boxes))
        self.assertEqual(same.digest, poster.PLAIN.digest)
        moved = boxes[0]._replace(x=1)
        for other in (
            poster.Layout([moved, *boxes[1:]]),
            poster.Layout(boxes, make_picture()),
            poster.Layout(boxes, color="#000000"),
        ):
            self.assertNotEqual(other.digest, poster.PLAIN.digest)


@tagged("post_install", "-at_install")
class TestBackground(BaseCase):
    def test_png_and_jpeg_may_be_backgrounds(self):
        for kind in ("PNG", "JPEG"):
            self.assertEqual(poster.check_background(make_picture(kind=kind)), "")

    def test_others_may_not_and_nothing_is_unpacked_to_find_out(self):
        whole = make_picture(kind="PNG", size=(900, 900))
        for data, problem in (
            (b"", "format"),
            (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "format"),
            (make_picture(kind="GIF"), "format"),
            (make_picture((3000, 2001), "PNG"), "pixels"),
            (make_bomb(), "format"),
            (whole[:200], "broken"),
            (whole[:-20], "broken"),
            (make_picture((900, 900))[:-200], "broken"),
            (whole + b"\0" * poster.MAX_BACKGROUND_BYTES, "size"),
        ):
            with self.subTest(problem=problem):
                self.assertEqual(poster.check_background(data), problem)


def row_colors(image, y):
    return {image.getpixel((x, y)) for x in range(750)}
