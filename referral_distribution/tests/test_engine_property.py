import random
from dataclasses import replace
from decimal import Decimal as D

from hypothesis import given
from hypothesis import strategies as st

from odoo.tests import BaseCase, tagged

from odoo.addons.referral_distribution.engine import brackets as steps_of
from odoo.addons.referral_distribution.engine import commission, formula
from odoo.addons.referral_distribution.engine.true_up import (
    Base,
    due,
    kept_share,
    take_back,
)

from .test_engine import ROUNDINGS, amounts, brackets, rates, repeatable

ROLES = ("agent", "distributor", "member")
FORMULAS = (
    "amount / 100",
    "max(reward, amount / 200)",
    "min(amount / 100, 1000) if phase == 1 else 0",
    "amount / (phase - 1)",
    "-amount",
)


@st.composite
def rules(draw):
    """Rules of every kind, as the models let them be."""
    found = []
    for number in range(1, draw(st.integers(1, 8)) + 1):
        who = draw(st.sampled_from(["member", "role", "contact", "territory"]))
        level = draw(st.integers(0, 2)) if who == "member" else 0
        kinds = ["fixed", "percent", "bracket", "expression"]
        share = (level or who != "member") and draw(st.booleans())
        if who in ("member", "role") and not share:
            kinds.append("differential")
        found.append(
            commission.Rule(
                id=number,
                trigger="contract",
                beneficiary=who,
                level=level,
                role=draw(st.sampled_from(ROLES)) if who == "role" else "",
                contact=50 if who == "contact" else 0,
                phase=draw(st.sampled_from(["any", "any", "first", "repeat"])),
                base="member_reward" if share else "untaxed",
                rate_type=draw(st.sampled_from(kinds)),
                rate=draw(rates),
                amount=draw(amounts),
                brackets=tuple(draw(brackets())),
                expression=draw(st.sampled_from(FORMULAS)),
                sharing=draw(st.sampled_from(["on_top", "out_of"])),
                caps=draw(st.sampled_from([(), (("person", D(500)),)])),
                currency=draw(st.sampled_from(sorted(ROUNDINGS))),
            )
        )
    return found


@st.composite
def facts(draw):
    """A contract with a long chain of all roles, an agent and a named contact."""
    chain = [
        commission.Person(
            number,
            draw(st.booleans()) or draw(st.booleans()),
            role=draw(st.sampled_from(ROLES)),
            place=number - 1,
        )
        for number in range(1, draw(st.integers(0, 6)) + 1)
    ]
    nearest = {one.role: one for one in reversed(chain)}
    levels = draw(st.integers(1, 3))
    return commission.Facts(
        trigger="contract",
        people=tuple(chain[:levels]),
        chain=tuple(nearest[role] for role in sorted(nearest)),
        territory_agent=commission.Person(40) if draw(st.booleans()) else None,
        contacts=(commission.Person(50),),
        phase=draw(st.integers(1, 3)),
        bases={"untaxed": draw(amounts)},
        paid=draw(st.sampled_from([(), (1,), (9,), (8, 9)])),
        past=tuple(
            commission.Past(number, "person", 1, amount=draw(amounts))
            for number in range(1, draw(st.integers(1, 4)))
        ),
        currencies={
            name: commission.Currency(
                draw(st.decimals("0.001", 1000, places=3)), rounding
            )
            for name, rounding in ROUNDINGS.items()
        },
        paying_levels=levels,
    )


