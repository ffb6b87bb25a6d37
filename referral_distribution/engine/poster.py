"""Posters and QR codes: plain values in, PNG bytes out.

A poster is a canvas of 750 x 1334 pixels, the screen of a phone. A layout says where
things are on it; what does not fit into its box is made smaller, then cut. The QR code
is drawn last, on white, so that nothing a marketer places can cover it.
"""

import hashlib
import io
import re
import struct
import zlib
from functools import cached_property, lru_cache
from typing import NamedTuple

import qrcode

# Odoo leaves WebP out of Pillow's formats, and its editor stores covers in it.
from PIL import Image, ImageDraw, ImageOps, WebPImagePlugin  # noqa: F401

from . import poster_fonts
from .poster_text import clean, runs, wrap

WIDTH, HEIGHT = 750, 1334
REVISION = 1  # of the drawing: a new one draws every poster anew
TEXTS = ("title", "summary", "member", "call", "company")
QUIET_MODULES = 4  # white around a QR code, as its standard asks
COLOR = re.compile(r"#[0-9a-fA-F]{6}", re.ASCII)
LINE_HEIGHT = 1.4
ASCENT = 1.08  # from the top of a line to its baseline
SHRINK = (1, 0.88, 0.76)  # of the font size, before a text is cut
FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
BACKGROUND_FORMATS = ("JPEG", "PNG")
JPEG_END, JPEG_TAIL = b"\xff\xd9", 1024
MAX_BACKGROUND_BYTES = 2_000_000
MAX_BACKGROUND_PIXELS = 6_000_000
MAX_PICTURE_BYTES = 15_000_000
MAX_PICTURE_PIXELS = 40_000_000  # JPEG, which is read at a smaller scale
MAX_OTHER_PIXELS = 12_000_000
ROUND, FINE = 2, 8  # corners and codes are drawn larger and reduced
UNREADABLE = (
    *(OSError, ValueError, TypeError, SyntaxError, ArithmeticError, LookupError),
    *(EOFError, MemoryError, struct.error, zlib.error, Image.DecompressionBombError),
)


class Box(NamedTuple):
    """One thing on the canvas; pixels from the left and upper edge."""

    kind: str  # one of TEXTS, "picture", "logo" or "qr"
    x: int
    y: int
    width: int
    height: int
    font_size: int = 32
    color: str = "#222222"
    align: str = "left"
    bold: bool = False
    radius: int = 0  # of a picture's corners
    follows: bool = False  # moves up by what the text before it leaves free


class Layout:
    """Where things are, and on what background. Immutable."""

    def __init__(self, boxes, background=None, color="#ffffff"):
        self.boxes, self.background, self.color = tuple(boxes), background, color

    @cached_property
    def digest(self) -> str:
        """Names this layout: any change makes another one."""
        image = hashlib.sha256(self.background or b"").digest()
        said = repr((REVISION, self.boxes, self.color, image))
        return hashlib.sha256(said.encode()).hexdigest()


class Content(NamedTuple):
    """What a poster says; texts are plain, pictures are files as bytes."""

    url: str
    title: str = ""
    summary: str = ""
    member: str = ""
    call: str = ""
    company: str = ""
    picture: bytes | None = None
    logo: bytes | None = None


# What is drawn where a company has switched off every design.
PLAIN = Layout(
    (
        Box("picture", 0, 0, 750, 480),
        Box("title", 60, 540, 630, 240, 48, "#1f2937", bold=True),
        Box("member", 60, 820, 630, 60, 32, "#4b5563"),
        Box("qr", 235, 920, 280, 280),
        Box("company", 60, 1230, 630, 50, 26, "#6b7280", "center"),
    )
)


