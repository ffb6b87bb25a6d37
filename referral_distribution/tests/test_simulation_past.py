from unittest.mock import patch

import psycopg2

from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import tagged

from odoo.addons.referral_distribution.models import referral_simulation

from .test_simulations import SimulationCase

BRACKETS = [
    Command.create({"amount_from": 0, "rate": 1}),
    Command.create({"amount_from": 100000, "rate": 2}),
]


@tagged("post_install", "-at_install")
class TestSimulationPast(SimulationCase):
    """A plan that is tried goes by what it would have given itself (rule C8)."""

    def sign(self, day, amount=80000, lead=None):
        """Return a confirmed contract that was signed that day."""
        order = self.confirm(amount, lead=lead or self.make_lead())
        order.sudo().date_order = f"{day} 04:00:00"
        return order

    def try_rules(self, rule, batch=1000, **values):
        """Return what the member would get under one rule, and the simulation."""
        plan = self.make_plan([{"name": "Tried", **rule}], name="Tried")
        values = {"date_from": "2026-01-01", "date_to": "2026-12-31", **values}
        with patch.object(referral_simulation, "BATCH", batch):
            simulation = self.simulate(plan_id=plan.id, **values)
        self.assertFalse(simulation.skipped_count)
        own = simulation.line_ids.filtered(lambda line: line.partner_id == self.member)
        return own.simulated

    def test_brackets_of_a_year_go_by_the_plans_own_past(self):
        """80,000 at 1 %, and of the next 80,000 what is beyond 100,000 at 2 %."""
        self.sign("2026-05-01")
        self.sign("2026-02-01")
        rule = {"rate_type": "bracket", "bracket_ids": BRACKETS}
        year = {**rule, "bracket_period": "year"}
        self.assertEqual(self.try_rules(year), 800 + 200 + 1200)
        self.assertEqual(self.try_rules({**rule, "bracket_period": "month"}), 1600)
        self.assertEqual(self.try_rules({**rule, "bracket_period": "order"}), 1600)

    def test_batches_see_each_other(self):
        for day in ("2026-05-01", "2026-02-01", "2026-02-01"):
            self.sign(day)
        rule = {"rate_type": "bracket", "bracket_ids": BRACKETS}
        rule["bracket_period"] = "year"
        for batch in (1, 2, 1000):
            with self.subTest(batch=batch):
                self.assertEqual(self.try_rules(rule, batch), 1000 + 2 * 1400)
        self.assertFalse(self.env["referral.simulation.past"].search([]))

    def test_each_limit_counts_over_its_own(self):
        """10 % of 1,000 three times, two in one month, of two customers."""
        other = self.env["res.partner"].create({"name": "Other customer"})
        for day in ("2026-02-01", "2026-02-20", "2026-03-01"):
            order = self.sign(day, 1000)
            if day == "2026-03-01":
                order.sudo().partner_id = other
        for limit, expected in (
            ({"cap_order": 80}, 240),
            ({"cap_customer": 150}, 250),
            ({"cap_person": 150}, 150),
            ({"cap_month": 150}, 250),
            ({"cap_year": 150}, 150),
            ({"times_per_customer": 1}, 200),
        ):
            for batch in (1, 1000):
                with self.subTest(limit=limit, batch=batch):
                    found = self.try_rules({"rate": 10, **limit}, batch)
                    self.assertEqual(found, expected)

    def test_contracts_count_in_the_order_they_were_signed(self):
        """The one signed first gets all, whichever was typed first."""
        second = self.make_contract_of("Late", "2026-06-01")
        first = self.make_contract_of("Early", "2026-01-05")
        plan = self.make_plan([{"name": "Once", "rate": 1, "times_per_customer": 1}])
        values = {"date_from": "2026-01-01", "date_to": "2026-12-31"}
        simulation = self.simulate(plan_id=plan.id, **values)
        earned = simulation.line_ids.filtered("simulated").partner_id
        self.assertEqual(earned, first.referrer_id)
        self.assertNotEqual(earned, second.referrer_id)

    def make_contract_of(self, name, day):
        member = self.make_member(name)
        link = self.env["referral.link"]._obtain(member, self.channel, "/shop")
        return self.sign(day, 1000, self.make_lead(referral_link_id=link.id))

    def test_lines_of_one_contract_count_for_each_other(self):
        order = self.sign("2026-02-01", 1000)
        rule = {"trigger": "order_line", "rate": 10, "cap_order": 150}
        self.assertEqual(self.try_rules(rule), 100)
        self.env.cr.execute(  # a second line, whatever the order's state
            "INSERT INTO sale_order_line (order_id, name, product_id, product_uom_id,"
            " product_uom_qty, price_unit, price_subtotal, price_total, customer_lead,"
            " company_id, currency_id, state)"
            " SELECT order_id, name, product_id, product_uom_id, product_uom_qty,"
            " price_unit, price_subtotal, price_total, customer_lead, company_id,"
            " currency_id, state FROM sale_order_line WHERE order_id = %s",
            [order.id],
        )
        self.env.invalidate_all()
        self.assertEqual(self.try_rules(rule), 150)

    def test_what_earlier_versions_gave_before_the_period_counts(self):
        rule = {"name": "Tried", "rate": 10, "cap_person": 150}
        self.make_plan([rule])._activate()
        self.sign("2026-01-10", 1000)
        self.sign("2026-03-10", 1000)
        plan = self.env["referral.plan"]._get_active(self.company)
        version = plan.browse(plan.action_new_version()["res_id"])
        self.assertEqual(version.rule_ids.origin_id, plan.rule_ids)
        values = {"plan_id": version.id, "date_to": "2026-12-31"}
        whole = self.simulate(date_from="2026-01-01", **values)
        self.assertEqual(whole.line_ids.simulated, 150)
        later = self.simulate(date_from="2026-02-01", **values)
        self.assertEqual(later.line_ids.simulated, 50)  # 100 of it was given before

    def test_times_that_earlier_versions_gave_before_the_period_count(self):
        rule = {"name": "Tried", "rate": 10, "times_per_customer": 1}
        self.make_plan([rule])._activate()
        lead = self.make_lead()
        self.sign("2026-01-10", 1000, lead)
        self.sign("2026-03-10", 1000, lead)
        plan = self.env["referral.plan"]._get_active(self.company)
        values = {"plan_id": plan.id, "date_to": "2026-12-31"}
        self.assertEqual(
            self.simulate(date_from="2026-01-01", **values).line_ids.simulated, 100
        )
        later = self.simulate(date_from="2026-02-01", **values)
        self.assertFalse(later.line_ids.simulated)

    def test_a_limited_plan_costs_no_query_per_contract(self):
        orders = self.env["sale.order"]
        for number in range(6):
            lead = self.make_lead_of_another(number)
            orders += self.sign(f"2026-02-0{number + 1}", lead=lead)
        plan = self.make_plan(
            [{"name": "R", "rate": 1, "cap_year": 50000, "times_per_customer": 99}]
        )
        simulation = self.make_simulation(plan_id=plan.id).sudo()
        counts = []
        for some in (orders[:2], orders[:2], orders):
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            run = referral_simulation.tried(simulation)
            run._measure(self.env["sale.order"].browse(some.ids))
            counts.append(self.env.cr.sql_log_count - before)
        self.assertLessEqual(counts[2], counts[1])

    def test_rates_of_their_own_count_and_cost_no_query_per_contract(self):
        """As they count for the rewards themselves: by person, customer and day."""
        rates = {"trigger": "contract", "level": 0, "date_from": "2026-01-01"}
        self.make_rate(rate=3, **rates)
        other = self.env["res.partner"].create({"name": "Another customer"})
        self.make_rate(rate=50, customer_id=other.id, **rates)
        orders = self.env["sale.order"]
        for number in range(1, 6):
            orders += self.sign(f"2026-02-0{number}", 1000)
        self.sign("2025-12-31", 1000)  # before it was agreed
        orders[4].sudo().partner_id = other
        values = {"date_from": "2025-01-01", "date_to": "2026-12-31"}
        found = self.try_rules({"rate": 1}, **values)
        self.assertEqual(found, 4 * 30 + 500 + 10)
        counts = []
        simulation = self.make_simulation().sudo()
        for some in (orders[:2], orders[:2], orders):
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            run = referral_simulation.tried(simulation)
            run._measure(self.env["sale.order"].browse(some.ids))
            counts.append(self.env.cr.sql_log_count - before)
        self.assertLessEqual(counts[2], counts[1])

    # ------------------------------------------------------- while it is running

    def start(self, **values):
        """Return a simulation that has measured the first of its contracts."""
        with (
            patch.object(referral_simulation, "BATCH", 1),
            patch.object(referral_simulation, "PATIENCE", -1),
        ):
            simulation = self.make_simulation(**values)
            simulation.action_start()
        self.assertEqual((simulation.state, simulation.done_count), ("running", 1))
        return simulation

    def test_a_plan_that_is_edited_meanwhile_stops_it(self):
        """Results of two plans are not mixed."""
        self.confirm()
        self.confirm(lead=self.make_lead())
        domains = ("[('id', '>', 0)]", "[('id', '>', 1)]")
        for change in ({"rate": 3}, *({"domain": domain} for domain in domains)):
            simulation = self.start()
            self.draft.rule_ids[0].write(change)
            self.run_job()
            self.assertRecordValues(simulation, [{"state": "stopped", "done_count": 1}])
            self.assertIn("plan was changed", simulation.problem)

    def test_a_name_may_be_edited_meanwhile(self):
        self.confirm()
        self.confirm(lead=self.make_lead())
        simulation = self.start()
        self.draft.rule_ids[0].name = "Another name"
        self.run_job()
        self.assertRecordValues(simulation, [{"state": "done", "done_count": 2}])

    def test_a_plan_that_is_deleted_takes_its_simulations_along(self):
        self.confirm()
        self.confirm(lead=self.make_lead())
        simulation, other = self.start(), self.start(plan_id=self.plan.id)
        self.draft.unlink()
        self.assertFalse(simulation.exists())
        self.run_job()
        self.assertEqual(other.state, "done")

    def test_one_that_breaks_stops_and_the_other_goes_on(self):
        """Threat J4."""
        self.confirm()
        self.confirm(lead=self.make_lead())
        bad, good = self.start(), self.start(plan_id=self.plan.id)
        simulations = type(bad)
        whole = simulations._measure

        def fail(simulation, orders):
            if simulation == bad:
                raise AttributeError("an addon's mistake")
            return whole(simulation, orders)

        with (
            patch.object(simulations, "_measure", fail),
            self.assertLogs("odoo.addons.referral_distribution", "ERROR"),
        ):
            self.run_job()
        self.assertEqual((bad.state, good.state), ("stopped", "done"))
        self.assertIn("log", bad.problem)

    def test_two_at_once_do_not_touch_each_other(self):
        self.sign("2026-02-01")
        self.sign("2026-03-01")
        rule = {"name": "T", "rate": 1, "cap_person": 1000}
        plan = self.make_plan([rule])
        values = {"date_from": "2026-01-01", "date_to": "2026-12-31"}
        both = self.start(plan_id=plan.id, **values)
        both += self.start(plan_id=plan.id, **values)
        self.run_job()
        self.assertEqual(both.mapped("state"), ["done", "done"])
        for simulation in both:
            self.assertEqual(sum(simulation.line_ids.mapped("simulated")), 1000)

    def test_nobody_writes_what_steers_it(self):
        simulation = self.make_simulation()
        for name in ("problem", "position_at", "rules_digest"):
            with self.assertRaisesRegex(UserError, "by its buttons"):
                simulation.write({name: "x"})

    def test_of_what_is_left_out_nothing_counts_as_given_either(self):
        """Else the difference would lie."""
        good, bad = self.confirm(), self.confirm(lead=self.make_lead(), amount=1000)
        orders = type(bad)
        whole = orders._get_facts_to_measure

        def fail(order, *arguments):
            if order == bad:
                raise ValueError("no rate")
            return whole(order, *arguments)

        with patch.object(orders, "_get_facts_to_measure", fail):
            simulation = self.simulate()
        self.assertEqual(simulation.skipped_count, 1)
        given = sum(good.referral_commission_ids.mapped("amount"))
        self.assertEqual(sum(simulation.line_ids.mapped("paid")), given)

    def test_a_sum_is_kept_once(self):
        simulation = self.make_simulation()
        self.env.cr.execute(
            "INSERT INTO referral_simulation_past (simulation_id, rule_id, scope,"
            " of_id, amount, base, times) VALUES (%s, 1, 'person', 1, 1, 1, 1)",
            [simulation.id],
        )
        with self.assertDatabaseRefuses(psycopg2.errors.UniqueViolation):
            self.env.cr.execute(
                "INSERT INTO referral_simulation_past (simulation_id, rule_id, scope,"
                " of_id, amount, base, times) VALUES (%s, 1, 'person', 1, 1, 1, 1)",
                [simulation.id],
            )
