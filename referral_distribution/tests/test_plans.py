from datetime import timedelta

import psycopg2
from freezegun import freeze_time

from odoo import models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import Form, tagged

from .common import ReferralCase

EVERYTHING = {
    "name": "All",
    "rate_type": "bracket",
    "bracket_ids": [
        Command.create({"amount_from": 0, "rate": 1}),
        Command.create({"amount_from": 10, "rate": 2}),
    ],
    "bracket_period": "month",
    "phase": "range",
    "phase_from": 2,
    "phase_to": 5,
    "category_use": "contract",
    "channel_kind": "own",
    "territory": "chosen",
    "fulfilment": "direct",
    "amount_from": 1,
    "amount_to": 9,
    "date_from": "2020-01-01",
    "date_to": "2099-01-01",
    "times_per_customer": 4,
    "domain": "[('amount_untaxed', '>', 1)]",
    "cap_order": 1,
    "cap_customer": 2,
    "cap_person": 3,
    "cap_month": 4,
    "cap_year": 5,
}


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
        attempts = {
            "rule": lambda: rule.write({"amount": 1000}),
            "rule from the plan": lambda: plan.write(
                {"rule_ids": [Command.update(rule.id, {"amount": 1000})]}
            ),
            "brackets from the plan": lambda: plan.write(
                {
                    "rule_ids": [
                        Command.update(
                            rule.id,
                            {"bracket_ids": [Command.create({"rate": 9})]},
                        )
                    ]
                }
            ),
            "a rule made from the plan": lambda: plan.write(
                {"rule_ids": [Command.create({"name": "Bonus", "rate": 1})]}
            ),
            "a rule deleted from the plan": lambda: plan.write(
                {"rule_ids": [Command.delete(rule.id)]}
            ),
            "no rules": lambda: plan.write({"rule_ids": [Command.clear()]}),
            "more rules": lambda: rule.copy({"name": "Bonus"}),
            "fewer rules": lambda: rule.unlink(),
            "no plan": lambda: plan.unlink(),
            "rule moved in": lambda: draft.rule_ids.write({"plan_id": plan.id}),
            "rule moved out": lambda: rule.write({"plan_id": draft.id}),
        }
        for name, attempt in attempts.items():
            with self.subTest(attempt=name), self.assertRaises(UserError):
                attempt()

    def test_no_field_of_an_active_plan_or_its_rules_is_written(self):
        plan = self.plan.with_user(self.manager)
        other = self.env["res.company"].create({"name": "Other"})
        for records, values in (
            (plan, {"company_id": other.id}),
            (plan, {"date_to": "2099-01-01"}),
            (plan, {"kind": "partner"}),
            (plan, {"holding_days": 3}),
            (plan, {"state": "draft"}),
            (plan.rule_ids, {"tier_ids": [Command.clear()]}),
            (plan.rule_ids, {"domain": "[(1, '=', 1)]"}),
            (plan.rule_ids, {"cap_order": 1}),
        ):
            with self.subTest(values=values), self.assertRaises(UserError):
                records.write(values)

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

    def test_a_new_version_has_everything_of_the_old_one(self):
        """Whatever fields a plan, its rules and brackets have."""
        goods = self.env["product.category"].create({"name": "Goods"})
        tier = self.env.ref("referral_distribution.res_partner_grade_agent")
        people = {
            "tier_ids": tier.ids,
            "category_ids": goods.ids,
            "territory_agent_ids": self.make_agent("Agent").ids,
        }
        rule = {**EVERYTHING, **people}
        plan = self.make_plan(
            [rule, {"name": "F", "rate_type": "expression", "expression": "amount"}],
            holding_days=7,
            settlement_mode="month",
            payout_minimum=50,
        )
        plan._activate()
        action = plan.with_user(self.manager).action_new_version()
        draft = self.env["referral.plan"].browse(action["res_id"])
        own = {"date_from", "date_to", "state", "version", "rule_ids"}
        self.assertSame(plan, draft, own)
        self.assertSame(plan.rule_ids, draft.rule_ids, {"plan_id", "bracket_ids"})
        brackets = draft.rule_ids.bracket_ids
        self.assertSame(plan.rule_ids.bracket_ids, brackets, {"rule_id"})
        self.assertEqual(draft.rule_ids.mapped("origin_id"), plan.rule_ids)

    def assertSame(self, records, others, apart):
        """All stored fields are equal, but for those that tell the records apart."""
        technical = {"id", "origin_id", *self.env["base"]._fields}
        technical |= set(models.MAGIC_COLUMNS)
        names = [
            name
            for name, field in records._fields.items()
            if field.store and not field.compute and name not in apart | technical
        ]
        self.assertEqual(len(records), len(others))
        rows = [
            [{n: v for n, v in row.items() if n != "id"} for row in some.read(names)]
            for some in (records.sorted("id"), others.sorted("id"))
        ]
        self.assertEqual(*rows)

    def test_what_a_rule_in_force_asks_for_is_not_deleted(self):
        """Or a rule for some tiers or goods would be for all."""
        goods = self.env["product.category"].create({"name": "Goods"})
        tier = self.env["res.partner.grade"].create({"name": "Gold"})
        rule = {
            "name": "R",
            "rate": 1,
            "tier_ids": tier.ids,
            "category_ids": goods.ids,
        }
        self.make_plan([rule])._activate()
        self.env.flush_all()
        for record in (goods, tier):
            with (
                self.subTest(record=record),
                self.assertDatabaseRefuses(psycopg2.errors.ForeignKeyViolation),
            ):
                record.unlink()

    def test_a_plan_whose_last_day_is_over_is_not_activated(self):
        """It would end the version in force, and nothing would be."""
        yesterday = self.company._referral_today() - timedelta(days=1)
        draft = self.make_plan(date_to=yesterday)
        with self.assertRaisesRegex(UserError, "last day"):
            draft.with_user(self.manager).action_activate()
        self.assertEqual((draft.state, self.plan.state), ("draft", "active"))

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

    def test_a_contract_has_the_version_of_its_day_at_the_company(self):
        """01:00 on 1 April in Shanghai is 31 March for the database (rule C4)."""
        self.company.partner_id.tz = "Asia/Shanghai"
        with freeze_time("2026-03-30 04:00:00"):
            april = self.make_plan(date_from="2026-04-01")
            april._activate()
        for moment, plan in (
            ("2026-03-31 15:59:00", self.plan),
            ("2026-03-31 16:00:00", april),
        ):
            with freeze_time(moment), self.subTest(moment=moment):
                order = self.make_contract(self.make_lead())
                self.assertEqual(order.referral_plan_id, plan)

    def test_a_plan_that_contracts_were_signed_under_is_kept(self):
        self.make_contract(self.make_lead())
        self.make_plan()._activate()
        with self.assertRaises(UserError):
            self.plan.unlink()


