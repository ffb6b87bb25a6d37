import psycopg2

from odoo.exceptions import UserError
from odoo.tests import tagged

from .common import ReferralCase


@tagged("post_install", "-at_install")
class TestReversals(ReferralCase):
    """What was given can be taken back, in whole or in part (rule C7)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        order = cls.make_paid_contract()
        order.with_user(cls.finance).action_referral_confirm()
        cls.lines = order.referral_commission_ids.sorted("level")
        cls.own, cls.share = cls.lines  # 600 and the inviter's 60

    def collect(self, lines=None):
        lines = self.lines if lines is None else lines
        action = lines.with_user(self.finance).action_collect()
        return self.env["referral.settlement"].search(action["domain"])

    def settle(self, lines):
        """Pay the lines out, as two of finance's people do."""
        settlement = self.collect(lines)
        settlement.with_user(self.finance).action_submit()
        settlement.with_user(self.finance_2).action_approve()
        for bill in settlement.bill_id:
            bill.with_user(self.finance).action_post()
            self.pay(bill)
        return settlement

    def give(self, amount=120000.0, **values):
        """Return what a further contract gives: 1 % and the inviter's tenth of it."""
        order = self.make_paid_contract(amount=amount, **values)
        order.with_user(self.finance).action_referral_confirm()
        return order.referral_commission_ids.sorted("level")

    def net(self, lines=None):
        lines = lines or self.lines
        return [
            self.currency.round(sum((line + line.reversal_ids).mapped("amount")))
            for line in lines
        ]

    # ------------------------------------------------------------ how much

    def test_the_inviters_share_goes_with_what_it_is_a_share_of(self):
        """Rule M4."""
        reversals = self.own._reverse("Refunded")
        self.assertEqual(sorted(reversals.mapped("amount")), [-600, -60])
        self.assertEqual(self.lines.mapped("state"), ["reversed", "reversed"])
        self.assertEqual(self.net(), [0, 0])

    def test_a_part_takes_its_part_of_the_share(self):
        self.own._reverse("A third", 200)
        self.assertEqual(self.net(), [400, 40])
        self.assertEqual(self.lines.mapped("state"), ["approved", "approved"])

    def test_parts_add_up_to_the_whole_to_the_last_cent(self):
        parts = (0.01, 33.33, 199.99, 66.67, *[0.04] * 10, 299.60)
        for part in parts:
            self.own._reverse("Part", part)
        self.assertEqual(self.net(), [0, 0])
        self.assertEqual(self.lines.mapped("state"), ["reversed", "reversed"])

    def test_the_share_alone_can_be_taken_back(self):
        self.share._reverse("Not his")
        self.assertEqual(self.net(), [600, 0])
        self.own._reverse("Refunded")
        self.assertEqual(self.net(), [0, 0])

    def test_a_share_is_a_share_of_all_its_member_has_got(self):
        half = {"phase": "repeat", "rate": 0.5}
        share = {"name": "S", "level": 1, "base": "member_reward", "rate": 10}
        self.make_plan(
            [{"name": "A", **half}, {"name": "B", **half}, share]
        )._activate()
        one, two, share = self.give()  # 600, 600 and 120
        one._reverse("Refunded")
        self.assertEqual(self.net(one + two + share), [0, 600, 60])
        (two + share)._reverse("Refunded")
        self.assertEqual(self.net(one + two + share), [0, 0, 0])
        one, two, share = self.give()
        (one + share)._reverse("The whole share")
        self.assertEqual(self.net(one + two + share), [0, 600, 0])

    def test_nothing_is_taken_back_of_nothing(self):
        self.assertFalse(self.lines.browse()._reverse("Refunded"))

    def test_shares_of_other_contracts_stay(self):
        others = self.give(lead=self.own.lead_id)
        self.own._reverse("Refunded")
        self.assertEqual(self.net(others), [1200, 120])

    def test_taken_back_again_it_is_left_alone(self):
        self.lines._reverse("Refunded")
        self.assertFalse(self.lines._reverse("Refunded"))
        self.assertEqual(self.net(), [0, 0])

    def test_no_more_than_is_left_is_taken_back(self):
        self.own._reverse("Most", 599)
        for amount in (1.01, 0, -1, float("nan"), float("inf"), 0.001):
            with (
                self.subTest(amount=amount),
                self.assertRaisesRegex(UserError, "can be taken back of"),
            ):
                self.own._reverse("Too much", amount)
        self.assertEqual(self.own.reversed_amount, 599)

    def test_what_takes_back_is_not_taken_back_itself(self):
        taken = self.own._reverse("Part", 100)
        with self.assertRaisesRegex(UserError, "itself"):
            taken._reverse("And back")

    def test_what_is_no_longer_left_when_it_is_written_is_not_taken(self):
        """The condition in the statement, whatever was read before."""
        with self.assertRaisesRegex(UserError, "Somebody else"):
            self.own.sudo()._query_take_back({self.own: 600.01})

    def test_a_reason_is_needed(self):
        for reason in ("", " ", None, False, 7):
            with self.subTest(reason=reason), self.assertRaises(UserError):
                self.lines._reverse(reason)

    # --------------------------------------------------- not paid out before

    def test_what_was_not_paid_never_is(self):
        self.own._reverse("Refunded")
        self.assertFalse(self.collect(self.lines))
        self.assertFalse(self.collect(self.lines + self.lines.reversal_ids))

    def test_the_rest_of_it_is_paid_without_the_part_taken_back(self):
        self.own._reverse("A third", 200)
        totals = self.collect(self.own).mapped("amount_total")
        self.assertEqual(totals, [400])
        self.assertFalse(self.own.reversal_ids._get_left() > 0)

    def test_a_part_of_an_unpaid_reward_is_not_netted_with_another(self):
        """Else it would be taken twice once the rest is taken back as well."""
        self.own._reverse("A third", 200)
        others = self.give()
        selected = others[0] + self.own.reversal_ids
        self.assertEqual(self.collect(selected).amount_total, 1200)
        self.own._reverse("The rest")
        self.assertEqual(set(self.own.reversal_ids.mapped("state")), {"settled"})
        self.assertFalse(self.collect(self.own))

    def test_in_a_draft_settlement_it_is_netted_there(self):
        settlement = self.collect(self.own)
        self.own._reverse("A third", 200)
        self.assertEqual(settlement.amount_total, 400)
        self.assertEqual(settlement.commission_ids, self.own + self.own.reversal_ids)
        self.own._reverse("The rest")
        self.assertFalse(settlement.exists(), "nothing is left to pay")
        self.assertFalse(self.collect(self.own), "and nothing to net")

    def test_a_draft_keeps_what_others_have_in_it(self):
        others = self.give()
        settlement = self.collect(self.own + others[0])
        self.own._reverse("Refunded")
        self.assertEqual(settlement.amount_total, 1200)
        self.assertEqual(settlement.commission_ids, others[0])

    def test_in_a_submitted_settlement_the_message_says_what_to_do(self):
        settlement = self.collect(self.own)
        settlement.with_user(self.finance).action_submit()
        with self.assertRaisesRegex(UserError, "Take it back to draft"):
            self.own._reverse("Refunded")
        self.assertEqual(self.net(), [600, 60])
        settlement.with_user(self.finance).action_reset()
        self.own._reverse("Refunded")
        self.assertEqual(self.net(), [0, 0])

    def test_a_draft_that_would_pay_less_than_nothing_is_dropped(self):
        """Its debts wait for later rewards."""
        self.settle(self.own)
        self.own._reverse("Refunded")  # 600 are owed
        others = self.give()[0]  # 1,200
        settlement = self.collect(others)
        self.assertEqual(settlement.amount_total, 600)
        others._reverse("Most of it", 700)
        self.assertFalse(settlement.exists())
        later = self.collect(others + self.give()[0])
        self.assertEqual(later.amount_total, 1200 - 700 - 600 + 1200)

    def test_what_was_netted_before_its_bill_was_cancelled_is_paid_first(self):
        """Else the member would lose what was netted, and never get the reward."""
        settlement = self.collect(self.own)
        settlement.with_user(self.finance).action_submit()
        settlement.with_user(self.finance_2).action_approve()
        self.own._reverse("A third", 200)
        other = self.settle(self.give()[0])
        self.assertEqual(other.amount_total, 1000)
        settlement.bill_id.with_user(self.finance).button_cancel()
        with self.assertRaisesRegex(UserError, "settle it first"):
            self.own._reverse("The rest")
        self.own._reverse("Some more", 100)
        self.assertEqual(settlement.amount_total, 500)
        settlement.with_user(self.finance).action_submit()
        settlement.with_user(self.finance_2).action_approve()
        self.own._reverse("The rest")
        self.assertEqual(self.net(), [0, 0])

    # ------------------------------------------------------- paid out before

    def test_what_was_paid_is_netted_by_the_next_settlement(self):
        self.settle(self.own)
        self.own._reverse("Refunded")
        self.assertEqual(self.own.reversal_ids.state, "approved")
        others = self.give()
        settlement = self.settle(others[0])
        self.assertEqual(settlement.amount_total, 600)
        self.assertEqual(settlement.bill_id.amount_total, 600)
        self.assertEqual(self.own.reversal_ids.state, "settled")

    def test_a_settlement_never_pays_nothing_or_less(self):
        self.settle(self.own)
        self.own._reverse("Refunded")
        less, same = self.give(60000)[0], self.give(30000)[0]  # 600 and 300
        for lines in (less, same, less + self.own.reversal_ids):
            with (
                self.subTest(lines=lines.mapped("amount")),
                self.assertRaisesRegex(UserError, "waits for later rewards"),
            ):
                self.collect(lines)
        self.assertEqual(self.collect(less + same).amount_total, 300)

    def test_others_are_settled_while_one_waits(self):
        self.settle(self.own)
        self.own._reverse("Refunded")
        others = self.give(60000)
        settlements = self.collect(others)
        self.assertEqual(settlements.partner_id, self.inviter)

    def test_what_is_taken_back_while_its_bill_is_open_is_netted_too(self):
        settlement = self.collect(self.own)
        settlement.with_user(self.finance).action_submit()
        settlement.with_user(self.finance_2).action_approve()
        self.own._reverse("Refunded")
        settlement.bill_id.with_user(self.finance).action_post()
        self.pay(settlement.bill_id)
        self.assertEqual(settlement.state, "paid")
        self.assertEqual(self.own.state, "reversed")
        self.assertEqual(self.collect(self.give()[0]).amount_total, 600)

    def test_a_deleted_draft_frees_what_was_netted(self):
        self.settle(self.own)
        self.own._reverse("Refunded")
        settlement = self.collect(self.give()[0])
        self.assertEqual(self.collect(self.give()[0]).amount_total, 1200, "once")
        settlement.with_user(self.finance).unlink()
        self.assertFalse(self.own.reversal_ids.settlement_id)

    # -------------------------------------------------------------- figures

    def test_what_is_owed_and_paid_adds_up_at_each_step(self):
        channel = self.channel
        gate = self.lines.sudo()
        self.env.cr.execute(
            "UPDATE referral_commission SET channel_id = %s WHERE id = %s",
            (channel.id, self.own.id),
        )
        gate.invalidate_recordset()

        def figures():
            channel.invalidate_recordset()
            return [
                sum(amount for _currency, amount in found)
                for found in (
                    channel._get_amounts(self.company).get((channel.id, states), [])
                    for states in (("pending", "approved"), ("settled", "reversed"))
                )
            ]

        self.assertEqual(figures(), [600, 0])
        self.own._reverse("Part", 100)
        self.assertEqual(figures(), [500, 0])
        self.settle(self.own)
        self.assertEqual(figures(), [0, 500])
        self.own._reverse("The rest")
        self.assertEqual(figures(), [-500, 500])
        self.settle(self.give()[0])
        self.assertEqual(figures(), [0, 0])

    # ---------------------------------------------------------- the database

    def test_a_standing_reward_is_given_once(self):
        query = (
            "INSERT INTO referral_commission (company_id, partner_id, trigger, rule_id,"
            " level, order_id, lead_id, instalment, amount, reversed_amount,"
            " currency_id, state, explanation)"
            " SELECT company_id, partner_id, trigger, rule_id, level, order_id,"
            " lead_id, instalment, amount, 0, currency_id, 'approved', explanation"
            " FROM referral_commission WHERE id = %s"
        )
        with self.assertDatabaseRefuses(psycopg2.errors.UniqueViolation):
            self.env.cr.execute(query, (self.own.id,))
        self.own._reverse("Refunded")
        self.env.cr.execute(query, (self.own.id,))
        with self.assertDatabaseRefuses(psycopg2.errors.UniqueViolation):
            self.env.cr.execute(query, (self.own.id,))

    def test_what_takes_back_is_negative_and_never_reversed(self):
        taken = self.own._reverse("Part", 100)[0]
        for change in ("amount = 100", "state = 'reversed'", "reversed_amount = 1"):
            with self.subTest(change=change), self.assertDatabaseRefuses():
                self.env.cr.execute(
                    f"UPDATE referral_commission SET {change} WHERE id = %s",
                    (taken.id,),
                )

    def test_a_reward_that_was_taken_back_is_not_deleted(self):
        self.own._reverse("Part", 100)
        with self.assertDatabaseRefuses(psycopg2.errors.ForeignKeyViolation):
            self.env.cr.execute(
                "DELETE FROM referral_commission WHERE id = %s", (self.own.id,)
            )
