from datetime import date
from itertools import permutations

from freezegun import freeze_time
from hypothesis import given, settings
from hypothesis import strategies as st

from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import BaseCase, Form, tagged

from odoo.addons.referral_distribution.engine import territory as engine

from .test_territory import TerritoryCase

repeatable = settings(max_examples=500, deadline=None, derandomize=True, database=None)
# Category 3 lies in 2 lies in 1; zip codes, cities and states of few values meet often.
PATHS = {0: (), 1: (1,), 2: (1, 2), 3: (1, 2, 3)}
NARROWER = ("state", "city", "zip_prefix", "industry", "category")


@st.composite
def places(draw):
    return engine.Place(
        country=1,
        state=draw(st.sampled_from([0, 1, 2])),
        city=draw(st.sampled_from(["", "a", "b"])),
        zip=draw(st.sampled_from(["", "1", "12", "123"])),
        industry=draw(st.sampled_from([0, 1])),
        categories=PATHS[draw(st.sampled_from(sorted(PATHS)))],
        day=date(2026, 1, draw(st.integers(1, 3))),
    )


@st.composite
def territories(draw, number=None, serving=None):
    by_zip = draw(st.booleans())
    return engine.Territory(
        id=number or draw(st.integers(1, 10**6)),
        agent=draw(st.integers(1, 5)),
        country=draw(st.sampled_from([1, 1, 1, 2])),
        state=draw(st.sampled_from([0, 1, 2])),
        city="" if by_zip else draw(st.sampled_from(["", "a", "b"])),
        zip_prefix=draw(st.sampled_from(["", "1", "12", "2"])) if by_zip else "",
        industry=draw(st.sampled_from([0, 1])),
        category=draw(st.sampled_from(sorted(PATHS))),
        start=date(2026, 1, draw(st.integers(1, 2))),
        end=draw(st.sampled_from([None, date(2026, 1, 2)])),
        serving=draw(st.booleans()) if serving is None else serving,
    )


many = st.lists(territories(), max_size=7, unique_by=lambda one: one.id)


def lies_within(inner, outer):
    """Tell whether all of ``inner``'s ground is ``outer``'s, and not the reverse."""
    within = (
        inner.country == outer.country
        and outer.state in (0, inner.state)
        and outer.city in ("", inner.city)
        and inner.zip_prefix.startswith(outer.zip_prefix)
        and outer.industry in (0, inner.industry)
        and outer.category in (0, *PATHS[inner.category])
    )
    return within and any(
        getattr(inner, name) != getattr(outer, name) for name in NARROWER
    )


@tagged("post_install", "-at_install")
class TestTerritoryEngine(BaseCase):
    """engine/territory.py: the most specific one wins (rule M5)."""

    @repeatable
    @given(many, places(), st.randoms(use_true_random=False))
    def test_the_order_they_are_given_in_does_not_matter(self, given_ones, place, dice):
        shuffled = list(given_ones)
        dice.shuffle(shuffled)
        self.assertEqual(
            engine.resolve(given_ones, place), engine.resolve(shuffled, place)
        )

    @repeatable
    @given(many, places())
    def test_nobody_wins_over_a_more_specific_one(self, given_ones, place):
        winner = engine.resolve(given_ones, place).winner
        for other in given_ones:
            fits = other.serving and not engine.find_contradiction(other, place)
            if fits:
                self.assertIsNotNone(winner)
                self.assertFalse(lies_within(other, winner))

    @repeatable
    @given(many, territories(number=10**7, serving=True), places())
    def test_one_added_wins_or_changes_nothing(self, given_ones, added, place):
        before = engine.resolve(given_ones, place).winner
        after = engine.resolve([*given_ones, added], place).winner
        self.assertIn(after, (before, added))
        fits = not engine.find_contradiction(added, place)
        if fits and before and lies_within(added, before):
            self.assertEqual(after, added)

    @repeatable
    @given(many, places())
    def test_everyone_who_fits_is_accounted_for(self, given_ones, place):
        verdict = engine.resolve(given_ones, place)
        rivals = [rival for rival, _ground in verdict.beaten]
        self.assertTrue(all(rival.serving for rival in rivals))
        self.assertFalse(any(idle.serving for idle in verdict.idle))
        fits = {
            one.id
            for one in given_ones
            if one.serving and not engine.find_contradiction(one, place)
        }
        found = {one.id for one in (*rivals, verdict.winner) if one}
        self.assertEqual(found, fits)

    def test_the_ladder_from_the_zip_code_down_to_the_whole_country(self):
        place = engine.Place(
            1, 1, "a", "123", industry=1, categories=(1, 2), day=date(2026, 1, 1)
        )
        ladder = [
            {"zip_prefix": "123"},
            {"zip_prefix": "12", "state": 1, "industry": 1, "category": 2},
            {"city": "a", "state": 1},
            {"city": "a", "industry": 1, "category": 2},
            {"state": 1, "industry": 1, "category": 2},
            {"state": 1, "industry": 1, "category": 1},
            {"state": 1, "industry": 1},
            {"state": 1, "category": 2},
            {"state": 1},
            {"industry": 1},
            {"category": 2},
            {"category": 1},
            {},
        ]
        steps = [
            engine.Territory(100 - number, number, 1, **what)
            for number, what in enumerate(ladder)
        ]
        for number, step in enumerate(steps):
            self.assertEqual(engine.resolve(steps[number:][::-1], place).winner, step)

    def test_what_is_not_known_fits_only_who_does_not_ask(self):
        place = engine.Place(1, day=date(2026, 1, 1))
        for what in (
            {"state": 1},
            {"city": "a"},
            {"zip_prefix": "1"},
            {"industry": 1},
            {"category": 1},
        ):
            one = engine.Territory(1, 1, 1, **what)
            with self.subTest(what=what):
                self.assertIsNone(engine.resolve([one], place).winner)
        self.assertIsNone(engine.resolve([engine.Territory(1, 1, 2)], place).winner)

    def test_the_first_and_the_last_day_count(self):
        one = engine.Territory(1, 1, 1, start=date(2026, 1, 2), end=date(2026, 1, 3))
        won = [
            bool(engine.resolve([one], engine.Place(1, day=date(2026, 1, day))).winner)
            for day in (1, 2, 3, 4)
        ]
        self.assertEqual(won, [False, True, True, False])


