from ast import literal_eval

import psycopg2
from lxml import etree

from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import Form, tagged

from .common import ReferralCase


class TerritoryCase(ReferralCase):
    """Two agents, a country with two states, and a category within a category."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.china = cls.env.ref("base.cn")
        cls.state = cls.env.ref("base.state_cn_GD")
        cls.other_state = cls.env.ref("base.state_cn_ZJ")
        cls.industry = cls.env["res.partner.industry"].create({"name": "Cables"})
        categories = cls.env["product.category"]
        cls.category = categories.create({"name": "Design"})
        cls.sub_category = categories.create(
            {"name": "Logo design", "parent_id": cls.category.id}
        )
        cls.agent = cls.make_agent("Agent Wu")
        cls.rival = cls.make_agent("Agent Zhou")
        cls.territories = cls.env["referral.territory"].with_user(cls.manager)

    @classmethod
    def prepare(cls, agent=None, **values):
        return {
            "agent_id": (agent or cls.agent).id,
            "country_id": cls.china.id,
            "date_from": "2026-01-01",
            **values,
        }

    @classmethod
    def hold(cls, agent=None, **values):
        territory = cls.territories.create(cls.prepare(agent, **values))
        cls.env.flush_all()
        return territory


@tagged("post_install", "-at_install")
class TestTerritory(TerritoryCase):
    """Two agents never hold the same territory at the same time (rule M5)."""

    def assertTaken(self, **values):
        """Refused by a message that names who holds it, and nothing is written."""
        before = self.territories.search_count([])
        with self.assertRaisesRegex(ValidationError, "Agent Wu already holds"):
            self.hold(self.rival, **values)
        self.assertEqual(self.territories.search_count([]), before)

    def test_the_same_territory_is_taken(self):
        for what in (
            {},
            {"state_id": self.state.id},
            {"city": "深圳"},
            {"state_id": self.state.id, "city": "深圳"},
            {"zip_prefix": "518"},
            {"industry_id": self.industry.id},
            {"categ_id": self.category.id},
            {
                "state_id": self.state.id,
                "city": "深圳",
                "industry_id": self.industry.id,
                "categ_id": self.category.id,
            },
        ):
            with self.subTest(what=what):
                self.hold(**what)
                self.assertTaken(**what)

    def test_the_database_refuses_it_too(self):
        """Past the ORM, column by column."""
        for what in (
            {},
            {"state_id": self.state.id},
            {"city": "深圳"},
            {"zip_prefix": "518"},
            {"industry_id": self.industry.id},
            {"categ_id": self.category.id},
        ):
            one = self.hold(**what)
            refused = self.assertDatabaseRefuses(psycopg2.errors.ExclusionViolation)
            with self.subTest(what=what), refused:
                self.copy_row(one)

    def copy_row(self, territory):
        self.env.cr.execute(
            "INSERT INTO referral_territory (company_id, agent_id, country_id,"
            " state_id, city_key, zip_prefix, industry_id, categ_id, date_from, active)"
            " SELECT company_id, agent_id, country_id, state_id, city_key, zip_prefix,"
            " industry_id, categ_id, date_from, active"
            " FROM referral_territory WHERE id = %s",
            (territory.id,),
        )

    def test_a_city_is_the_same_however_it_is_written(self):
        self.hold(city="San Francisco")
        self.assertTaken(city="  SAN  francisco ")
        self.hold(city="深圳市")
        self.assertTaken(city="深圳")
        self.assertEqual(self.hold(city="  Nan   jing ").city, "Nan jing")

    def test_a_zip_prefix_is_the_same_however_it_is_written(self):
        territory = self.hold(zip_prefix="sw-1 a")
        self.assertEqual(territory.zip_prefix, "SW1A")
        self.assertTaken(zip_prefix="SW1a")

    def test_nobody_writes_the_key_of_a_city(self):
        territory = self.hold(city="深圳", city_key="x")
        self.assertEqual(territory.city_key, "深圳")
        territory.city_key = "x"
        self.assertEqual(territory.city_key, "深圳")

    def test_a_more_specific_one_may_stand_beside_a_wider_one(self):
        self.hold()
        for what in (
            {"state_id": self.state.id},
            {"city": "深圳"},
            {"zip_prefix": "5"},
            {"zip_prefix": "51"},
            {"industry_id": self.industry.id},
            {"categ_id": self.category.id},
        ):
            self.hold(self.rival, **what)

    def test_periods_that_share_a_day_overlap(self):
        self.hold(date_to="2026-06-30")
        self.assertTaken(date_from="2026-06-30")
        self.assertTaken(date_from="2025-01-01", date_to="2026-01-01")
        self.assertTaken(date_from="2025-01-01")
        self.hold(self.rival, date_from="2026-07-01")
        self.hold(self.rival, date_from="2025-01-01", date_to="2025-12-31")

    def test_without_an_end_it_is_held_for_ever(self):
        self.hold()
        self.assertTaken(date_from="2099-01-01")

    def test_the_message_says_whose_which_and_when(self):
        self.hold(state_id=self.state.id, city="深圳", date_to="2026-06-30")
        with self.assertRaises(ValidationError) as caught:
            self.hold(
                self.rival,
                state_id=self.state.id,
                city="深圳市",
                date_from="2026-06-01",
                date_to="2026-12-31",
            )
        message = str(caught.exception)
        self.assertIn("Agent Wu already holds “China / 广东省 / 深圳市”", message)
        self.assertIn("(from 01/01/2026 to 06/30/2026)", message)
        self.assertIn("serve it from 06/01/2026 to 06/30/2026", message)

    def test_moving_into_a_taken_period_is_refused(self):
        self.hold(date_to="2026-06-30")
        later = self.hold(self.rival, date_from="2026-07-01")
        with self.assertRaisesRegex(ValidationError, "Agent Wu already holds"):
            later.date_from = "2026-06-01"
        self.assertEqual(str(later.date_from), "2026-07-01")

    def test_moving_a_boundary_over_anothers_is_refused(self):
        self.hold(state_id=self.state.id)
        self.hold(city="深圳")
        mine = self.hold(self.rival, state_id=self.other_state.id)
        for what in (
            {"state_id": self.state.id},
            {"state_id": False, "city": "深圳"},
        ):
            with self.assertRaisesRegex(ValidationError, "Agent Wu already holds"):
                mine.write(what)
        self.assertEqual(mine.state_id, self.other_state)

    def test_ones_own_period_may_grow(self):
        territory = self.hold(date_to="2026-06-30")
        territory.write({"date_from": "2025-01-01", "date_to": False})
        self.assertFalse(territory.date_to)

    def test_two_of_one_batch_are_refused_together(self):
        before = self.territories.search_count([])
        with self.assertRaisesRegex(ValidationError, "Agent Wu already holds"):
            self.territories.create(
                [
                    self.prepare(city="广州"),
                    self.prepare(city="深圳"),
                    self.prepare(self.rival, city="深圳市", date_from="2026-02-01"),
                ]
            )
        self.assertEqual(self.territories.search_count([]), before)

    def test_two_written_at_once_are_refused_together(self):
        both = self.hold(city="深圳") + self.hold(self.rival, city="广州")
        with self.assertRaisesRegex(ValidationError, "already holds"):
            both.write({"city": "佛山"})
        self.assertEqual(both.mapped("city"), ["深圳", "广州"])

    def test_a_batch_is_checked_by_one_query(self):
        cities = [f"City {number}" for number in range(40)]
        values = [self.prepare(city=city) for city in cities]
        self.territories._check_claims(values[:1])
        with self.assertQueryCount(1):
            self.territories._check_claims(values)

    def test_archived_ones_bar_nobody_until_they_come_back(self):
        mine = self.hold()
        mine.action_archive()
        self.hold(self.rival)
        mine.date_to = "2030-12-31"
        with self.assertRaisesRegex(ValidationError, "Agent Zhou already holds"):
            mine.action_unarchive()

    def test_another_company_draws_its_own_map(self):
        self.hold()
        other = self.env["res.company"].create({"name": "Other"})
        self.territories.sudo().create(
            self.prepare(self.rival, company_id=other.id)
        ).flush_recordset()

    def test_managers_of_another_company_learn_nothing(self):
        other = self.env["res.company"].create({"name": "Other"})
        self.territories.sudo().create(self.prepare(company_id=other.id))
        self.env.flush_all()
        with self.assertDatabaseRefuses(psycopg2.errors.ExclusionViolation):
            self.hold(self.rival, company_id=other.id)
        with self.assertRaises(AccessError):
            self.hold(self.rival, company_id=other.id, city="深圳")

    def test_an_update_does_not_judge_territories_of_old(self):
        """Those given before agents were asked for stay; their keys are filled in."""
        territory = self.hold(city="深圳市")
        self.env.cr.execute(
            "UPDATE referral_territory SET agent_id = %s, city_key = NULL"
            " WHERE id = %s",
            (self.member.id, territory.id),
        )
        self.env.invalidate_all()
        self.env.add_to_compute(territory._fields["city_key"], territory)
        self.env.flush_all()
        self.assertEqual(territory.city_key, "深圳")


@tagged("post_install", "-at_install")
class TestBadInput(TerritoryCase):
    """Each says what to do, and changes nothing."""

    def assertRefused(self, message, agent=None, **values):
        before = self.territories.search_count([])
        with self.assertRaisesRegex(UserError, message), self.env.cr.savepoint():
            self.hold(agent, **values)
        self.assertEqual(self.territories.search_count([]), before)

    def test_an_end_before_the_start_is_refused(self):
        self.assertRefused("ends on or after", date_to="2025-12-31")
        territory = self.hold()
        with self.assertRaisesRegex(UserError, "ends on or after"):
            territory.date_to = "2025-12-31"

    def test_a_start_is_needed(self):
        self.assertRefused("on which day", date_from=False)

    def test_a_zip_prefix_is_letters_and_digits(self):
        for junk in ("518*", "51%", "五一八", "1" * 11, "a_b", "51;--"):
            with self.subTest(junk=junk):
                self.assertRefused("no zip prefix", zip_prefix=junk)

    def test_spaces_are_no_zip_prefix_and_no_city(self):
        territory = self.hold(zip_prefix="  ", city="  ")
        self.assertFalse(territory.zip_prefix or territory.city)

    def test_a_city_needs_a_country(self):
        self.assertRefused("Choose the country", country_id=False, city="深圳")

    def test_a_city_and_a_zip_prefix_exclude_each_other(self):
        self.assertRefused("either a city or a zip", city="深圳", zip_prefix="518")

    def test_a_state_is_of_its_country(self):
        self.assertRefused(
            "is no part of",
            country_id=self.env.ref("base.de").id,
            state_id=self.state.id,
        )

    def test_only_active_agents_hold_one(self):
        left = self.make_agent("Gone")
        left.member_state = "left"
        archived = self.make_agent("Archived")
        archived.active = False
        candidate = self.make_agent("Candidate", member_state="candidate")
        for nobody in (self.member, left, archived, candidate, self.customer):
            with self.subTest(nobody=nobody.name):
                self.assertRefused("is no active agent", nobody)
        territory = self.hold()
        with self.assertRaisesRegex(UserError, "is no active agent"):
            territory.agent_id = self.member

    def test_an_agent_of_another_company_holds_none_here(self):
        other = self.env["res.company"].create({"name": "Other"})
        theirs = self.make_agent("Theirs", company_id=other.id)
        with self.assertRaises(UserError):
            self.hold(theirs)

    def test_who_has_left_can_still_be_ended_but_gets_nothing_more(self):
        territory = self.hold()
        self.agent.member_state = "left"
        territory.date_to = "2026-06-30"
        with self.assertRaisesRegex(UserError, "is no active agent"):
            territory.date_from = "2025-06-30"
        territory.action_archive()
        with self.assertRaisesRegex(UserError, "is no active agent"):
            territory.action_unarchive()


@tagged("post_install", "-at_install")
class TestTerritoryScreens(TerritoryCase):
    def test_its_title_says_where_and_what(self):
        territory = self.hold(
            state_id=self.state.id,
            city="深圳",
            industry_id=self.industry.id,
            categ_id=self.sub_category.id,
        )
        self.assertEqual(
            territory.display_name, "China / 广东省 / 深圳 · Cables · Logo design"
        )
        self.assertEqual(self.hold(zip_prefix="518").display_name, "China / 518…")

    def test_the_form_keeps_state_and_country_together(self):
        form = Form(self.territories)
        form.agent_id = self.agent
        form.state_id = self.state
        self.assertEqual(form.country_id, self.china)
        form.country_id = self.env.ref("base.de")
        self.assertFalse(form.state_id)
        form.save()

    def test_its_situation_follows_the_day_and_the_agent(self):
        cases = {
            "ended": self.hold(date_to="2026-01-31"),
            "planned": self.hold(date_from="2999-01-01"),
            "in_force": self.hold(self.rival, city="深圳"),
            "idle": self.hold(city="广州"),
        }
        self.assertEqual(cases["planned"].situation, "planned")
        self.agent.member_state = "suspended"
        for situation in ("ended", "in_force", "idle"):
            self.assertEqual(cases[situation].situation, situation)

    def test_changes_of_agent_and_dates_are_told_in_the_chatter(self):
        territory = self.territories.with_context(
            tracking_disable=False, mail_notrack=False
        ).create(self.prepare())
        self.flush_tracking()
        territory.write({"agent_id": self.rival.id, "date_to": "2026-12-31"})
        self.flush_tracking()
        tracked = territory.message_ids.sudo().tracking_value_ids
        names = set(tracked.field_id.mapped("name"))
        self.assertLessEqual({"agent_id", "date_to"}, names)

    def flush_tracking(self):
        self.env.flush_all()
        self.cr.flush()

    def test_it_is_found_by_its_agent_and_its_place(self):
        territory = self.hold(state_id=self.state.id, city="深圳")
        for name in ("Agent Wu", "深圳", "广东"):
            with self.subTest(name=name):
                found = dict(self.territories.name_search(name))
                self.assertIn(territory.id, found)

    def test_every_filter_of_the_search_can_be_chosen(self):
        view = self.env.ref("referral_distribution.referral_territory_view_search")
        today = fields.Date.today()
        self.hold(date_from=today, date_to=today)
        self.hold(city="深圳")
        self.hold(self.rival, zip_prefix="1", date_from="2999-01-01")
        self.hold(self.rival, city="广州", date_to="2026-01-31")
        self.hold(self.rival, city="佛山").action_archive()
        self.agent.member_state = "left"
        found = {
            node.get("name"): len(
                self.territories.search(literal_eval(node.get("domain")))
            )
            for node in etree.fromstring(view.arch).iterfind(".//filter[@domain]")
        }
        self.assertEqual(
            found, {"in_force": 2, "planned": 1, "ended": 1, "idle": 2, "archived": 1}
        )

    def test_the_list_takes_no_query_per_row(self):
        found = self.territories.browse()
        for number in range(20):
            agent = (self.agent, self.rival)[number % 2]
            found += self.hold(agent, city=f"City {number}")
        names = ["agent_id", "display_name", "situation", "city"]
        self.assertReadInOneGo(found, names, self.sales)

    def test_who_may_not_write_cannot_even_ask_whose_it_is(self):
        self.hold()
        for user in (self.sales, self.finance):
            with self.assertRaises(AccessError):
                self.territories.with_user(user).create(self.prepare(self.rival))
            mine = self.territories.search([], limit=1).with_user(user)
            with self.assertRaises(AccessError):
                mine.date_from = "2025-01-01"
