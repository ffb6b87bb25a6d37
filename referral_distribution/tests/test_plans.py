from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import Form, tagged

from .common import ReferralCase


@tagged("post_install", "-at_install")
class TestVersions(ReferralCase):
    """Draft -> active -> archived; what is in force never changes (rule C4)."""

    def test_activating_a_draft_archives_the_one_before(self):
        draft = self.make_plan()
        self.assertEqual(draft.version, self.plan.version + 1)
        draft.with_user(self.manager).action_activate()
        self.assertEqual((self.plan.state, draft.state), ("archived", "active"))
        self.assertEqual(self.env["referral.plan"]._get_active(self.company), draft)

    def test_only_managers_activate(self):
        draft = self.make_plan()
        for user in (self.sales, self.finance, self.clerk, self.portal):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                draft.with_user(user).action_activate()

    def test_an_active_plan_is_not_changed_through_any_door(self):
        plan = self.plan.with_user(self.manager)
        rule = plan.rule_ids[0]
        draft = self.make_plan([{"name": "Draft", "rate": 1}]).with_user(self.manager)
        other = self.env["res.company"].create({"name": "Other"})
        attempts = {
            "company": lambda: plan.write({"company_id": other.id}),
            "rule": lambda: rule.write({"amount": 1000}),
            "rule from the plan": lambda: plan.write(
                {"rule_ids": [Command.update(rule.id, {"amount": 1000})]}
            ),
            "more rules": lambda: rule.copy({"name": "Bonus"}),
            "fewer rules": lambda: rule.unlink(),
            "no plan": lambda: plan.unlink(),
            "rule moved in": lambda: draft.rule_ids.write({"plan_id": plan.id}),
            "rule moved out": lambda: rule.write({"plan_id": draft.id}),
            "state": lambda: plan.write({"state": "draft"}),
        }
        for name, attempt in attempts.items():
            with self.subTest(attempt=name), self.assertRaises(UserError):
                attempt()

    def test_an_archived_plan_is_not_changed_either(self):
        self.make_plan()._activate()
        with self.assertRaises(UserError):
            self.plan.rule_ids[0].with_user(self.manager).write({"amount": 1000})
        with self.assertRaises(UserError):
            self.plan.with_user(self.manager).action_activate()

    def test_brackets_of_an_active_plan_are_not_changed(self):
        steps = [
            Command.create({"amount_from": 0, "rate": 1}),
            Command.create({"amount_from": 1000, "rate": 2}),
        ]
        rule = {"name": "B", "rate_type": "bracket", "bracket_ids": steps}
        plan, draft = self.make_plan([rule]), self.make_plan([rule])
        plan._activate()
        bracket = plan.rule_ids.bracket_ids[1].with_user(self.manager)
        free = draft.rule_ids.bracket_ids[1].with_user(self.manager)
        for name, attempt in {
            "write": lambda: bracket.write({"rate": 99}),
            "add": lambda: bracket.copy({"amount_from": 5000}),
            "remove": lambda: bracket.unlink(),
            "move in": lambda: free.write({"rule_id": plan.rule_ids.id}),
        }.items():
            with self.subTest(attempt=name), self.assertRaises(UserError):
                attempt()

    def test_the_state_and_version_of_a_draft_are_given_not_written(self):
        draft = self.make_plan().with_user(self.manager)
        for values in ({"state": "active"}, {"state": "archived"}, {"version": 99}):
            with self.subTest(values=values), self.assertRaises(UserError):
                draft.write(values)
        born = self.env["referral.plan"].with_context(
            default_state="active", default_version=77
        )
        plan = born.create({"name": "X", "state": "active", "version": 99})
        self.assertEqual(plan.state, "draft")
        self.assertEqual(plan.version, draft.version + 1)

    def test_a_new_version_is_a_draft_with_the_same_rules(self):
        action = self.plan.with_user(self.manager).action_new_version()
        draft = self.env["referral.plan"].browse(action["res_id"])
        self.assertEqual((draft.state, draft.version), ("draft", self.plan.version + 1))
        names = ["name", "trigger", "level", "phase", "rate", "amount", "base"]
        self.assertEqual(
            [rule.read(names, load="")[0] | {"id": 0} for rule in draft.rule_ids],
            [rule.read(names, load="")[0] | {"id": 0} for rule in self.plan.rule_ids],
        )

    def test_a_plan_without_rules_is_not_activated(self):
        draft = self.make_plan([])
        with self.assertRaisesRegex(UserError, "at least one rule"):
            draft.with_user(self.manager).action_activate()

    def test_several_plans_are_made_at_once_each_with_its_version(self):
        plans = self.env["referral.plan"].create([{"name": "A"}, {"name": "B"}])
        newest = self.plan.version
        self.assertEqual(plans.mapped("version"), [newest + 1, newest + 2])

    def test_each_company_has_its_own_active_plan(self):
        """Threat P3: and its own versions."""
        other = self.env["res.company"].create({"name": "Other"})
        plan = self.make_plan(company_id=other.id)
        plan._activate()
        self.assertEqual(plan.version, 1)
        self.assertEqual(self.plan.state, "active")

    def test_a_contract_keeps_the_plan_it_was_signed_under(self):
        """Threat F5."""
        order = self.make_paid_contract()
        generous = self.make_plan([{"name": "Generous", "rate": 50}])
        generous._activate()
        order.with_user(self.finance).action_referral_confirm()
        self.assertEqual(order.referral_plan_id, self.plan)
        self.assertRewards(order, [(self.member, 0, 600.0), (self.inviter, 1, 60.0)])
        self.assertEqual(self.make_contract().referral_plan_id, generous)

    def test_a_plan_that_contracts_were_signed_under_is_kept(self):
        self.make_contract(self.make_lead())
        self.make_plan()._activate()
        with self.assertRaises(UserError):
            self.plan.unlink()


