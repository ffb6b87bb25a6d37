from collections import Counter
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from odoo.addons.referral_distribution.models import gate

from .common import ReferralCase


class AssignmentCase(ReferralCase):
    """An agent holds Antarctica, whose leads a team of three works."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.country = cls.env.ref("base.aq")
        cls.agent = cls.make_agent("Agent")
        cls.people = cls.env["res.users"]
        for name in ("Ada", "Bea", "Cyd"):
            cls.people += cls.make_salesperson(name)
        cls.team = cls.make_team("South", cls.people)
        cls.territory = cls.make_territory(cls.agent, cls.team)

    @classmethod
    def make_salesperson(cls, name, **values):
        groups = "sales_team.group_sale_salesman"
        return new_test_user(cls.env, f"rd_{name}", groups, name=name, **values)

    @classmethod
    def make_team(cls, name, people=(), **values):
        team = cls.env["crm.team"].create({"name": name, **values})
        team.crm_team_member_ids = [
            Command.create({"user_id": user.id}) for user in people
        ]
        return team

    @classmethod
    def make_territory(cls, agent, team, **values):
        return cls.env["referral.territory"].create(
            {
                "agent_id": agent.id,
                "country_id": cls.country.id,
                "team_id": team.id,
                "date_from": "2020-01-01",
                **values,
            }
        )

    @classmethod
    def make_lead(cls, **values):
        return super().make_lead(**{"country_id": cls.country.id, **values})

    def seat(self, user):
        return self.team.crm_team_member_ids.filtered(lambda one: one.user_id == user)

    def deal(self, count, **values):
        """Return how many of that many new leads each salesperson got."""
        return Counter(self.make_lead(**values).user_id for _time in range(count))

    def told(self, lead, lang="en_US"):
        lead = lead.with_context(lang=lang)
        lead.invalidate_recordset(["referral_assignment_text"])
        return lead.referral_assignment_text

    def assigned(self, lead):
        """Return the contents of the trail's nodes about assignment."""
        entries = lead.sudo().referral_trail_ids.sorted("sequence")
        return [one.content for one in entries if one.node == "assigned"]


