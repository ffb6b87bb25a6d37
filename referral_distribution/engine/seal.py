"""Seals over the heads of trails, and the file a seal is handed out as (threat A1).

A trail whose tail is cut together with its head looks whole. A seal holds the length
and last hash of every trail that has grown since the one before, and is chained to it:
what was sealed has to be there still. Whoever keeps a seal's file outside the database
can tell, too, whether the seals themselves are those of that day.
"""

import hashlib
import json

from . import chain

FORMAT = "referral-trail-seal"
VERSION = 1
# What a seal's hash covers besides the hash of the seal before.
FACTS = ("company_id", "number", "day", "sealed_at", "lead_count", "lines_hash")
HASH_LENGTH = len(chain.START)


class LinesDigest:
    """The hash of a seal's lines, ``(lead id, length, last hash)`` by lead id.

    >>> digest = LinesDigest()
    >>> digest.add([(1, 2, "ab"), (3, 1, "cd")])
    >>> other = LinesDigest()
    >>> other.add([(1, 2, "ab")]), other.add([(3, 1, "cd")])
    (None, None)
    >>> digest.hexdigest() == other.hexdigest()
    True
    """

    def __init__(self):
        self._hash = hashlib.sha256()

    def add(self, lines):
        text = "".join(f"{lead}:{length}:{own}\n" for lead, length, own in lines)
        self._hash.update(text.encode())

    def hexdigest(self):
        return self._hash.hexdigest()


def digest_lines(lines) -> str:
    """Return the hash of all lines of a seal at once."""
    digest = LinesDigest()
    digest.add(lines)
    return digest.hexdigest()


def digest(prev_hash: str, facts: dict) -> str:
    """Return the hash of a seal; what ``facts`` holds beyond ``FACTS`` is not in it."""
    return chain.digest(prev_hash, {name: facts[name] for name in FACTS})


def write_file(facts: dict, lines=None) -> bytes:
    """Return a seal as a file: ``FACTS``, the company's name, both hashes.

    :param lines: the seal's lines; without them the file is the seal's head, which is
        enough to find that a seal was changed, but not which trail.
    """
    told = {"format": FORMAT, "version": VERSION, **facts}
    if lines is not None:
        told["lines"] = [list(line) for line in lines]
    return json.dumps(told, ensure_ascii=False, indent=1).encode()


def read_file(content: bytes) -> dict:
    """Return what a seal's file says, whole in itself.

    :raises ValueError: when it is no such file, or somebody has changed it.

    >>> facts = {"company_id": 1, "number": 1, "day": "2026-01-02", "company": "A",
    ...     "sealed_at": "2026-01-03 00:00:00", "lead_count": 1,
    ...     "lines_hash": digest_lines([(7, 2, "a" * 64)]), "prev_hash": chain.START}
    >>> facts["hash"] = digest(chain.START, facts)
    >>> read_file(write_file(facts, [(7, 2, "a" * 64)]))["lines"]
    [(7, 2, 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa')]
    >>> read_file(write_file({**facts, "day": "2026-01-03"}))
    Traceback (most recent call last):
    ...
    ValueError: changed
    >>> read_file(write_file(facts, [(7, 3, "a" * 64)]))
    Traceback (most recent call last):
    ...
    ValueError: changed
    >>> read_file(b"[1]")
    Traceback (most recent call last):
    ...
    ValueError: no seal
    """
    try:
        told = json.loads(content.decode("utf-8-sig"))
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise ValueError("no seal") from None
    if not _is_seal(told):
        raise ValueError("no seal")
    lines = told.get("lines")
    if lines is not None:
        told["lines"] = lines = [tuple(line) for line in lines]
    if digest(told["prev_hash"], told) != told["hash"] or (
        lines is not None
        and (len(lines), digest_lines(lines))
        != (told["lead_count"], told["lines_hash"])
    ):
        raise ValueError("changed")
    return told


def _is_seal(told) -> bool:
    """Tell whether everything is there and of the right kind."""
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        return False
    if told.get("version") != VERSION:
        return False
    whole = ("company_id", "number", "lead_count")
    texts = ("day", "sealed_at", "lines_hash", "prev_hash", "hash")
    lines = told.get("lines", [])
    return (
        all(_is_count(told.get(name)) for name in whole)
        and all(isinstance(told.get(name), str) for name in texts)
        and isinstance(lines, list)
        and all(map(_is_line, lines))
    )


def _is_count(value) -> bool:
    return type(value) is int and 0 <= value < 2**31


def _is_line(line) -> bool:
    return (
        isinstance(line, list)
        and len(line) == 3
        and _is_count(line[0])
        and _is_count(line[1])
        and isinstance(line[2], str)
        and len(line[2]) == HASH_LENGTH
    )
