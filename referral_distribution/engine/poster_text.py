"""Breaking text into lines for a poster: Chinese anywhere, Latin at spaces."""

import unicodedata

MAX_LENGTH = 300
ELLIPSIS = "…"
# Never the first sign of a line, and never the last one (GB/T 15834).
CLOSING = frozenset("，。、；：？！）》〉】〕」』”’…—·％,.;:?!)]}%»›")
OPENING = frozenset("（《〈【〔「『“‘([{«‹")
_CLOSING, _OPENING = "".join(CLOSING), "".join(OPENING)
# Control and format signs, halves of surrogate pairs, private and unassigned ones.
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn"}


def clean(text: str) -> str:
    """Return one line of visible text: no control signs, no change of direction.

    >>> clean("a\\tb\\n  c"), clean("gpj\\u202e.exe\\0\\ud800"), clean(None)
    ('a b c', 'gpj.exe', '')
    """
    kept = (
        " " if sign.isspace() else sign
        for sign in (text or "")[: 4 * MAX_LENGTH]
        if sign.isspace() or unicodedata.category(sign) not in _UNSEEN
    )
    return " ".join(unicodedata.normalize("NFC", "".join(kept)).split())[:MAX_LENGTH]


def runs(text: str, kind) -> list[tuple]:
    """Return ``(kind, part)`` of the parts of a text whose signs are of one kind.

    >>> runs("ab12c", str.isdigit)
    [(False, 'ab'), (True, '12'), (False, 'c')]
    """
    found = []
    for sign in text:
        its = kind(sign)
        if found and found[-1][0] == its:
            found[-1] = (its, found[-1][1] + sign)
        else:
            found.append((its, sign))
    return found


def split(text: str) -> list[str]:
    """Return what may not be broken, in order; a leading space is part of a piece.

    >>> split("他说“好”。 Yes, we can（可以）")
    ['他', '说', '“好”。', ' Yes,', ' we', ' can', '（可', '以）']
    >>> split("don't: 3.5% of .NET !")
    ["don't:", ' 3.5%', ' of', ' .NET !']
    """
    pieces = []
    for word in _words(text):
        mark = word.strip(" ")
        closes = mark[0] in CLOSING and (mark == word or set(mark) <= CLOSING)
        if pieces and (closes or pieces[-1][-1] in OPENING):
            pieces[-1] += word
        else:
            pieces.append(word)
    return pieces


def _words(text):
    """Yield each wide sign and each run of others, with the space before it.

    Marks around such a run stand apart, those inside it ("don't", "3.5") do not.
    """
    space = ""
    for chunk in text.split(" "):
        for wide, run in runs(chunk, _is_wide):
            parts = run if wide else _peel(run, leading=not space)
            for part in parts:
                yield space + part
                space = ""
        space = " "


def _peel(run, leading):
    """Split the marks off a run of narrow signs; leading ones not after a space."""
    rest = run.lstrip(_CLOSING) if leading else run
    core = rest.rstrip(_OPENING)
    parts = (run[: len(run) - len(rest)], core, rest[len(core) :])
    return [part for part in parts if part]


def _is_wide(sign):
    return unicodedata.east_asian_width(sign) in "WF"


def wrap(text: str, width: float, measure, max_lines: int) -> tuple[list[str], bool]:
    """Break a text into lines no wider than ``width``.

    :param measure: function that returns the width of a text.
    :param int max_lines: what is longer ends with an ellipsis.
    :return: the lines, and whether all of the text is on them.

    >>> wrap("we can do it", 6, len, 3)
    (['we can', 'do it'], True)
    >>> wrap("缩短交期，三步走。", 4, len, 3)
    (['缩短交', '期，三步', '走。'], True)
    >>> wrap("extraordinary", 5, len, 2)
    (['extra', 'ordi…'], False)
    """
    lines, line = [], ""
    for piece in split(text):
        if line and measure(line + piece) > width:
            lines.append(line)
            line = ""
        line = line + piece if line else piece.lstrip()
        while len(line) > 1 and measure(line) > width:
            at = _cut(line, width, measure)
            lines.append(line[:at])
            line = line[at:]
    if line:
        lines.append(line)
    if len(lines) <= max_lines:
        return lines, True
    lines = lines[:max_lines]
    if lines:
        lines[-1] = _shorten(lines[-1], width, measure)
    return lines, False


def _cut(line, width, measure):
    """Return where to break a piece that is wider than a line."""
    at = next((n for n in range(2, len(line)) if measure(line[:n]) > width), len(line))
    at = max(1, at - 1)
    better = at
    while better > 1 and (line[better] in CLOSING or line[better - 1] in OPENING):
        better -= 1
    return better if better > 1 else at


def _shorten(line, width, measure):
    while line and measure(line + ELLIPSIS) > width:
        line = line[:-1]
    return line.rstrip(" ，。、；：,.;:（《“‘([{") + ELLIPSIS
