from decimal import Decimal
from unittest.mock import patch

from odoo.exceptions import UserError
from odoo.tests import tagged

from odoo.addons.referral_distribution.engine.commission import Currency

from .test_contracts import ContractCase

PAYMENT_RULES = (
    {"name": "As money comes", "trigger": "payment", "rate": 0.5},
    {
        "name": "Inviter",
        "trigger": "payment",
        "level": 1,
        "base": "member_reward",
        "rate": 10,
    },
)


class TrueUpCase(ContractCase):
    def left(self, order):
        """Return what each beneficiary is left with, the referrer first."""
        lines = order.sudo().referral_commission_ids
        people = (self.member, self.inviter)
        return [
            self.currency.round(
                sum(
                    lines.filtered(lambda line, p=p: line.partner_id == p).mapped(
                        "amount"
                    )
                )
            )
            for p in people
        ]

    def refund(self, invoice, amount):
        """Return a posted credit note of a part of the price."""
        note = self.credit_draft(invoice)
        note.invoice_line_ids.filtered("price_unit").price_unit = amount
        note.action_post()
        return note

    def credit_draft(self, invoice):
        wizard = (
            self.env["account.move.reversal"]
            .with_user(self.finance)
            .with_context(active_model="account.move", active_ids=invoice.ids)
            .create({"journal_id": invoice.journal_id.id})
        )
        wizard.refund_moves()
        return wizard.new_move_ids

    def settle(self, lines):
        """Pay the lines out, as two of finance's people do."""
        action = lines.with_user(self.finance).action_collect()
        settlements = self.env["referral.settlement"].search(action["domain"])
        settlements.with_user(self.finance).action_submit()
        settlements.with_user(self.finance_2).action_approve()
        for bill in settlements.bill_id:
            bill.with_user(self.finance).action_post()
            self.pay(bill)
        return settlements

    @staticmethod
    def get_other_rates(rules, _company, _date):
        return {
            currency.name: Currency(Decimal(5), Decimal(repr(currency.rounding)))
            for currency in rules.currency_id
        }


