"""How much of a reward is due when only a part of its contract is kept (C6, C7).

Each target is a share of the whole, rounded once: what is given or taken back is its
difference to what the member has got so far. So roundings never add up, the order in
which payments and refunds come makes no difference, and the last cent comes with the
last payment.

>>> from decimal import Decimal as D
>>> cent = D("0.01")
>>> [str(due(D("100.00"), D(n), D(3), cent)) for n in (0, 1, 2, 3)]
['0.00', '33.33', '66.67', '100.00']

More than the whole is never due, nor less than nothing; a contract of nothing is kept
as long as it stands:

>>> str(due(D("100.00"), D(5), D(3), cent)), str(due(D("100.00"), D(-1), D(3), cent))
('100.00', '0.00')
>>> str(due(D("100.00"), D(0), D(0), cent))
'100.00'
"""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal


def due(full: Decimal, kept: Decimal, whole: Decimal, rounding: Decimal) -> Decimal:
    """Return what of the reward ``full`` is due while ``kept`` of ``whole`` is there.

    :param kept: what is left of the contract, in the currency of ``whole``.
    :param rounding: smallest step of the reward's currency.
    """
    if whole <= 0 or kept >= whole:
        return full
    part = full * max(kept, Decimal(0)) / whole
    steps = (part / rounding).quantize(Decimal(1), rounding=ROUND_HALF_UP)
    return steps * rounding


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
