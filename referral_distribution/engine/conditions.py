"""Whether a rule applies to what happened, and to whom (rule C4).

>>> from decimal import Decimal as D
>>> facts = Facts("contract", phase=3, bases={"untaxed": D(500)}, channel_kind="own")
>>> def holds(**conditions):
...     return applies(facts, Rule(1, "contract", **conditions))
>>> holds(phase="first"), holds(phase="repeat"), holds(phase="any")
(False, True, True)
>>> holds(phase="range", phase_from=2, phase_to=3), holds(phase="range", phase_from=4)
(True, False)
>>> holds(amount_from=D(500)), holds(amount_from=D(501)), holds(amount_to=D(499))
(True, False, False)
>>> holds(channel_kind="own"), holds(channel_kind="partner"), holds(has_domain=True)
(True, False, False)

An amount belongs to the lower slice up to the cent before ``amount_to``:

>>> holds(amount_to=D(500)), holds(amount_from=D(500), amount_to=D(1000))
(False, True)
"""

from .facts import ZERO, Facts, Person, Rule


def applies(facts: Facts, rule: Rule) -> bool:
    """Tell whether ``rule`` is about what happened."""
    return (
        rule.trigger == facts.trigger
        and _is_phase(facts, rule)
        and _is_amount(facts, rule)
        and _is_day(facts, rule)
        and _is_territory(facts, rule)
        and rule.channel_kind in ("any", facts.channel_kind)
        and rule.fulfilment in ("any", facts.fulfilment)
        and (not rule.has_domain or rule.id in facts.matching + facts.unclear)
        and (not rule.categories or bool(get_parts(facts, rule)))
        and (not rule.times or _count_times(facts, rule) < rule.times)
    )


def suits(rule: Rule, person: Person) -> bool:
    """Tell whether the person found for a rule is one it may pay."""
    return person.earns and (not rule.tiers or person.tier in rule.tiers)


def get_parts(facts: Facts, rule: Rule) -> list:
    """Return the parts of the contract that lie in the rule's product categories."""
    wanted = set(rule.categories)
    return [part for part in facts.parts if wanted.intersection(part.categories)]


def _is_phase(facts: Facts, rule: Rule) -> bool:
    if rule.phase == "range":
        last = rule.phase_to or facts.phase
        return rule.phase_from <= facts.phase <= last
    return rule.phase == "any" or (rule.phase == "first") == (facts.phase <= 1)


def _is_amount(facts: Facts, rule: Rule) -> bool:
    amount = facts.bases.get("untaxed", ZERO)
    return rule.amount_from <= amount and (
        not rule.amount_to or amount < rule.amount_to
    )


def _is_day(facts: Facts, rule: Rule) -> bool:
    if not (rule.date_from or rule.date_to):
        return True
    return bool(
        facts.day
        and (not rule.date_from or rule.date_from <= facts.day)
        and (not rule.date_to or facts.day <= rule.date_to)
    )


def _is_territory(facts: Facts, rule: Rule) -> bool:
    agent = facts.territory_agent
    return {
        "any": True,
        "held": agent is not None,
        "free": agent is None,
        "chosen": agent is not None and agent.id in rule.agents,
    }[rule.territory]


def _count_times(facts: Facts, rule: Rule) -> int:
    return sum(
        past.times
        for past in facts.past
        if past.rule == rule.id and past.scope == "customer"
    )
