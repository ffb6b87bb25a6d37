from odoo import fields
from odoo.exceptions import AccessError
from odoo.tests import Form, tagged

from .test_territory import TerritoryCase


@tagged("post_install", "-at_install")
class TestTerritoryGap(TerritoryCase):
    """Uncovered regions as a list (rule M5)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.country_id = cls.china
        cls.company.partner_id.tz = "Asia/Shanghai"
        cls.today = cls.territories._get_day(cls.company, fields.Datetime.now())
        cls.gaps = cls.env["referral.territory.gap"].with_user(cls.manager)

    def find(self, state=None, country=None):
        self.env.flush_all()
        return self.gaps.search(
            [
                ("state_id", "=", (self.state if state is None else state).id),
                ("country_id", "=", (country or self.china).id),
            ]
        )

    def test_every_state_of_the_home_country_is_listed(self):
        states = self.china.state_ids
        found = self.gaps.search([("country_id", "=", self.china.id)])
        self.assertEqual(found.filtered("state_id").state_id, states)
        self.assertEqual(set(found.mapped("coverage")), {"nobody"})
        self.assertFalse(self.find().coverage_text)

    def test_a_state_is_covered_by_its_own_or_its_countrys_territory(self):
        self.hold(state_id=self.state.id)
        self.assertFalse(self.find())
        self.assertTrue(self.find(self.other_state))
        self.hold()
        self.assertFalse(self.gaps.search([("country_id", "=", self.china.id)]))

    def test_a_part_of_a_state_covers_it_only_partly(self):
        for what in (
            {"state_id": self.state.id, "city": "深圳"},
            {"state_id": self.state.id, "zip_prefix": "518"},
            {"state_id": self.state.id, "industry_id": self.industry.id},
            {"state_id": self.state.id, "categ_id": self.category.id},
            {"industry_id": self.industry.id},
            {"categ_id": self.category.id},
        ):
            territory = self.hold(**what)
            with self.subTest(what=what):
                self.assertEqual(self.find().coverage, "partly")
                self.assertRegex(self.find().coverage_text, ": Agent Wu$")
            territory.unlink()

    def test_a_city_without_its_state_covers_no_state(self):
        self.hold(city="深圳")
        self.assertEqual(self.find().coverage, "nobody")

    def test_only_what_is_in_force_today_covers(self):
        day = fields.Date.add
        for period in (
            {"date_from": day(self.today, days=1)},
            {"date_from": "2020-01-01", "date_to": day(self.today, days=-1)},
        ):
            self.hold(state_id=self.state.id, **period)
            self.assertEqual(self.find().coverage, "nobody")
        self.hold(state_id=self.state.id, date_from=self.today, date_to=self.today)
        self.assertFalse(self.find())

    def test_archived_territories_cover_nothing(self):
        self.hold(state_id=self.state.id).action_archive()
        self.assertTrue(self.find())

    def test_an_agent_who_has_left_covers_nothing_and_is_named(self):
        grade = self.env.ref("referral_distribution.res_partner_grade_member")
        self.hold(state_id=self.state.id)
        for change in (
            {"member_state": "left"},
            {"active": False},
            {"grade_id": grade.id},
        ):
            [before] = self.agent.read(change, load=None)
            del before["id"]
            self.agent.write(change)
            with self.subTest(change=change):
                self.assertEqual(self.find().coverage, "nobody")
                self.assertEqual(
                    self.find().coverage_text, "Agent Wu (no active agent any more)"
                )
            self.agent.write(before)
        self.assertFalse(self.find())

    def test_leads_of_the_last_90_days_are_counted(self):
        where = {"country_id": self.china.id, "state_id": self.state.id}
        leads = self.env["crm.lead"].create(
            [{"name": f"L{number}", **where} for number in range(5)]
        )
        leads[0].action_set_lost()
        leads[1].action_set_won()
        self.age(leads[2], 89)
        self.age(leads[3], 91)
        gap = self.find()
        self.assertEqual((gap.lead_count, gap.open_lead_count), (4, 2))

    def test_leads_of_no_company_count_and_another_companys_do_not(self):
        other = self.env["res.company"].create({"name": "Other"})
        where = {"country_id": self.china.id, "state_id": self.state.id}
        leads = self.env["crm.lead"].create(
            [{"name": f"L{number}", **where} for number in range(3)]
        )
        self.env.flush_all()
        for lead, company in zip(leads, (None, other.id, self.company.id), strict=True):
            self.env.cr.execute(
                "UPDATE crm_lead SET company_id = %s WHERE id = %s", (company, lead.id)
            )
        self.assertEqual(self.find().lead_count, 2)

    def age(self, lead, days):
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE crm_lead SET create_date = now() at time zone 'utc' - %s * interval"
            " '1 day' WHERE id = %s",
            (days, lead.id),
        )

    def test_leads_whose_state_is_unknown_have_a_row_of_their_own(self):
        none = self.env["res.country.state"]
        domain = [("country_id", "=", self.china.id), ("state_id", "=", False)]
        self.assertFalse(self.gaps.search(domain))
        self.env["crm.lead"].create({"name": "L", "country_id": self.china.id})
        self.env.flush_all()
        row = self.gaps.search(domain)
        self.assertEqual((row.state_id, row.lead_count), (none, 1))
        self.hold()
        self.env.flush_all()
        self.assertFalse(self.gaps.search(domain))

    def test_a_country_without_states_is_one_row(self):
        monaco = self.env.ref("base.mc")
        self.assertFalse(monaco.state_ids)
        self.hold(country_id=monaco.id, city="La Condamine")
        [row] = self.find(self.env["res.country.state"], monaco)
        self.assertEqual(row.display_name, "Monaco")
        self.assertEqual(row.coverage_text, "La Condamine: Agent Wu")

    def test_rows_keep_their_number_and_have_one_each(self):
        rows = self.gaps.sudo().search([])
        self.assertEqual(len(set(rows.ids)), len(rows))
        self.hold(state_id=self.state.id)
        self.assertLess(set(self.gaps.sudo().search([]).ids), set(rows.ids))

    def test_assigning_opens_a_territory_with_the_region_filled_in(self):
        action = self.find().action_assign_agent()
        form = Form(self.territories.with_context(**action["context"]))
        self.assertEqual((form.country_id, form.state_id), (self.china, self.state))
        form.agent_id = self.agent
        form.save()
        self.assertFalse(self.find())

    def test_sales_reads_the_list_but_assigns_nobody(self):
        gap = self.find().with_user(self.sales)
        self.assertTrue(gap.read(["coverage_text"]))
        with self.assertRaisesRegex(AccessError, "needs the role"):
            gap.action_assign_agent()

    def test_the_list_takes_no_query_per_row(self):
        self.hold(industry_id=self.industry.id)
        rows = self.gaps.search([("country_id", "=", self.china.id)])
        names = ["coverage", "coverage_text", "lead_count", "display_name"]
        self.assertReadInOneGo(rows, names, self.manager)
