from odoo.tests import Form, tagged

from .test_plan_rules import RuleCase

ODD = {
    "name": "Odd",
    "rate_type": "expression",
    "expression": "amount / (phase - 1)",
}


@tagged("post_install", "-at_install")
class TestFailingRules(RuleCase):
    """A rule that cannot be computed loses nobody else's reward, gives nobody a wrong
    one, and somebody is told (rule C4, threat P8)."""

    def setUp(self):
        super().setUp()
        self.contact = self.env["res.partner"].create({"name": "Lecturer"})
        self.aside = {
            "name": "Aside",
            "beneficiary": "contact",
            "partner_id": self.contact.id,
            "rate": 1,
        }

    def todos(self, record):
        activity = "referral_distribution.mail_activity_type_rule_failed"
        return record.sudo().activity_search([activity], only_automated=False)

    def test_the_other_rewards_are_given_and_finance_finds_a_todo(self):
        order = self.give([ODD, self.aside])
        self.assertEqual(order.referral_state, "confirmed")
        self.assertEarned(order, {self.contact: 10.0})
        todo = self.todos(order)
        self.assertTrue(todo.user_id.has_group("referral_distribution.group_finance"))
        self.assertIn("The formula of Odd: it divides by zero", todo.note)
        self.env["referral.commission"]._accrue("contract", order)
        self.assertEqual(self.todos(order), todo, "told once")

    def test_what_rests_on_it_is_left_out_with_it(self):
        """A share of half a reward, or all that those below did not get, is wrong."""
        self.member.grade_id = self.tier("member")
        self.inviter.grade_id = self.tier("agent")
        share = {"level": 1, "base": "member_reward", "rate": 10}
        difference = {"beneficiary": "role", "rate_type": "differential", "rate": 15}
        rules = [
            ODD,
            {"name": "Own", "rate": 1},
            {"name": "Share", **share},
            {"name": "Difference", "role": "agent", **difference},
        ]
        order = self.give(rules)
        self.assertEarned(order, {self.member: 10.0})
        for name in ("Odd", "Share", "Difference"):
            self.assertIn(name, self.todos(order).note)

    def test_the_second_contract_for_which_it_holds_is_rewarded_by_it(self):
        lead = self.make_lead()
        self.give([ODD], lead=lead)
        self.assertEarned(self.reward(lead=lead), {self.member: 1000.0})

    def test_one_bad_contract_does_not_stop_a_mass_confirmation(self):
        self.make_plan([ODD, self.aside])._activate()
        lead = self.make_lead()
        orders = self.make_paid_contract(lead) + self.make_paid_contract(lead)
        orders.with_user(self.finance).action_referral_confirm()
        self.assertEqual(set(orders.mapped("referral_state")), {"confirmed"})
        self.assertEarned(orders[0], {self.contact: 1200.0})
        self.assertEarned(orders[1], {self.contact: 1200.0, self.member: 120000.0})

    def test_the_others_can_be_computed_again(self):
        """Rule C8."""
        order = self.give([ODD, self.aside])
        line = order.sudo().referral_commission_ids
        self.assertEqual(line._replay()[line][0], "same")

    def test_nor_does_a_condition_that_asks_for_what_is_gone(self):
        asks = {"name": "Asks", "rate": 1, "domain": "[('note', '=', False)]"}
        plan = self.make_plan([asks, self.aside])
        plan._activate()
        order = self.make_paid_contract(amount=1000)
        self.env.cr.execute(
            "UPDATE referral_plan_rule SET domain = '[(''gone'', ''='', 1)]'"
            " WHERE plan_id = %s AND domain IS NOT NULL",
            [plan.id],
        )
        plan.rule_ids.invalidate_recordset(["domain"])
        order.with_user(self.finance).action_referral_confirm()
        self.assertEarned(order, {self.contact: 10.0})
        self.assertIn("further condition of Asks", self.todos(order).note)

    def test_finance_reads_it_before_confirming(self):
        self.make_plan([ODD, self.aside])._activate()
        order = self.make_paid_contract(amount=1000).with_user(self.finance)
        self.assertIn("divides by zero", order.referral_forecast)
        self.assertIn("10.00", order.referral_forecast_text)

    def test_a_manager_reads_it_in_the_trial(self):
        plan = self.make_plan([ODD, self.aside])
        trials = self.env["referral.plan.trial"].with_user(self.manager)
        with Form(trials.with_context(default_plan_id=plan.id)) as form:
            form.referrer_id = self.member
            self.assertIn("divides by zero", form.result)
            self.assertIn("Lecturer", form.result)

    def test_a_lead_is_validated_all_the_same_and_a_manager_told(self):
        share = {"level": 1, "base": "member_reward"}
        text = "reward / phase"
        rules = [
            {
                "name": "L",
                "trigger": "lead_valid",
                "rate_type": "fixed",
                "amount": 10,
            },
            {
                "name": "Odd",
                "trigger": "lead_valid",
                "rate_type": "expression",
                "expression": text,
                **share,
            },
        ]
        self.make_plan(rules)._activate()
        lead = self.make_lead()
        lead.with_user(self.sales).action_referral_validate()
        self.assertRewards(lead, [(self.member, 0, 10.0)])
        todo = self.todos(lead)
        self.assertTrue(todo.user_id.has_group("referral_distribution.group_manager"))

    def test_a_member_sees_what_else_is_expected(self):
        """The portal's page goes on."""
        rules = [{**ODD, "trigger": "lead_valid", "level": 1, "base": "member_reward"}]
        rules[0]["expression"] = "reward / phase"
        fixed = {"name": "L", "rate_type": "fixed", "amount": 10}
        self.make_plan([*rules, {**fixed, "trigger": "lead_valid"}])._activate()
        lead = self.make_lead()
        found = lead._compute_rewards(lead._get_referral_plan().rule_ids, self.member)
        self.assertEqual(found, {self.currency.id: 10.0})
