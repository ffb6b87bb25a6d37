import doctest
import importlib
import pkgutil
from dataclasses import replace
from decimal import Decimal as D

from hypothesis import given, settings
from hypothesis import strategies as st

from odoo.tests import BaseCase, tagged

from odoo.addons.referral_distribution import engine
from odoo.addons.referral_distribution.engine import (
    chain,
    commission,
    invite_path,
    target,
)

repeatable = settings(max_examples=300, deadline=None, derandomize=True, database=None)
ROUNDINGS = {"JPY": D(1), "CNY": D("0.01"), "KWD": D("0.001")}
PIECES = [
    *("/", "//", "\\", ".", "..", "@", ":", "?", "#", "%00", "%2f", "%5c", ":443"),
    *("\r", "\n", "\t", "\0", " ", "https:", "http:", "javascript:", "data:", "a", "ü"),
    *("shop.example", "evil.example", "user:pw@", "[::1]", "ｅ", "。"),
]
amounts = st.decimals(0, 10**12, places=3, allow_nan=False, allow_infinity=False)
rates = st.decimals(0, 100, places=6, allow_nan=False, allow_infinity=False)


@st.composite
def brackets(draw):
    """Brackets as a plan may hold them: from 0 upwards, no two at one amount."""
    starts = draw(st.sets(st.integers(1, 10**9), max_size=5))
    return [(D(start), draw(rates)) for start in sorted({0, *starts})]


@st.composite
def rules(draw):
    """A plan's contract rules as the models let them be."""
    found = []
    for number in range(1, draw(st.integers(1, 7)) + 1):
        agreed = draw(st.booleans())
        level = 0 if agreed else draw(st.integers(0, 2))
        base = draw(st.sampled_from(["untaxed", "total"]))
        found.append(
            commission.Rule(
                id=number,
                trigger=draw(st.sampled_from(["contract", "lead_valid"])),
                beneficiary="channel_partner"
                if agreed
                else draw(st.sampled_from(["member", "channel_partner"])),
                level=level,
                phase=draw(st.sampled_from(["any", "first", "repeat"])),
                base="member_reward" if level and draw(st.booleans()) else base,
                rate_type="terms"
                if agreed
                else draw(st.sampled_from(["fixed", "percent", "bracket"])),
                rate=draw(rates),
                amount=draw(amounts),
                brackets=tuple(draw(brackets())),
                currency=draw(st.sampled_from(sorted(ROUNDINGS))),
            )
        )
    return found


@st.composite
def facts(draw):
    """A contract with nobody to three people in the chain, some of whom earn."""
    people = [
        commission.Person(number, draw(st.booleans()))
        for number in range(1, draw(st.integers(0, 3)) + 1)
    ]
    partner = commission.Person(99) if draw(st.booleans()) else None
    untaxed = draw(amounts)
    return commission.Facts(
        trigger="contract",
        people=tuple(people),
        channel_partner=partner,
        members_earn=draw(st.booleans()),
        terms=commission.Terms(draw(amounts), draw(rates)),
        phase=draw(st.integers(1, 4)),
        bases={"untaxed": untaxed, "total": untaxed * D("1.13")},
        currencies={
            name: commission.Currency(
                draw(st.decimals("0.001", 1000, places=3)), rounding
            )
            for name, rounding in ROUNDINGS.items()
        },
        paying_levels=draw(st.integers(1, 2)),
    )


@tagged("post_install", "-at_install")
class TestDoctests(BaseCase):
    def test_every_example_in_the_engines_docstrings_is_true(self):
        names = [name for _finder, name, _pkg in pkgutil.iter_modules(engine.__path__)]
        attempted = 0
        for name in names:
            module = importlib.import_module(f"{engine.__name__}.{name}")
            with self.subTest(module=name):
                result = doctest.testmod(module)
                self.assertFalse(result.failed)
            attempted += result.attempted
        self.assertGreater(attempted, 20)


