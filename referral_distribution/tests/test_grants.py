import psycopg2

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .common import ReferralCase


@tagged("post_install", "-at_install")
class TestGrants(ReferralCase):
    """Manual commissions: one asks, a second approves (rules C4, C6; threat F3)."""

    def setUp(self):
        super().setUp()
        self.order = self.make_paid_contract()
        self.order.with_user(self.finance).action_referral_confirm()

    def make_grant(self, user=None, **values):
        """Return a draft of the manager's (or ``user``'s) for the contract."""
        vals = {
            "partner_id": self.member.id,
            "order_id": self.order.id,
            "amount": 500,
            "reason": "Brought the decision makers to the table",
        }
        grants = self.env["referral.commission.grant"].with_user(user or self.manager)
        return grants.create(vals | values)

    def make_submitted(self, user=None, **values):
        grant = self.make_grant(user, **values)
        grant.action_submit()
        return grant

    def assertRefused(self, grant, words):
        """Submitting is refused, and nothing has changed."""
        with self.assertRaisesRegex(UserError, words):
            grant.action_submit()
        self.assertEqual(grant.state, "draft")

    def test_what_a_manager_asks_for_finance_approves_once(self):
        grant = self.make_submitted()
        self.assertFalse(grant.commission_ids)
        grant.with_user(self.finance).action_approve()
        grant.with_user(self.finance).action_approve()  # again: nothing more
        self.assertRecordValues(
            grant.commission_ids,
            [
                {
                    "partner_id": self.member.id,
                    "order_id": self.order.id,
                    "lead_id": self.order.referral_lead_id.id,
                    "trigger": "manual",
                    "rule_id": False,
                    "amount": 500.0,
                    "level": 0,
                    "state": "approved",
                }
            ],
        )
        self.assertRecordValues(
            grant,
            [
                {
                    "state": "approved",
                    "requested_by_id": self.manager.id,
                    "decided_by_id": self.finance.id,
                }
            ],
        )

    def test_the_inviter_gets_no_share_of_it(self):
        """Rule M4: shares are shares of what rules give."""
        self.make_submitted().with_user(self.finance).action_approve()
        self.assertRewards(
            self.order,
            [
                (self.member, 0, 600.0),
                (self.member, 0, 500.0),
                (self.inviter, 1, 60.0),
            ],
        )

    def test_the_trail_tells_who_got_it_and_why(self):
        """Rule L3."""
        grant = self.make_submitted()
        grant.with_user(self.finance).action_approve()
        entry = self.order.referral_lead_id.sudo().referral_trail_ids.sorted()[-1]
        self.assertEqual(entry.node, "rewarded")
        self.assertEqual(entry.content["who"], self.member.id)
        self.assertEqual(entry.content["reason"], grant.reason)
        self.assertIn("500.00", entry.content["amount"])
        self.assertEqual(entry.actor_id, self.finance)

    def test_its_sentence_tells_the_reason(self):
        """Rule C8."""
        grant = self.make_submitted()
        grant.with_user(self.finance).action_approve()
        line = grant.commission_ids.with_user(self.portal)
        self.assertIn("500.00", line.explanation_text)
        self.assertIn(grant.reason, line.explanation_text)

    def test_it_is_taken_back_as_any_other(self):
        """Rule C7."""
        grant = self.make_submitted()
        grant.with_user(self.finance).action_approve()
        grant.sudo().commission_ids.filtered("amount")._reverse("Granted in error")
        lines = self.env["referral.commission"].search([("trigger", "=", "manual")])
        self.assertEqual(sum(lines.mapped("amount")), 0)
        self.assertIn("Granted in error", lines[0].explanation_text)

    def grant_given(self, **values):
        grant = self.make_submitted(**values)
        grant.with_user(self.finance).action_approve()
        return grant

    def get_left(self, grant):
        lines = grant.sudo().commission_ids
        return sum((lines | lines.reversal_ids).mapped("amount"))

    def test_a_refund_leaves_it_and_a_cancelled_contract_takes_it_back(self):
        """Rule C7: it follows no formula, so it stays while the contract does."""
        grant = self.grant_given()
        order = self.order.sudo()
        order.invoice_ids._reverse_moves(
            [{"invoice_date": order.invoice_ids.invoice_date}], cancel=True
        )
        plan = order.referral_commission_ids.filtered("rule_id")
        self.assertEqual(sum(plan.mapped("amount")), 0)
        self.assertEqual(self.get_left(grant), 500)
        order._action_cancel()
        self.assertEqual(self.get_left(grant), 0)

    def test_a_lead_that_turns_out_invalid_takes_it_back(self):
        """Rules L2, C7: on a lead, and on its contract."""
        lead = self.make_lead()
        lead.with_user(self.sales).action_referral_validate()
        on_lead = self.grant_given(order_id=False, lead_id=lead.id)
        on_order = self.grant_given()
        found = lead | self.order.sudo().referral_lead_id
        self.assertEqual(self.get_left(on_lead) + self.get_left(on_order), 1000)
        for one in found.with_user(self.manager):
            if one.referral_validity == "valid":
                one.action_referral_reopen("Looked again")
            one.action_referral_invalidate("Not a company")
        self.assertEqual(self.get_left(on_order), 0)
        self.assertEqual(self.get_left(on_lead), 0)

    def test_asked_approved_and_earned_by_one_person_is_refused(self):
        """Threat F3: whoever of the three."""
        self.finance.partner_id.member_state = "active"
        mine = {"partner_id": self.finance.partner_id.id}
        self.assertRefused(self.make_grant(self.finance, **mine), "of their own")
        grant = self.make_submitted(**mine)
        for user in (self.manager, self.finance):
            with self.assertRaises(UserError):  # or its kind, for rights
                grant.with_user(user).action_approve()
        self.assertFalse(grant.commission_ids)

    def test_on_a_lead_that_was_found_valid(self):
        lead = self.make_lead()
        grant = self.make_grant(order_id=False, lead_id=lead.id)
        self.assertRefused(grant, "has not been found valid")
        lead.with_user(self.sales).action_referral_validate()
        grant.action_submit()
        grant.with_user(self.finance).action_approve()
        self.assertEqual(grant.commission_ids.lead_id, lead)
        self.assertFalse(grant.commission_ids.order_id)

    # ---------------------------------------------------------------- who decides

    def test_who_asked_does_not_decide(self):
        """Threat F3."""
        grant = self.make_submitted(self.finance)
        for decide in (grant.action_approve, lambda: grant.action_refuse("No")):
            with self.assertRaisesRegex(UserError, "ask a colleague"):
                decide()
        self.assertEqual(grant.state, "submitted")
        grant.with_user(self.finance_2).action_approve()
        self.assertEqual(grant.state, "approved")

    def test_nobody_asks_for_or_approves_a_reward_of_ones_own(self):
        """Threat F3."""
        for user in (self.manager, self.finance):
            user.partner_id.member_state = "active"
        own = self.make_grant(partner_id=self.manager.partner_id.id)
        self.assertRefused(own, "of their own")
        grant = self.make_submitted(partner_id=self.finance.partner_id.id)
        with self.assertRaisesRegex(UserError, "of their own"):
            grant.with_user(self.finance).action_approve()
        self.assertFalse(grant.commission_ids)
        grant.with_user(self.finance_2).action_approve()

    def test_who_works_for_the_beneficiary_does_not_decide(self):
        agency = self.env["res.partner"].create({"name": "Agency", "is_company": True})
        self.member.parent_id = self.finance.partner_id.parent_id = agency
        grant = self.make_submitted()
        with self.assertRaisesRegex(UserError, "of their own"):
            grant.with_user(self.finance).action_approve()
        # that colleagues share our own company as contact makes nobody a beneficiary
        staff = self.finance_2.partner_id | self.member
        staff.parent_id = self.company.partner_id
        grant.with_user(self.finance_2).action_approve()
        self.assertEqual(grant.state, "approved")

    def test_only_finance_decides_and_only_managers_and_finance_ask(self):
        grant = self.make_submitted()
        for user in (self.manager, self.sales, self.portal):
            for decide in ("action_approve", "action_refuse"):
                arguments = ("x",) if decide == "action_refuse" else ()
                with self.assertRaises(AccessError):
                    getattr(grant.with_user(user), decide)(*arguments)
        for user in (self.sales, self.portal, self.clerk):
            with self.assertRaises(AccessError):
                self.make_grant(user)
            for button in ("action_submit", "action_reset"):
                with self.assertRaises(AccessError):
                    getattr(grant.with_user(user), button)()

    def test_refused_with_a_reason_through_the_dialog(self):
        grant = self.make_submitted()
        for nothing in ("", "  ", False, 5):
            with self.assertRaisesRegex(UserError, "Give a reason"):
                grant.with_user(self.finance).action_refuse(nothing)
        self.env["referral.reason"].with_user(self.finance).create(
            {"grant_id": grant.id, "reason": "The plan covers it"}
        ).action_apply()
        self.assertRecordValues(
            grant, [{"state": "refused", "answer": "The plan covers it"}]
        )
        self.assertFalse(grant.commission_ids)
        with self.assertRaisesRegex(UserError, "not at that step"):
            grant.with_user(self.finance_2).action_approve()

    # ------------------------------------------------------------ what is refused

    def test_who_takes_no_part_gets_nothing(self):
        """Rule M4: to accept commissions is the member's own choice."""
        self.member.accepts_commission = False
        grant = self.make_grant()
        self.assertRefused(grant, "takes no part in rewards")
        self.member.accepts_commission = True
        grant.action_submit()
        self.member.member_state = "suspended"  # meanwhile
        with self.assertRaisesRegex(UserError, "takes no part"):
            grant.with_user(self.finance).action_approve()
        self.assertEqual(grant.state, "submitted")

    def test_members_earn_nothing_on_a_partner_channel_and_its_partner_does(self):
        """Rule S4."""
        partner = self.env["res.partner"].create({"name": "Club"})
        channel = self.env["referral.channel"].create(
            {
                "name": "Club",
                "kind": "partner",
                "stage": "cooperating",
                "partner_id": partner.id,
                "terms": "free",
                "date_from": "2020-01-01",
            }
        )
        lead = self.make_lead()
        lead.with_user(self.sales).action_referral_validate()
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE crm_lead SET referral_channel_id = %s WHERE id = %s",
            [channel.id, lead.id],
        )
        self.env.invalidate_all()
        grant = self.make_grant(order_id=False, lead_id=lead.id)
        self.assertRefused(grant, "members earn nothing there")
        theirs = self.make_submitted(
            order_id=False, lead_id=lead.id, partner_id=partner.id
        )
        theirs.with_user(self.finance).action_approve()
        self.assertEqual(theirs.commission_ids.channel_id, channel)

    def test_what_the_plan_gives_comes_first(self):
        """Rule C3: not before finance has decided about the contract."""
        waiting = self.make_paid_contract()
        self.assertRefused(self.make_grant(order_id=waiting.id), "comes first")
        draft = self.make_order()
        self.assertRefused(self.make_grant(order_id=draft.id), "not signed")

    def test_while_the_lead_is_held_nothing_is_granted(self):
        """Rule L5."""
        self.make_hold(self.order.with_env(self.env).referral_lead_id)
        self.assertRefused(self.make_grant(), "are held")

    def test_bad_input_is_refused_by_the_database_too(self):
        for values in (
            {"amount": 0},
            {"amount": -5},
            {"amount": 1e13},
            {"amount": 0.004},  # rounds to nothing
            {"reason": "  "},
            {"order_id": False},
            {"lead_id": self.order.referral_lead_id.id},
        ):
            with self.subTest(values=values), self.assertDatabaseRefuses():
                self.make_grant(**values).flush_recordset()

    def test_an_amount_that_is_no_number_is_refused_with_a_message(self):
        """Threat W6: JSON may hold NaN and Infinity, and texts."""
        for amount in (float("nan"), float("inf"), "12a", "NaN", None, [1], True):
            with self.subTest(amount=amount), self.assertRaisesRegex(UserError, "zero"):
                self.make_grant(amount=amount)

    def test_a_contract_of_another_company_is_refused(self):
        """Threat P3."""
        other = self.env["res.company"].create({"name": "Other"})
        self.manager.company_ids += other
        with self.assertRaises(UserError):
            self.make_grant(company_id=other.id)
        lead = self.make_lead(company_id=False, team_id=False, user_id=False)
        self.assertFalse(lead.company_id)  # so it is rewarded by who rewards it
        with self.assertRaisesRegex(UserError, "belongs to another company"):
            self.make_grant(company_id=other.id, order_id=False, lead_id=lead.id)

    # -------------------------------------------------------------- what is kept

    def test_what_is_submitted_is_not_edited_but_taken_back_first(self):
        grant = self.make_submitted()
        with self.assertRaisesRegex(UserError, "take it back to draft"):
            grant.amount = 5000
        with self.assertRaisesRegex(UserError, "Only a draft"):
            grant.unlink()
        grant.action_reset()
        self.assertFalse(grant.requested_by_id)
        grant.amount = 5000
        grant.unlink()

    def test_the_decision_is_nobodys_to_write(self):
        grant = self.make_grant()
        for values in (
            {"state": "approved"},
            {"requested_by_id": self.finance.id},
            {"decided_by_id": self.finance.id},
        ):
            with self.assertRaisesRegex(UserError, "with its buttons"):
                grant.write(values)
            with self.assertRaisesRegex(UserError, "with its buttons"):
                self.make_grant(**values)
            defaults = {f"default_{name}": value for name, value in values.items()}
            grants = grant.with_context(**defaults)
            made = grants.create(grant.copy_data()[0])
            self.assertEqual(made.state, "draft")
            self.assertFalse(made.requested_by_id | made.decided_by_id)
        self.assertEqual(grant.state, "draft")

    def test_the_database_keeps_what_was_decided(self):
        grant = self.make_submitted()
        grant.with_user(self.finance).action_approve()
        self.env.flush_all()
        for statement in (
            "UPDATE referral_commission_grant SET amount = 1 WHERE id = %s",
            "DELETE FROM referral_commission_grant WHERE id = %s",
        ):
            with self.assertDatabaseRefuses(psycopg2.errors.RestrictViolation):
                self.env.cr.execute(statement, [grant.id])

    def test_the_database_refuses_one_person_as_both(self):
        """Threat F3, the last guard."""
        grant = self.make_submitted()
        self.env.flush_all()
        with self.assertDatabaseRefuses():
            self.env.cr.execute(
                "UPDATE referral_commission_grant SET state = 'approved',"
                " decided_at = now(), decided_by_id = requested_by_id WHERE id = %s",
                [grant.id],
            )

    def test_the_database_refuses_a_second_commission_and_one_without_grant(self):
        grant = self.make_submitted()
        grant.with_user(self.finance).action_approve()
        vals = grant.sudo()._prepare_commission_vals()
        with self.assertDatabaseRefuses(psycopg2.errors.UniqueViolation):
            grant.commission_ids.sudo().create(vals)
        with self.assertDatabaseRefuses():
            grant.commission_ids.sudo().create({**vals, "grant_id": False})

    def test_two_grants_for_one_person_and_contract_are_two(self):
        first, second = (self.make_submitted(amount=amount) for amount in (100, 200))
        (first | second).with_user(self.finance).action_approve()
        self.assertEqual((first | second).commission_ids.mapped("amount"), [100, 200])

    def test_points_or_any_other_currency(self):
        other = self.env.ref("base.EUR" if self.currency.name != "EUR" else "base.USD")
        other.active = True
        grant = self.make_submitted(currency_id=other.id)
        grant.with_user(self.finance).action_approve()
        self.assertEqual(grant.commission_ids.currency_id, other)

    def test_sales_and_members_see_the_reward_and_not_the_request(self):
        grant = self.make_submitted()
        grant.with_user(self.finance).action_approve()
        self.env.invalidate_all()
        line = grant.commission_ids
        for user in (self.sales, self.portal):
            self.assertEqual(line.with_user(user).amount, 500)
            with self.assertRaises(AccessError):
                line.with_user(user).read(["grant_id"])
            with self.assertRaises(AccessError):
                grant.with_user(user).read(["reason"])
