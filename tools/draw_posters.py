"""Draw the backgrounds of the poster designs that ship: python tools/draw_posters.py.

Needs Pillow only. Everything is drawn here: flat shapes and gradients, so the files
stay small. The layouts over them are data of the addon.
"""

import sys
from pathlib import Path

from PIL import Image, ImageDraw

WIDTH, HEIGHT = 750, 1334
LARGE = 2  # drawn larger and reduced: smooth edges
REPO = Path(__file__).resolve().parents[1]
FOLDER = REPO / "referral_distribution" / "static" / "src" / "img" / "poster"


def gradient(top, bottom, size=(WIDTH, HEIGHT)):
    """Return a picture that goes from one colour to another, downwards."""
    column = Image.new("RGB", (1, size[1]))
    for row in range(size[1]):
        part = row / (size[1] - 1)
        pairs = zip(top, bottom, strict=True)
        column.putpixel((0, row), tuple(round(a + (b - a) * part) for a, b in pairs))
    return column.resize(size)


class Sheet:
    """A background in the making; coordinates are those of the finished picture."""

    def __init__(self, image):
        self.image = image.convert("RGB")

    def shape(self, kind, box, color, opacity=1.0, radius=0, width=0):
        """Lay an ellipse, a rectangle or a ring over what is there."""
        mask = Image.new("L", (WIDTH * LARGE, HEIGHT * LARGE))
        draw = ImageDraw.Draw(mask)
        corners = [LARGE * side for side in box]
        fill = round(255 * opacity)
        if kind == "ellipse":
            draw.ellipse(corners, fill=fill)
        elif kind == "ring":
            draw.ellipse(corners, outline=fill, width=LARGE * width)
        else:
            draw.rounded_rectangle(corners, LARGE * radius, fill=fill)
        mask = mask.resize((WIDTH, HEIGHT), Image.Resampling.BOX)
        self.image.paste(color, mask=mask)
        return self

    def polygon(self, points, color, opacity=1.0):
        mask = Image.new("L", (WIDTH * LARGE, HEIGHT * LARGE))
        ImageDraw.Draw(mask).polygon(
            [(LARGE * x, LARGE * y) for x, y in points], fill=round(255 * opacity)
        )
        mask = mask.resize((WIDTH, HEIGHT), Image.Resampling.BOX)
        self.image.paste(color, mask=mask)
        return self

    def save(self, name):
        path = FOLDER / name
        self.image.save(path, optimize=True)
        return path


def draw_clear():
    """Light grey, a white card, a blue field where the picture will be."""
    sheet = Sheet(Image.new("RGB", (WIDTH, HEIGHT), "#eef2f7"))
    sheet.shape("box", (40, 40, 710, 1294), "#ffffff", radius=32)
    sheet.shape("box", (70, 70, 680, 500), "#2f6fde", radius=24)
    hills = [(70, 460), (300, 210), (470, 400), (560, 310), (680, 430)]
    ground = [(680, 476), (656, 500), (94, 500), (70, 476)]
    sheet.polygon(hills + ground, "#ffffff", 0.16)
    sheet.shape("ellipse", (520, 120, 610, 210), "#ffffff", 0.22)
    sheet.shape("box", (70, 985, 680, 988), "#e5e9f0")
    return sheet.save("clear.png")


def draw_night():
    """Deep blue with large circles; the code has a white panel below."""
    sheet = Sheet(gradient((16, 26, 54), (33, 55, 108)))
    sheet.shape("ellipse", (430, -210, 970, 330), "#4f7cff", 0.16)
    sheet.shape("ellipse", (-260, 330, 300, 890), "#38bdf8", 0.10)
    sheet.shape("ring", (500, 820, 940, 1260), "#ffffff", 0.08, width=2)
    sheet.shape("ring", (560, 880, 880, 1200), "#ffffff", 0.08, width=2)
    sheet.shape("box", (60, 92, 132, 98), "#f5b942", radius=3)
    sheet.shape("box", (60, 500, 690, 900), "#2a4480", radius=24)
    sheet.shape("ellipse", (295, 620, 455, 780), "#ffffff", 0.10)
    sheet.shape("box", (60, 960, 690, 1274), "#ffffff", radius=28)
    return sheet.save("night.png")


def draw_festive():
    """Red to amber with rings of light, and a card in the middle."""
    sheet = Sheet(gradient((200, 32, 43), (240, 126, 60)))
    for radius in range(160, 900, 110):
        centre = (375, 90)
        ring = (centre[0] - radius, centre[1] - radius, centre[0] + radius,
                centre[1] + radius)  # fmt: skip
        sheet.shape("ring", ring, "#ffe6b3", 0.10, width=3)
    sheet.shape("box", (50, 170, 700, 1284), "#fffaf3", radius=36)
    sheet.shape("box", (80, 200, 670, 570), "#f8dfc0", radius=20)
    sheet.shape("ellipse", (305, 315, 445, 455), "#e9b872", 0.55)
    return sheet.save("festive.png")


def draw_words():
    """Paper with a green edge, for pages whose words say it all."""
    sheet = Sheet(Image.new("RGB", (WIDTH, HEIGHT), "#f8f6f1"))
    sheet.shape("box", (0, 0, 22, HEIGHT), "#0f766e")
    for left in (82, 148):  # quotation marks
        sheet.shape("ellipse", (left, 120, left + 50, 170), "#0f766e")
        sheet.polygon([(left, 145), (left + 24, 145), (left + 26, 88), (left + 14, 92)],
                      "#0f766e")  # fmt: skip
    sheet.shape("box", (82, 930, 690, 933), "#d6d0c2")
    sheet.shape("ellipse", (520, -150, 900, 230), "#0f766e", 0.06)
    sheet.shape("ellipse", (590, -80, 830, 160), "#0f766e", 0.06)
    return sheet.save("words.png")


def draw_sample():
    """The picture in the preview of a design: hills in the morning."""
    size = (1200, 800)
    image = gradient((255, 214, 165), (253, 244, 227), size)
    draw = ImageDraw.Draw(image)
    draw.ellipse((780, 140, 960, 320), fill="#fff7e0")
    hills = (
        ((0, 520), (260, 330), (520, 560), (800, 360), (1200, 600), "#9db4c8"),
        ((0, 640), (340, 470), (700, 650), (980, 500), (1200, 640), "#6b8fae"),
        ((0, 700), (420, 620), (760, 740), (1200, 640), (1200, 700), "#3f6688"),
    )
    for *points, color in hills:
        draw.polygon([*points, (1200, 800), (0, 800)], fill=color)
    path = FOLDER / "sample.jpg"
    image.save(path, quality=80, optimize=True)
    return path


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    for draw in (draw_clear, draw_night, draw_festive, draw_words, draw_sample):
        path = draw()
        sys.stdout.write(f"{path.relative_to(REPO)}: {path.stat().st_size} bytes\n")


if __name__ == "__main__":
    main()
