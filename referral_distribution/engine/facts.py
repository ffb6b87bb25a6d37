"""What the engine is told: plain values that can be written down and read again.

Amounts are Decimal, days are ``datetime.date``, people and rules are numbers. Nothing
here knows a database, so what is stored of a reward computes the same cents later.
"""

from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal

MAX_LEVELS = 3  # nothing above, ever (rule M4)
ZERO = Decimal(0)


@dataclass(frozen=True)
class Currency:
    """What one unit of the company's currency is in it, and its smallest step."""

    factor: Decimal
    rounding: Decimal

    def round(self, amount: Decimal) -> Decimal:
        """Return ``amount`` rounded half up to the currency's smallest step."""
        return self._round(amount, ROUND_HALF_UP)

    def round_down(self, amount: Decimal) -> Decimal:
        """Return the whole steps that are in ``amount``, which is not negative."""
        return self._round(amount, ROUND_FLOOR)

    def _round(self, amount, rounding):
        steps = (amount / self.rounding).quantize(Decimal(1), rounding=rounding)
        return steps * self.rounding


@dataclass(frozen=True)
class Person:
    """Somebody who may earn.

    ``place`` is where somebody found by a role stands above the referrer, who is 0;
    people listed level by level stand where they are listed.
    """

    id: int
    earns: bool = True
    tier: int = 0
    role: str = ""
    place: int = 0


@dataclass(frozen=True)
class Terms:
    """What was agreed with a channel partner: in the company's currency per valid lead,
    and in per cent of a contract's base (rule S4)."""

    lead_fee: Decimal = ZERO
    deal_share: Decimal = ZERO


@dataclass(frozen=True)
class Part:
    """What a contract holds of some product categories.

    ``categories`` are the category of the goods and all those it lies in.
    """

    categories: tuple[int, ...]
    bases: dict[str, Decimal]


@dataclass(frozen=True)
class OwnRate:
    """What was agreed with one person, perhaps for this customer alone.

    It replaces the per cent of the rules with the same trigger, beneficiary and level.
    """

    person: int
    trigger: str
    beneficiary: str
    level: int
    rate: Decimal
    for_customer: bool = False


@dataclass(frozen=True)
class Past:
    """What a rule has given before, in all its versions.

    ``scope`` is "order" or "customer", whoever got it; or "person", "month", "year", of
    one person. ``amount`` is in the rule's currency, ``base`` in the company's.
    """

    rule: int
    scope: str
    person: int = 0
    amount: Decimal = ZERO
    base: Decimal = ZERO
    times: int = 0


@dataclass(frozen=True)
class Rule:
    """One line of a plan: trigger x who x condition x base x rate (rule C4)."""

    id: int
    trigger: str
    beneficiary: str = "member"
    level: int = 0
    role: str = ""
    contact: int = 0
    # ------------------------------------------------------------- conditions
    phase: str = "any"
    phase_from: int = 0
    phase_to: int = 0
    tiers: tuple[int, ...] = ()
    categories: tuple[int, ...] = ()
    category_use: str = "lines"
    channel_kind: str = "any"
    territory: str = "any"
    agents: tuple[int, ...] = ()
    fulfilment: str = "any"
    amount_from: Decimal = ZERO
    amount_to: Decimal = ZERO
    date_from: date | None = None
    date_to: date | None = None
    times: int = 0
    has_domain: bool = False
    # ---------------------------------------------------------------- formula
    base: str = ""
    rate_type: str = "percent"
    rate: Decimal = ZERO
    amount: Decimal = ZERO
    brackets: tuple[tuple[Decimal, Decimal], ...] = ()
    bracket_period: str = "order"
    expression: str = ""
    sharing: str = "on_top"
    caps: tuple[tuple[str, Decimal], ...] = ()
    currency: str = ""

    def __post_init__(self):
        if not 0 <= self.level < MAX_LEVELS:
            raise ValueError(f"a rule of level {self.level}: they are 0, 1 and 2")

    @property
    def is_share(self) -> bool:
        """Whether it gives a share of what the referrer earns."""
        return self.base == "member_reward"

    @property
    def in_chain(self) -> bool:
        """Whether it pays the referrer or somebody above."""
        return self.beneficiary in ("member", "role")


@dataclass(frozen=True)
class Facts:
    """What happened, in the company's currency, and who stands in the chain.

    ``people`` are the referrer and the inviters above, level by level; ``chain`` those
    among all above who are the nearest of their role. ``bases`` names the amounts a
    rule may take a share of, ``parts`` the same by product category. On a partner
    channel members earn nothing, whether its ``channel_partner`` is known or not; that
    one earns by the ``terms`` in force (S4). ``matching`` are the rules whose domain
    the document meets, ``unclear`` those whose domain does not work any more, since
    what it asks for is gone. ``paid`` are those of the chain whom other rules have
    rewarded for the same contract before: they count as levels that are paid (M4).
    """

    trigger: str
    people: tuple[Person, ...] = ()
    chain: tuple[Person, ...] = ()
    channel_partner: Person | None = None
    territory_agent: Person | None = None
    contacts: tuple[Person, ...] = ()
    members_earn: bool = True
    terms: Terms = Terms()
    phase: int = 0
    day: date | None = None
    channel_kind: str = ""
    fulfilment: str = "direct"
    matching: tuple[int, ...] = ()
    unclear: tuple[int, ...] = ()
    bases: dict[str, Decimal] = field(default_factory=dict)
    parts: tuple[Part, ...] = ()
    rates: tuple[OwnRate, ...] = ()
    past: tuple[Past, ...] = ()
    paid: tuple[int, ...] = ()
    currencies: dict[str, Currency] = field(default_factory=dict)
    paying_levels: int = 2

    def __post_init__(self):
        if not 1 <= self.paying_levels <= MAX_LEVELS:
            raise ValueError(f"{self.paying_levels} paying levels: they are 1, 2 or 3")


@dataclass(frozen=True)
class Line:
    """One accrual: who earns how much under which rule, and how it came about.

    ``notes`` hold, as text, what the rule alone does not tell: the ``rate`` that
    counted and whether it is somebody's own, what those ``below`` got, the ``earlier``
    amounts of a period, the ``cap`` that was hit and the ``uncapped`` amount, whose
    reward a share is ``of``, what was ``given_up`` for shares.
    """

    rule: int
    person: int
    level: int
    base: Decimal
    amount: Decimal
    currency: str
    notes: dict[str, str] = field(default_factory=dict)
