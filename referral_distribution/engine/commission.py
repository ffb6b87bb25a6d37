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
>>> of_all = Rule(9, "contract", level=1, base="untaxed", rate=D(1), currency="PTS")
>>> declined = replace(facts, people=(Person(7, earns=False), Person(3)))
>>> compute(declined, [*rules, of_all])
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

By role, 15 per cent for the agent, 10 for the distributor and 5 for the member, each
less what those below get; without a distributor the agent gets that too (rule C5). No
more people of a chain are paid than there are paying levels:

>>> tiered = [
...     Rule(number, "contract", "role", role=role, rate_type="differential",
...          base="untaxed", rate=D(rate), currency="PTS")
...     for number, (role, rate) in enumerate(
...         [("agent", 15), ("distributor", 10), ("member", 5)], start=1)
... ]
>>> member = Person(7, role="member")
>>> above = (Person(4, role="distributor", place=2), Person(1, role="agent", place=3))
>>> signed = replace(facts, people=(member,), chain=above, paying_levels=3,
...                  bases={"untaxed": D(1000)})
>>> [(line.person, str(line.amount)) for line in compute(signed, tiered)]
[(7, '50.00'), (4, '50.00'), (1, '50.00')]
>>> without = replace(signed, chain=above[1:])
>>> [(line.person, str(line.amount)) for line in compute(without, tiered)]
[(7, '50.00'), (1, '100.00')]
>>> [line.person for line in compute(replace(signed, paying_levels=2), tiered)]
[7, 4]

A share of the reward is paid on top of it, or out of it (rule M4):

>>> inside = [*rules[:2], replace(rules[2], sharing="out_of")]
>>> [(line.person, str(line.amount)) for line in compute(facts, inside)]
[(7, '540.00'), (3, '60.00')]

A formula that cannot be computed gives nothing, and neither does what rests on it; the
rest is given. Who wants to know gets told, else it is an error:

>>> odd = Rule(8, "contract", rate_type="expression", base="untaxed",
...            expression="amount / (phase - 1)", currency="PTS")
>>> aside = Rule(7, "contract", "contact", contact=5, rate_type="fixed", amount=D(1),
...              currency="PTS")
>>> failed = []
>>> named = replace(facts, contacts=(Person(5),))
>>> given = compute(named, [odd, rules[2], aside], failed)
>>> [line.person for line in given], [(rule, str(why)) for rule, why in failed]
([5], [(8, 'zero: amount / (phase - 1)'), (3, 'rests')])
>>> try:
...     compute(facts, [odd])
... except formula.FormulaError as error:
...     print(error)
zero: amount / (phase - 1)

A fourth level is refused whatever the settings say (rule M4, threat G1):

