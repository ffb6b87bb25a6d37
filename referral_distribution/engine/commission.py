"""From facts and a plan's rules to commission lines, in plain Python (rules C1-C8).

No ORM, no clock, no floats: the same facts and rules give the same cents for ever,
which is what lets a figure explain itself and be replayed.

A contract of 120,000.00, first of its customer, under the default plan:

>>> from decimal import Decimal as D
>>> rules = [
...     Rule(1, "contract", level=0, phase="first", base="untaxed", rate=D("0.5"),
...          currency="PTS"),
...     Rule(2, "contract", level=0, phase="repeat", base="untaxed", rate=D(1),
...          currency="PTS"),
...     Rule(3, "contract", level=1, base="member_reward", rate=D(10), currency="PTS"),
... ]
>>> money = {"PTS": Currency(D(1), D("0.01"))}
>>> facts = Facts("contract", people=(Person(7), Person(3)), phase=1,
...               bases={"untaxed": D(120000)}, currencies=money)
>>> [(line.person, line.level, str(line.amount)) for line in compute(facts, rules)]
[(7, 0, '600.00'), (3, 1, '60.00')]

Who does not accept commissions earns nothing, and neither does the inviter (M4):

>>> from dataclasses import replace
>>> compute(replace(facts, people=(Person(7, earns=False), Person(3))), rules)
[]

On a partner channel members earn nothing; its partner gets what was agreed (rule S4):

>>> agreed = Rule(4, "contract", "channel_partner", base="untaxed", rate_type="terms",
...               currency="PTS")
>>> on_channel = replace(facts, members_earn=False, channel_partner=Person(9),
...                      terms=Terms(deal_share=D(3)))
>>> [(line.person, str(line.amount)) for line in compute(on_channel, [*rules, agreed])]
[(9, '3600.00')]

For a valid lead that is the fee per lead, and nothing where none was agreed:

>>> fee = replace(agreed, trigger="lead_valid")
>>> valid = replace(on_channel, trigger="lead_valid", terms=Terms(lead_fee=D(200)))
>>> [str(line.amount) for line in compute(valid, [*rules, fee])]
['200.00']
>>> compute(replace(valid, terms=Terms()), [*rules, fee])
[]

A share has no amount, and no inviter takes part unless a rule says so (S5, M4):

>>> fixed = [Rule(4, "share", rate_type="fixed", amount=D(1), currency="PTS")]
>>> shared = Facts("share", people=(Person(7), Person(3)), currencies=money)
>>> [(line.person, str(line.amount)) for line in compute(shared, rules + fixed)]
[(7, '1.00')]

A fourth level is refused whatever the settings say (rule M4, threat G1):

>>> replace(facts, paying_levels=4)
Traceback (most recent call last):
ValueError: 4 paying levels: they are 1, 2 or 3
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal

HUNDRED = Decimal(100)
MAX_LEVELS = 3  # nothing above, ever (rule M4)


@dataclass(frozen=True)
class Currency:
    """What one unit of the company's currency is in it, and its smallest step."""

    factor: Decimal
    rounding: Decimal

    def round(self, amount: Decimal) -> Decimal:
        """Return ``amount`` rounded half up to the currency's smallest step."""
        steps = (amount / self.rounding).quantize(Decimal(1), rounding=ROUND_HALF_UP)
        return steps * self.rounding


@dataclass(frozen=True)
class Person:
    """Somebody in the chain: the referrer first, then the inviters upwards."""

    id: int
    earns: bool = True


@dataclass(frozen=True)
class Terms:
    """What was agreed with a channel partner: in the company's currency per valid lead,
    and in per cent of a contract's base (rule S4)."""

    lead_fee: Decimal = Decimal(0)
    deal_share: Decimal = Decimal(0)


@dataclass(frozen=True)
class Rule:
    """One line of a plan: trigger x who x condition x base x rate (rule C4)."""

    id: int
    trigger: str
    beneficiary: str = "member"
    level: int = 0
    phase: str = "any"
    base: str = ""
    rate_type: str = "percent"
    rate: Decimal = Decimal(0)
    amount: Decimal = Decimal(0)
    brackets: tuple[tuple[Decimal, Decimal], ...] = ()
    currency: str = ""

    def __post_init__(self):
        if not 0 <= self.level < MAX_LEVELS:
            raise ValueError(f"a rule of level {self.level}: they are 0, 1 and 2")


