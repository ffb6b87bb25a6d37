"""Rules of the points ledger, without a database (rules P1, P2, R5; threats W5-W7).

A wallet has two sums: its ``balance``, and the part of it that is ``held`` for open
requests. What can be spent is ``balance - held``. Each entry type has one effect:

>>> for name, effect in EFFECTS.items():
...     print(f"{name:8} {effect.balance:+d} {effect.held:+d}")
earn     +1 +0
hold     +0 +1
release  +0 -1
redeem   -1 -1
expire   -1 +0
adjust   +1 +0
reverse  -1 +0

The database repeats these rules as CHECK constraints, written from the same table.
"""

import hashlib
from dataclasses import dataclass
from decimal import Decimal

STEP = Decimal("0.01")
# One entry moves at most a billion points: far above any real reward, and low enough
# that sums stay exact wherever they pass through a float.
MOST = Decimal(1_000_000_000)


@dataclass(frozen=True)
class Effect:
    """What one point of an entry does to its wallet.

    ``signed`` types have two directions. A ``funded`` type is refused when it would
    leave less than nothing available; a type that is not may make a debt. A type that
    ``closes`` ends exactly one hold.
    """

    balance: int
    held: int
    signed: bool = False
    funded: bool = False
    closes: bool = False


EFFECTS = {
    "earn": Effect(+1, 0),
    "hold": Effect(0, +1, funded=True),
    "release": Effect(0, -1, closes=True),
    "redeem": Effect(-1, -1, closes=True),
    "expire": Effect(-1, 0, funded=True),
    "adjust": Effect(+1, 0, signed=True, funded=True),
    "reverse": Effect(-1, 0),
}


class InvalidPoints(ValueError):
    """An amount that is no number of points; ``reason`` says why.

    Reasons: "type", "finite", "zero", "negative", "precision", "range".
    """

    def __init__(self, reason: str):
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Posting:
    """One entry to be written: the input of the posting method."""

    wallet_id: int
    entry_type: str
    points: Decimal
    idempotency_key: str
    origin_ref: str | None = None
    note: str | None = None
    hold_id: int | None = None

    @property
    def balance_change(self) -> Decimal:
        """Points the balance grows by."""
        return self.points * EFFECTS[self.entry_type].balance

    @property
    def held_change(self) -> Decimal:
        """Points the held part grows by."""
        return self.points * EFFECTS[self.entry_type].held

    @property
    def needs_funds(self) -> bool:
        """Whether the wallet must have something available after this entry."""
        effect = EFFECTS[self.entry_type]
        return effect.funded and self.balance_change - self.held_change < 0

    @property
    def input_hash(self) -> str:
        """Fingerprint of what is posted; the note, being prose, is no part of it.

        >>> first = Posting(1, "earn", Decimal("10"), "k", "lead,1")
        >>> first.input_hash == Posting(
        ...     1, "earn", Decimal("10.00"), "k", "lead,1", note="x").input_hash
        True
        >>> first.input_hash == Posting(1, "earn", Decimal(11), "k").input_hash
        False
        """
        fields = (
            self.wallet_id,
            self.entry_type,
            self.points.quantize(STEP),
            self.origin_ref or "",
            self.hold_id or "",
        )
        return hashlib.sha256("\n".join(map(str, fields)).encode()).hexdigest()


def parse_points(value, signed: bool = False) -> Decimal:
    """Return ``value`` as exact points with two decimals.

    :param value: int, float or Decimal, in points.
    :param signed: whether a negative number is allowed.
    :raises InvalidPoints: for everything that is not such a number (threats W6, W7).

    >>> parse_points(10), parse_points(0.1), parse_points(Decimal("12.30"))
    (Decimal('10.00'), Decimal('0.10'), Decimal('12.30'))
    >>> parse_points(-5, signed=True)
    Decimal('-5.00')
    >>> def reason(value):
    ...     try:
    ...         parse_points(value)
    ...     except InvalidPoints as error:
    ...         return error.reason
    >>> [reason(value) for value in (True, "12", None, [1])]
    ['type', 'type', 'type', 'type']
    >>> [reason(float(name)) for name in ("nan", "inf", "-inf")]
    ['finite', 'finite', 'finite']
    >>> [reason(value) for value in (0, -1, 1.999, 2**31, 10**9999)]
    ['zero', 'negative', 'precision', 'range', 'range']
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise InvalidPoints("type")
    points = Decimal(str(value) if isinstance(value, float) else value)
    if not points.is_finite():
        raise InvalidPoints("finite")
    if not points:
        raise InvalidPoints("zero")
    if points < 0 and not signed:
        raise InvalidPoints("negative")
    if abs(points) > MOST:
        raise InvalidPoints("range")
    if points != points.quantize(STEP):
        raise InvalidPoints("precision")
    return points.quantize(STEP)


def effect_sql() -> str:
    """Return the SQL condition that ties an entry's changes to its type and points.

    >>> effect_sql().splitlines()[1].strip()
    "WHEN 'earn' THEN points > 0 AND balance_change = points AND held_change = 0"
    """
    factors = {1: "points", 0: "0", -1: "-points"}
    cases = "\n".join(
        f"    WHEN '{name}' THEN {'points <> 0' if effect.signed else 'points > 0'}"
        f" AND balance_change = {factors[effect.balance]}"
        f" AND held_change = {factors[effect.held]}"
        for name, effect in EFFECTS.items()
    )
    return f"CASE entry_type\n{cases}\n    ELSE FALSE END"


def finite_sql(column: str) -> str:
    """Return the SQL condition for a finite number of points with two decimals.

    ``x > 0`` is true for NaN and Infinity in PostgreSQL's numeric, hence the bounds.
    """
    return f"abs({column}) <= {MOST} AND {column} = round({column}, 2)"


def closing_types() -> tuple[str, ...]:
    """Return the entry types that end a hold.

    >>> closing_types()
    ('release', 'redeem')
    """
    return tuple(name for name, effect in EFFECTS.items() if effect.closes)
