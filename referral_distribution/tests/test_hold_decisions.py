from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from ..models import gate
from .holds import HoldCase


@tagged("post_install", "-at_install")
class TestRewards(HoldCase):
    """The lead is worked on; its rewards wait (rule L5)."""

    def setUp(self):
        super().setUp()
        self.member.email = "m@own.example"
        self.lead = self.make_lead(email_from="m+1@own.example")
        self.assertHeld(self.lead, "self_referral")

    def test_a_held_lead_is_found_valid_and_earns_nothing_until_released(self):
        self.validate(self.lead)
        self.assertEqual(self.lead.referral_validity, "valid")
        self.assertRewards(self.lead, [])
        self.release(self.lead)
        self.assertRewards(self.lead, [(self.member, 0, 10.0)])
        self.assertEqual(
            self.nodes(self.lead)[-4:], ["held", "validated", "released", "rewarded"]
        )

    def test_a_lead_released_before_it_is_valid_earns_when_it_is(self):
        self.release(self.lead)
        self.assertRewards(self.lead, [])
        self.validate(self.lead)
        self.assertHeld(self.lead)
        self.assertRewards(self.lead, [(self.member, 0, 10.0)])

    def test_a_contract_of_a_held_lead_is_confirmed_and_rewarded_on_release(self):
        order = self.make_paid_contract(self.lead)
        order.with_user(self.finance).action_referral_confirm()
        self.assertEqual(order.referral_state, "confirmed")
        self.assertRewards(order, [])
        self.release(self.lead)
        expected = [(self.member, 0, 600.0), (self.inviter, 1, 60.0)]
        self.assertRewards(order, expected)
        self.assertRewards(self.lead, [])  # nobody has found it valid

    def test_everything_that_waited_is_given_once(self):
        self.validate(self.lead)
        order = self.make_paid_contract(self.lead)
        order.with_user(self.finance).action_referral_confirm()
        self.release(self.lead)
        with self.assertRaisesRegex(UserError, "No reward is held"):
            self.release(self.lead)
        self.validate(self.lead)
        self.lead._reward_released()
        self.assertRewards(self.lead, [(self.member, 0, 10.0)])
        self.assertEqual(len(order.referral_commission_ids), 2)
        self.assertFalse(self.lead.referral_reward_waits)
        self.assertFalse(order.referral_reward_waits)

    def test_a_refused_reward_is_not_given_and_may_be_released_later(self):
        self.validate(self.lead)
        self.withhold(self.lead)
        self.assertEqual(self.lead.referral_hold_state, "refused")
        self.assertRewards(self.lead, [])
        order = self.make_paid_contract(self.lead)
        order.with_user(self.finance).action_referral_confirm()
        self.assertRewards(order, [])
        self.release(self.lead, "The member has proven it")
        self.assertRewards(self.lead, [(self.member, 0, 10.0)])
        self.assertEqual(len(order.referral_commission_ids), 2)
        self.assertEqual(self.nodes(self.lead).count("withheld"), 1)

    def test_a_contract_that_finance_refused_is_not_rewarded_by_a_release(self):
        order = self.make_paid_contract(self.lead)
        order.with_user(self.finance).action_referral_refuse("No")
        self.release(self.lead)
        self.assertRewards(order, [])

    def test_a_contract_whose_confirmation_was_taken_back_is_not_rewarded_either(self):
        order = self.make_paid_contract(self.lead)
        order.with_user(self.finance).action_referral_confirm()
        self.assertTrue(order.referral_reward_waits)
        gate.opened(order.sudo()).referral_decision = False
        self.release(self.lead)
        self.assertRewards(order, [])

    def test_what_was_released_is_not_held_again_for_the_same(self):
        self.release(self.lead)
        self.lead.email_from = "m+2@own.example"
        self.validate(self.lead)
        self.assertEqual(self.lead.referral_hold_state, "released")

    def test_what_was_released_is_held_again_for_something_new(self):
        self.release(self.lead)
        self.member.phone = "+86 138 0013 8000"
        self.lead.phone = "13800138000"
        self.assertHeld(self.lead, "self_referral")

    def test_who_corrects_the_mailbox_does_not_free_the_lead(self):
        self.lead.email_from = "x@else.example"
        self.assertHeld(self.lead, "self_referral")

    def test_the_inviter_of_the_member_waits_too(self):
        self.validate(self.lead)
        self.assertFalse(
            self.env["referral.commission"].search([("lead_id", "=", self.lead.id)])
        )