@dataclass(frozen=True)
class Facts:
    """What happened, in the company's currency, and who stands in the chain.

    ``bases`` names the amounts a rule may take a share of. On a partner channel members
    earn nothing, whether its ``channel_partner`` is known or not; that one earns by the
    ``terms`` in force (S4).
    """

    trigger: str
    people: tuple[Person, ...] = ()
    channel_partner: Person | None = None
    members_earn: bool = True
    terms: Terms = Terms()
    phase: int = 0
    bases: dict[str, Decimal] = field(default_factory=dict)
    currencies: dict[str, Currency] = field(default_factory=dict)
    paying_levels: int = 2

    def __post_init__(self):
        if not 1 <= self.paying_levels <= MAX_LEVELS:
            raise ValueError(f"{self.paying_levels} paying levels: they are 1, 2 or 3")


@dataclass(frozen=True)
class Line:
    """One accrual: who earns how much under which rule, and how it came about."""

    rule: int
    person: int
    level: int
    base: Decimal
    amount: Decimal
    currency: str


def compute(facts: Facts, rules: Iterable[Rule]) -> list[Line]:
    """Return the lines that ``rules`` give for ``facts``, level by level.

    Shares of an inviter are shares of what the referrer earns under the same plan, so
    nothing at level 0 means nothing above it. Lines that round to zero are left out.
    """
    lines: list[Line] = []
    for rule in sorted(rules, key=lambda rule: (rule.level, rule.id)):
        person = _find_person(facts, rule)
        if person is None or not _applies(facts, rule):
            continue
        currency = facts.currencies[rule.currency]
        base = _get_base(facts, rule, lines)
        amount = currency.round(_get_share(rule, base, currency, facts.terms))
        if amount > 0:
            lines.append(
                Line(rule.id, person.id, rule.level, base, amount, rule.currency)
            )
    return lines


def marginal(base: Decimal, brackets: Iterable[tuple[Decimal, Decimal]]) -> Decimal:
    """Return the sum of each slice of ``base`` times its bracket's per cent.

    :param brackets: ``(from amount, per cent)``, ascending, the first from 0; each
        reaches up to the next, so there is neither gap nor overlap.

    >>> steps = [(Decimal(0), Decimal(1)), (Decimal(1000), Decimal(2))]
    >>> marginal(Decimal(1000), steps), marginal(Decimal(1500), steps)
    (Decimal('10'), Decimal('20'))
    """
    steps = list(brackets)
    ends = [start for start, _rate in steps[1:]] + [base]
    return sum(
        (max(min(base, end) - start, Decimal(0)) * rate / HUNDRED)
        for (start, rate), end in zip(steps, ends, strict=True)
    )


def _find_person(facts: Facts, rule: Rule) -> Person | None:
    if rule.beneficiary == "channel_partner":
        person = facts.channel_partner
    else:
        chain = _get_paid_chain(facts)
        person = chain[rule.level] if rule.level < len(chain) else None
    return person if person and person.earns else None


def _get_paid_chain(facts: Facts) -> tuple[Person, ...]:
    """Return the members a plan may reward: none when the first declines (M4), or when
    the lead came through a partner channel (S4)."""
    declined = not all(person.earns for person in facts.people[:1])
    if declined or not facts.members_earn or facts.channel_partner:
        return ()
    return facts.people[: facts.paying_levels]


def _applies(facts: Facts, rule: Rule) -> bool:
    return rule.trigger == facts.trigger and (
        rule.phase == "any" or (rule.phase == "first") == (facts.phase <= 1)
    )


def _get_base(facts: Facts, rule: Rule, lines: list[Line]) -> Decimal:
    if rule.rate_type == "fixed" or _is_lead_fee(rule):
        return Decimal(0)
    if rule.base == "member_reward":
        return sum(
            (
                line.amount
                for line in lines
                if line.level == 0 and line.currency == rule.currency
            ),
            Decimal(0),
        )
    return facts.bases[rule.base]


def _is_lead_fee(rule: Rule) -> bool:
    return rule.rate_type == "terms" and rule.trigger == "lead_valid"


def _get_share(rule: Rule, base: Decimal, currency: Currency, terms: Terms) -> Decimal:
    if rule.rate_type == "fixed":
        return rule.amount
    if rule.rate_type == "bracket":
        share = marginal(base, rule.brackets)
    elif _is_lead_fee(rule):
        share = terms.lead_fee
    elif rule.rate_type == "terms":
        share = base * terms.deal_share / HUNDRED
    else:
        share = base * rule.rate / HUNDRED
    return share if rule.base == "member_reward" else share * currency.factor
