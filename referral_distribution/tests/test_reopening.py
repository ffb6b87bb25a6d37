from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .common import ReferralCase


class ReopenCase(ReferralCase):
    def validate(self, leads, user=None):
        leads.with_user(user or self.sales).action_referral_validate()

    def refuse(self, leads, reason="No budget", **kwargs):
        leads.with_user(self.sales).action_referral_invalidate(reason, **kwargs)

    def reopen(self, leads, reason="Looked again", user=None):
        leads.with_user(user or self.sales).action_referral_reopen(reason)

    def amounts(self, lead):
        return lead.sudo().referral_commission_ids.sorted("id").mapped("amount")


@tagged("post_install", "-at_install")
class TestReopening(ReopenCase):
    """A review can be taken back, with what it gave (rules L2, C7)."""

    def test_every_verdict_goes_back_to_review_with_a_reason(self):
        valid, invalid, duplicate = leads = self.env["crm.lead"].union(
            *(self.make_lead() for _time in range(3))
        )
        self.validate(valid)
        self.refuse(invalid)
        self.refuse(duplicate, verdict="duplicate")
        self.reopen(leads, "  Wrong button ")
        for lead in leads:
            self.assertRecordValues(
                lead,
                [{"referral_validity": "to_review", "referral_reason": "Wrong button"}],
            )
        contents = [
            lead.referral_trail_ids.filtered(lambda e: e.node == "reopened").content
            for lead in leads
        ]
        self.assertEqual(
            contents,
            [
                {"from": verdict, "to": "to_review", "reason": "Wrong button"}
                for verdict in ("valid", "invalid", "duplicate")
            ],
        )
        self.assertEqual(self.env["referral.trail.entry"]._verify(leads), [])

    def test_the_reward_is_taken_back_and_the_trail_says_so(self):
        lead = self.make_lead()
        self.validate(lead)
        self.reopen(lead)
        self.assertRewards(lead, [(self.member, 0, 10.0), (self.member, 0, -10.0)])
        given, taken = lead.referral_commission_ids.sorted("id")
        self.assertRecordValues(
            given + taken,
            [
                {"state": "reversed", "reversed_amount": 10, "reverses_id": False},
                {"state": "settled", "reversed_amount": 0, "reverses_id": given.id},
            ],
        )
        self.assertIn("Looked again", taken.explanation_text)
        self.assertIn(given.explanation_text, taken.explanation_text)
        self.assertEqual(self.nodes(lead)[-2:], ["reopened", "rewarded"])
        entry = lead.referral_trail_ids.sorted("sequence")[-1]
        self.assertIn("-10.00", entry.content["amount"])

    def test_a_lead_to_review_is_left_alone(self):
        lead = self.make_lead()
        self.validate(lead)
        for _time in range(3):
            self.reopen(lead)
        self.assertEqual(self.amounts(lead), [10.0, -10.0])
        self.assertEqual(self.nodes(lead).count("reopened"), 1)

    def test_found_valid_again_it_is_rewarded_again_once(self):
        lead = self.make_lead()
        self.validate(lead)
        self.reopen(lead)
        for _time in range(2):
            self.validate(lead)
        self.assertEqual(self.amounts(lead), [10.0, -10.0, 10.0])
        self.assertFalse(lead.referral_reason)

    def test_fifty_verdicts_leave_what_the_last_one_says(self):
        """A property: whatever the order, the net is the last verdict's."""
        lead = self.make_lead()
        for number in range(50):
            self.validate(lead) if number % 2 else self.reopen(lead)
            standing = 10.0 if number % 2 else 0.0
            self.assertEqual(sum(self.amounts(lead)), standing)
        given = lead.referral_commission_ids.filtered("reversed_amount")
        for line in given:
            self.assertEqual(-sum(line.reversal_ids.mapped("amount")), 10.0)
        self.assertEqual(len(given), 24)

    def test_the_reward_of_a_reopened_lead_goes_to_who_brought_it_after_all(self):
        lead = self.make_lead()
        self.validate(lead)
        self.reopen(lead)
        other = self.env["referral.link"]._obtain(self.inviter, self.channel, "/")
        lead.with_user(self.sales).referral_link_id = other
        self.validate(lead)
        self.assertRewards(
            lead,
            [
                (self.member, 0, 10.0),
                (self.member, 0, -10.0),
                (self.inviter, 0, 10.0),
            ],
        )

    def test_a_reason_is_needed(self):
        lead = self.make_lead()
        self.validate(lead)
        for reason in ("", "  ", None, False, 3, ["x"]):
            with self.subTest(reason=reason), self.assertRaises(UserError):
                self.reopen(lead, reason)
        self.assertEqual(lead.referral_validity, "valid")

    def test_only_lead_reviewers_reopen(self):
        lead = self.make_lead(user_id=self.clerk.id)
        self.validate(lead)
        for user in (self.clerk, self.finance, self.portal):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                self.reopen(lead, user=user)
        self.reopen(lead, user=self.manager)

    def test_rewards_of_a_contract_stay_until_the_lead_is_found_not_to_count(self):
        """Rule C7: whoever reviews it again has not decided yet."""
        lead = self.make_lead()
        self.validate(lead)
        order = self.make_paid_contract(lead)
        order.with_user(self.finance).action_referral_confirm()
        self.reopen(lead)
        self.assertEqual(sum(self.amounts(lead)), 660)
        self.assertEqual(order.referral_state, "confirmed")
        for verdict in ("invalid", "duplicate"):
            self.refuse(lead, verdict=verdict)
            self.assertEqual(sum(self.amounts(lead)), 0)
            self.assertEqual(order.referral_state, "to_confirm")
            with self.assertRaisesRegex(UserError, "Reopen its review first"):
                order.with_user(self.finance).action_referral_confirm()
            self.reopen(lead)
            order.with_user(self.finance).action_referral_confirm()
            self.assertEqual(sum(self.amounts(lead)), 660)

    def test_a_contract_that_waits_for_finance_does_not_hold_the_review(self):
        lead = self.make_lead()
        self.validate(lead)
        self.make_paid_contract(lead)
        self.reopen(lead)
        self.assertEqual(sum(self.amounts(lead)), 0)

    def test_what_a_merged_lead_had_given_is_taken_back_with_the_one_that_stays(self):
        weak, middle, head = leads = self.env["crm.lead"].union(
            *(self.make_lead(name=f"Lead {number}") for number in range(3))
        )
        self.validate(weak)
        for lead, stays in ((weak, middle), (middle, head)):
            lead.type, stays.type = "lead", "opportunity"
            (lead + stays).with_user(self.sales).merge_opportunity()
        self.assertEqual(leads.filtered("active"), head)
        self.reopen(head)
        self.assertEqual(self.amounts(weak), [10.0, -10.0])
        self.validate(head)
        self.assertEqual(self.amounts(head), [10.0])

    def test_the_wizard_says_why_to_several_at_once(self):
        leads = self.make_lead() + self.make_lead()
        for values, verdict in (
            ({"verdict": "duplicate"}, "duplicate"),
            ({"step": "reopen"}, "to_review"),
            ({"verdict": "invalid"}, "invalid"),
        ):
            wizard = self.env["referral.reason"].with_user(self.sales)
            wizard = wizard.create({"lead_ids": leads.ids, "reason": "So", **values})
            wizard.action_apply()
            self.assertEqual(set(leads.mapped("referral_validity")), {verdict})

    def test_a_batch_with_one_that_cannot_be_refused_refuses_none(self):
        valid, lead = self.make_lead(), self.make_lead()
        self.validate(valid)
        wizard = self.env["referral.reason"].with_user(self.sales)
        wizard = wizard.create({"lead_ids": (lead + valid).ids, "reason": "So"})
        with self.assertRaisesRegex(UserError, "Reopen it first"):
            wizard.action_apply()
        self.assertEqual(lead.referral_validity, "to_review")