@tagged("post_install", "-at_install")
class TestDays(ReferralCase):
    """One version in force per company, kind and day (rule C4)."""

    def setUp(self):
        super().setUp()
        self.today = self.company._referral_today()
        self.plan.flush_recordset()
        self.env.cr.execute(
            "UPDATE referral_plan SET date_from = %s WHERE id = %s",
            (self.today - timedelta(days=30), self.plan.id),
        )
        self.plan.invalidate_recordset()

    def get(self, days=0, kind="standard"):
        day = self.today + timedelta(days=days)
        return self.env["referral.plan"]._get_active(self.company, day, kind)

    def test_a_version_to_come_waits_for_its_day(self):
        later = self.make_plan(date_from=self.today + timedelta(days=10))
        later.with_user(self.manager).action_activate()
        self.assertEqual((self.plan.state, later.state), ("active", "active"))
        self.assertEqual(self.plan.date_to, self.today + timedelta(days=9))
        self.assertEqual([self.get(n) for n in (0, 9, 10)], [self.plan] * 2 + [later])

    def test_of_days_gone_by_the_version_is_found_that_was_in_force_then(self):
        draft = self.make_plan(date_from=self.today - timedelta(days=3))
        draft._activate()
        self.assertEqual(
            [self.get(-4), self.get(-3), self.get()], [self.plan, draft, draft]
        )

    def test_one_replaced_on_its_first_day_was_in_force_on_no_day(self):
        first, second = (self.make_plan(date_from=False) for _number in range(2))
        (first + second)._activate()
        self.assertEqual((first.state, second.state), ("archived", "active"))
        self.assertEqual([self.get(-1), self.get()], [self.plan, second])

    def test_contracts_of_partner_channels_have_a_plan_of_their_own(self):
        """Without one, the standard plan is for them too."""
        self.assertEqual(self.get(kind="partner"), self.plan)
        partner = self.make_plan(kind="partner")
        partner._activate()
        self.assertEqual(self.plan.state, "active")
        self.assertEqual((self.get(kind="partner"), self.get()), (partner, self.plan))

    def test_the_database_refuses_two_versions_on_one_day(self):
        draft = self.make_plan()
        self.env.flush_all()
        with self.assertDatabaseRefuses(psycopg2.errors.ExclusionViolation):
            draft._set_state("active")

    def test_the_job_archives_what_is_over(self):
        self.make_plan(date_from=self.today + timedelta(days=10))._activate()
        self.env["referral.plan"]._cron_archive()
        self.assertEqual(self.plan.state, "active")
        self.env.cr.execute(
            "UPDATE referral_plan SET date_to = %s WHERE id = %s",
            (self.today - timedelta(days=1), self.plan.id),
        )
        self.plan.invalidate_recordset()
        self.env["referral.plan"]._cron_archive()
        self.assertEqual(self.plan.state, "archived")

    def test_the_last_day_is_not_before_the_first(self):
        with self.assertDatabaseRefuses():
            self.make_plan(date_from="2026-02-01", date_to="2026-01-01")

    def test_differences_are_taken_of_one_amount(self):
        role = {"beneficiary": "role", "rate_type": "differential", "rate": 5}
        rules = [
            {**role, "name": "A", "role": "agent"},
            {**role, "name": "M", "role": "member", "base": "total"},
        ]
        with self.assertRaisesRegex(UserError, "A, M"):
            self.make_plan(rules).with_user(self.manager).action_activate()

    def test_a_plan_is_tried_without_writing_anything(self):
        """Rule C8: 120,000 of phase 1 -> 600 and 60."""
        plan = self.make_plan().with_user(self.manager)
        before = self.env["referral.commission"].search_count([])
        trials = self.env["referral.plan.trial"].with_user(self.manager)
        action = plan.action_try()
        with Form(trials.with_context(**action["context"])) as form:
            form.referrer_id = self.member
            form.amount = 120000
            self.assertIn("600.00", form.result)
            self.assertIn("60.00", form.result)
            form.phase = 2
            self.assertIn("1,200.00", form.result)
            form.trigger = "share"
            self.assertIn("Nobody", form.result)
        self.assertEqual(self.env["referral.commission"].search_count([]), before)
        for user in (self.sales, self.finance):
            with self.assertRaises(AccessError):
                trials.with_user(user).create({"plan_id": plan.id})


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