@tagged("post_install", "-at_install")
class TestCommission(BaseCase):
    """engine/commission.py, for whatever plan and contract (rules C1-C8, M4)."""

    @repeatable
    @given(facts(), rules())
    def test_no_part_is_negative_and_each_is_whole_steps_of_its_currency(self, f, r):
        """Threat W9: JPY has no cents, KWD has three places."""
        for line in commission.compute(f, r):
            self.assertGreater(line.amount, 0)
            self.assertEqual(line.amount % ROUNDINGS[line.currency], 0)

    @repeatable
    @given(facts(), rules(), st.randoms(use_true_random=False))
    def test_the_order_of_the_rules_does_not_matter(self, f, r, random):
        shuffled = random.sample(r, len(r))
        self.assertEqual(commission.compute(f, r), commission.compute(f, shuffled))

    @repeatable
    @given(facts(), rules())
    def test_nobody_earns_above_who_brought_it_unless_that_one_earns(self, f, r):
        """Rule M4: whose referrer does not take part, takes no part."""
        people = (replace(f.people[0], earns=False), *f.people[1:]) if f.people else ()
        lines = commission.compute(replace(f, people=people), r)
        self.assertFalse([line for line in lines if line.person != 99])

    @repeatable
    @given(facts(), rules())
    def test_members_earn_nothing_on_a_partner_channel(self, f, r):
        """Rule S4."""
        on_partner = replace(f, channel_partner=commission.Person(99))
        earners = {line.person for line in commission.compute(on_partner, r)}
        self.assertLessEqual(earners, {99})
        unknown = replace(f, channel_partner=None, members_earn=False)
        self.assertEqual(commission.compute(unknown, r), [])

    @repeatable
    @given(facts(), rules())
    def test_without_terms_nothing_is_paid_as_agreed(self, f, r):
        """Rule S4."""
        free = replace(f, terms=commission.Terms())
        agreed = {rule.id for rule in r if rule.rate_type == "terms"}
        self.assertFalse(agreed & {line.rule for line in commission.compute(free, r)})

    @repeatable
    @given(facts(), rules())
    def test_no_level_beyond_the_paying_ones_earns(self, f, r):
        """Rule M4, threat G1."""
        for line in commission.compute(f, r):
            if line.person != 99:
                self.assertLess(line.level, f.paying_levels)

    def test_a_chain_of_three_is_paid_as_far_as_the_levels_go(self):
        """Rule M4, threat G1: by figures."""
        plan = [
            commission.Rule(level + 1, "contract", level=level, base="b", rate=D(1))
            for level in (0, 1, 2)
        ]
        for levels, earners in ((1, [1]), (2, [1, 2])):
            found = commission.Facts(
                "contract",
                people=tuple(commission.Person(number) for number in (1, 2, 3)),
                bases={"b": D(100)},
                currencies={"": commission.Currency(D(1), D("0.01"))},
                paying_levels=levels,
            )
            lines = commission.compute(found, plan)
            self.assertEqual([line.person for line in lines], earners)

    @repeatable
    @given(amounts, brackets())
    def test_brackets_are_continuous_and_never_pay_less_for_more(self, base, steps):
        """Rule C4: one cent more moves the reward by no more than that cent."""
        cent = D("0.01")
        here = commission.marginal(base, steps)
        more = commission.marginal(base + cent, steps)
        self.assertGreaterEqual(more, here)
        self.assertLessEqual(more - here, cent)

    @repeatable
    @given(amounts, brackets())
    def test_brackets_pay_the_sum_of_their_slices(self, base, steps):
        ends = [start for start, _rate in steps[1:]] + [D(10) ** 15]
        slices = [
            (min(base, end) - start) * rate / 100
            for (start, rate), end in zip(steps, ends, strict=True)
            if base > start
        ]
        self.assertEqual(commission.marginal(base, steps), sum(slices))

    @repeatable
    @given(st.decimals(0, 10**9, places=6), st.sampled_from(sorted(ROUNDINGS)))
    def test_rounding_goes_to_the_nearest_step_and_halves_go_up(self, amount, name):
        step = ROUNDINGS[name]
        rounded = commission.Currency(D(1), step).round(amount)
        self.assertLessEqual(abs(rounded - amount), step / 2)
        self.assertEqual(rounded % step, 0)
        if (amount % step) * 2 == step:
            self.assertGreater(rounded, amount)

    @repeatable
    @given(st.integers(1, 10**12), st.lists(rates, min_size=3, max_size=3))
    def test_differences_add_up_to_the_highest_rate(self, cents, found):
        """Rule C5, threat W9: whatever the order of tiers, to the cent."""
        roles = ("member", "distributor", "agent")
        plan = [
            commission.Rule(
                number,
                "contract",
                "role",
                role=role,
                rate_type="differential",
                base="b",
                rate=rate,
                currency="CNY",
            )
            for number, (role, rate) in enumerate(zip(roles, found, strict=True))
        ]
        money = commission.Currency(D(1), D("0.01"))
        base = D(cents) / 100
        lines = commission.compute(
            commission.Facts(
                "contract",
                people=(commission.Person(1, role="member"),),
                chain=tuple(
                    commission.Person(place, role=role, place=place)
                    for place, role in enumerate(roles[1:], start=2)
                ),
                bases={"b": base},
                currencies={"CNY": money},
                paying_levels=3,
            ),
            plan,
        )
        total = sum(line.amount for line in lines)
        self.assertEqual(total, money.round(base * max(found) / 100))

    @repeatable
    @given(facts(), rules())
    def test_what_is_shared_out_of_a_reward_adds_up_with_it(self, f, r):
        """Rule M4, threat W9: with one rule for the referrer, currency by currency."""
        own = [rule for rule in r if not rule.is_share]
        shares = [replace(rule, sharing="out_of") for rule in r if rule.is_share]
        before = commission.compute(f, own)
        after = commission.compute(f, own + shares)
        for name in ROUNDINGS:
            sums = [
                sum(line.amount for line in lines if line.currency == name)
                for lines in (before, after)
            ]
            self.assertEqual(sums[0], sums[1])

    @repeatable
    @given(facts(), rules(), amounts, amounts)
    def test_no_limit_is_passed(self, f, r, most, given_before):
        rules_with_caps = [replace(rule, caps=(("customer", most),)) for rule in r]
        past = tuple(
            commission.Past(rule.id, "customer", amount=given_before) for rule in r
        )
        for line in commission.compute(replace(f, past=past), rules_with_caps):
            self.assertLessEqual(line.amount + given_before, most)

    def test_worked_figures(self):
        """(base, per cent, currency) -> amount, halves up."""
        cases = [
            ("120000", "0.5", "CNY", "600.00"),
            ("120000", "1", "CNY", "1200.00"),
            ("0.99", "0.5", "CNY", "0"),
            ("1", "0.5", "CNY", "0.01"),
            ("250", "0.2", "JPY", "1"),
            ("249", "0.2", "JPY", "0"),
            ("1.3", "0.5", "KWD", "0.007"),
        ]
        for base, rate, name, expected in cases:
            rule = commission.Rule(1, "contract", base="b", rate=D(rate), currency=name)
            found = commission.Facts(
                "contract",
                people=(commission.Person(1),),
                bases={"b": D(base)},
                currencies={name: commission.Currency(D(1), ROUNDINGS[name])},
            )
            total = sum(line.amount for line in commission.compute(found, [rule]))
            with self.subTest(base=base, rate=rate, currency=name):
                self.assertEqual(total, D(expected))


