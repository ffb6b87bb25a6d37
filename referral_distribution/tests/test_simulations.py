import base64
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from odoo.addons.referral_distribution.models import referral_simulation

from .common import ReferralCase


class SimulationCase(ReferralCase):
    """A draft plan, contracts, and simulations that are run to their end."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.draft = cls.make_plan(
            [
                {"name": "All contracts", "rate": 2},
                {"name": "Inviter", "level": 1, "base": "member_reward", "rate": 50},
            ],
            name="Draft",
        )

    def confirm(self, amount=120000, **values):
        order = self.make_paid_contract(amount=amount, **values)
        order.with_user(self.finance).action_referral_confirm()
        return order.with_env(self.env)

    def simulate(self, **values):
        simulation = self.make_simulation(**values)
        simulation.action_start()
        self.assertEqual(simulation.state, "done")
        return simulation

    def make_simulation(self, **values):
        vals = {"plan_id": self.draft.id, **values}
        return self.env["referral.simulation"].with_user(self.manager).create(vals)

    def run_job(self):
        """Run the job without its commits, which a test may not make."""
        cron = type(self.env["ir.cron"])
        with patch.object(cron, "_commit_progress", return_value=60.0):
            self.env["referral.simulation"]._cron_simulate()

    def assertResults(self, simulation, expected):
        """Compare ``(person, contracts, simulated, paid, difference)``."""
        found = [
            (
                line.partner_id,
                line.contract_count,
                line.simulated,
                line.paid,
                line.difference,
            )
            for line in simulation.line_ids
        ]
        self.assertEqual(found, expected)

    def make_lead_of_another(self, number):
        """Return a lead of a member with an inviter of its own."""
        inviter = self.make_member(f"Inviter {number}")
        member = self.make_member(f"Member {number}", inviter_id=inviter.id)
        link = self.env["referral.link"]._obtain(member, self.channel, "/shop")
        return self.make_lead(referral_link_id=link.id)


@tagged("post_install", "-at_install")
class TestSimulations(SimulationCase):
    """A draft plan over past contracts, against what was given (rule C8)."""

    def test_who_would_have_got_what_beside_what_was_given(self):
        """120,000 and 60,000: 2 % and half of that, instead of 600 + 1 % of 60,000."""
        lead = self.make_lead()
        self.confirm(lead=lead)
        self.confirm(lead=lead, amount=60000)
        simulation = self.simulate()
        self.assertResults(
            simulation,
            [
                (self.member, 2, 3600.0, 1200.0, 2400.0),
                (self.inviter, 2, 1800.0, 120.0, 1680.0),
            ],
        )
        self.assertRecordValues(
            simulation,
            [{"contract_count": 2, "done_count": 2, "progress": 100}],
        )
        for figure in ("5,400.00", "1,320.00", "4,080.00"):
            self.assertIn(figure, simulation.totals)

    def test_the_plan_in_force_gives_what_was_given(self):
        """So the simulation computes as the rewards themselves do."""
        self.confirm(amount=12345.67)
        self.confirm(lead=self.make_lead(), amount=999.99)
        for line in self.simulate(plan_id=self.plan.id).line_ids:
            self.assertEqual(line.difference, 0)
            self.assertTrue(line.simulated)

    def test_nothing_is_given_by_it(self):
        order = self.confirm()
        before = self.env["referral.commission"].search([])
        kept = self.env["referral.calculation"].search([])
        self.simulate()
        self.assertEqual(self.env["referral.commission"].search([]), before)
        self.assertEqual(self.env["referral.calculation"].search([]), kept)
        self.assertEqual(order.referral_plan_id, self.plan)

    def test_what_was_taken_back_was_not_given(self):
        """Rule C7."""
        order = self.confirm()
        order.referral_commission_ids._reverse("A mistake")
        simulation = self.simulate()
        self.assertEqual(sum(simulation.line_ids.mapped("paid")), 0)

    def test_who_got_something_and_would_not_any_more_is_listed(self):
        self.confirm()
        only = self.make_plan([{"name": "No inviter", "rate": 2}])
        self.assertResults(
            self.simulate(plan_id=only.id),
            [
                (self.member, 1, 2400.0, 600.0, 1800.0),
                (self.inviter, 0, 0.0, 60.0, -60.0),
            ],
        )

    def test_only_the_periods_contracts_that_finance_confirmed(self):
        self.confirm()
        self.make_paid_contract(self.make_lead())  # not confirmed
        old = self.confirm(lead=self.make_lead(), amount=1000)
        old.sudo().date_order = "2020-05-31 15:59:59"  # 23:59:59 on 31 May in Shanghai
        self.company.partner_id.tz = "Asia/Shanghai"
        self.assertEqual(self.simulate().contract_count, 1)
        self.assertEqual(self.simulate(scope="signed").contract_count, 2)
        may = {"date_from": "2020-05-01", "date_to": "2020-05-31"}
        june = {"date_from": "2020-06-01", "date_to": "2020-06-30"}
        self.assertEqual(self.simulate(**may).done_count, 1)
        self.assertEqual(self.simulate(**june).done_count, 0)
        old.sudo().date_order = "2020-05-31 16:00:00"  # midnight there
        self.assertEqual(self.simulate(**may).done_count, 0)
        self.assertEqual(self.simulate(**june).done_count, 1)

    def test_batches_add_up_and_the_job_goes_on_where_it_was(self):
        lead = self.make_lead()
        for _number in range(3):
            self.confirm(lead=lead, amount=1000)
        with (
            patch.object(referral_simulation, "BATCH", 1),
            patch.object(referral_simulation, "PATIENCE", -1),
        ):
            simulation = self.make_simulation()
            simulation.action_start()
            self.assertEqual((simulation.state, simulation.done_count), ("running", 1))
            self.assertAlmostEqual(simulation.progress, 33.33, 1)
            self.run_job()
        self.assertEqual((simulation.state, simulation.done_count), ("done", 3))
        self.assertEqual(simulation.line_ids[0].simulated, 60)

    def test_a_simulation_that_was_stopped_stays_as_it_is(self):
        self.confirm()
        with (
            patch.object(referral_simulation, "BATCH", 1),
            patch.object(referral_simulation, "PATIENCE", -1),
        ):
            simulation = self.make_simulation()
            simulation.action_start()
        simulation.action_stop()
        self.run_job()
        self.assertEqual(simulation.state, "stopped")

    def test_a_contract_that_cannot_be_measured_is_counted_and_left_out(self):
        """Threat J4: one bad record never stops the rest."""
        good, bad = self.confirm(), self.confirm(lead=self.make_lead(), amount=77)
        orders = self.env["sale.order"].__class__
        whole = orders._get_facts_to_measure

        def fail(order, *arguments):
            if order == bad:
                raise ValueError("no rate")
            return whole(order, *arguments)

        with patch.object(orders, "_get_facts_to_measure", fail):
            simulation = self.simulate()
        self.assertEqual((simulation.done_count, simulation.skipped_count), (1, 1))
        own = simulation.line_ids.filtered(lambda line: line.partner_id == self.member)
        self.assertEqual(own.simulated, good.amount_untaxed * 0.02)

    def test_a_currency_without_rate_leaves_the_contract_out(self):
        self.confirm()
        other = self.env.ref("base.EUR" if self.currency.name != "EUR" else "base.USD")
        other.active = True
        other.rate_ids.unlink()
        self.currency.rate_ids.unlink()
        plan = self.make_plan([{"name": "Abroad", "rate": 1, "currency_id": other.id}])
        simulation = self.simulate(plan_id=plan.id)
        self.assertEqual((simulation.done_count, simulation.skipped_count), (0, 1))

    def test_lines_and_payments_are_measured_as_if_all_were_paid(self):
        self.confirm(amount=1000)
        rules = [
            {"name": "Lines", "trigger": "order_line", "rate": 3},
            {"name": "Payments", "trigger": "payment", "rate": 2},
        ]
        [own, *_rest] = self.simulate(plan_id=self.make_plan(rules).id).line_ids
        self.assertEqual((own.contract_count, own.simulated), (1, 50.0))

    def test_a_plan_without_a_rule_for_contracts_is_refused(self):
        rules = [{"name": "L", "trigger": "lead_valid", "rate_type": "fixed"}]
        simulation = self.make_simulation(plan_id=self.make_plan(rules).id)
        with self.assertRaisesRegex(UserError, "no rule for contracts"):
            simulation.action_start()
        self.assertEqual(simulation.state, "draft")

    def test_a_period_that_ends_before_it_starts_is_refused(self):
        with self.assertDatabaseRefuses():
            self.make_simulation(date_from="2026-02-01", date_to="2026-01-31")

    def test_the_number_of_queries_does_not_depend_on_the_contracts(self):
        """A batch reads its contracts, people and rates in one go."""
        orders = self.env["sale.order"].union(
            *(self.confirm(lead=self.make_lead_of_another(n)) for n in range(6))
        )
        simulation = self.make_simulation()
        counts = []
        for some in (orders[:2], orders[:2], orders):
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            simulation.sudo()._measure(self.env["sale.order"].browse(some.ids))
            counts.append(self.env.cr.sql_log_count - before)
        self.assertLessEqual(counts[2], counts[1])

    def test_the_table_holds_plain_figures_and_no_formula(self):
        """Threat L3."""
        self.member.name = "=cmd()"
        self.confirm()
        simulation = self.simulate()
        action = simulation.action_download()
        table = self.env["referral.csv.download"].search([], limit=1)
        self.assertIn(str(table.id), action["url"])
        lines = base64.b64decode(table.content).decode("utf-8-sig").splitlines()
        self.assertEqual(len(lines), 3)
        code = self.currency.name
        self.assertEqual(lines[1], f"'=cmd(),{code},1,2400.00,600.00,1800.00")

    def test_managers_simulate_finance_reads_and_others_do_not(self):
        self.confirm()
        simulation = self.simulate()
        finance = simulation.with_user(self.finance)
        self.assertTrue(finance.line_ids.mapped("simulated"))
        self.assertTrue(finance.action_download())
        for user in (self.finance, self.sales, self.portal):
            for button in ("action_start", "action_stop"):
                with self.assertRaises(AccessError):
                    getattr(simulation.with_user(user), button)()
        for user in (self.sales, self.portal):
            with self.assertRaises(AccessError):
                simulation.with_user(user).read(["state"])
            with self.assertRaises(AccessError):
                simulation.with_user(user).action_download()

    def test_results_and_progress_are_nobodys_to_write(self):
        self.confirm()
        simulation = self.simulate()
        for change in (
            lambda: simulation.write({"state": "draft"}),
            lambda: simulation.write({"date_to": "2030-01-01"}),
            lambda: self.make_simulation(done_count=5),
            lambda: simulation.line_ids.sudo().write({"simulated": 1}),
            lambda: simulation.line_ids.sudo().create({}),
        ):
            with self.assertRaises(UserError):
                change()
        steered = self.make_simulation()
        self.assertEqual(steered.state, "draft")
        simulation.unlink()
        self.assertFalse(self.env["referral.simulation.line"].search([]))