@tagged("post_install", "-at_install")
class TestAnyPlan(BaseCase):
    """engine/commission.py with rules of every kind (rules C4, C5, M4; threat W9)."""

    @repeatable
    @given(facts(), rules(), st.randoms(use_true_random=False))
    def test_the_order_of_the_rules_does_not_matter(self, f, r, chance):
        one, other = [], []
        lines = commission.compute(f, r, one)
        shuffled = chance.sample(r, len(r))
        self.assertEqual(commission.compute(f, shuffled, other), lines)
        self.assertEqual([rule for rule, _ in one], [rule for rule, _ in other])

    @repeatable
    @given(facts(), rules())
    def test_nothing_is_negative_and_all_are_whole_steps(self, f, r):
        for line in commission.compute(f, r, []):
            self.assertGreater(line.amount, 0)
            self.assertEqual(line.amount % ROUNDINGS[line.currency], 0)

    @repeatable
    @given(facts(), rules())
    def test_no_more_of_a_chain_are_paid_than_there_are_levels(self, f, r):
        """Threat G1: with those that other events of the contract have paid."""
        in_chain = {rule.id for rule in r if rule.in_chain}
        lines = commission.compute(f, r, [])
        people = {line.person for line in lines if line.rule in in_chain}
        more = people - set(f.paid)
        if more:
            self.assertLessEqual(len(more | set(f.paid)), f.paying_levels)

    @repeatable
    @given(facts(), rules())
    def test_what_fails_gives_nothing_and_is_told(self, f, r):
        failed = []
        lines = commission.compute(f, r, failed)
        told = {rule for rule, _error in failed}
        self.assertFalse(told & {line.rule for line in lines})
        if failed:
            with self.assertRaises(formula.FormulaError):
                commission.compute(f, r)
        else:
            self.assertEqual(commission.compute(f, r), lines)

    def test_whose_rule_fails_has_the_place_all_the_same(self):
        """Threat G1: or two others would be paid, and the failing one by hand."""
        failing = {"rate_type": "expression", "expression": "1 / (phase - 1)"}
        plan = [commission.Rule(1, "contract", base="b", **failing)]
        plan += [
            commission.Rule(n, "contract", level=n - 1, base="b", rate=D(1))
            for n in (2, 3)
        ]
        found = commission.Facts(
            "contract",
            people=tuple(commission.Person(number) for number in (1, 2)),
            chain=(commission.Person(3, role="agent", place=2),),
            phase=1,
            bases={"b": D(100)},
            currencies={"": commission.Currency(D(1), D("0.01"))},
        )
        plan[2] = replace(plan[2], level=0, beneficiary="role", role="agent")
        lines = commission.compute(found, plan, [])
        self.assertEqual([line.person for line in lines], [2])

    @repeatable
    @given(facts(), rules())
    def test_no_limit_is_passed(self, f, r):
        for line in commission.compute(f, r, []):
            rule = next(rule for rule in r if rule.id == line.rule)
            for _scope, most in rule.caps:
                before = sum(
                    past.amount
                    for past in f.past
                    if (past.rule, past.person) == (rule.id, line.person)
                )
                self.assertLessEqual(line.amount + before, max(most, before))

    @repeatable
    @given(facts(), rules(), amounts)
    def test_a_larger_contract_never_pays_less(self, f, r, more):
        """Of one rule by itself: per cent, brackets, fixed."""
        plain = ("fixed", "percent", "bracket")
        for rule in r:
            if rule.rate_type not in plain or rule.is_share:
                continue
            larger = replace(f, bases={"untaxed": f.bases["untaxed"] + more})
            sums = [
                sum(line.amount for line in commission.compute(one, [rule]))
                for one in (f, larger)
            ]
            self.assertLessEqual(*sums)


@tagged("post_install", "-at_install")
class TestParts(BaseCase):
    """Parts add up to the whole, however often it is cut (rules C6, C7; threat W9)."""

    def test_a_hundred_over_three_and_seven(self):
        for name, step in ROUNDINGS.items():
            for pieces in (3, 7):
                whole, given = D(100), []
                for number in range(1, pieces + 1):
                    share = kept_share([Base(D(number), D(pieces))])
                    target = due(whole, share, step)
                    given.append(target - sum(given))
                with self.subTest(currency=name, pieces=pieces):
                    self.assertEqual(sum(given), whole)
                    self.assertLessEqual(max(given) - min(given), 2 * step)
                    self.assertFalse([part for part in given if part % step])

    @repeatable
    @given(st.lists(amounts, min_size=1, max_size=9), brackets(), amounts)
    def test_brackets_do_not_care_into_how_many_contracts_an_amount_is_cut(
        self, parts, steps, earlier
    ):
        given = D(0)
        for part in parts:
            given += steps_of.between(earlier, part, steps)
            earlier += part
        before = earlier - sum(parts)
        self.assertEqual(given, steps_of.between(before, sum(parts), steps))

    def test_a_million_payments_and_refunds_leave_what_is_due(self):
        """Neither a cent more nor less, in every currency."""
        chance = random.Random(7)
        steps = list(ROUNDINGS.values())
        for contract in range(1000):
            step = steps[contract % len(steps)]
            full = D(chance.randrange(1, 10**6)) * step
            whole = D(chance.randrange(1, 10**8)) / 100
            parts = []
            for _operation in range(999):
                kept = D(chance.randrange(0, 10**8)) / 100
                target = due(full, kept_share([Base(kept, whole)]), step)
                given = sum(parts)
                if target > given:
                    parts = [*(parts if len(parts) < 4 else [given]), target - given]
                else:
                    taken = take_back(parts, target)
                    parts = [p - t for p, t in zip(parts, taken, strict=True) if p > t]
                if sum(parts) != target or target % step:
                    self.fail(f"{parts} of {target}")
            self.assertEqual(due(full, kept_share([Base(whole, whole)]), step), full)
