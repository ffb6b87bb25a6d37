from odoo.exceptions import AccessError, UserError
from odoo.fields import Date
from odoo.tests import tagged

from .common import ReferralCase


class ContractCase(ReferralCase):
    def confirm(self, order, user=None):
        order.with_user(user or self.finance).action_referral_confirm()

    def down_payment(self, order, percentage):
        """Return the posted down payment invoice of ``percentage`` of the order."""
        wizard = (
            self.env["sale.advance.payment.inv"]
            .with_user(self.sales)
            .with_context(active_model="sale.order", active_ids=order.ids)
            .create({"advance_payment_method": "percentage", "amount": percentage})
        )
        invoice = wizard._create_invoices(order).with_user(self.finance)
        invoice.action_post()
        return invoice

    def credit(self, invoice, **values):
        """Return the posted credit note of the whole invoice."""
        wizard = (
            self.env["account.move.reversal"]
            .with_user(self.finance)
            .with_context(active_model="account.move", active_ids=invoice.ids)
            .create({"journal_id": invoice.journal_id.id, **values})
        )
        wizard.refund_moves()
        wizard.new_move_ids.action_post()
        self.env.flush_all()
        return wizard.new_move_ids


@tagged("post_install", "-at_install")
class TestRewards(ContractCase):
    """Who earns how much on a contract."""

    def test_the_first_contract_pays_half_a_per_cent_and_the_inviter_a_tenth(self):
        """Rules C1, M4: 120,000 -> 600 and 60; the grandparent is a third level."""
        order = self.make_paid_contract()
        self.assertEqual((order.project_phase, order.referral_state), (1, "to_confirm"))
        self.confirm(order)
        self.assertEqual(order.referral_state, "confirmed")
        self.assertRewards(order, [(self.member, 0, 600.0), (self.inviter, 1, 60.0)])

    def test_the_second_contract_pays_one_per_cent_without_a_lead_of_its_own(self):
        """Rule C2: the referrer stays attached to the customer; 1,200 and 120."""
        lead = self.make_lead()
        self.make_paid_contract(lead)
        second = self.make_paid_contract(self.env["crm.lead"])
        self.assertEqual(second.referrer_id, self.member)
        self.assertEqual(second.referral_lead_id, lead)
        self.assertEqual(second.project_phase, 2)
        self.confirm(second)
        self.assertRewards(second, [(self.member, 0, 1200.0), (self.inviter, 1, 120.0)])

    def test_a_contract_of_the_customers_subsidiary_contact_is_a_second_one(self):
        """Rule C2: the customer is the company, whoever signs for it."""
        self.make_contract(self.make_lead())
        buyer = self.env["res.partner"].create(
            {"name": "Buyer", "parent_id": self.customer.id}
        )
        order = self.make_contract(partner_id=buyer.id)
        self.assertEqual((order.referrer_id, order.project_phase), (self.member, 2))

    def test_a_quotation_older_than_the_first_contract_is_a_second_one_too(self):
        """Rule C2: when it was made nobody could know who would bring the customer."""
        early, chosen = self.make_order(), self.make_order()
        chosen.referrer_id = self.grandparent
        self.make_contract(self.make_lead())
        early.action_confirm()
        self.assertEqual((early.referrer_id, early.project_phase), (self.member, 2))
        self.assertEqual(chosen.referrer_id, self.grandparent)

    def test_a_customer_nobody_brought_rewards_nobody(self):
        """Rule C1: no lead of a member, no contract in the program's sense."""
        order = self.make_contract()
        self.assertEqual((order.referral_state, order.project_phase), ("none", 0))

    def test_who_declines_commissions_earns_nothing_and_neither_does_the_inviter(self):
        """Rule M4."""
        self.member.accepts_commission = False
        order = self.make_paid_contract()
        self.confirm(order)
        self.assertEqual(order.referral_state, "confirmed")
        self.assertRewards(order, [])

    def test_a_suspended_inviter_earns_nothing_but_the_member_does(self):
        """Rule M4."""
        self.inviter.member_state = "suspended"
        order = self.make_paid_contract()
        self.confirm(order)
        self.assertRewards(order, [(self.member, 0, 600.0)])

    def test_one_paying_level_leaves_the_inviter_out(self):
        """Rule M4: the number of paying levels is a setting."""
        self.company.referral_paying_levels = "1"
        order = self.make_paid_contract()
        self.confirm(order)
        self.assertRewards(order, [(self.member, 0, 600.0)])

    def test_a_third_level_is_never_paid_even_when_a_plan_has_a_rule_for_it(self):
        """Rule M4, threat G1."""
        rule = {"name": "G", "level": 2, "base": "member_reward", "rate": 10}
        plan = self.make_plan([{"name": "M", "rate": 1}, rule])
        plan._activate()
        order = self.make_paid_contract()
        self.confirm(order)
        self.assertRewards(order, [(self.member, 0, 1200.0)])

    def test_on_a_partner_channel_the_partner_earns_and_members_do_not(self):
        """Rule S4."""
        club = self.env["res.partner"].create({"name": "Club"})
        channel = self.env["referral.channel"].create(
            {"name": "Club", "kind": "partner", "partner_id": club.id}
        )
        partner_rule = {"name": "P", "beneficiary": "channel_partner", "rate": 2}
        self.make_plan([{"name": "M", "rate": 1}, partner_rule])._activate()
        link = self.env["referral.link"]._obtain(self.member, channel, "/")
        order = self.make_paid_contract(self.make_lead(referral_link_id=link.id))
        self.confirm(order)
        self.assertRewards(order, [(club, 0, 2400.0)])

    def test_an_order_in_foreign_currency_is_worth_its_amount_of_the_signing_day(self):
        """Rule C8, threat F5: later rates change nothing."""
        foreign = self.env["res.currency"].create(
            {
                "name": "XTS",
                "symbol": "X",
                "rounding": 0.01,
                "rate_ids": [(0, 0, {"name": "2020-01-01", "rate": 0.5})],
            }
        )
        pricelist = self.env["product.pricelist"].create(
            {"name": "Foreign", "currency_id": foreign.id}
        )
        order = self.make_paid_contract(amount=1000, pricelist_id=pricelist.id)
        self.assertEqual(order.currency_id, foreign)
        order.sudo().date_order = "2021-05-05"
        tomorrow = Date.add(Date.today(), days=1)
        foreign.rate_ids = [(0, 0, {"name": "2022-01-01", "rate": 0.1})]
        foreign.rate_ids = [(0, 0, {"name": tomorrow, "rate": 0.2})]
        self.confirm(order)
        self.assertRewards(order, [(self.member, 0, 10.0), (self.inviter, 1, 1.0)])

    def test_every_figure_explains_itself(self):
        """Rule C8."""
        order = self.make_paid_contract()
        self.confirm(order)
        line = order.referral_commission_ids.sorted("level")[0]
        self.assertEqual(line.base_amount, 120000.0)
        self.assertEqual(line.explanation["rate"], "0.5")
        self.assertIn("0.5 %", line.explanation_text)
        self.assertIn(f"Money plan v{self.plan.version}", line.explanation_text)