@tagged("post_install", "-at_install")
class TestTakingBack(TrueUpCase):
    """What goes back to the customer takes its part of the rewards along (rule C7)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.order = cls.make_contract(cls.make_lead())
        cls.bill = cls.invoice(cls.order)
        cls.payment = cls.pay(cls.bill)
        cls.order.with_user(cls.finance).action_referral_confirm()

    def test_a_credit_note_takes_its_part_of_all_rewards(self):
        self.refund(self.bill, 40000)
        self.assertEqual(self.left(self.order), [400, 40])

    def test_a_credit_note_of_everything_takes_everything(self):
        self.credit(self.bill)
        self.assertEqual(self.left(self.order), [0, 0])
        states = self.order.referral_commission_ids.mapped("state")
        self.assertEqual(set(states), {"reversed", "settled"})

    def test_the_confirmation_is_taken_back_and_finance_confirms_anew(self):
        note = self.refund(self.bill, 40000)
        self.assertFalse(self.order.referral_decision)
        self.assertNotEqual(self.order.referral_state, "confirmed")
        note.with_user(self.finance).button_draft()
        note.with_user(self.finance).button_cancel()
        self.assertEqual(self.left(self.order), [400, 40], "not without finance")
        self.assertEqual(self.order.referral_state, "to_confirm")
        self.confirm(self.order)
        self.assertEqual(self.left(self.order), [600, 60])
        parts = self.order.referral_commission_ids.filtered(
            lambda line: line.partner_id == self.member and not line.reverses_id
        )
        self.assertEqual(parts.sorted("id").mapped("instalment"), [0, 1])

    def assertAllTakenBack(self):
        self.assertEqual(self.left(self.order), [0, 0])
        self.assertEqual(self.order.referral_state, "awaiting_payment")
        taken = self.order.referral_commission_ids.filtered("reverses_id")
        self.assertEqual(len(taken), 2, "once each")

    def test_a_cancelled_payment_takes_the_rewards(self):
        """Threat F6."""
        self.payment.action_cancel()
        self.assertAllTakenBack()

    def test_a_payment_set_to_draft_takes_the_rewards(self):
        self.payment.action_draft()
        self.assertAllTakenBack()

    def test_a_deleted_payment_takes_the_rewards(self):
        self.payment.action_draft()
        self.payment.unlink()
        self.assertAllTakenBack()

    def test_a_payment_that_is_no_longer_matched_takes_the_rewards(self):
        lines = self.bill.line_ids
        lines.filtered("reconciled").remove_move_reconcile()
        self.assertAllTakenBack()

    def test_a_reset_invoice_takes_the_rewards(self):
        self.bill.with_user(self.finance).button_draft()
        self.assertEqual(self.left(self.order), [0, 0])

    def test_money_that_comes_again_is_rewarded_again_once_finance_confirms(self):
        self.payment.action_cancel()
        self.pay(self.bill)
        self.assertEqual(self.left(self.order), [0, 0])
        self.confirm(self.order)
        self.assertEqual(self.left(self.order), [600, 60])

    def test_after_payout_it_is_netted_by_the_next_settlement(self):
        self.settle(self.order.referral_commission_ids)
        self.refund(self.bill, 40000)
        self.assertEqual(self.left(self.order), [400, 40])
        second = self.make_paid_contract()
        self.confirm(second)
        settlements = self.settle(second.referral_commission_ids)
        self.assertEqual(sorted(settlements.mapped("amount_total")), [100, 1000])

    def test_a_cancelled_contract_gives_everything_back(self):
        self.order._action_cancel()
        self.assertEqual(self.left(self.order), [0, 0])
        self.assertEqual(self.order.referral_state, "none")

    def test_another_phase_takes_what_the_other_rules_gave(self):
        """Rule C2: corrected once the confirmation is taken back."""
        self.payment.action_cancel()
        self.pay(self.bill, 60000)
        self.assertEqual(self.left(self.order), [0, 0])
        self.pay(self.bill)
        self.confirm(self.order)
        self.refund(self.bill, 60000)
        self.assertEqual(self.left(self.order), [300, 30])
        self.order.with_user(self.finance).action_referral_set_phase(2, "Known before")
        self.assertEqual(self.left(self.order), [0, 0])
        note = self.order.invoice_ids.filtered("amount_residual")
        note.with_user(self.finance).button_draft()
        note.with_user(self.finance).button_cancel()
        self.confirm(self.order)
        self.assertEqual(self.left(self.order), [1200, 120])

    def test_it_is_done_once(self):
        self.refund(self.bill, 40000)
        before = self.order.referral_commission_ids
        for _time in range(2):
            self.assertFalse(self.order._referral_true_up("Again"))
        self.assertEqual(self.order.referral_commission_ids, before)

    def test_the_reason_is_told_in_the_readers_language(self):
        note = self.refund(self.bill, 40000)
        line = self.order.referral_commission_ids.filtered("reverses_id")[0]
        self.assertIn(f"Credit note {note.name}", line.explanation_text)

    def test_the_trail_says_what_happened(self):
        self.refund(self.bill, 40000)
        nodes = self.nodes(self.order.referral_lead_id)
        self.assertEqual(nodes[-4:].count("rewarded"), 2)
        self.assertIn("unconfirmed", nodes)

    def test_the_job_tells_who_is_told_in_their_language(self):
        lines = self.order.referral_commission_ids
        lines.with_user(self.finance).action_collect()
        lines.settlement_id.with_user(self.finance).action_submit()
        self.refund(self.bill, 40000)
        task = self.env["referral.true.up"].search([("order_id", "=", self.order.id)])
        task._get_colleague().lang = "zh_CN"
        with patch.object(self.registry["ir.cron"], "_commit_progress"):
            task._cron_retry()
        self.assertIn("待审批", task.problem)

    def test_giving_never_takes_back(self):
        """The price is lowered, and all of the money is still there."""
        self.order.sudo().order_line.price_unit = 60000
        self.env["referral.commission"]._accrue("contract", self.order)
        self.assertEqual(self.left(self.order), [600, 60])

    def test_the_line_is_filled_by_itself_only(self):
        task = self.make_true_up(self.order)
        vals = {"order_id": self.order.id, "company_id": 1, "event": "credit"}
        with self.assertRaises(UserError):
            self.env["referral.true.up"].create(vals)
        with self.assertRaises(UserError):
            task.sudo().write({"state": "done"})

    def test_only_finance_retries(self):
        for user in (self.sales, self.manager, self.clerk, self.portal):
            with self.subTest(user=user.login), self.assertRaises(UserError):
                self.env["referral.true.up"].with_user(user).action_retry()


@tagged("post_install", "-at_install")
class TestRealTime(TrueUpCase):
    """Each payment pays its share at once, the last one the remainder (rule C6)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.make_plan(PAYMENT_RULES)._activate()

    def test_each_payment_pays_its_share(self):
        order = self.make_contract(self.make_lead(), 100)
        bill = self.invoice(order)
        for amount, member in ((33.33, 0.17), (33.33, 0.33), (None, 0.5)):
            self.pay(bill, amount)
            self.assertEqual(self.left(order)[0], member)
        self.assertEqual(order.referral_state, "to_confirm")
        self.confirm(order)
        self.assertEqual(self.left(order), [0.5, 0.05])

    def test_a_down_payment_pays_its_share(self):
        """Three instalments with a down payment."""
        order = self.make_contract(self.make_lead())
        self.pay(self.down_payment(order, 30))
        self.assertEqual(self.left(order), [180, 18])
        final = self.invoice(order)
        self.pay(final, 42000)
        self.assertEqual(self.left(order), [390, 39])
        self.pay(final)
        self.assertEqual(self.left(order), [600, 60])
        numbers = order.referral_commission_ids.mapped("instalment")
        self.assertEqual(sorted(numbers), [0, 0, 1, 1, 2, 2])

    def test_a_payment_undone_takes_its_share_back_the_latest_first(self):
        order = self.make_contract(self.make_lead())
        bill = self.invoice(order)
        self.pay(bill, 40000)
        second = self.pay(bill, 50000)
        second.action_cancel()
        self.assertEqual(self.left(order), [200, 20])
        parts = order.referral_commission_ids.filtered(
            lambda line: not line.reverses_id
        )
        self.assertEqual(
            parts.filtered(lambda line: line.state == "reversed").mapped("instalment"),
            [1, 1],
        )
        self.pay(bill)
        self.assertEqual(self.left(order), [600, 60])

    def test_what_payments_gave_nobody_while_it_was_held_is_given_once_released(self):
        """Rule L5."""
        lead = self.make_lead()
        order = self.make_contract(lead)
        self.make_hold(lead)
        bill = self.invoice(order)
        self.pay(bill, 40000)
        self.assertEqual(self.left(order), [0, 0])
        lead.with_user(self.manager).action_referral_release("Looked at it")
        self.assertEqual(self.left(order), [200, 20])
        self.pay(bill)
        self.assertEqual(self.left(order), [600, 60])

    def test_what_finance_refuses_is_taken_back(self):
        order = self.make_paid_contract()
        self.assertEqual(self.left(order), [600, 60])
        order.with_user(self.finance).action_referral_refuse("Side deal")
        self.assertEqual(self.left(order), [0, 0])

    def test_each_part_explains_itself_and_can_be_computed_again(self):
        """Rule C8."""
        order = self.make_contract(self.make_lead())
        bill = self.invoice(order)
        self.pay(bill, 40000)
        self.pay(bill, 20000)
        lines = order.sudo().referral_commission_ids
        second = lines.filtered(lambda line: line.instalment and not line.level)
        for words in ("60,000.00", "120,000.00", "200.00", "300.00", "600.00"):
            self.assertIn(words, second.explanation_text)
        self.assertEqual(set(lines.mapped("replay_state")), {"same"})

    def test_further_parts_are_parts_of_what_the_first_one_is_a_part_of(self):
        """Threat F5: rates that change meanwhile change nothing."""
        order = self.make_contract(self.make_lead())
        bill = self.invoice(order)
        self.pay(bill, 40000)
        self.member.accepts_commission = False
        self.pay(bill, 20000)
        self.assertEqual(self.left(order), [200, 20], "nothing for who declines")
        self.member.accepts_commission = True
        line = order.sudo().referral_commission_ids.filtered("level")
        rates = type(self.env["referral.plan.rule"])
        with patch.object(rates, "_get_engine_currencies", self.get_other_rates):
            self.pay(bill)
        self.assertEqual(self.left(order), [600, 60])
        parts = order.sudo().referral_commission_ids
        self.assertEqual(parts.calculation_id, line.calculation_id)
        self.assertEqual(set(parts.mapped("replay_state")), {"same"})
