from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged

from .common import PointsCommon


@tagged("post_install", "-at_install")
class TestRedemption(PointsCommon):
    """Draft, submitted, approved or refused, done or cancelled (rule R5)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.wallet = cls._open_wallet(1000)
        cls.reward = cls._create_reward(points=400)

    def test_a_request_holds_the_points_and_handing_over_spends_them(self):
        redemption = self._request(self.reward)
        self.assertEqual(redemption.points, 400)
        redemption.action_submit()
        self.assertSums(self.wallet, 1000, held=400)
        redemption.with_user(self.finance).action_approve()
        self.assertSums(self.wallet, 1000, held=400)
        redemption.with_user(self.finance).action_done()
        self.assertSums(self.wallet, 600)
        self.assertEqual(redemption.requester_id, self.sales)
        self.assertEqual(redemption.approver_id, self.finance)
        self.assertIn("Reward privilege", self.wallet.entry_ids[:1].reason)
        self.assertIn(redemption.name, self.wallet.entry_ids[:1].reason)

    def test_every_button_pressed_again_changes_nothing(self):
        # threat F1
        redemption = self._request(self.reward).with_user(self.finance)
        steps = (
            redemption.with_user(self.sales).action_submit,
            redemption.action_approve,
            redemption.action_done,
        )
        for step in steps:
            step()
            entries = len(self.wallet.entry_ids)
            step()
            self.assertEqual(len(self.wallet.entry_ids), entries)
        self.assertEqual(len(redemption.privilege_ids), 1)
        self.assertSums(self.wallet, 600)

    def test_refusal_gives_a_reason_and_releases_the_points(self):
        redemption = self._request(self.reward)
        redemption.action_submit()
        finance = redemption.with_user(self.finance)
        for nothing in (None, "", "  ", 3):
            action = finance.action_refuse(nothing)
            self.assertEqual(action["res_model"], "referral.redemption.refuse")
        self.assertEqual(redemption.state, "submitted")
        wizard = self.env[action["res_model"]].with_user(self.finance)
        wizard = wizard.with_context(**action["context"]).create({"reason": "Sold out"})
        wizard.action_refuse()
        self.assertEqual(redemption.state, "refused")
        self.assertEqual(redemption.refuse_reason, "Sold out")
        self.assertSums(self.wallet, 1000)

    def test_cancelling_releases_the_points_at_any_step(self):
        for steps in (0, 1, 2):
            redemption = self._request(self.reward)
            for step in ("action_submit", "action_approve")[:steps]:
                user = self.sales if step == "action_submit" else self.finance
                getattr(redemption.with_user(user), step)()
            redemption.action_cancel()
            self.assertEqual(redemption.state, "cancelled")
            self.assertSums(self.wallet, 1000)

    def test_only_the_steps_of_the_table_are_taken(self):
        draft = self._request(self.reward).with_user(self.finance)
        for step in (draft.action_approve, draft.action_done):
            with self.assertRaises(UserError):
                step()
        with self.assertRaises(UserError):
            draft.action_refuse("No")
        draft.with_user(self.sales).action_submit()
        draft.action_refuse("No")
        for step in (draft.action_submit, draft.action_approve, draft.action_cancel):
            with self.assertRaises(UserError):
                step()
        self.assertSums(self.wallet, 1000)

    def test_several_requests_at_once_never_spend_more_than_there_is(self):
        # threat W3
        redemptions = self._request(self.reward)
        redemptions += self._request(self.reward) + self._request(self.reward)
        with self.assertRaisesRegex(UserError, "Not enough points"):
            redemptions.action_submit()
        self.assertSums(self.wallet, 1000)
        redemptions[:2].action_submit()
        self.assertSums(self.wallet, 1000, held=800)

    def test_who_asks_or_gets_the_points_does_not_decide(self):
        # threat F3
        asked = self._request(self.reward, user=self.finance)
        asked.action_submit()
        own = self._request(self.reward, member=self.finance.partner_id)
        self.finance.partner_id.member_state = "active"
        self._open_wallet(400, member=self.finance.partner_id)
        own.action_submit()
        for redemption in (asked, own.with_user(self.finance)):
            with self.assertRaisesRegex(UserError, "second person"):
                redemption.action_approve()
            with self.assertRaisesRegex(UserError, "second person"):
                redemption.action_refuse("No")

    def test_deciding_needs_the_finance_role(self):
        redemption = self._request(self.reward)
        redemption.action_submit()
        for user in (self.sales, self.manager):
            for step in ("action_approve", "action_done"):
                with self.assertRaises(AccessError):
                    getattr(redemption.with_user(user), step)()
            with self.assertRaises(AccessError):
                redemption.with_user(user).action_refuse("No")

    def test_points_taken_back_meanwhile_block_the_request(self):
        # threat W13
        redemption = self._request(self.reward).with_user(self.finance)
        redemption.with_user(self.sales).action_submit()
        self.wallet._post("reverse", 1000, "refund")
        with self.assertRaisesRegex(UserError, "in debt"):
            redemption.action_approve()
        redemption.invalidate_recordset()
        self.wallet._post("earn", 400, "earned again")
        redemption.action_approve()
        self.wallet._post("reverse", 1, "refund again")
        with self.assertRaisesRegex(UserError, "in debt"):
            redemption.action_done()

    def test_only_active_members_redeem_what_is_offered(self):
        suspended = self._request(self.reward)
        self.member.member_state = "suspended"
        with self.assertRaisesRegex(UserError, "no active member"):
            suspended.action_submit()
        self.member.member_state = "active"
        self.reward.active = False
        with self.assertRaisesRegex(UserError, "no longer offered"):
            suspended.action_submit()
        self.assertSums(self.wallet, 1000)

    def test_the_price_follows_the_catalogue_until_the_request_is_submitted(self):
        redemption = self._request(self.reward, quantity=2)
        self.reward.points = 450
        self.assertEqual(redemption.points, 900)
        redemption.action_submit()
        self.reward.points = 500
        self.assertEqual(redemption.points, 900)
        redemption.action_cancel()
        self.assertSums(self.wallet, 1000)

    def test_goods_start_at_the_minimum_of_the_company(self):
        # rule R1
        with self.assertRaisesRegex(ValidationError, "2,000"):
            self._create_reward("goods", points=1999.99)
        self.company.referral_goods_minimum = 100
        self.assertTrue(self._create_reward("goods", points=100))

    def test_prices_and_quantities_are_positive_finite_numbers(self):
        # threats W6, W7
        for points in (0, -1, 1.999, float("nan"), float("inf"), 1e308, "12", True):
            with self.subTest(points=points), self.assertRaises(UserError):
                self._create_reward(points=points)
            with self.subTest(points=points), self.assertRaises(UserError):
                self.reward.write({"points": points})
        for quantity in (0, -1, 1000001, 2**31, 1.5, float("nan"), "12a", True):
            with self.subTest(quantity=quantity), self.assertRaises(UserError):
                self._request(self.reward, quantity=quantity)

    def test_nobody_writes_the_steps_by_hand(self):
        redemption = self._request(self.reward)
        self.assertEqual(
            redemption.create(
                {
                    "partner_id": self.member.id,
                    "reward_id": self.reward.id,
                    "state": "done",
                }
            ).state,
            "draft",
        )
        for vals in ({"state": "approved"}, {"approver_id": 1}, {"hold_id": 1}):
            with self.assertRaises(AccessError):
                redemption.with_context(referral_gate=True).write(vals)
        redemption.action_submit()
        for vals in ({"quantity": 1}, {"reward_id": self.reward.id}, {"points": 1}):
            with self.assertRaises(UserError):
                redemption.write(vals)
        with self.assertRaises(UserError):
            redemption.unlink()