@tagged("post_install", "-at_install")
class TestStates(ContractCase):
    """Rule C3: complete, paid in full and confirmed, in that order."""

    def test_the_state_follows_invoices_and_payments_by_itself(self):
        order = self.make_order(self.make_lead())
        self.assertEqual(order.referral_state, "none")
        order.action_confirm()
        self.assertEqual(order.referral_state, "contracted")
        invoice = order.with_user(self.finance)._create_invoices()
        self.assertEqual(order.referral_state, "awaiting_payment")
        invoice.action_post()
        self.assertEqual(order.referral_state, "awaiting_payment")
        self.pay(invoice, 40000)
        self.assertEqual(order.referral_state, "awaiting_payment")
        self.pay(invoice)
        self.assertEqual(order.referral_state, "to_confirm")
        self.confirm(order)
        self.assertEqual(order.referral_state, "confirmed")

    def test_a_paid_down_payment_alone_awaits_completion(self):
        order = self.make_contract(self.make_lead())
        self.pay(self.down_payment(order, 30))
        self.assertEqual(order.referral_state, "awaiting_completion")
        final = self.invoice(order)
        self.assertEqual(final.amount_total, 84000)
        self.assertEqual(order.referral_state, "awaiting_payment")
        self.pay(final, 42000)
        self.assertEqual(order.referral_state, "awaiting_payment")
        self.pay(final)
        self.assertEqual(order.referral_state, "to_confirm")

    def test_an_unpaid_down_payment_is_missed_though_the_final_invoice_is_paid(self):
        order = self.make_contract(self.make_lead())
        first = self.down_payment(order, 30)
        self.pay(self.invoice(order))
        self.assertEqual(order.referral_state, "awaiting_payment")
        self.pay(first)
        self.assertEqual(order.referral_state, "to_confirm")

    def test_a_credit_note_takes_a_paid_order_back(self):
        order = self.make_paid_contract()
        self.credit(order.invoice_ids)
        self.assertEqual(order.referral_state, "awaiting_completion")
        self.pay(self.invoice(order))
        self.assertEqual(order.referral_state, "awaiting_payment")

    def test_a_reversed_and_replaced_invoice_counts_once(self):
        order = self.make_contract(self.make_lead())
        wrong = self.invoice(order)
        self.credit(wrong)
        self.assertEqual(wrong.payment_state, "reversed")
        self.assertNotEqual(order.referral_state, "to_confirm")
        self.pay(self.invoice(order))
        self.assertEqual(order.referral_state, "to_confirm")

    def test_a_payment_taken_back_before_the_decision_takes_the_state_back(self):
        """Threat F6, before confirmation."""
        order = self.make_contract(self.make_lead())
        payment = self.pay(self.invoice(order))
        payment.action_cancel()
        self.assertEqual(order.referral_state, "awaiting_payment")
        with self.assertRaises(UserError):
            self.confirm(order)

    def test_a_cancelled_contract_is_none_and_its_number_is_free_again(self):
        order = self.make_contract(self.make_lead())
        order._action_cancel()
        self.assertRecordValues(
            order,
            [{"referral_state": "none", "project_phase": 0, "referral_plan_id": False}],
        )
        self.assertEqual(self.make_contract(self.make_lead()).project_phase, 1)

    def test_a_rewarded_contract_that_is_cancelled_gives_everything_back(self):
        """Rule C7."""
        order = self.make_paid_contract()
        self.confirm(order)
        order._action_cancel()
        self.assertEqual(order.referral_state, "none")
        self.assertEqual(sum(order.referral_commission_ids.mapped("amount")), 0)


