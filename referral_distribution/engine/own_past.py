"""What a plan has given so far while it is tried on contracts, one after the other.

Limits and brackets of a period go by what was given before. A plan that is tried on
past contracts has given nothing: it goes by what it would have given (rule C8). Twelve
per cent beyond a year's first 1,000, and at most 20 a month:

>>> rule = Rule(1, "contract", rate_type="bracket", bracket_period="year")
>>> own = OwnPast({1: {"year", "month"}})
>>> for day, amount in ((date(2026, 1, 31), "12"), (date(2026, 2, 1), "3")):
...     facts = Facts("contract", people=(Person(7),))
...     event = Event(8, day)
...     print([(p.scope, str(p.amount), str(p.base)) for p in own.get(facts, event)])
...     line = Line(1, 7, 0, Decimal(600), Decimal(amount), "CNY")
...     own.add([line], event)
...     own.keep()
[('month', '0', '0'), ('year', '0', '0')]
[('month', '0', '0'), ('year', '12', '600')]
>>> [(p.scope, str(p.amount)) for p in own.get(facts, event)]
[('month', '3'), ('year', '15')]

What fails half-way is dropped, and what was added since the last time can be stored:

>>> own.add([line], event)
>>> own.drop()
>>> for key, (amount, base, times) in sorted(own.added.items()):
...     print(key.scope, key.of, key.since, amount, base, times)
month 7 2026-01-01 12 600 1
month 7 2026-02-01 3 600 1
year 7 2026-01-01 15 1200 2
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from .facts import ZERO, Facts, Line, Past, Person, Rule

__all__ = ["Event", "Key", "OwnPast", "Person", "Rule", "get_people"]


class Event(NamedTuple):
    """Whose contract it is, and the day it was signed."""

    customer: int
    day: date


class Key(NamedTuple):
    """Of what a sum is: a customer or person, since the first day of a period."""

    rule: int
    scope: str
    of: int = 0
    since: date | None = None


class OwnPast:
    """Running sums; each a list of amount, base and number of contracts."""

    def __init__(self, scopes: Mapping[int, Collection[str]]):
        """:param scopes: by rule, over what it looks back: words of ``Past``."""
        self.scopes = scopes
        self.sums: dict[Key, list] = {}
        self.added: dict[Key, list] = {}
        self.pending: dict[Key, list] = {}

    def load(self, key: Key, amount: Decimal, base: Decimal, times: int) -> None:
        """Count what was given before."""
        _add(self.sums, key, [amount, base, times])

    def get(self, facts: Facts, event: Event) -> tuple[Past, ...]:
        """Return what the engine has to know for the next contract."""
        people = sorted(one.id for one in get_people(facts))
        return tuple(
            self._get_past(rule, scope, person, event)
            for rule, scopes in sorted(self.scopes.items())
            for scope in sorted(scopes)
            for person in ((0,) if scope in ("order", "customer") else people)
        )

    def _get_past(self, rule, scope, person, event):
        key = get_key(rule, scope, person, event)
        known, new = (
            one.get(key, (ZERO, ZERO, 0)) for one in (self.sums, self.pending)
        )
        return Past(
            rule,
            scope,
            person,
            known[0] + new[0],
            known[1] + new[1],
            known[2] + new[2],
        )

    def add(self, lines: Iterable[Line], event: Event) -> None:
        """Count what one document of a contract was given; see ``keep``."""
        for line in lines:
            for scope in self.scopes.get(line.rule, ()):
                key = get_key(line.rule, scope, line.person, event)
                first = key not in self.pending
                _add(self.pending, key, [line.amount, line.base, int(first)])

    def keep(self) -> None:
        """The contract is through: what its documents were given stays."""
        for key, sums in self.pending.items():
            if key.scope != "order":  # the next contract is another
                _add(self.sums, key, sums)
                _add(self.added, key, sums)
        self.pending = {}

    def drop(self) -> None:
        """The contract is left out."""
        self.pending = {}


def get_key(rule: int, scope: str, person: int, event: Event) -> Key:
    """Return of what the rule's limit is that counts for this event."""
    if scope == "order":
        return Key(rule, scope)
    if scope == "customer":
        return Key(rule, scope, event.customer)
    since = {
        "month": event.day.replace(day=1),
        "year": event.day.replace(month=1, day=1),
    }.get(scope)
    return Key(rule, scope, person, since)


def get_people(facts: Facts) -> set[Person]:
    """Return everybody who may earn by these facts."""
    found = {*facts.people, *facts.chain, *facts.contacts}
    return found | ({facts.territory_agent, facts.channel_partner} - {None})


def _add(sums, key, more):
    known = sums.setdefault(key, [ZERO, ZERO, 0])
    for place, value in enumerate(more):
        known[place] += value
