from odoo.exceptions import UserError
from odoo.tests import tagged

from .test_commission_to_wallet import PointsPlanCase


@tagged("post_install", "-at_install")
class TestReversal(PointsPlanCase):
    """Points of a lead that is reopened are taken back (rules L2, P2, C7)."""

    def _reopen(self, lead, reason="Not from this region"):
        lead.with_user(self.sales).action_referral_reopen(reason)

    def test_the_points_leave_the_wallet_with_the_reason(self):
        lead = self._validate_lead()
        self._reopen(lead)
        wallet = self._open_wallet(member=self.referrer)
        self.assertSums(wallet, 0)
        self.assertRecordValues(
            wallet.entry_ids,
            [
                {"entry_type": "reverse", "points": 10, "balance_after": 0},
                {"entry_type": "earn", "points": 10, "balance_after": 10},
            ],
        )
        self.assertEqual(
            wallet.entry_ids[0].reason,
            "Taken back: Valid lead: ACME. Not from this region",
        )
        taken = lead.referral_commission_ids.filtered("reverses_id")
        self.assertEqual(wallet.entry_ids[0].origin_ref, taken)
        self.assertEqual(taken.state, "settled")

    def test_points_that_were_spent_leave_a_debt_that_later_earnings_pay(self):
        # ledger rule 3
        lead = self._validate_lead()
        wallet = self._open_wallet(member=self.referrer)
        hold = wallet._post("hold", 10, "test:hold")
        wallet._post("redeem", 10, "test:redeem", hold=hold)
        self._reopen(lead)
        self.assertSums(wallet, -10)
        with self.assertRaisesRegex(UserError, "Not enough points"):
            wallet._post("hold", 1, "test:more")
        self._validate_lead("Other")
        self.assertSums(wallet, 0)

    def test_points_that_are_held_stay_held_and_are_owed(self):
        lead = self._validate_lead()
        wallet = self._open_wallet(member=self.referrer)
        wallet._post("hold", 10, "test:hold")
        self._reopen(lead)
        self.assertSums(wallet, 0, held=10)

    def test_fifty_verdicts_leave_what_the_last_one_says(self):
        lead = self._validate_lead()
        for number in range(50):
            if number % 2:
                lead.with_user(self.sales).action_referral_validate()
            else:
                self._reopen(lead)
            balance = 10 if number % 2 else 0
            self.assertSums(self._open_wallet(member=self.referrer), balance)
        wallet = self._open_wallet(member=self.referrer)
        self.assertEqual(len(wallet.entry_ids), 51)

    def test_the_inviters_points_are_taken_back_in_proportion(self):
        # rules M4, C7: 600.00 and 60.00
        own = self._accrue_contract(phase=1).filtered(lambda line: not line.level)
        own._reverse("A third refunded", 200)
        self.assertSums(self._open_wallet(member=self.referrer), 400)
        self.assertSums(self._open_wallet(member=self.inviter), 40)
        own._reverse("All refunded")
        self.assertSums(self._open_wallet(member=self.referrer), 0)
        self.assertSums(self._open_wallet(member=self.inviter), 0)

    def test_a_lead_is_not_reopened_when_the_wallet_refuses(self):
        lead = self._validate_lead()
        wallet = self._open_wallet(member=self.referrer)
        self.patch(type(wallet), "_post_batch", self._refuse)
        with self.assertRaises(UserError), self.env.cr.savepoint():
            self._reopen(lead)
        self.assertEqual(lead.referral_validity, "valid")
        self.assertEqual(lead.referral_commission_ids.mapped("amount"), [10])

    @staticmethod
    def _refuse(*_args):
        reason = "Not now"
        raise UserError(reason)