@tagged("post_install", "-at_install")
class TestDecision(ContractCase):
    """Finance's one decision: confirm or refuse (rule C3)."""

    def test_confirming_again_changes_nothing(self):
        order = self.make_paid_contract()
        self.confirm(order)
        before = order.referral_commission_ids
        self.confirm(order)
        self.confirm(order, self.finance_2)
        self.assertEqual(order.referral_commission_ids, before)
        self.assertEqual(self.nodes(order.referral_lead_id).count("confirmed"), 1)

    def test_nothing_is_confirmed_before_the_money_has_arrived(self):
        order = self.make_contract(self.make_lead())
        self.invoice(order)
        with self.assertRaisesRegex(UserError, "Awaiting payment"):
            self.confirm(order)
        self.assertFalse(order.referral_commission_ids)

    def test_figures_written_over_an_order_are_not_believed(self):
        """Odoo stores them; a salesperson could write them over RPC (rule C3)."""
        order = self.make_contract(self.make_lead())
        forged = {"amount_total": 0.0, "invoice_status": "invoiced"}
        order.with_user(self.sales).write(forged)
        with self.assertRaisesRegex(UserError, "Contracted"):
            self.confirm(order)
        order.with_user(self.sales).write({"amount_untaxed": 1e9})
        self.pay(self.invoice(order))
        self.confirm(order)
        self.assertEqual(order.referral_commission_ids.mapped("amount"), [600, 60])

    def test_one_unpaid_order_stops_the_selection_as_a_whole(self):
        paid = self.make_paid_contract()
        unpaid = self.make_contract(self.make_lead())
        with self.assertRaisesRegex(UserError, unpaid.name):
            self.confirm(paid + unpaid)

    def test_refusing_needs_a_reason_and_rewards_nobody(self):
        order = self.make_paid_contract().with_user(self.finance)
        for reason in ("", "   ", None, 3):
            with self.subTest(reason=reason), self.assertRaises(UserError):
                order.action_referral_refuse(reason)
        order.action_referral_refuse(" Side deal ")
        self.assertEqual(order.referral_state, "refused")
        self.assertEqual(order.referral_reason, "Side deal")
        order.action_referral_refuse("Another")
        self.assertEqual(order.referral_reason, "Side deal")
        with self.assertRaises(UserError):
            self.confirm(order)
        self.assertFalse(order.referral_commission_ids)

    def test_a_confirmed_order_is_not_refused_afterwards(self):
        order = self.make_paid_contract()
        self.confirm(order)
        with self.assertRaises(UserError):
            order.with_user(self.finance).action_referral_refuse("Late")

    def test_only_finance_decides(self):
        order = self.make_paid_contract()
        for user in (self.sales, self.manager, self.clerk, self.portal):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                self.confirm(order, user)
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                order.with_user(user).action_referral_refuse("No")
        self.assertEqual(order.referral_state, "to_confirm")

    def test_the_wizard_hands_the_reason_to_the_order(self):
        order = self.make_paid_contract()
        wizard = self.env["referral.reason"].with_user(self.finance)
        wizard.create({"order_id": order.id, "reason": "No"}).action_apply()
        self.assertEqual(order.referral_state, "refused")

    def test_a_contract_signed_without_a_plan_cannot_be_rewarded(self):
        self.plan._set_state("archived")
        order = self.make_paid_contract()
        with self.assertRaisesRegex(UserError, "no plan was active"):
            self.confirm(order)

    def test_every_step_is_in_the_trail_once(self):
        """Rule L3."""
        lead = self.make_lead()
        order = self.make_paid_contract(lead)
        self.confirm(order)
        self.assertEqual(
            self.nodes(lead),
            ["shared", "clicked", "created", "quoted", "contracted", "invoiced", "paid"]
            + ["confirmed", "rewarded", "rewarded"],
        )
        self.assertEqual(self.env["referral.trail.entry"]._verify(lead), [])


