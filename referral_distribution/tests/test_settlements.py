from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .common import ReferralCase


@tagged("post_install", "-at_install")
class TestSettlements(ReferralCase):
    """Money goes out once, by two people, as a vendor bill (rule C6)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        order = cls.make_paid_contract()
        order.with_user(cls.finance).action_referral_confirm()
        cls.commissions = order.referral_commission_ids

    def collect(self, commissions=None, user=None):
        lines = self.commissions if commissions is None else commissions
        action = lines.with_user(user or self.finance).action_collect()
        settlements = self.env["referral.settlement"].search(action["domain"])
        return settlements.with_user(user or self.finance)

    def approved(self):
        settlement = self.collect(self.commissions[0])
        settlement.action_submit()
        settlement.with_user(self.finance_2).action_approve()
        return settlement

    def test_each_beneficiary_gets_one_draft(self):
        settlements = self.collect().sorted("amount_total")
        self.assertRecordValues(
            settlements,
            [
                {"partner_id": self.inviter.id, "amount_total": 60, "state": "draft"},
                {"partner_id": self.member.id, "amount_total": 600, "state": "draft"},
            ],
        )

    def test_a_commission_is_in_one_settlement_at_most(self):
        first = self.collect()
        self.assertFalse(self.collect())
        self.assertFalse(self.collect(user=self.finance_2))
        self.assertEqual(first.commission_ids, self.commissions)

    def test_what_is_not_approved_is_not_collected(self):
        self.commissions[0]._set_state("settled")
        settlements = self.collect()
        self.assertEqual(settlements.commission_ids, self.commissions[1])

    def test_a_deleted_draft_frees_its_commissions(self):
        self.collect().unlink()
        self.assertEqual(len(self.collect()), 2)

    def test_who_submits_does_not_approve(self):
        """Threat F3."""
        settlement = self.collect(self.commissions[0])
        settlement.action_submit()
        with self.assertRaisesRegex(UserError, "ask a colleague"):
            settlement.action_approve()
        settlement.with_user(self.finance_2).action_approve()
        self.assertEqual(settlement.state, "approved")

    def test_the_bill_says_what_for_and_how_much(self):
        bill = self.approved().bill_id
        self.assertRecordValues(
            bill,
            [
                {
                    "move_type": "in_invoice",
                    "state": "draft",
                    "partner_id": self.commissions[0].partner_id.id,
                    "amount_total": self.commissions[0].amount,
                    "currency_id": self.currency.id,
                }
            ],
        )
        self.assertIn("Money plan", bill.invoice_line_ids.name)

    def test_approving_again_makes_no_second_bill(self):
        """Threat F1."""
        settlement = self.approved()
        bill = settlement.bill_id
        settlement.with_user(self.finance_2).action_approve()
        self.assertEqual(settlement.bill_id, bill)
        bills = self.env["account.move"].search([("ref", "=", settlement.display_name)])
        self.assertEqual(len(bills), 1)

    def test_a_paid_bill_settles_the_commissions(self):
        settlement = self.approved()
        settlement.bill_id.action_post()
        self.assertEqual(settlement.state, "approved")
        self.pay(settlement.bill_id)
        self.assertEqual(settlement.state, "paid")
        self.assertEqual(settlement.commission_ids.mapped("state"), ["settled"])

    def test_half_a_payment_settles_nothing(self):
        settlement = self.approved()
        settlement.bill_id.action_post()
        self.pay(settlement.bill_id, settlement.amount_total / 2)
        self.assertEqual(settlement.state, "approved")
        self.assertEqual(settlement.commission_ids.mapped("state"), ["approved"])

    def test_a_submitted_one_can_be_taken_back_but_an_approved_one_cannot(self):
        settlement = self.collect(self.commissions[0])
        settlement.action_submit()
        settlement.action_reset()
        self.assertEqual(settlement.state, "draft")
        settlement.action_submit()
        settlement.with_user(self.finance_2).action_approve()
        for attempt in (settlement.action_reset, settlement.action_submit):
            with self.assertRaises(UserError):
                attempt()
        with self.assertRaises(UserError):
            settlement.unlink()

    def test_a_draft_is_not_approved_without_being_submitted(self):
        settlement = self.collect(self.commissions[0])
        with self.assertRaises(UserError):
            settlement.with_user(self.finance_2).action_approve()
        self.assertFalse(settlement.bill_id)

    def test_only_finance_moves_a_settlement(self):
        settlement = self.collect(self.commissions[0])
        for user in (self.sales, self.manager, self.clerk, self.portal):
            for name in ("action_submit", "action_approve", "action_reset"):
                with (
                    self.subTest(user=user.login, button=name),
                    self.assertRaises(AccessError),
                ):
                    getattr(settlement.with_user(user), name)()
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                self.commissions.with_user(user).action_collect()

    def test_nothing_that_decides_is_written_by_hand(self):
        settlement = self.collect(self.commissions[0])
        for values in (
            {"state": "paid"},
            {"submitted_by_id": self.finance_2.id},
            {"partner_id": self.stranger.partner_id.id},
            {"bill_id": False},
            {"amount_total": 1},
            {"commission_ids": [(6, 0, self.commissions.ids)]},
        ):
            with self.subTest(values=values), self.assertRaises(AccessError):
                settlement.write(values)
        with self.assertRaises(AccessError):
            settlement.copy()

    def test_a_client_context_does_not_skip_the_second_person(self):
        """default_state and default_submitted_by_id are the caller's to choose."""
        lines = self.commissions[0].with_context(
            default_state="submitted",
            default_submitted_by_id=self.finance_2.id,
            default_move_type="out_invoice",
        )
        settlement = self.collect(lines)
        self.assertRecordValues(
            settlement, [{"state": "draft", "submitted_by_id": False}]
        )
        settlement.action_submit()
        context = {"default_move_type": "out_invoice", "default_currency_id": 1}
        approver = settlement.with_user(self.finance_2).with_context(**context)
        approver.action_approve()
        self.assertEqual(settlement.bill_id.move_type, "in_invoice")

    def test_a_list_of_commissions_reads_in_one_go(self):
        self.make_plan(
            [{"name": f"R{number}", "rate": number} for number in range(1, 21)]
        )._activate()
        order = self.make_paid_contract()
        order.with_user(self.finance).action_referral_confirm()
        lines = order.referral_commission_ids
        self.assertEqual(len(lines), 20)
        names = ["partner_id", "amount", "explanation_text", "state", "display_name"]
        self.assertReadInOneGo(lines, names, self.finance)

    def test_a_list_of_contracts_reads_in_one_go(self):
        orders = self.env["sale.order"]
        for _time in range(8):
            orders += self.make_contract(self.make_lead())
        names = ["referrer_id", "referral_state", "project_phase", "referral_lead_id"]
        self.assertReadInOneGo(orders, names, self.finance)
