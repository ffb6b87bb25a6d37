from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal as D

from hypothesis import given
from hypothesis import strategies as st

from odoo.tests import BaseCase, tagged

from odoo.addons.referral_distribution.engine import canonical, commission

from .test_engine import facts, repeatable, rules

numbers = st.decimals(allow_nan=False, allow_infinity=False, places=6)


@dataclass(frozen=True)
class Part:
    name: str
    amount: D = D(0)


@dataclass(frozen=True)
class Whole:
    """One field of each kind that facts and rules are made of."""

    days: tuple[date, ...] = ()
    parts: tuple[Part, ...] = ()
    pair: tuple[int, D] | None = None
    part: Part | None = None
    amounts: dict[str, D] = field(default_factory=dict)
    rates: dict[int, tuple[D, ...]] = field(default_factory=dict)
    ids: frozenset[int] = frozenset()
    on: bool = False


parts = st.builds(Part, st.text(max_size=5), numbers)
wholes = st.builds(
    Whole,
    st.lists(st.dates(), max_size=3).map(tuple),
    st.lists(parts, max_size=3).map(tuple),
    st.none() | st.tuples(st.integers(), numbers),
    st.none() | parts,
    st.dictionaries(st.text(max_size=5), numbers, max_size=3),
    st.dictionaries(st.integers(), st.lists(numbers, max_size=2).map(tuple)),
    st.frozensets(st.integers()),
    st.booleans(),
)


@tagged("post_install", "-at_install")
class TestCanonical(BaseCase):
    """engine/canonical.py: what is kept says the same for ever (rule C8)."""

    @repeatable
    @given(wholes)
    def test_what_was_written_is_read_again(self, whole):
        text = canonical.write(whole)
        self.assertEqual(canonical.read(Whole, text), whole)
        self.assertEqual(canonical.write(canonical.read(Whole, text)), text)

    @repeatable
    @given(numbers, st.integers(0, 6))
    def test_equal_amounts_are_written_alike(self, number, zeros):
        longer = D(f"{number:f}" + "0" * zeros)
        self.assertEqual(longer, number)
        self.assertEqual(canonical.write(longer), canonical.write(number))
        self.assertEqual(canonical.read(D, canonical.write(longer)), number)

    @repeatable
    @given(facts(), rules())
    def test_a_contract_read_again_gives_the_same_cents(self, f, r):
        kept_facts = canonical.read(commission.Facts, canonical.write(f))
        kept_rules = canonical.read(
            tuple[commission.Rule, ...], canonical.write(tuple(r))
        )
        self.assertEqual(kept_facts, f)
        self.assertEqual(list(kept_rules), list(r))
        self.assertEqual(
            commission.compute(kept_facts, kept_rules), commission.compute(f, r)
        )

    def test_a_float_or_what_nobody_knows_is_refused(self):
        for value in (1.5, D("NaN"), D("Infinity"), object(), {1.5: 1}, b"x"):
            with self.subTest(value=value), self.assertRaises(ValueError):
                canonical.write(value)

    def test_what_does_not_fit_is_refused(self):
        for text in (
            "",
            "{",
            "[]",
            "null",
            '{"nobody": "knows"}',
            '{"on": 1}',
            '{"on": "true"}',
            '{"days": ["2026-02-30"]}',
            '{"days": "2026-02-28"}',
            '{"pair": [1]}',
            '{"amounts": {"a": 1}}',
            '{"amounts": {"a": "NaN"}}',
            '{"rates": {"a": []}}',
            '{"parts": [{}]}',
        ):
            with self.subTest(text=text), self.assertRaises(canonical.Unreadable):
                canonical.read(Whole, text)
