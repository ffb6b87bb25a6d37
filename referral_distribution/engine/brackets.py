"""Marginal brackets: each slice of an amount at its own per cent (rule C4).

One cent more never pays less, and never more than that cent; so it does not matter
into how many contracts an amount is cut:

>>> steps = [(Decimal(0), Decimal(1)), (Decimal(1000), Decimal(2))]
>>> marginal(Decimal(1000), steps), marginal(Decimal(1500), steps)
(Decimal('10'), Decimal('20'))
>>> between(Decimal(800), Decimal(700), steps)
Decimal('12')
"""

from collections.abc import Iterable
from decimal import Decimal

HUNDRED = Decimal(100)


def marginal(base: Decimal, brackets: Iterable[tuple[Decimal, Decimal]]) -> Decimal:
    """Return the sum of each slice of ``base`` times its bracket's per cent.

    :param brackets: ``(from amount, per cent)``, ascending, the first from 0; each
        reaches up to the next, so there is neither gap nor overlap.
    """
    steps = list(brackets)
    ends = [start for start, _rate in steps[1:]] + [base]
    return sum(
        (
            max(min(base, end) - start, Decimal(0)) * rate / HUNDRED
            for (start, rate), end in zip(steps, ends, strict=True)
        ),
        Decimal(0),
    )


def between(
    earlier: Decimal, base: Decimal, brackets: Iterable[tuple[Decimal, Decimal]]
) -> Decimal:
    """Return what ``base`` earns on top of the period's ``earlier`` amounts."""
    steps = list(brackets)
    return marginal(earlier + base, steps) - marginal(earlier, steps)