@tagged("post_install", "-at_install")
class TestChain(BaseCase):
    """engine/chain.py: five of five (threat A1)."""

    def make(self, length):
        entries, before = [], chain.START
        for number in range(1, length + 1):
            fields = {"sequence": number, "node": f"step {number}"}
            own = chain.digest(before, fields)
            entries.append((number, before, own, fields))
            before = own
        return entries, (length, before)

    def breaks(self, entries, head):
        return list(chain.find_breaks(entries, head))

    def test_an_untouched_chain_has_no_break(self):
        for length in (0, 1, 2, 9):
            self.assertEqual(self.breaks(*self.make(length)), [])

    @repeatable
    @given(st.integers(2, 9), st.data())
    def test_every_edit_delete_insert_reorder_and_cut_is_found(self, length, data):
        entries, head = self.make(length)
        at = data.draw(st.integers(0, length - 1))
        number, before, own, fields = entries[at]
        forged = {**fields, "node": "forged"}
        rehashed = (number, before, chain.digest(before, forged), forged)
        swapped = list(entries)
        other = (at + 1) % length
        swapped[at], swapped[other] = swapped[other], swapped[at]
        attacks = {
            "edit": entries[:at] + [(number, before, own, forged)] + entries[at + 1 :],
            "edit and rehash": entries[:at] + [rehashed] + entries[at + 1 :],
            "delete": entries[:at] + entries[at + 1 :],
            "insert": entries[: at + 1] + [rehashed] + entries[at + 1 :],
            "reorder": swapped,
            "cut tail": entries[:at],
            "lengthen": entries + [(length + 1, head[1], own, fields)],
        }
        for name, attacked in attacks.items():
            self.assertTrue(self.breaks(attacked, head), name)

    def test_renumbered_entries_are_found(self):
        entries, head = self.make(3)
        kept = [entries[0], (2, entries[0][2], *entries[2][2:])]
        self.assertTrue(self.breaks(kept, head))


