"""How much of a reward is due when only a part of its contract is kept (C6, C7).

Each target is a share of the whole, rounded once: what is given or taken back is its
difference to what the member has got so far. So roundings never add up, the order in
which payments and refunds come makes no difference, and the last cent comes with the
last payment.

>>> from decimal import Decimal as D
>>> cent = D("0.01")
>>> def thirds(number):
...     return due(D("100.00"), kept_share([Base(D(number), D(3))]), cent)
>>> [str(thirds(number)) for number in (0, 1, 2, 3)]
['0.00', '33.33', '66.67', '100.00']

More than the whole is never due, nor less than nothing; a contract of nothing is kept
as long as it stands:

>>> str(thirds(5)), str(thirds(-1))
('100.00', '0.00')
>>> str(due(D("100.00"), kept_share([Base(D(0), D(0))]), cent))
'100.00'

A share of two rewards, 300 for goods of which a third is kept, and 100 for a service of
which nothing went back, is kept by half:

>>> kept_share([Base(D(20), D(60), D(300)), Base(D(50), D(50), D(100))])
Fraction(1, 2)
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

ZERO = Decimal(0)
HALF = Fraction(1, 2)


class Base(NamedTuple):
    """A part of a contract that a reward rests on, and how heavily.

    ``kept`` is what is left of its amount, the ``whole``, in one currency.
    """

    kept: Decimal
    whole: Decimal
    weight: Decimal = Decimal(1)

    @property
    def share(self) -> Fraction:
        if self.whole <= 0 or self.kept >= self.whole:
            return Fraction(1)
        return Fraction(max(self.kept, ZERO)) / Fraction(self.whole)


def kept_share(bases: Iterable[Base]) -> Fraction:
    """Return which part is kept of what a reward rests on, 0 to 1, exactly.

    Of nothing, all is kept.
    """
    parts = [(Fraction(base.weight), base.share) for base in bases]
    whole = sum(weight for weight, _share in parts)
    kept = sum(weight * share for weight, share in parts)
    return kept / whole if whole else Fraction(1)


def due(full: Decimal, share: Fraction, rounding: Decimal) -> Decimal:
    """Return what of the reward ``full`` is due while ``share`` of its base is kept.

    :param rounding: smallest step of the reward's currency.
    """
    if share >= 1:
        return full
    steps = int(Fraction(full) * share / Fraction(rounding) + HALF)
    return steps * rounding


def spread(
    ordered: Mapping[int, Decimal], arrived: Mapping[int, Decimal], total: Decimal
) -> dict[int, Decimal]:
    """Return how much each line keeps of ``total``, what is kept of its contract.

    A line keeps what has arrived for it. What belongs to no line, such as a down
    payment, is the lines' in proportion to what they miss.

    :param ordered: by line, its amount.
    :param arrived: by line, what is paid of its invoices less what was credited.

    A down payment of 30, then all of it; a credit of one line leaves the other alone:

    >>> lines = {1: Decimal(70), 2: Decimal(30)}
    >>> def kept(total, *arrived):
    ...     arrived = dict(zip(lines, map(Decimal, arrived)))
    ...     return [*map(str, spread(lines, arrived, Decimal(total)).values())]
    >>> kept(30, 0, 0), kept(100, 70, 30), kept(70, 70, 0)
    (['21', '9'], ['70', '30'], ['70', '0'])

    A credit note settles a part of its invoice, but not a cent came in:

    >>> lines = {1: Decimal(50), 2: Decimal(50)}
    >>> kept(0, 25, -25), kept(50, 50, 0)
    (['0', '0'], ['50', '0'])

    What is deducted from all lines stands with its minus:

    >>> lines = {1: Decimal(60), 2: Decimal(60), 3: Decimal(-20)}
    >>> kept(100, 60, 60, -20), kept(50, 0, 0, 0)
    (['60', '60', '-20'], ['30', '30', '-10'])
    """
    kept = {
        line: _on_side(amount, arrived.get(line, ZERO))
        for line, amount in ordered.items()
    }
    known = sum(kept.values(), ZERO)
    if total < known:
        return {line: amount * total / known for line, amount in kept.items()}
    return _fill_up(ordered, kept, total - known)


def _fill_up(ordered, kept, rest):
    """Return what lines keep once ``rest`` is shared out by what each is missing."""
    missing = {
        line: _on_side(amount, amount - kept[line]) for line, amount in ordered.items()
    }
    gap = sum(missing.values(), ZERO)
    if gap <= 0:
        return kept
    return {line: kept[line] + rest * missing[line] / gap for line in kept}


def _on_side(amount: Decimal, part: Decimal) -> Decimal:
    """Return ``part`` if it has the sign of ``amount``, else nothing."""
    return max(part, ZERO) if amount >= 0 else min(part, ZERO)


def take_back(left: Sequence[Decimal], target: Decimal) -> list[Decimal]:
    """Return what to take back of each part so that ``target`` stays.

    :param left: what is left of each part, in the order they were given; the latest
        are taken back first.

    >>> parts = [Decimal(200), Decimal(300), Decimal(100)]
    >>> [str(part) for part in take_back(parts, Decimal(350))]
    ['0', '150', '100']
    >>> [str(part) for part in take_back(parts, Decimal(700))]
    ['0', '0', '0']
    """
    over = sum(left, Decimal(0)) - target
    parts = []
    for amount in reversed(left):
        part = max(min(over, amount), Decimal(0))
        over -= part
        parts.append(part)
    return parts[::-1]