>>> replace(facts, paying_levels=4)
Traceback (most recent call last):
ValueError: 4 paying levels: they are 1, 2 or 3
"""

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

from . import brackets, conditions, formula
from .brackets import HUNDRED, marginal
from .facts import (
    MAX_LEVELS,
    ZERO,
    Currency,
    Facts,
    Line,
    OwnRate,
    Part,
    Past,
    Person,
    Rule,
    Terms,
)

__all__ = [
    "HUNDRED",
    "MAX_LEVELS",
    "Currency",
    "Facts",
    "Line",
    "OwnRate",
    "Part",
    "Past",
    "Person",
    "Rule",
    "Terms",
    "compute",
    "marginal",
]
OUTSIDE = 10**9  # the place of who does not stand in the chain


def compute(
    facts: Facts,
    rules: Iterable[Rule],
    failed: list[tuple[int, formula.FormulaError]] | None = None,
) -> list[Line]:
    """Return the lines that ``rules`` give for ``facts``, from the referrer upwards.

    Shares are shares of what the referrer earns under the same plan, so nothing for the
    referrer means no shares. Lines that round to zero are left out. In which order the
    rules are given does not matter.

    :param failed: gets ``(rule id, why)`` of each rule that cannot be computed, and of
        those that rest on what it would have given; they give nothing then.
    :raises formula.FormulaError: without ``failed``, a rule's expression divides by
        zero, or the like.
    """
    return _Run(facts, failed).compute(rules)


class _Run:
    """One computation: what was granted so far decides what comes further up."""

    def __init__(self, facts: Facts, failed=None):
        self.facts = facts
        self.failed = failed
        self.gaps: list[tuple[int, str, Person]] = []  # place, currency of who failed
        self.chain = _get_chain(facts)
        self.lines: list[Line] = []
        self.places: list[int] = []
        self.shares: list[tuple[Rule, Line]] = []

    def compute(self, rules: Iterable[Rule]) -> list[Line]:
        found = []
        for rule in rules:
            if conditions.applies(self.facts, rule):
                place, person = self._find_person(rule)
                if person and conditions.suits(rule, person):
                    found.append((place, _get_step(rule), rule.id, rule, person))
        for place, _step, _id, rule, person in sorted(found, key=lambda one: one[:3]):
            self._grant(rule, person, place)
        return self._take_out_shares()

    def _find_person(self, rule: Rule) -> tuple[int, Person | None]:
        """Return where in the chain the rule's beneficiary stands, and who it is."""
        facts = self.facts
        if rule.beneficiary == "member":
            return rule.level, self.chain.get(rule.level)
        if rule.beneficiary == "role":
            places = [p for p, one in self.chain.items() if one.role == rule.role]
            place = min(places, default=OUTSIDE)
            return place, self.chain.get(place)
        return OUTSIDE, {
            "channel_partner": facts.channel_partner,
            "territory": facts.territory_agent if facts.members_earn else None,
            "contact": next((p for p in facts.contacts if p.id == rule.contact), None),
        }[rule.beneficiary]

    def _grant(self, rule: Rule, person: Person, place: int) -> None:
        if rule.in_chain and not self._is_within_levels(person):
            return
        if rule.is_share and self._get_referrer() in (None, person.id):
            return  # nobody's reward, or a share of one's own
        currency = self.facts.currencies[rule.currency]
        base = self._get_base(rule)
        try:
            self._check_whole(rule, place)
            share, notes = self._get_share(rule, person, place, base, currency)
        except formula.FormulaError as error:
            self._leave_out(rule, person, place, error)
            return
        amount = currency.round(share)
        amount, notes = self._cap(rule, person, amount, notes)
        if amount <= 0:
            return
        line = Line(rule.id, person.id, rule.level, base, amount, rule.currency, notes)
        self.lines.append(line)
        self.places.append(place)
        if rule.is_share and rule.sharing == "out_of":
            self.shares.append((rule, line))

    def _leave_out(self, rule: Rule, person: Person, place: int, error) -> None:
        if self.failed is None:
            raise error
        self.failed.append((rule.id, error))
        self.gaps.append((place, rule.currency, person))

    def _check_whole(self, rule: Rule, place: int) -> None:
        """Refuse what is measured by rewards of which one could not be computed, and
        what nobody can tell whether it applies.

        :raises formula.FormulaError: it would give too much, or too little.
        """
        if rule.id in self.facts.unclear:
            raise formula.FormulaError("unclear")
        uses_reward = rule.is_share or (
            rule.rate_type == "expression" and "reward" in rule.expression
        )
        for gap, currency, _person in self.gaps:
            below = rule.rate_type == "differential" and gap < place
            if currency == rule.currency and (below or uses_reward and not gap):
                raise formula.FormulaError("rests")

    def _is_within_levels(self, person: Person) -> bool:
        """Tell whether one more of the chain may be paid (rule M4, threat G1).

        Who was left out has the place all the same.
        """
        paid = {
            line.person
            for line, place in zip(self.lines, self.places, strict=True)
            if place < OUTSIDE
        }
        paid |= {one.id for place, _currency, one in self.gaps if place < OUTSIDE}
        people = paid | set(self.facts.paid) | {person.id}
        return person.id in self.facts.paid or len(people) <= self.facts.paying_levels

    def _get_referrer(self) -> int | None:
        first = self.chain.get(0)
        return first.id if first else None

    def _get_own_lines(self, currency: str) -> list[int]:
        """Return which lines are the referrer's reward, that shares are taken of."""
        return [
            number
            for number, line in enumerate(self.lines)
            if not self.places[number] and line.currency == currency
        ]

    def _get_reward(self, currency: str) -> Decimal:
        own = self._get_own_lines(currency)
        return sum((self.lines[number].amount for number in own), ZERO)

    def _get_base(self, rule: Rule) -> Decimal:
        if rule.rate_type == "fixed" or _is_lead_fee(rule):
            return ZERO
        if rule.is_share:
            return self._get_reward(rule.currency)
        if rule.categories and rule.category_use == "lines":
            parts = conditions.get_parts(self.facts, rule)
            return sum((part.bases[rule.base] for part in parts), ZERO)
        return self.facts.bases.get(rule.base, ZERO)

    def _get_share(self, rule, person, place, base, currency):
        """Return what the formula gives, in the rule's currency, and notes on it."""
        notes = {"of": str(self._get_referrer())} if rule.is_share else {}
        if rule.rate_type == "fixed":
            return rule.amount, notes
        if rule.rate_type == "bracket":
            earlier = self._get_earlier(rule, person)
            if earlier:
                notes["earlier"] = f"{earlier}"
            share = brackets.between(earlier, base, rule.brackets)
        elif rule.rate_type == "expression":
            share = self._evaluate(rule, base, currency)
        elif _is_lead_fee(rule):
            share = self.facts.terms.lead_fee
        elif rule.rate_type == "terms":
            share = base * self.facts.terms.deal_share / HUNDRED
        else:
            rate = self._get_rate(rule, person, notes)
            share = base * rate / HUNDRED
        share = share if rule.is_share else share * currency.factor
        if rule.rate_type == "differential":
            below = self._get_below(rule, place)
            notes["below"] = f"{below}"
            share = currency.round(share) - below
        return share, notes

    def _get_rate(self, rule: Rule, person: Person, notes) -> Decimal:
        """Return the rule's per cent, or what was agreed with the person instead."""
        key = (person.id, rule.trigger, rule.beneficiary, rule.level)
        own = [
            one
            for one in self.facts.rates
            if (one.person, one.trigger, one.beneficiary, one.level) == key
        ]
        if not own:
            return rule.rate
        rate = max(own, key=lambda one: one.for_customer).rate
        notes.update(rate=f"{rate.normalize():f}", own_rate="1")
        return rate

    def _get_below(self, rule: Rule, place: int) -> Decimal:
        """Return what people below in the chain were granted (rule C5)."""
        return sum(
            (
                line.amount
                for line, own in zip(self.lines, self.places, strict=True)
                if own < place and line.currency == rule.currency
            ),
            ZERO,
        )

    def _get_earlier(self, rule: Rule, person: Person) -> Decimal:
        """Return the amounts that count before this one in the rule's period."""
        if rule.bracket_period == "order" or rule.is_share:
            return ZERO
        return self._get_past(rule, rule.bracket_period, person, "base")

    def _get_past(self, rule: Rule, scope: str, person: Person, name: str) -> Decimal:
        of_one = scope not in ("order", "customer")
        return sum(
            (
                getattr(past, name)
                for past in self.facts.past
                if past.rule == rule.id
                and past.scope == scope
                and (not of_one or past.person == person.id)
            ),
            ZERO,
        )

    def _evaluate(self, rule: Rule, base: Decimal, currency: Currency) -> Decimal:
        reward = self._get_reward(rule.currency)
        known = {
            **self.facts.bases,
            "amount": base,
            "phase": Decimal(self.facts.phase),
            "reward": reward if rule.is_share else reward / currency.factor,
        }
        return formula.evaluate(rule.expression, known)

    def _cap(self, rule: Rule, person: Person, amount: Decimal, notes):
        """Return the amount within the rule's caps, in whole steps of its currency;
        notes name the one that was hit."""
        allowed, hit = amount, ""
        currency = self.facts.currencies[rule.currency]
        for scope, most in rule.caps:
            left = most - self._get_past(rule, scope, person, "amount")
            if left < allowed:
                allowed, hit = currency.round_down(max(left, ZERO)), scope
        if hit:
            notes = {**notes, "cap": hit, "uncapped": f"{amount}"}
        return allowed, notes

    def _take_out_shares(self) -> list[Line]:
        """Return the lines after what was shared "out of" a reward left it (M4).

        Never more than there is: what is shared out and what stays is the reward.
        """
        lines = dict(enumerate(self.lines))
        for rule, share in self.shares:
            own = [n for n in self._get_own_lines(rule.currency) if lines[n].amount > 0]
            reward = sum((lines[number].amount for number in own), ZERO)
            number = next(n for n, line in enumerate(self.lines) if line is share)
            part = min(share.amount, reward)
            lines[number] = replace(share, amount=part)
            currency = self.facts.currencies[rule.currency]
            for number in own:
                line = lines[number]
                gone = currency.round(part * line.amount / reward)
                gone = min(gone, part) if number != own[-1] else part
                part, reward = part - gone, reward - line.amount
                lines[number] = _give_up(line, gone)
        shares = [n for n, line in lines.items() if "of" in line.notes and self.shares]
        for number in shares:
            own = self._get_own_lines(lines[number].currency)
            left = sum((lines[n].amount for n in own), ZERO)
            notes = {**lines[number].notes, "left": f"{left}"}
            lines[number] = replace(lines[number], notes=notes)
        return [line for line in lines.values() if line.amount > 0]


def _get_chain(facts: Facts) -> dict[int, Person]:
    """Return by place the members a plan may reward: none when the first declines (M4),
    or when the lead came through a partner channel (S4)."""
    declined = not all(person.earns for person in facts.people[:1])
    if declined or not facts.members_earn or facts.channel_partner:
        return {}
    levels = dict(enumerate(facts.people[: facts.paying_levels]))
    return {person.place: person for person in facts.chain} | levels


def _get_step(rule: Rule) -> int:
    """Return when, of those for one person, a rule's turn is."""
    return 2 if rule.is_share else int(rule.rate_type in ("differential", "expression"))


def _is_lead_fee(rule: Rule) -> bool:
    return rule.rate_type == "terms" and rule.trigger == "lead_valid"


def _give_up(line: Line, gone: Decimal) -> Line:
    before = Decimal(line.notes.get("given_up", "0"))
    notes = {**line.notes, "given_up": f"{before + gone}"} if gone else line.notes
    return replace(line, amount=line.amount - gone, notes=notes)