@tagged("post_install", "-at_install")
class TestTurns(AssignmentCase):
    """Whose turn it is (rules M5, L2)."""

    def test_a_hundred_leads_are_dealt_out_evenly(self):
        counts = self.deal(100)
        self.assertEqual(set(counts), set(self.people))
        self.assertLessEqual(max(counts.values()) - min(counts.values()), 1)

    def test_a_batch_is_dealt_out_evenly_and_goes_on_where_it_ended(self):
        vals = {"name": "B", "referral_link_id": self.link.id}
        vals["country_id"] = self.country.id
        leads = self.env["crm.lead"].create([vals] * 100) + self.make_lead()
        counts = Counter(leads.mapped(lambda lead: lead.user_id.id))
        self.assertEqual(sorted(counts.values()), [33, 34, 34])

    def test_a_batch_takes_no_query_per_lead_to_deal(self):
        vals = {"name": "B", "referral_link_id": self.link.id, "user_id": False}
        leads = self.env["crm.lead"].create([vals] * 60).sudo()
        leads.flush_recordset()
        gate.opened(leads).write({"country_id": self.country.id})
        leads.flush_recordset()
        queries = []
        for some in (leads[:2], leads[2:10], leads[10:60]):
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            some._find_assignment_teams()
            self.team._deal_referred(some)
            queries.append(self.env.cr.sql_log_count - before)
        self.assertLessEqual(queries[2], queries[1])

    def test_the_turns_of_a_paused_member_are_shared_by_the_others(self):
        self.seat(self.people[2]).assignment_optout = True
        self.assertEqual(sorted(self.deal(20).values()), [10, 10])

    def test_archived_people_and_memberships_get_no_leads(self):
        self.people[0].active = False
        self.seat(self.people[1]).active = False
        self.assertEqual(self.deal(4), {self.people[2]: 4})

    def test_a_member_with_a_portal_login_gets_no_leads(self):
        self.people[0].group_ids = self.env.ref("base.group_portal")
        self.assertNotIn(self.people[0], self.deal(6))

    def test_who_is_at_capacity_is_passed_over(self):
        self.turn_rules_on()
        self.seat(self.people[0]).assignment_max = 2
        counts = self.deal(12)
        self.assertEqual(counts[self.people[0]], 2)
        self.assertEqual({counts[self.people[1]], counts[self.people[2]]}, {5})

    def test_capacity_counts_within_a_batch_too(self):
        self.turn_rules_on()
        self.seat(self.people[0]).assignment_max = 2
        vals = {"name": "B", "referral_link_id": self.link.id}
        vals["country_id"] = self.country.id
        leads = self.env["crm.lead"].create([vals] * 12)
        self.assertEqual(leads.mapped("user_id"), self.people)
        counts = Counter(leads.mapped(lambda lead: lead.user_id.id))
        self.assertEqual(sorted(counts.values()), [2, 5, 5])

    def test_without_odoo_s_assignment_rules_nobody_has_a_capacity(self):
        self.turn_rules_on(False)
        self.team.crm_team_member_ids.assignment_max = 0
        self.assertEqual(set(self.deal(3)), set(self.people))

    def test_a_member_takes_only_what_matches_the_own_filter(self):
        self.turn_rules_on()
        self.team.crm_team_member_ids.assignment_max = 900
        self.seat(self.people[0]).assignment_domain = "[('city', '=', 'Vostok')]"
        self.assertNotIn(self.people[0], self.deal(6))
        self.assertIn(self.people[0], self.deal(6, city="Vostok"))

    def test_who_has_no_part_in_the_company_is_passed_over(self):
        other = self.env["res.company"].create({"name": "Other"})
        self.people[0].write(
            {"company_ids": [Command.set(other.ids)], "company_id": other.id}
        )
        counts = self.deal(6)
        self.assertEqual(counts, dict.fromkeys(self.people[1:], 3))

    def turn_rules_on(self, value=True):
        parameters = self.env["ir.config_parameter"].sudo()
        parameters.set_param("crm.lead.auto.assignment", value)


@tagged("post_install", "-at_install")
class TestTerritoryTeam(AssignmentCase):
    """Which team it is (rule M5)."""

    def test_the_most_specific_territory_with_a_team_counts(self):
        north = self.make_team("North", self.people[:1])
        self.make_territory(self.make_agent("B"), north, city="Vostok")
        lead = self.make_lead(city="Vostok")
        self.assertEqual((lead.team_id, lead.user_id), (north, self.people[0]))

    def test_without_a_team_the_next_wider_territory_s_works_it(self):
        nobody = self.env["crm.team"]
        self.make_territory(self.make_agent("B"), nobody, city="Vostok")
        self.assertEqual(self.make_lead(city="Vostok").team_id, self.team)

    def test_an_archived_team_works_nothing(self):
        self.team.active = False
        lead = self.make_lead()
        self.assertFalse(lead.team_id or lead.user_id or lead.referral_assignment)

    def test_a_lead_elsewhere_goes_to_the_team_for_other_leads(self):
        other = self.make_team("Other", self.people[:1])
        self.company.referral_team_id = other
        lead = self.make_lead(country_id=False)
        self.assertEqual((lead.team_id, lead.user_id), (other, self.people[0]))
        self.assertIn("in no territory", self.told(lead))

    def test_a_lead_elsewhere_waits_when_there_is_no_such_team(self):
        lead = self.make_lead(country_id=False)
        self.assertFalse(lead.team_id or lead.user_id)
        self.assertEqual(self.told(lead), "")
        self.assertEqual(lead.company_id, self.company)
        self.assertEqual(self.assigned(lead), [])

    def test_a_lead_that_nobody_brought_is_left_to_odoo(self):
        vals = {"name": "Cold", "country_id": self.country.id, "user_id": False}
        lead = self.env["crm.lead"].create(vals)
        self.assertFalse(lead.team_id or lead.user_id)

    def test_a_team_of_another_company_is_refused(self):
        other = self.env["res.company"].create({"name": "Other"})
        team = self.make_team("Theirs", company_id=other.id)
        with self.assertRaises(UserError):
            self.territory.with_user(self.manager).team_id = team

    def test_only_managers_name_teams(self):
        self.territory.with_user(self.manager).team_id = self.make_team("New")
        with self.assertRaises(AccessError):
            self.territory.with_user(self.sales).team_id = self.team

    def test_a_deleted_team_takes_its_counter_along(self):
        counter = self.team.sudo().referral_turn_id
        self.assertTrue(counter)
        self.team.unlink()
        self.assertFalse(counter.exists())
        self.assertFalse(self.territory.team_id)


