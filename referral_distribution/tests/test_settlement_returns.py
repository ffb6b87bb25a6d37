from odoo.exceptions import UserError
from odoo.tests import tagged

from .test_settlement_payout import PayoutCase
from .test_settlement_runs import SettlementRunCase


@tagged("post_install", "-at_install")
class TestSettlementReturns(PayoutCase):
    """A settlement that comes back loses nobody's money and invents none (C6, C7)."""

    def give_back(self):
        """Approve the member's, take its reward back, cancel the bill."""
        self.approve()
        debt = self.lines[0]._reverse("Gone")
        debt = debt.filtered(lambda line: line.partner_id == self.member)
        return debt

    def cancel(self, bill):
        bill.with_user(self.cashier).button_cancel()
        self.env.flush_all()

    def collect(self, lines):
        lines.with_user(self.finance).action_collect()
        return lines.settlement_id

    def reward(self, amount=10000.0):
        """Return the member's reward of one more contract."""
        order = self.make_paid_contract(self.make_lead(), amount=amount)
        order.with_user(self.finance).action_referral_confirm()
        lines = order.referral_commission_ids.with_env(self.env)
        return lines.filtered(lambda line: line.partner_id == self.member)

    def test_what_was_taken_back_joins_a_settlement_that_comes_back(self):
        debt = self.give_back()
        self.cancel(self.mine.bill_id)
        self.assertEqual((self.mine.state, self.mine.amount_total), ("draft", 0))
        self.assertEqual(self.mine.commission_ids, self.lines[0] | debt)
        self.mine.unlink()
        later = self.reward()
        self.assertEqual(self.collect(later).amount_total, later.amount)
        self.assertEqual((debt.state, debt.settlement_id.id), ("settled", False))

    def test_a_part_taken_back_of_it_is_netted_in_it(self):
        self.approve()
        self.lines[0]._reverse("A part", 200)
        self.cancel(self.mine.bill_id)
        self.assertEqual((self.mine.state, self.mine.amount_total), ("draft", 400))
        self.assertEqual(self.approve(self.mine).bill_id.amount_total, 400)

    def test_what_is_netted_elsewhere_already_keeps_the_reward_in_its_draft(self):
        self.give_back()
        later = self.reward(200000)
        netted = self.collect(later)
        self.assertEqual(netted.amount_total, later.amount - 600)
        self.cancel(self.mine.bill_id)
        self.assertEqual((self.mine.state, self.mine.amount_total), ("draft", 600))
        with self.assertRaisesRegex(UserError, "approved and paid as well"):
            self.mine.with_user(self.finance).unlink()
        netted.with_user(self.finance).unlink()
        self.mine.with_user(self.finance).unlink()
        self.assertEqual(self.collect(later).amount_total, later.amount)

    def test_a_draft_is_not_netted_before_it_is_approved_again(self):
        """What was taken back at the very moment its bill was cancelled."""
        debt = self.give_back()
        self.cancel(self.mine.bill_id)
        self.env.cr.execute(
            "UPDATE referral_commission SET settlement_id = NULL WHERE id = %s",
            (debt.id,),
        )
        self.env.invalidate_all()
        later = self.reward()
        self.assertEqual(self.collect(later).amount_total, later.amount)

    def test_a_cancelled_bill_is_not_made_a_draft_beside_the_new_one(self):
        """Threat F1: two bills of one settlement would be paid twice."""
        bill = self.approve(self.mine).bill_id
        self.cancel(bill)
        self.approve(self.mine)
        with self.assertRaisesRegex(UserError, "another bill"):
            bill.with_user(self.cashier).button_draft()
        self.assertEqual(bill.state, "cancel")

    def reverse(self, bill):
        """Post a credit note; Odoo matches it with the bill, if that is open."""
        wizard = self.env["account.move.reversal"].with_user(self.cashier)
        wizard = wizard.with_context(active_model="account.move", active_ids=bill.ids)
        action = wizard.create({"journal_id": bill.journal_id.id}).reverse_moves()
        self.env["account.move"].browse(action["res_id"]).action_post()
        self.env.flush_all()

    def test_a_bill_reversed_before_it_is_paid_makes_a_draft(self):
        bill = self.approve(self.mine).bill_id
        bill.action_post()
        self.reverse(bill)
        self.assertEqual(bill.payment_state, "reversed")
        self.assertRecordValues(self.mine, [{"state": "draft", "bill_id": False}])
        self.assertEqual(self.approve(self.mine).bill_id.amount_total, 600)

    def test_a_credit_note_after_the_payment_leaves_it_paid(self):
        """The vendor owes it then; the books say so, and nothing is paid again."""
        self.make_bank(self.member)
        bill = self.approve(self.mine).bill_id
        self.payout(self.mine)
        self.reverse(bill)
        self.assertEqual((bill.payment_state, self.mine.state), ("paid", "paid"))

    def test_a_cancelled_payment_and_bill_pay_once_in_the_end(self):
        """Threat F6."""
        self.make_bank(self.member)
        payment = self.payout(self.approve(self.mine)).with_user(self.cashier)
        payment.action_draft()
        payment.action_cancel()
        self.env.flush_all()
        bill = self.mine.bill_id.with_user(self.cashier)
        bill.button_draft()
        self.cancel(bill)
        self.assertEqual(self.mine.commission_ids.state, "approved")
        self.payout(self.approve(self.mine))
        standing = self.env["account.payment"].search(
            [("partner_id", "=", self.member.id), ("state", "!=", "canceled")]
        )
        self.assertEqual(standing.mapped("amount"), [600])
        self.assertEqual(self.mine.commission_ids.state, "settled")