@tagged("post_install", "-at_install")
class TestDecisions(HoldCase):
    """A manager releases or refuses, with a reason."""

    def setUp(self):
        super().setUp()
        self.member.email = "m@own.example"
        self.lead = self.make_lead(email_from="m+1@own.example")

    def test_only_managers_decide(self):
        for user in (self.sales, self.finance, self.clerk, self.portal):
            for decide in (self.release, self.withhold):
                with self.subTest(user=user.login), self.assertRaises(AccessError):
                    decide(self.lead, user=user)
        self.assertHeld(self.lead, "self_referral")

    def test_a_reason_is_asked_for(self):
        for reason in ("", "  ", None, False, 3, ["x"]):
            for decide in (self.release, self.withhold):
                with self.subTest(reason=reason), self.assertRaises(UserError):
                    decide(self.lead, reason)

    def test_nobody_decides_about_a_lead_of_their_own(self):
        self.manager.partner_id.member_state = "active"
        self.lead.referrer_id = self.manager.partner_id
        for decide in (self.release, self.withhold):
            with self.assertRaisesRegex(UserError, "yourself"):
                decide(self.lead)

    def test_what_is_not_held_is_not_decided(self):
        free = self.make_lead(name="Free")
        for decide in (self.release, self.withhold):
            with self.assertRaisesRegex(UserError, "No reward is held"):
                decide(free)
        self.withhold(self.lead)
        with self.assertRaisesRegex(UserError, "No reward is held"):
            self.withhold(self.lead)

    def test_the_decision_says_who_when_and_why(self):
        with self.subTest("refused"):
            self.withhold(self.lead, "  He said so ")
            self.assertRecordValues(
                self.lead.referral_hold_ids,
                [
                    {
                        "state": "refused",
                        "reason": "He said so",
                        "decided_by_id": self.manager.id,
                    }
                ],
            )
        entry = self.lead.referral_trail_ids.sorted("sequence")[-1]
        self.assertEqual(
            (entry.node, entry.content["reason"]), ("withheld", "He said so")
        )
        self.assertTrue(self.lead.referral_hold_ids.decided_at)

    def test_the_wizard_hands_on_to_all_selected(self):
        other = self.make_lead(email_from="m+2@own.example")
        leads = self.lead + other
        wizards = self.env["referral.reason"].with_user(self.manager)
        for step, state in (("withhold", "refused"), ("release", "released")):
            vals = {"lead_ids": leads.ids, "step": step, "reason": "Why"}
            wizards.create(vals).action_apply()
            self.assertEqual(set(leads.mapped("referral_hold_state")), {state})

    def test_the_buttons_of_the_list_ask_for_the_reason(self):
        holds = self.lead.referral_hold_ids.with_user(self.manager)
        for action in (holds.action_release(), holds.action_withhold()):
            vals = {"reason": "Looked at it"}
            wizards = self.env["referral.reason"].with_user(self.manager)
            wizard = wizards.with_context(**action["context"]).create(vals)
            self.assertEqual(wizard.lead_ids, self.lead)

    def test_nobody_writes_a_hold_by_hand(self):
        hold = self.lead.referral_hold_ids
        holds = self.env["referral.lead.hold"].sudo()
        for act in (
            lambda: hold.write({"state": "released"}),
            lambda: hold.write({"facts": {}}),
            lambda: holds.create(hold.copy_data()),
            lambda: hold.unlink(),
            lambda: self.lead.write({"referral_hold_state": "released"}),
            lambda: self.lead.write({"referral_reward_waits": True}),
            lambda: self.lead.create({"name": "X", "referral_hold_state": "released"}),
            lambda: self.lead.write({"referral_hold_ids": [(2, hold.id)]}),
        ):
            with self.assertRaises(UserError):
                act()

    def test_a_callers_context_holds_and_frees_nothing(self):
        leads = self.env["crm.lead"].with_context(
            default_referral_hold_state="released", default_referral_reward_waits=True
        )
        lead = leads.create({"name": "X", "referrer_id": self.member.id})
        self.assertEqual(lead.referral_hold_state, "none")
        self.assertFalse(lead.referral_reward_waits)

    def test_the_database_lets_a_hold_be_decided_and_nothing_else(self):
        hold = self.lead.referral_hold_ids
        self.env.flush_all()
        for change in (
            "facts = '{}'",
            "kind = 'burst'",
            "state = 'released'",
            "reason = 'x'",
            "lead_id = lead_id + 1",
        ):
            with self.subTest(change=change), self.assertDatabaseRefuses(Exception):
                self.env.cr.execute(
                    f"UPDATE referral_lead_hold SET {change} WHERE id = %s", (hold.id,)
                )
        with self.assertDatabaseRefuses(Exception):
            query = "DELETE FROM referral_lead_hold WHERE id = %s"
            self.env.cr.execute(query, (hold.id,))
        self.release(self.lead)
        self.env.flush_all()
        with self.assertDatabaseRefuses(Exception):
            self.env.cr.execute(
                "UPDATE referral_lead_hold SET state = 'refused' WHERE id = %s",
                (hold.id,),
            )


