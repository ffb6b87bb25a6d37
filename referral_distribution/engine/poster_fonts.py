"""Fonts for posters: found by fontconfig, asked which signs they hold.

A face is a tuple (file, index); Pillow's built-in one is (None, 0).
"""

import shutil
import subprocess
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from PIL import ImageFont

CHINESE = "中"
MISSING = "\U0010ffff"  # is in no font, so what is drawn is the font's empty box
BUILT_IN = (None, 0)
# A font of the first name that is installed; then what else the system has for it.
WISHES = ("Noto Sans CJK SC", "Source Han Sans SC", "Microsoft YaHei", ":lang=zh-cn")
PROBE_SIZE = 24
FC_MATCH_SECONDS = 10


class Fonts(NamedTuple):
    """Faces in the order they are asked for a sign, for plain and for bold text."""

    regular: tuple
    bold: tuple

    @property
    def speaks_chinese(self):
        """Whether Chinese can be written with them."""
        return any(holds(face, CHINESE) for face in self.regular)


@lru_cache(maxsize=8)
def find(wanted: str = "") -> Fonts:
    """Return the fonts of this machine; the answer is kept for the process.

    :param wanted: file of a font to prefer; one that cannot be read is passed over.
    """
    return Fonts(_find_faces(wanted, ""), _find_faces(wanted, ":bold"))


def _find_faces(wanted, style):
    faces = []
    if wanted and is_font(wanted):
        faces.append((wanted, 0))
    if not any(holds(face, CHINESE) for face in faces):
        for wish in WISHES:
            face = _ask_fontconfig(f"{wish}{style}")
            if face and holds(face, CHINESE):
                faces.append(face)
                break
    faces += filter(None, [_ask_fontconfig(f"sans-serif{style}")])
    return (*dict.fromkeys(faces), BUILT_IN)


def is_font(path: str) -> bool:
    """Tell whether the file holds a font that can be used.

    >>> is_font("/nowhere/font.ttf")
    False
    """
    try:
        load((path, 0), PROBE_SIZE)
    except OSError:
        return False
    return True


def _ask_fontconfig(pattern):
    """Return the face fontconfig names for a pattern; None without fontconfig."""
    program = shutil.which("fc-match")
    if not program:
        return None
    argv = [program, "-f", "%{file}\n%{index}", pattern]
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, timeout=FC_MATCH_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    path, _newline, index = done.stdout.partition("\n")
    face = (path, int(index) if index.isdigit() else 0)
    return face if Path(path).is_file() and is_font(path) else None


@lru_cache(maxsize=64)
def load(face: tuple, size: int) -> ImageFont.FreeTypeFont:
    """Return the font of a face in pixels.

    :raises OSError: when the file is none.
    """
    path, index = face
    if path is None:
        return ImageFont.load_default(size)
    return ImageFont.truetype(path, size, index=index)


@lru_cache(maxsize=20_000)
def holds(face: tuple, sign: str) -> bool:
    """Tell whether a face has its own picture of a sign.

    >>> holds(BUILT_IN, "A"), holds(BUILT_IN, "中")
    (True, False)
    """
    font = load(face, PROBE_SIZE)
    return sign.isspace() or _draw(font, sign) != _draw(font, MISSING)


def _draw(font, sign):
    mask = font.getmask(sign)
    return mask.size, bytes(mask)


def choose(faces: tuple, sign: str):
    """Return the first face that has the sign, or None."""
    return next((face for face in faces if holds(face, sign)), None)


@lru_cache(maxsize=20_000)
def advance(face: tuple, size: int, sign: str) -> float:
    """Return how wide a sign is, in pixels."""
    return load(face, size).getlength(sign)