def render(
    layout: Layout, content: Content, fonts: poster_fonts.Fonts, width: int = WIDTH
) -> bytes:
    """Return the poster as PNG.

    Nothing in the content makes it fail: a picture that cannot be read is left out, and
    so is a sign that no font has.

    :param int width: of the result, in pixels; smaller ones are for choosing.
    """
    canvas = _prepare_canvas(layout)
    painters = {
        "picture": lambda box: _paint_picture(canvas, box, content.picture),
        "logo": lambda box: _paint_logo(canvas, box, content.logo),
        "qr": lambda box: _paint_qr(canvas, box, content.url),
    }
    order, free = ("picture", "logo", *TEXTS, "qr"), 0
    for box in sorted(layout.boxes, key=lambda box: order.index(box.kind)):
        if box.kind in painters:
            painters[box.kind](box)
            continue
        if box.follows:
            box = box._replace(y=box.y - free, height=box.height + free)
        free = _paint_text(canvas, box, getattr(content, box.kind), fonts)
    if width != WIDTH:
        height = HEIGHT * width // WIDTH
        canvas = canvas.resize((width, height), Image.Resampling.LANCZOS)
    return _to_png(canvas)


@lru_cache(maxsize=256)
def render_qr(url: str, size: int) -> bytes:
    """Return a square PNG with the QR code of ``url``, ``size`` pixels wide."""
    return _to_png(_draw_qr(url, size))


def read_color(text: str) -> str:
    """Return a color as #rrggbb; black for what is none.

    >>> read_color("#1A2b3c"), read_color("red; x"), read_color(False)
    ('#1A2b3c', '#000000', '#000000')
    """
    return text if COLOR.fullmatch(text or "") else "#000000"


def _to_png(image):
    out = io.BytesIO()
    # Runs only: as small as the usual search for repetitions, in half the time.
    image.save(out, "PNG", compress_type=zlib.Z_RLE)
    return out.getvalue()


# ------------------------------------------------------------------- pictures


def check_background(data: bytes) -> str:
    """Return why a file cannot be a background: a word, empty when it can.

    :return: "size", "format", "pixels" or "broken". Looked at before it is unpacked,
        so a small file that unpacks to gigabytes costs nothing.

    >>> check_background(b"<svg/>"), check_background(b"x" * 3_000_000)
    ('format', 'size')
    """
    if len(data) > MAX_BACKGROUND_BYTES:
        return "size"
    try:
        image = Image.open(io.BytesIO(data), formats=BACKGROUND_FORMATS)
    except UNREADABLE:
        return "format"
    if image.width * image.height > MAX_BACKGROUND_PIXELS:
        return "pixels"
    return "" if _is_whole(image, data) else "broken"


def _is_whole(image, data):
    """Tell whether a picture is all there.

    Odoo has Pillow fill up pictures that were cut, so reading them does not tell.
    """
    try:
        if image.format == "PNG":
            image.verify()
        else:
            image.load()
            return JPEG_END in data[-JPEG_TAIL:]
    except UNREADABLE:
        return False
    return True


def _open(data, box):
    """Return a picture as RGB, or RGBA if it is transparent in parts; or None."""
    if not data or len(data) > MAX_PICTURE_BYTES:
        return None
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
        is_jpeg = image.format in ("JPEG", "MPO")
        limit = MAX_PICTURE_PIXELS if is_jpeg else MAX_OTHER_PIXELS
        if image.width * image.height > limit:
            return None
        image.draft("RGB", (box.width, box.height))  # JPEG: read at a smaller scale
        clear = image.has_transparency_data
        return ImageOps.exif_transpose(image).convert("RGBA" if clear else "RGB")
    except UNREADABLE:
        return None


@lru_cache(maxsize=8)
def _read_background(data):
    canvas = Box("picture", 0, 0, WIDTH, HEIGHT)
    image = _open(data, canvas)
    return image and ImageOps.fit(image, (WIDTH, HEIGHT))


def _prepare_canvas(layout):
    canvas = Image.new("RGB", (WIDTH, HEIGHT), layout.color)
    image = layout.background and _read_background(layout.background)
    if image:
        canvas.paste(image, mask=image if image.mode == "RGBA" else None)
    return canvas