@tagged("post_install", "-at_install")
class TestWhoDecides(AssignmentCase):
    """What people decide stays; who only made the lead decides nothing."""

    def create_as(self, user, **values):
        vals = {"name": "New", "country_id": self.country.id, **values}
        return self.env["crm.lead"].with_user(user).sudo().create(vals)

    def test_a_salesperson_who_types_in_a_lead_keeps_it(self):
        leads = self.env["crm.lead"].with_user(self.clerk)
        vals = {"name": "By phone", "referrer_id": self.member.id}
        lead = leads.create({**vals, "country_id": self.country.id})
        self.assertEqual(lead.user_id, self.clerk)
        self.assertEqual(self.assigned(lead), [])

    def test_a_salesperson_without_a_role_of_ours_makes_any_lead(self):
        lead = self.env["crm.lead"].with_user(self.clerk).create({"name": "Cold"})
        lead.write({"city": "Vostok", "referrer_id": self.member.id})
        self.assertEqual(lead.user_id, self.clerk)

    def test_a_named_salesperson_stays(self):
        lead = self.make_lead(user_id=self.clerk.id)
        self.assertEqual(lead.user_id, self.clerk)
        self.assertFalse(lead.referral_assignment)

    def test_a_member_in_the_portal_is_no_salesperson(self):
        lead = self.create_as(self.portal, referrer_id=self.member.id)
        self.assertIn(lead.user_id, self.people)
        lead = self.create_as(self.portal)
        self.assertFalse(lead.user_id)
        lead = self.create_as(self.clerk, user_id=self.portal.id)
        self.assertFalse(lead.user_id)

    def test_the_public_visitor_is_no_salesperson(self):
        public = self.env.ref("base.public_user")
        lead = self.create_as(public, referrer_id=self.member.id)
        self.assertIn(lead.user_id, self.people)

    def test_the_technical_user_of_an_outside_site_is_no_salesperson(self):
        site = self.make_user("rd_site", "integration")
        lead = self.create_as(site, referrer_id=self.member.id)
        self.assertIn(lead.user_id, self.people)
        self.assertFalse(self.create_as(site).user_id)

    def test_the_system_user_is_no_salesperson_of_a_referred_lead(self):
        self.assertIn(self.make_lead().user_id, self.people)
        robot = self.env.ref("base.user_root")
        self.assertEqual(self.create_as(robot).user_id, robot)  # as ever

    def test_who_works_no_leads_only_made_it(self):
        operator = self.make_user("rd_operator", "media_operator")
        lead = self.create_as(operator, referrer_id=self.member.id)
        self.assertIn(lead.user_id, self.people)

    def test_the_company_of_a_lead_that_waits_is_its_link_s(self):
        lead = self.create_as(self.portal, referral_link_id=self.link.id, zip="1")
        self.assertEqual(lead.company_id, self.link.company_id)

    def test_a_team_chosen_by_hand_stays(self):
        team = self.make_team("Chosen")
        vals = {"name": "X", "referrer_id": self.member.id, "team_id": team.id}
        vals.update(country_id=self.country.id, user_id=False)
        lead = self.env["crm.lead"].with_user(self.sales).create(vals)
        self.assertEqual((lead.team_id, lead.user_id.ids), (team, []))
        lead.with_user(self.sales).city = "Vostok"
        self.assertFalse(lead.user_id)
        self.assertIn("by hand", self.told(lead))

    def test_a_team_that_a_form_names_gives_way_to_the_territory_s(self):
        team = self.make_team("Website")
        lead = self.make_lead(team_id=team.id, user_id=False)
        self.assertEqual(lead.team_id, self.team)

    def test_who_takes_the_salesperson_away_is_not_overruled(self):
        lead = self.make_lead()
        lead.with_user(self.sales).user_id = False
        lead.with_user(self.sales).city = "Vostok"
        self.assertFalse(lead.user_id)

    def test_who_gives_it_to_somebody_else_is_not_overruled(self):
        lead = self.make_lead()
        lead.with_user(self.sales).user_id = self.clerk
        lead.with_user(self.sales).write({"city": "Vostok"})
        self.assertEqual(lead.user_id, self.clerk)
        self.assertIn("Given to rd_clerk since then.", self.told(lead))

    def test_a_team_written_on_a_lead_without_salesperson_is_a_decision(self):
        lead = self.make_lead(country_id=False)
        lead.with_user(self.sales).team_id = self.make_team("Chosen")
        lead.with_user(self.sales).country_id = self.country
        self.assertFalse(lead.user_id)

    def test_a_place_found_later_assigns_the_lead_then(self):
        lead = self.make_lead(country_id=False)
        lead.with_user(self.sales).country_id = self.country
        self.assertIn(lead.user_id, self.people)
        self.assertEqual(self.nodes(lead)[-1], "assigned")

    def test_a_referrer_found_later_assigns_the_lead_then(self):
        vals = {"name": "Cold", "country_id": self.country.id, "user_id": False}
        lead = self.env["crm.lead"].with_user(self.sales).create(vals)
        lead.referrer_id = self.member
        self.assertIn(lead.user_id, self.people)
        self.assertEqual(self.nodes(lead), ["created", "assigned"])

    def test_a_lead_that_is_done_is_assigned_to_nobody(self):
        for how in ("lost", "invalid"):
            lead = self.make_lead(country_id=False)
            if how == "lost":
                lead.action_set_lost()
            else:
                lead.with_user(self.sales).action_referral_invalidate("No")
            lead.with_user(self.sales).country_id = self.country
            with self.subTest(how=how):
                self.assertFalse(lead.user_id)

    def test_a_fault_in_the_assignment_stops_no_lead(self):
        with (
            patch.object(
                type(self.team), "_deal_referred", side_effect=ValidationError("No")
            ),
            mute_logger("odoo.addons.referral_distribution.models.crm_lead_assignment"),
        ):
            lead = self.make_lead()
        self.assertTrue(lead.exists())
        self.assertFalse(lead.user_id)
        self.assertEqual(self.nodes(lead), ["shared", "clicked", "created"])