@tagged("post_install", "-at_install")
class TestSettlementMerges(SettlementRunCase):
    """Beneficiaries are merged while their settlements are open (threat M1)."""

    def merge(self, first, second):
        wizard = self.env["base.partner.merge.automatic.wizard"]
        wizard._merge((first | second).ids, second, extra_checks=False)
        self.env.invalidate_all()

    def test_drafts_of_one_period_stay_two_and_are_paid_each(self):
        self.activate(settlement_mode="month")
        other = self.other()
        lines = self.reward("2026-01-10 04:00")
        lines |= self.reward("2026-01-11 04:00", referral_link_id=other.id)
        drafts = self.run_job("2026-02-01 04:00")
        self.merge(other.partner_id, self.member)
        self.assertEqual(drafts.partner_id, self.member)
        self.assertEqual(drafts.commission_ids, lines)
        self.assertEqual(sorted(drafts.mapped("merged")), [False, True])
        drafts.with_user(self.finance).action_submit()
        drafts.with_user(self.finance_2).action_approve()
        self.assertEqual(sum(drafts.bill_id.mapped("amount_total")), 20)

    def test_latecomers_join_the_draft_that_is_open(self):
        self.activate(settlement_mode="month")
        other = self.other()
        self.reward("2026-01-10 04:00", referral_link_id=other.id)
        closed = self.run_job("2026-02-01 04:00")
        closed.with_user(self.finance).action_submit()
        self.reward("2026-01-11 04:00")
        draft = self.run_job("2026-02-01 05:00")
        self.reward("2026-01-12 04:00", referral_link_id=other.id)
        self.merge(other.partner_id, self.member)
        self.assertFalse(self.run_job("2026-02-02 04:00"))
        self.assertEqual((draft.amount_total, closed.amount_total), (20, 10))
        self.assertEqual((draft.merged, closed.merged), (False, True))

    def test_a_merged_beneficiarys_account_is_approved_again(self):
        """Threat F4."""
        self.activate(settlement_mode="month")
        other = self.other()
        self.env["res.partner.bank"].create(
            {
                "partner_id": other.partner_id.id,
                "acc_number": "62 1",
                "allow_out_payment": True,
            }
        )
        self.reward("2026-01-11 04:00")
        settlement = self.run_job("2026-02-01 04:00")
        settlement.with_user(self.finance).action_submit()
        settlement.with_user(self.finance_2).action_approve()
        self.merge(self.member, other.partner_id)
        self.assertEqual(settlement.partner_id, other.partner_id)
        self.assertTrue(settlement.bank_changed)