@tagged("post_install", "-at_install")
class TestOwnerOfLeads(TerritoryCase):
    """Leads say in whose territory they fall, and why (rule M5)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.partner_id.tz = "Asia/Shanghai"
        cls.hold(state_id=cls.state.id, date_from="2020-01-01")
        cls.hold(cls.rival, state_id=cls.state.id, city="深圳", date_from="2020-01-01")

    def make_lead_in(self, city="广州", **values):
        return self.make_lead(
            country_id=self.china.id, state_id=self.state.id, city=city, **values
        ).with_user(self.sales)

    def test_the_most_specific_one_owns_the_lead_and_it_is_explained(self):
        lead = self.make_lead_in("深圳市")
        self.assertEqual(lead.territory_agent_id, self.rival)
        self.assertEqual(
            lead.territory_explanation,
            "Agent Zhou: China / 广东省 / 深圳, all industries; more specific than"
            " Agent Wu: China / 广东省 (by region)",
        )
        self.assertEqual(self.make_lead_in().territory_agent_id, self.agent)

    def test_a_zip_prefix_beats_the_city(self):
        third = self.make_agent("Third")
        self.hold(third, zip_prefix="518", date_from="2020-01-01")
        lead = self.make_lead_in("深圳", zip="518 000")
        self.assertEqual(lead.territory_agent_id, third)

    def test_the_industry_is_that_of_the_customers_company(self):
        third = self.make_agent("Third")
        self.hold(
            third,
            state_id=self.state.id,
            industry_id=self.industry.id,
            date_from="2020-01-01",
        )
        self.customer.industry_id = self.industry
        contact = self.env["res.partner"].create(
            {"name": "Contact", "parent_id": self.customer.id}
        )
        lead = self.make_lead_in()
        self.assertEqual(lead.territory_agent_id, self.agent)
        lead.sudo().write({"partner_id": contact.id, "state_id": self.state.id})
        lead.sudo().write({"country_id": self.china.id, "city": "广州"})
        self.assertEqual(lead.territory_agent_id, third)
        self.assertIn("(by industry)", lead.territory_explanation)

    def test_nobody_is_said_to_be_nobody(self):
        lead = self.make_lead(country_id=self.china.id).with_user(self.sales)
        self.assertFalse(lead.territory_agent_id)
        self.assertEqual(lead.territory_explanation, "No agent serves this place")
        lead = self.make_lead(country_id=False).with_user(self.sales)
        self.assertIn("country is not known", lead.territory_explanation)

    def test_who_has_left_wins_no_more_and_the_next_wider_one_does(self):
        lead = self.make_lead_in("深圳")
        grade = self.env.ref("referral_distribution.res_partner_grade_member")
        for change in (
            {"member_state": "left"},
            {"active": False},
            {"grade_id": grade.id},
        ):
            [before] = self.rival.read(change, load=None)
            del before["id"]
            self.rival.write(change)
            self.env.invalidate_all()
            with self.subTest(change=change):
                self.assertEqual(lead.territory_agent_id, self.agent)
                self.assertIn(
                    "Agent Zhou: China / 广东省 / 深圳: no active agent any more",
                    lead.territory_explanation,
                )
            self.rival.write(before)
        self.env.invalidate_all()
        self.assertEqual(lead.territory_agent_id, self.rival)

    def test_archived_territories_own_nothing(self):
        self.territories.search([("city", "=", "深圳")]).action_archive()
        self.assertEqual(self.make_lead_in("深圳").territory_agent_id, self.agent)

    def test_the_day_is_that_of_the_companys_time_zone(self):
        """23:30 in London is the next morning in Shanghai."""
        territory = self.territories.search([("city", "=", "深圳")])
        territory.date_from = "2026-03-02"
        lead = self.make_lead_in("深圳")
        for moment, owner in (
            ("2026-03-01 15:59:59", self.agent),
            ("2026-03-01 16:00:00", self.rival),
        ):
            self.env.flush_all()
            self.env.cr.execute(
                "UPDATE crm_lead SET create_date = %s WHERE id = %s", (moment, lead.id)
            )
            self.env.invalidate_all()
            with self.subTest(moment=moment):
                self.assertEqual(lead.territory_agent_id, owner)

    def test_another_companys_territories_do_not_count(self):
        other = self.env["res.company"].create({"name": "Other"})
        self.territories.sudo().create(
            self.prepare(
                self.make_agent("Theirs"),
                company_id=other.id,
                state_id=self.state.id,
                city="深圳",
                industry_id=self.industry.id,
                date_from="2020-01-01",
            )
        )
        self.customer.industry_id = self.industry
        mine = self.make_lead_in("深圳").sudo()
        theirs = self.make_lead_in("深圳", company_id=other.id).sudo()
        (mine + theirs).write({"partner_id": self.customer.id})
        (mine + theirs).write(
            {"country_id": self.china.id, "state_id": self.state.id, "city": "深圳"}
        )
        both = mine + theirs  # asked for in one go, and not mixed up
        names = [agent.name for agent in both.mapped("territory_agent_id")]
        self.assertEqual(mine.territory_agent_id, self.rival)
        self.assertEqual(theirs.territory_agent_id.name, "Theirs")
        self.assertEqual(names, ["Agent Zhou", "Theirs"])

    def test_many_leads_are_read_without_a_query_each(self):
        leads = self.env["crm.lead"].create(
            [
                {
                    "name": f"Lead {number}",
                    "country_id": self.china.id,
                    "state_id": self.state.id,
                    "city": ("深圳", "广州", f"City {number}")[number % 3],
                }
                for number in range(60)
            ]
        )
        names = ["territory_agent_id", "territory_explanation"]
        self.assertReadInOneGo(leads, names, self.sales)

    def test_who_has_no_role_reads_the_lead_without_its_territory(self):
        lead = self.make_lead_in("深圳")
        lead.sudo().user_id = self.clerk
        self.env.flush_all()
        values = lead.with_user(self.clerk).read()[0]
        self.assertNotIn("territory_agent_id", values)

    def test_the_answer_follows_the_form_before_it_is_saved(self):
        with Form(self.make_lead_in()) as form:
            form.city = "深圳"
            self.assertEqual(form.territory_agent_id, self.rival)

    def test_a_contact_can_be_asked_for_directly(self):
        self.customer.write({"country_id": self.china.id, "city": "深圳"})
        agent, _text = self.territories._resolve(self.company, self.customer)
        self.assertFalse(agent)
        self.customer.state_id = self.state
        agent, text = self.territories._resolve(
            self.company, self.customer, self.category, date(2026, 1, 1)
        )
        self.assertEqual(agent, self.rival)
        self.assertIn("Agent Zhou", text)


@tagged("post_install", "-at_install")
class TestOwnerOfOrders(TerritoryCase):
    """Orders fall where they are delivered, by what is ordered (rule M5)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.hold(state_id=cls.state.id, date_from="2020-01-01")
        cls.hold(
            cls.rival,
            state_id=cls.state.id,
            categ_id=cls.category.id,
            date_from="2020-01-01",
        )
        cls.customer.write({"country_id": cls.china.id, "state_id": cls.state.id})
        cls.logo = cls.env["product.product"].create(
            {"name": "Logo", "type": "service", "categ_id": cls.sub_category.id}
        )

    def make_order_of(self, *amounts, **values):
        lines = [
            Command.create(
                {"product_id": product.id, "price_unit": amount, "tax_ids": []}
            )
            for product, amount in amounts
        ]
        return self.make_order(order_line=lines, **values)

    def test_a_category_within_the_agents_counts(self):
        order = self.make_order_of((self.logo, 100))
        self.assertEqual(order.territory_agent_id, self.rival)
        self.assertIn("(by product category)", order.territory_explanation)

    def test_of_several_agents_the_largest_part_counts(self):
        order = self.make_order_of((self.logo, 100), (self.product, 200))
        self.assertEqual(order.territory_agent_id, self.agent)
        self.assertRegex(
            order.territory_explanation, r"its part is .*200\.00 of .*300\.00"
        )
        order.order_line[0].price_unit = 250
        self.assertEqual(order.territory_agent_id, self.rival)

    def test_of_two_alike_the_first_line_counts(self):
        pair = (self.logo, 100), (self.product, 100)
        for lines in permutations(pair):
            order = self.make_order_of(*lines)
            first = self.rival if lines[0][0] == self.logo else self.agent
            self.assertEqual(order.territory_agent_id, first)

    def test_what_is_nobodys_leaves_the_rest_to_its_agent(self):
        self.territories.search([("agent_id", "=", self.agent.id)]).action_archive()
        order = self.make_order_of((self.logo, 100), (self.product, 200))
        self.assertEqual(order.territory_agent_id, self.rival)

    def test_the_delivery_address_counts_and_without_one_the_customers(self):
        address = self.env["res.partner"].create(
            {
                "name": "Works",
                "parent_id": self.customer.id,
                "type": "delivery",
                "country_id": self.china.id,
                "state_id": self.other_state.id,
            }
        )
        order = self.make_order_of((self.product, 100), partner_shipping_id=address.id)
        self.assertFalse(order.territory_agent_id)
        address.sudo().write({"country_id": False, "state_id": False})
        self.assertEqual(order.territory_agent_id, self.agent)

    def test_an_order_without_lines_falls_to_who_holds_the_place(self):
        self.assertEqual(self.make_order_of().territory_agent_id, self.agent)

    def test_notes_and_down_payments_do_not_count(self):
        note = {"display_type": "line_note", "name": "A note", "sequence": 1}
        order = self.make_order_of((self.logo, 0))
        order.order_line = [Command.create(note)]
        self.env.flush_all()
        order.invalidate_recordset()  # now the note comes first
        self.assertEqual(order.territory_agent_id, self.rival)
        paid = {"product_id": self.product.id, "price_unit": 900, "tax_ids": []}
        order.order_line = [Command.create({**paid, "is_downpayment": True})]
        self.assertEqual(order.territory_agent_id, self.rival)

    @freeze_time("2026-03-01 16:30:00")
    def test_the_orders_day_is_the_companys(self):
        self.company.partner_id.tz = "Asia/Shanghai"
        territory = self.territories.search([("categ_id", "!=", False)])
        territory.date_from = "2026-03-02"
        order = self.make_order_of((self.logo, 100), date_order="2026-03-01 16:00:00")
        self.assertEqual(order.territory_agent_id, self.rival)
        order.date_order = "2026-03-01 15:00:00"
        self.assertEqual(order.territory_agent_id, self.agent)

    def test_many_orders_are_read_without_a_query_each(self):
        orders = self.env["sale.order"]
        for number in range(12):
            amount = 1 + number % 2 * 9
            orders += self.make_order_of((self.logo, amount), (self.product, 5))
        names = ["territory_agent_id", "territory_explanation"]
        self.assertReadInOneGo(orders, names, self.sales)

    def test_a_customer_does_not_read_who_serves_whom(self):
        order = self.make_order_of((self.logo, 100)).sudo()
        order.message_subscribe(self.portal.partner_id.ids)
        order.partner_id = self.portal.partner_id
        self.env.flush_all()
        self.assertTrue(order.with_user(self.portal).read(["name"]))
        for name in ("territory_agent_id", "territory_explanation"):
            with self.assertRaises(AccessError):
                order.with_user(self.portal).read([name])