@tagged("post_install", "-at_install")
class TestFormulas(ReferralCase):
    """Formulas that make no sense are refused where they are written (rule C4)."""

    def test_senseless_rules_are_refused(self):
        cases = {
            "per cent of a lead": {"trigger": "lead_valid", "rate": 1},
            "a share of oneself": {"level": 0, "base": "member_reward", "rate": 1},
            "brackets without any": {"rate_type": "bracket"},
            "brackets from 10": {
                "rate_type": "bracket",
                "bracket_ids": [Command.create({"amount_from": 10, "rate": 1})],
            },
        }
        for name, rule in cases.items():
            with self.subTest(case=name), self.assertRaises(ValidationError):
                self.make_plan([{"name": name, **rule}])

    def test_a_gap_made_after_the_check_is_found_on_activation(self):
        steps = [
            Command.create({"amount_from": 0, "rate": 1}),
            Command.create({"amount_from": 1000, "rate": 2}),
        ]
        rule = {"name": "B", "rate_type": "bracket", "bracket_ids": steps}
        plan = self.make_plan([rule])
        plan.rule_ids.bracket_ids[0].unlink()
        with self.assertRaises(ValidationError):
            plan.with_user(self.manager).action_activate()

    def test_brackets_pay_each_slice_at_its_rate(self):
        steps = [(0, 1), (100_000, 2)]
        rule = {
            "name": "B",
            "rate_type": "bracket",
            "bracket_ids": [
                Command.create({"amount_from": start, "rate": rate})
                for start, rate in steps
            ],
        }
        self.make_plan([rule])._activate()
        order = self.make_paid_contract()
        order.with_user(self.finance).action_referral_confirm()
        self.assertRewards(order, [(self.member, 0, 1400.0)])
        self.assertIn("by brackets", order.referral_commission_ids.explanation_text)

    def test_a_fixed_amount_pays_the_same_for_every_contract(self):
        self.make_plan([{"name": "F", "rate_type": "fixed", "amount": 88}])._activate()
        order = self.make_paid_contract(amount=1)
        order.with_user(self.finance).action_referral_confirm()
        self.assertRewards(order, [(self.member, 0, 88.0)])

    def test_a_rule_can_take_the_amount_with_taxes(self):
        tax = self.env["account.tax"].create({"name": "T", "amount": 10})
        self.make_plan([{"name": "T", "rate": 1, "base": "total"}])._activate()
        order = self.make_order(self.make_lead(), amount=1000)
        order.order_line.tax_ids = tax
        order.action_confirm()
        self.pay(self.invoice(order))
        order.with_user(self.finance).action_referral_confirm()
        self.assertRewards(order, [(self.member, 0, 11.0)])

    def test_a_manager_writes_a_plan_in_its_form(self):
        with Form(self.env["referral.plan"].with_user(self.manager)) as form:
            form.name = "By hand"
            with form.rule_ids.new() as rule:
                rule.name = "First"
                rule.phase = "first"
                rule.rate = 0.5
        self.assertEqual(form.record.rule_ids.rate, 0.5)