@tagged("post_install", "-at_install")
class TestPath(BaseCase):
    @repeatable
    @given(st.lists(st.integers(1, 10**9), min_size=1, max_size=30, unique=True))
    def test_a_path_gives_back_the_people_it_was_made_of(self, ids):
        """Rule M2."""
        path = ""
        for member in ids:
            path = invite_path.extend(path, member)
        self.assertEqual(invite_path.ancestors(path), ids[-2::-1])
        self.assertEqual(invite_path.depth(path), len(ids) - 1)
        self.assertTrue(invite_path.is_within(path, invite_path.extend("", ids[0])))


@tagged("post_install", "-at_install")
class TestTarget(BaseCase):
    """engine/target.py: a link leads to the own site or nowhere (threat S2)."""

    HOSTS = frozenset({"shop.example"})

    @settings(repeatable, max_examples=3000)
    @given(st.lists(st.sampled_from(PIECES), max_size=8))
    def test_whatever_is_accepted_is_a_path_of_the_own_site(self, parts):
        url = "".join(parts)
        try:
            accepted = target.normalize_target(url, self.HOSTS)
        except ValueError:
            return
        self.assertRegex(accepted, r"\A/(?!/)[^\\\s\x00-\x1f]*\Z")

    def test_known_tricks_are_refused(self):
        tricks = [
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "javascript:alert(1)",
            "JaVaScRiPt:alert(1)",
            "data:text/html,x",
            "https:evil.example",
            "https:/evil.example",
            "https:///evil.example",
            "http://shop.example.evil.example/",
            "http://evil.example#@shop.example/",
            "http://shop.example:80@evil.example/",
            "https://shop.example//evil.example",
            "/x\r\nLocation: //evil.example",
            " /x",
            "/x\t",
            "shop.example/x",
            "https://[shop.example",
            "/" + "x" * target.MAX_LENGTH,
            None,
            7,
            b"/x",
        ]
        for url in tricks:
            with self.subTest(url=url), self.assertRaises(ValueError):
                target.normalize_target(url, self.HOSTS)