def _paint_picture(canvas, box, data):
    """Fill the box with the picture; the middle of what is left over stays."""
    image = _open(data, box)
    if not image:
        return
    size = (box.width, box.height)
    image = ImageOps.fit(image, size, Image.Resampling.LANCZOS, centering=(0.5, 0.4))
    if image.mode == "RGBA":
        ground = Image.new("RGBA", size, "#ffffff")
        ground.alpha_composite(image)
        image = ground
    canvas.paste(image, (box.x, box.y), _prepare_corners(size, box.radius))


@lru_cache(maxsize=32)
def _prepare_corners(size, radius):
    if not radius:
        return None
    large = Image.new("L", tuple(ROUND * side for side in size))
    ImageDraw.Draw(large).rounded_rectangle(
        (0, 0, large.width - 1, large.height - 1), ROUND * radius, fill=255
    )
    return large.resize(size, Image.Resampling.BOX)


def _paint_logo(canvas, box, data):
    """Put the whole logo into the box, at the side its alignment says."""
    image = _open(data, box)
    if not image:
        return
    image = ImageOps.contain(image, (box.width, box.height))
    left = _align(box, image.width)
    top = (box.height - image.height) // 2
    mask = image if image.mode == "RGBA" else None
    canvas.paste(image, (box.x + left, box.y + top), mask)


def _align(box, width):
    spare = box.width - width
    return int({"left": 0, "center": spare / 2, "right": spare}[box.align])


# --------------------------------------------------------------------- QR code


@lru_cache(maxsize=256)
def _read_modules(url):
    """Return the QR code as a picture of one pixel per module, without margin."""
    code = qrcode.QRCode(error_correction=qrcode.ERROR_CORRECT_M, border=0)
    code.add_data(url)
    matrix = code.get_matrix()
    image = Image.new("L", (len(matrix), len(matrix)))
    image.putdata([0 if dark else 255 for row in matrix for dark in row])
    return image


def _draw_qr(url, side):
    """Return a square filled by the code and the white it needs around."""
    modules = _read_modules(url)
    count = modules.width
    inner = side * count // (count + 2 * QUIET_MODULES)
    code = modules.resize((count * FINE, count * FINE), Image.Resampling.NEAREST)
    code = code.resize((inner, inner), Image.Resampling.BOX)
    square = Image.new("L", (side, side), 255)
    square.paste(code, ((side - inner) // 2, (side - inner) // 2))
    return square


def _paint_qr(canvas, box, url):
    side = min(box.width, box.height)
    left, top = _align(box, side), (box.height - side) // 2
    canvas.paste(_draw_qr(url, side), (box.x + left, box.y + top))


# ------------------------------------------------------------------------ text


def _paint_text(canvas, box, text, fonts):
    """Write a text into its box; return the height that stays free below it."""
    faces = fonts.bold if box.bold else fonts.regular
    text = "".join(sign for sign in clean(text) if poster_fonts.choose(faces, sign))
    lines, size = _fit(box, " ".join(text.split()), faces)
    mask = Image.new("L", (box.width, box.height))
    draw = ImageDraw.Draw(mask)
    for number, line in enumerate(lines):
        left = _align(box, _measure(faces, size, line))
        baseline = LINE_HEIGHT * size * number + ASCENT * size
        for face, run in runs(line, lambda sign: _choose(faces, sign)):
            font = poster_fonts.load(face, size)
            draw.text((left, baseline), run, 255, font, anchor="ls")
            left += font.getlength(run)
    canvas.paste(box.color, (box.x, box.y), mask)  # so no ink leaves the box
    return max(0, box.height - round(LINE_HEIGHT * size * len(lines)))


def _fit(box, text, faces):
    """Return the lines of a text and the font size at which it fits best."""
    for part in SHRINK:
        size = max(8, round(box.font_size * part))
        room = max(1, int(box.height / (LINE_HEIGHT * size)))
        lines, complete = wrap(
            text, box.width, lambda words, at=size: _measure(faces, at, words), room
        )
        if complete:
            break
    return lines, size


def _measure(faces, size, words):
    return sum(poster_fonts.advance(_choose(faces, sign), size, sign) for sign in words)


def _choose(faces, sign):
    """Return the face for a sign; the ellipsis comes from the last one at least."""
    return poster_fonts.choose(faces, sign) or faces[-1]
