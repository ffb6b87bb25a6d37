"""How long a text takes to read (rule T2): plain Python, no database.

Chinese is written without spaces, so its length is counted in characters; text in
other scripts is counted in words. A mixed text is the sum of both. Punctuation
and spaces take no time of their own.
"""

import re

#: Usual speeds of adults who read non-fiction silently, per minute.
CHARACTERS_PER_MINUTE = 390
WORDS_PER_MINUTE = 240

# Han (with its extensions and compatibility forms), and the Japanese syllables.
_CHARACTER = re.compile(
    "[\u3005\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003fffd]"
)
# Letters and digits, held together by what may stand inside a word or a number.
_WORD = re.compile(r"[^\W_]+(?:['\u2019.,\-][^\W_]+)*")


def count_units(text: str) -> tuple[int, int]:
    """Return how many (Chinese characters, words of other scripts) a text has.

    >>> count_units("从线索到合同")
    (6, 0)
    >>> count_units("It's 3.5 times state-of-the-art.")
    (0, 4)
    >>> count_units("用 Odoo 19 管理积分！")
    (5, 2)
    >>> count_units(" ... -- !")
    (0, 0)
    """
    characters = len(_CHARACTER.findall(text))
    words = len(_WORD.findall(_CHARACTER.sub(" ", text)))
    return characters, words


def reading_minutes(text: str) -> int:
    """Return the whole minutes a text takes, rounded up; 0 for a text of nothing.

    >>> reading_minutes("")
    0
    >>> reading_minutes("好")
    1
    >>> reading_minutes("字" * 390), reading_minutes("字" * 391)
    (1, 2)
    >>> reading_minutes("word " * 240), reading_minutes("word " * 241)
    (1, 2)

    Both halves of a mixed text count:

    >>> reading_minutes("字" * 390 + " word" * 240)
    2
    """
    characters, words = count_units(text)
    # Whole numbers only: a fraction of a minute is rounded up exactly.
    work = characters * WORDS_PER_MINUTE + words * CHARACTERS_PER_MINUTE
    return -(-work // (CHARACTERS_PER_MINUTE * WORDS_PER_MINUTE))