@tagged("post_install", "-at_install")
class TestGuardedFields(ContractCase):
    """What decides about money is written by the buttons only, whatever arrives."""

    def guarded(self):
        return {
            "referral_state": "to_confirm",
            "referral_decision": "confirmed",
            "project_phase": 2,
            "referral_reason": "Nice",
            "referral_plan_id": self.make_plan().id,
        }

    def test_no_role_writes_the_fields_that_decide(self):
        order = self.make_contract(self.make_lead())
        values = self.guarded()
        for user in (self.sales, self.manager, self.finance):
            for name, value in values.items():
                with (
                    self.subTest(user=user.login, field=name),
                    self.assertRaises(AccessError),
                ):
                    order.with_user(user).write({name: value})

    def test_no_role_creates_an_order_with_them(self):
        values = self.guarded()
        for name, value in values.items():
            with self.subTest(field=name), self.assertRaises(AccessError):
                self.make_order(**{name: value})

    def test_defaults_from_the_context_do_not_get_past_the_guard(self):
        """A client chooses its context freely: default_x is as good as writing x."""
        values = self.guarded()
        context = {f"default_{name}": value for name, value in values.items()}
        order = (
            self.env["sale.order"]
            .with_user(self.sales)
            .with_context(**context)
            .create({"partner_id": self.customer.id})
        )
        self.assertRecordValues(
            order,
            [
                {
                    "referral_state": "none",
                    "referral_decision": False,
                    "project_phase": 0,
                    "referral_plan_id": False,
                    "referral_reason": False,
                }
            ],
        )

    def test_a_key_from_outside_does_not_open_the_gate(self):
        order = self.make_contract(self.make_lead()).with_user(self.sales)
        for key in (True, 1, "GATE", {}):
            with self.subTest(key=key), self.assertRaises(AccessError):
                order.with_context(referral_gate=key).write({"project_phase": 9})

    def test_a_signed_contract_keeps_its_referrer_and_its_lead(self):
        """Rule C2: who brought the customer is settled by the signature."""
        order = self.make_contract(self.make_lead())
        other = self.make_lead(referral_link_id=False, referrer_id=self.inviter.id)
        with self.assertRaises(UserError):
            order.write({"referrer_id": self.grandparent.id})
        with self.assertRaises(UserError):
            order.write({"referral_lead_id": other.id})

    def test_the_leads_later_referrer_does_not_reach_a_signed_contract(self):
        lead = self.make_lead()
        order = self.make_contract(lead)
        lead.referrer_id = self.grandparent
        self.assertEqual(order.referrer_id, self.member)

    def test_a_commission_is_never_written_or_deleted_by_hand(self):
        order = self.make_paid_contract()
        self.confirm(order)
        line = order.referral_commission_ids[0]
        for user in (self.finance, self.manager, self.env.user):
            mine = line.with_user(user)
            for values in ({"amount": 1}, {"state": "settled"}, {"partner_id": 1}):
                with self.subTest(user=user.login), self.assertRaises(UserError):
                    mine.write(values)
            with self.subTest(user=user.login), self.assertRaises(UserError):
                mine.unlink()
        with self.assertRaises(AccessError):
            line.with_user(self.finance).copy()

    def test_a_client_context_does_not_colour_the_commissions(self):
        """The state of a new commission is not the caller's to choose."""
        order = self.make_paid_contract().with_context(default_state="settled")
        self.confirm(order)
        states = order.referral_commission_ids.mapped("state")
        self.assertEqual(states, ["approved", "approved"])
