from datetime import timedelta

from odoo import fields
from odoo.tests import TransactionCase, tagged


@tagged("post_install", "-at_install")
class TestStory(TransactionCase):
    """The demo story follows from the rules, whatever day it is told."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if not cls.env["res.users"].search([("login", "=", "sales")]):
            cls.env["referral.demo"]._tell()

    def _told(self, model):
        return self.env[model].search([])

    def test_leads_stand_at_every_verdict(self):
        verdicts = set(self._told("crm.lead").mapped("referral_validity"))
        self.assertEqual(verdicts, {"to_review", "valid", "invalid", "duplicate"})

    def test_twenty_leads_wait_for_review_and_some_are_odd(self):
        """Rules L2, L5: what a reviewer has to find is there, however it is told."""
        waiting = self._told("crm.lead").filtered(
            lambda lead: lead.referrer_id and lead.referral_validity == "to_review"
        )
        self.assertEqual(len(waiting), 20)
        self.assertLess(10, len(waiting.referrer_id))
        self.assertLess(5, len(waiting.referral_channel_id))
        self.assertEqual(len(set(waiting.mapped("phone_sanitized"))), 19)
        self.assertIn("portal", waiting.mapped("referral_evidence"))
        self.assertEqual(waiting.mapped("referral_suspicion").count("to_review"), 1)
        nodes = set(waiting.referral_trail_ids.mapped("node"))
        self.assertLessEqual({"lost", "restored"}, nodes)
        merged = self.env["referral.trail.entry"].search([("node", "=", "merged")])
        self.assertEqual(len(merged), 1)

    def test_contracts_stand_at_every_state_and_in_two_phases(self):
        orders = self._told("sale.order")
        states = orders._fields["referral_state"].get_values(self.env)
        self.assertEqual(set(orders.mapped("referral_state")), set(states))
        self.assertLessEqual({1, 2}, set(orders.mapped("project_phase")))

    def test_the_first_contract_earned_what_the_plan_says(self):
        """Rules C1, M4: 120,000 gave 600 points and the inviter 60."""
        order = self._told("sale.order").filtered(
            lambda o: o.referral_state == "confirmed" and o.project_phase == 1
        )
        order = order.sorted("date_order")[:1]
        self.assertEqual(order.amount_untaxed, 120000)
        earned = order.referral_commission_ids.sorted("level")
        earned = earned.filtered(lambda line: line.trigger == "contract")
        self.assertEqual(earned.mapped("amount"), [600.0, 60.0])

    def test_who_declines_commissions_earned_nothing_and_neither_did_the_inviter(self):
        """Rule M4."""
        declining = self._told("sale.order").filtered(
            lambda o: (
                o.referral_state == "confirmed" and not o.referrer_id.accepts_commission
            )
        )
        self.assertTrue(declining)
        self.assertFalse(declining.referral_commission_ids)

    def test_leads_and_orders_fall_in_territories_and_regions_are_left(self):
        """Rule M5."""
        leads = self._told("crm.lead")
        self.assertLess(2, len(leads.territory_agent_id))
        self.assertIn(False, leads.mapped(lambda lead: bool(lead.territory_agent_id)))
        self.assertTrue(self._told("sale.order").territory_agent_id)
        gaps = self._told("referral.territory.gap")
        self.assertEqual(set(gaps.mapped("coverage")), {"nobody", "partly"})
        self.assertTrue(any(gaps.mapped("open_lead_count")))

    def test_one_member_is_proposed_for_a_higher_tier(self):
        """Rule M1: a manager has something to decide."""
        changes = self._told("referral.tier.change")
        proposed = changes.filtered(lambda change: change.state == "proposed")
        self.assertEqual(len(proposed), 1)
        self.assertIn("黄蕾", proposed.partner_id.name)

    def test_ledger_and_trail_are_intact(self):
        """Rules L3, P1."""
        wallets, leads = self._told("referral.wallet"), self._told("crm.lead")
        self.assertTrue(wallets and leads)
        self.assertFalse(wallets._verify())
        self.assertFalse(self.env["referral.trail.entry"]._verify(leads))
        self.assertLess(3, len(self._told("referral.trail.seal")))
        check = self._told("referral.trail.check")
        self.assertEqual((check.state, check.scope), ("intact", "company"))

    def test_one_tree_is_near_the_line_and_a_signoff_waits(self):
        """Rule M7: the monitor and the sign-offs have something to show."""
        current = self._told("referral.tree.figure").filtered("is_latest")
        self.assertEqual(current.mapped("status").count("near"), 1)
        self.assertEqual(set(current.mapped("status")), {"near", "clear"})
        signoffs = self._told("referral.compliance.signoff")
        self.assertEqual(signoffs.mapped("state"), ["requested"])

    def test_history_lies_in_the_past_and_the_clock_runs_again(self):
        entries = self._told("referral.trail.entry")
        oldest = min(entries.mapped("occurred_at"))
        self.assertLess(oldest, fields.Datetime.now() - timedelta(days=50))
        self.assertLessEqual(max(entries.mapped("occurred_at")), fields.Datetime.now())

    def test_most_members_agreed_to_the_text_and_one_wants_to_go(self):
        members = self._told("res.partner").filtered("member_state")
        agreed = members.filtered("referral_consented")
        self.assertTrue(agreed)
        self.assertTrue(members - agreed)
        wishes = self._told("referral.erasure.request")
        self.assertEqual(wishes.mapped("state"), ["requested"])

    def test_partner_channels_stand_at_every_stage_and_one_has_been_paid(self):
        """Rules S1, S4."""
        channels = self._told("referral.channel").filtered(
            lambda c: c.kind == "partner"
        )
        stages = channels._fields["stage"].get_values(self.env)
        self.assertEqual(set(channels.mapped("stage")), set(stages))
        [channel] = channels.filtered(lambda c: c.stage == "cooperating")
        lines = channel.commission_ids
        self.assertEqual(lines.partner_id, channel.partner_id)
        self.assertEqual(set(lines.mapped("state")), {"approved", "settled"})
        self.assertTrue(channel.activity_ids)

    def test_settlements_stand_at_each_step_and_three_people_moved_them(self):
        """Rule C6."""
        settlements = self._told("referral.settlement")
        states = settlements._fields["state"].get_values(self.env)
        self.assertEqual(set(settlements.mapped("state")), set(states))
        paid = settlements.filtered(lambda settlement: settlement.state == "paid")
        self.assertEqual(paid.submitted_by_id.login, "finance")
        self.assertEqual(paid.approved_by_id.login, "controller")
        self.assertEqual(paid._get_payments().create_uid.login, "cashier")
        self.assertIn("黄蕾", " ".join(paid.partner_id.mapped("name")))

    def test_a_refund_waits_for_the_settlement_that_holds_its_reward(self):
        """Rule C7."""
        task = self._told("referral.true.up")
        self.assertEqual(task.state, "waiting")
        held = task.order_id.referral_commission_ids.settlement_id
        self.assertEqual(held.state, "submitted")
        self.assertIn(held.display_name, task.problem)

    def test_rates_are_agreed_and_a_members_contract_is_on_its_way(self):
        rates = self._told("referral.rate")
        self.assertIn(False, rates.mapped(lambda rate: bool(rate.customer_id)))
        self.assertTrue(rates.customer_id)
        member = self.env["res.users"].search([("login", "=", "member")]).partner_id
        orders = self._told("sale.order").filtered(
            lambda order: order.referrer_id == member
        )
        self.assertIn("contracted", orders.mapped("referral_state"))
