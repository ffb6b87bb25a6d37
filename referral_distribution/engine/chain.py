"""The hash chain of a lead's trail (rule L3, threat A1).

Each entry's hash covers its content and the hash before it, so an edit, a
removal, an insertion or a change of order breaks the chain at that place; the
head (how many entries, and the last hash) is kept apart, so a cut tail shows.
"""

import hashlib
import json

START = "0" * 64
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(prev_hash: str, fields: dict) -> str:
    """Return the hex SHA-256 of ``fields`` chained to ``prev_hash``.

    ``fields`` holds only text, whole numbers, booleans, None, lists and dicts:
    a float has no one spelling, so amounts travel as text.

    >>> first = digest(START, {"node": "created", "sequence": 1})
    >>> first == digest(START, {"sequence": 1, "node": "created"})
    True
    >>> first == digest(first, {"node": "created", "sequence": 1})
    False
    >>> digest(START, {"amount": 1.5})
    Traceback (most recent call last):
    ...
    TypeError: a float cannot be chained: write it as text
    """
    _refuse_floats(fields)
    text = _ENCODER.encode(fields)
    return hashlib.sha256(f"{prev_hash}\n{text}".encode()).hexdigest()


def _refuse_floats(value):
    if isinstance(value, float):
        raise TypeError("a float cannot be chained: write it as text")
    if isinstance(value, dict):
        value = value.values()
    if not isinstance(value, (str, bytes)) and hasattr(value, "__iter__"):
        for item in value:
            _refuse_floats(item)


def find_breaks(entries: list[tuple[int, str, str, dict]], head: tuple[int, str]):
    """Yield ``(sequence, problem)`` for each break of one lead's chain.

    :param entries: ``(sequence, prev_hash, hash, fields)`` ordered by sequence.
    :param head: ``(length, last hash)`` as kept apart; ``(0, START)`` if nothing.
    :return: problems are "gap", "link", "content" and "tail".

    >>> def entry(number, before, **fields):
    ...     return number, before, digest(before, fields), fields
    >>> one = entry(1, START, node="created")
    >>> two = entry(2, one[2], node="validated")
    >>> list(find_breaks([one, two], (2, two[2])))
    []
    >>> list(find_breaks([one], (2, two[2])))
    [(2, 'tail')]
    >>> list(find_breaks([two], (2, two[2])))
    [(1, 'gap'), (2, 'link')]
    >>> list(find_breaks([one, (2, one[2], two[2], {"node": "paid"})], (2, two[2])))
    [(2, 'content')]
    >>> list(find_breaks([(1, START, one[2], {"amount": 1.5})], (1, one[2])))
    [(1, 'content')]
    """
    expected, before = 1, START
    for sequence, prev_hash, own_hash, fields in entries:
        if sequence != expected:
            yield expected, "gap"
        if prev_hash != before:
            yield sequence, "link"
        if not _is_own(prev_hash, fields, own_hash):
            yield sequence, "content"
        expected, before = sequence + 1, own_hash
    if (expected - 1, before) != head:
        yield max(head[0], expected - 1), "tail"


def _is_own(prev_hash, fields, own_hash):
    try:
        return digest(prev_hash, fields) == own_hash
    except TypeError:  # a forger may write what nobody else can
        return False