@tagged("post_install", "-at_install")
class TestExplanation(AssignmentCase):
    """Why it went to whom: facts, told in the reader's language, and in the trail."""

    def test_it_says_territory_agent_team_and_turn(self):
        lead = self.make_lead()
        self.assertEqual(
            self.told(lead),
            "Territory “Antarctica” (agent Agent) belongs to the team South."
            f" It was {lead.user_id.name}'s turn.",
        )
        self.assertEqual(
            lead.referral_assignment,
            {
                "how": "turn",
                "territory": self.territory.id,
                "agent": self.agent.id,
                "team": self.team.id,
                "user": lead.user_id.id,
            },
        )

    def test_it_is_told_in_the_reader_s_language(self):
        self.assertIn("轮到", self.told(self.make_lead(), "zh_CN"))

    def test_nobody_available_leaves_the_team_and_says_why(self):
        self.seat(self.people[0]).assignment_optout = True
        self.seat(self.people[1]).assignment_optout = True
        self.people[2].active = False
        lead = self.make_lead()
        self.assertEqual((lead.team_id, lead.user_id.ids), (self.team, []))
        self.assertIn(
            "Nobody there could take it (paused: 2, archived: 1).", self.told(lead)
        )
        self.assertEqual(self.assigned(lead)[0]["how"], "nobody")
        self.assertNotIn("to_id", self.assigned(lead)[0])

    def test_a_team_without_members_says_so(self):
        self.team.crm_team_member_ids.unlink()
        self.assertIn("no members", self.told(self.make_lead()))

    def test_a_team_that_skips_automatic_assignment_gets_no_salesperson(self):
        self.team.assignment_optout = True
        lead = self.make_lead()
        self.assertEqual((lead.team_id, lead.user_id.ids), (self.team, []))
        self.assertIn("no salesperson automatically", self.told(lead))

    def test_the_trail_has_one_entry_that_says_how(self):
        """Rule L3."""
        lead = self.make_lead()
        self.assertEqual(self.nodes(lead), ["shared", "clicked", "created", "assigned"])
        [content] = self.assigned(lead)
        self.assertEqual(
            (content["how"], content["territory"], content["team"]),
            ("turn", self.territory.id, self.team.id),
        )
        self.assertEqual(content["to_id"], lead.user_id.id)

    def test_what_is_gone_leaves_a_dash(self):
        lead = self.make_lead()
        self.territory.unlink()
        self.assertIn("“–”", self.told(lead))

    def test_the_facts_are_not_written_created_or_defaulted(self):
        lead = self.make_lead()
        leads = self.env["crm.lead"].with_user(self.manager)
        facts = {"how": "turn", "user": self.manager.id}
        with self.assertRaises(AccessError):
            lead.with_user(self.manager).write({"referral_assignment": facts})
        with self.assertRaises(AccessError):
            leads.create({"name": "X", "referral_assignment": facts})
        by_context = leads.with_context(default_referral_assignment=facts)
        self.assertFalse(by_context.create({"name": "X"}).referral_assignment)

    def test_a_list_of_explanations_reads_in_one_go(self):
        leads = self.env["crm.lead"].browse(
            [self.make_lead().id for _time in range(12)]
        )
        self.assertReadInOneGo(leads, ["referral_assignment_text"], self.sales)

    def test_the_button_assigns_what_nobody_could_take(self):
        self.team.crm_team_member_ids.assignment_optout = True
        leads = self.make_lead() + self.make_lead(user_id=self.clerk.id)
        self.team.crm_team_member_ids.assignment_optout = False
        self.assertTrue(leads.with_user(self.sales).action_referral_assign())
        self.assertIn(leads[0].user_id, self.people)
        self.assertEqual(leads[1].user_id, self.clerk)

    def test_the_button_says_when_there_is_no_team(self):
        lead = self.make_lead(country_id=False)
        with self.assertRaisesRegex(UserError, "name a team on the territory"):
            lead.with_user(self.sales).action_referral_assign()

    def test_only_lead_reviewers_press_it(self):
        lead = self.make_lead(country_id=False, user_id=self.clerk.id)
        for user in (self.clerk, self.finance, self.portal):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                lead.with_user(user).action_referral_assign()

    def test_the_new_salesperson_is_told_of_one_lead_but_not_of_each_of_many(self):
        context = {"tracking_disable": False, "mail_notrack": True}
        leads = self.env["crm.lead"].with_context(**context)
        vals = {"name": "B", "referral_link_id": self.link.id}
        vals["country_id"] = self.country.id
        name = "_message_auto_subscribe_notify"
        with patch.object(type(leads), name) as notify:
            lead = leads.create([vals])
            told = [set(call.args[0]) for call in notify.call_args_list]
            self.assertIn(set(lead.user_id.partner_id.ids), told)