@tagged("post_install", "-at_install")
class TestMergedHolds(HoldCase):
    """Merging frees no reward and pays none twice (rules L2, L5)."""

    def setUp(self):
        super().setUp()
        self.member.email = "m@own.example"

    def merge(self, *leads):
        """Return what stays: the opportunity among them."""
        records = self.env["crm.lead"].union(*leads)
        return records.with_user(self.sales).merge_opportunity()

    def test_what_was_held_or_refused_stays_so(self):
        for decide, state in (
            (lambda lead: None, "held"),
            (self.withhold, "refused"),
        ):
            with self.subTest(state=state):
                tail = self.make_lead(type="lead", partner_id=self.member.id)
                decide(tail)
                head = self.make_lead(type="opportunity")
                self.assertEqual(self.merge(tail, head), head)
                self.assertEqual(head.referral_hold_state, state)
                self.validate(head)
                self.assertRewards(head, [])
                self.release(head)
                self.assertRewards(head, [(self.member, 0, 10.0)])
                self.assertRewards(tail, [])

    def test_a_duplicate_by_the_same_member_is_free_once_they_are_one(self):
        tail = self.make_lead(type="lead", email_from="a@buyer.example")
        head = self.make_lead(type="opportunity", email_from="a@buyer.example")
        self.assertHeld(head, "duplicate")
        self.assertEqual(self.merge(tail, head), head)
        self.assertHeld(head)
        self.validate(head)
        self.assertRewards(head, [(self.member, 0, 10.0)])

    def test_what_sales_had_before_stays_a_managers_matter(self):
        cold = {"name": "Cold", "email_from": "a@buyer.example"}
        for kind, other in (("lead", "opportunity"), ("opportunity", "lead")):
            with self.subTest(stays=other):
                known = self.env["crm.lead"].create({**cold, "type": kind})
                lead = self.make_lead(type=other, email_from="a@buyer.example")
                self.assertHeld(lead, "duplicate")
                head = self.merge(known, lead)
                self.assertHeld(head, "duplicate")
                self.validate(head)
                self.assertRewards(head, [])

    def test_what_was_rewarded_is_not_rewarded_again_by_a_release(self):
        tail = self.make_lead(type="lead", email_from="x@else.example")
        self.validate(tail)
        head = self.make_lead(type="opportunity", partner_id=self.member.id)
        self.validate(head)
        self.assertTrue(head.referral_reward_waits)
        self.assertEqual(self.merge(tail, head), head)
        self.release(head)
        self.assertRewards(head, [])
        self.assertRewards(tail, [(self.member, 0, 10.0)])

    def test_what_waited_is_given_once_by_a_release(self):
        tail = self.make_lead(type="lead", partner_id=self.member.id)
        self.validate(tail)
        head = self.make_lead(type="opportunity")
        self.merge(tail, head)
        self.assertEqual(head.referral_validity, "valid")
        self.assertRewards(head, [])
        self.release(head)
        self.assertRewards(head + tail, [(self.member, 0, 10.0)])

    def test_another_members_hold_is_not_taken_over(self):
        tail = self.make_lead(type="lead", partner_id=self.member.id)
        head = self.env["crm.lead"].create(
            {"name": "H", "type": "opportunity", "referrer_id": self.inviter.id}
        )
        self.merge(tail, head)
        self.assertEqual(head.referrer_id, self.inviter)
        self.assertNotIn("self_referral", head.referral_hold_ids.mapped("kind"))
