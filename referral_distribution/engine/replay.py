"""Whether a reward comes out the same from what was kept with it (rule C8).

>>> from decimal import Decimal as D
>>> lines = [Line(1, 7, 0, D(120000), D("600.00"), "CNY")]
>>> cent = D("0.01")
>>> given = Given(1, 0, 7, D("600.00"), D("600.00"), cent)
>>> compare(given, lines)
('same', Decimal('600.00'))
>>> compare(given._replace(amount=D("600.01")), lines)
('differs', Decimal('600.00'))
>>> compare(given._replace(level=1), lines)
('differs', Decimal('0'))

A part is what was due when it was given, less what was given before it:

>>> third = given._replace(amount=D("200.00"), before=D("200.00"),
...                        bases=(Base(D(80000), D(120000)),))
>>> compare(third, lines)
('same', Decimal('200.00'))
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from .facts import ZERO, Line
from .true_up import Base, due, kept_share


class Given(NamedTuple):
    """A reward as it stands in the books.

    ``full`` is the whole reward that this may be a part of: ``bases`` is what it rests
    on with what was kept of it then, and ``before`` was given already.
    """

    rule: int
    level: int
    person: int
    amount: Decimal
    full: Decimal
    rounding: Decimal
    before: Decimal = ZERO
    bases: tuple[Base, ...] = ()


def compare(given: Given, lines: Iterable[Line]) -> tuple[str, Decimal]:
    """Return "same" or "differs", and what the reward comes out as.

    :param lines: what the engine gives now for the facts and rules kept with it.
    """
    same = [
        line for line in lines if (line.rule, line.level) == (given.rule, given.level)
    ]
    if len(same) > 1:  # the beneficiary may have been merged since: ask last
        same = [line for line in same if line.person == given.person]
    amount = sum((line.amount for line in same), ZERO)
    if given.amount != given.full:
        share = kept_share(given.bases)
        amount = due(amount, share, given.rounding) - given.before
    return ("same" if amount == given.amount else "differs"), amount
