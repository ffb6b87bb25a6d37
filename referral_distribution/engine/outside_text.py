r"""What strangers write into a form, a mail or a chat, made fit to be kept and shown.

A line has no control signs, no signs that turn the direction of what stands around
it, and nothing that is not there to be seen; it is cut where it is too long. Emoji,
Chinese, Arabic and tags in angle brackets stay: what is shown is escaped where it is
shown (threat L3).

>>> line("  王\x00伟\u202e  \t Ltd\r\n ", 20), line("a\ud800b\ufeff", 20)
('王伟 Ltd', 'ab')
>>> line("x" * 30, 10), line("<b>=1+1</b>", 20)
('xxxxxxxxx…', '<b>=1+1</b>')
>>> line("👩\u200d💻 مرحبا", 20) == "👩\u200d💻 مرحبا"
True
>>> paragraphs("one\r\n\ttwo\x07\u2028three\n\n\n\nfour  ", 100)
'one\n\ttwo\nthree\n\nfour'

What people of the house type stays as it is, but for what no database can hold:

>>> storable(" a\x00b\ud800\u202e "), storable(7)
(' ab\u202e ', 7)
"""

import re
import unicodedata

ELLIPSIS = "…"
# PostgreSQL knows no NUL; halves of surrogate pairs are no characters.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]")
_BREAKS = re.compile("\r\n|[\r\x85\u2028\u2029]")
# Marks of direction; what takes no room; annotations and tags that nobody sees. The
# joiners U+200C and U+200D stay: emoji and Persian are written with them.
_UNSEEN = re.compile(
    "[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f\ud800-\udfff\ufffe\uffff]"
)
_MANY_LINES = re.compile(r"\n[^\S\n]*(?:\n[^\S\n]*){2,}")
_FORMULA = ("=", "{=", "@", "\t", "\r")
# What belongs to the sign before it, so that no cut goes between them.
_JOINERS = "\u200c\u200d"


def storable(value):
    """Return a text without what a database cannot hold; anything else as it is."""
    return _UNSTORABLE.sub("", value) if isinstance(value, str) else value


def visible(text: str) -> str:
    r"""Return a text without control signs and what nobody sees; breaks stay.

    >>> visible("a\x00\u202eb\r\nc\td")
    'ab\nc\td'
    """
    return _CONTROL.sub("", _UNSEEN.sub("", _BREAKS.sub("\n", text)))


def cell(value):
    """Return a table's value so that no spreadsheet takes it for a formula.

    Odoo's CSV export marks what begins with =, + or -; its XLSX export marks nothing,
    and there a text that begins with = becomes a formula.

    >>> cell("=1+1"), cell("{=1}"), cell("@SUM(1)"), cell("+86 10"), cell(-1)
    ("'=1+1", "'{=1}", "'@SUM(1)", '+86 10', -1)
    """
    risky = isinstance(value, str) and value.startswith(_FORMULA)
    return f"'{value}" if risky else value


def line(text: str, limit: int) -> str:
    """Return one line of at most ``limit`` characters, fit to be kept and shown."""
    return cut(" ".join(_plain(text).split()), limit)


def paragraphs(text: str, limit: int) -> str:
    """Return lines of at most ``limit`` characters together, one empty line at once."""
    rows = (row.rstrip() for row in _plain(text).split("\n"))
    return cut(_MANY_LINES.sub("\n\n", "\n".join(rows)).strip(), limit)


def cut(text: str, limit: int) -> str:
    """Return a text of at most ``limit`` characters; three dots say that it was cut.

    >>> cut("abc", 3), cut("abcd", 3), cut("ab", 0), len(cut("e\u0301" * 3, 4))
    ('abc', 'ab…', '', 3)
    """
    if len(text) <= limit:
        return text
    end = max(limit - len(ELLIPSIS), 0)
    while 0 < end and (_clings(text[end]) or text[end - 1] in _JOINERS):
        end -= 1
    return f"{text[:end].rstrip()}{ELLIPSIS}" if end else ""


def _plain(text):
    return unicodedata.normalize("NFC", visible(text))


def _clings(sign):
    return (
        bool(unicodedata.combining(sign))
        or sign in _JOINERS
        or "\ufe00" <= sign <= "\ufe0f"  # how the emoji before looks
    )
