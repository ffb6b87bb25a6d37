from decimal import Decimal

from odoo.exceptions import AccessError, MissingError, UserError
from odoo.tests import tagged

from .common import PointsCommon


@tagged("post_install", "-at_install")
class TestWallet(PointsCommon):
    def test_a_wallet_is_opened_once_per_member_and_company(self):
        wallets = self.env["referral.wallet"]
        wallet = wallets._of(self.member, self.company)
        self.assertSums(wallet, 0)
        self.assertEqual(wallets._of(self.member, self.company), wallet)
        other = self.env["res.company"].create({"name": "Second company"})
        self.assertNotEqual(wallets._of(self.member, other), wallet)

    def test_points_are_held_then_redeemed_or_released(self):
        # rule P2
        wallet = self._open_wallet(100)
        spent = wallet._post("hold", 30, "a")
        kept = wallet._post("hold", 20, "b")
        self.assertSums(wallet, 100, held=50)
        wallet._post("redeem", 30, "a2", hold=spent)
        wallet._post("release", 20, "b2", hold=kept)
        self.assertSums(wallet, 70)
        self.assertRecordValues(
            wallet.entry_ids.sorted("id"),
            [
                {"entry_type": "earn", "balance_change": 100, "held_change": 0},
                {"entry_type": "hold", "balance_change": 0, "held_change": 30},
                {"entry_type": "hold", "balance_change": 0, "held_change": 20},
                {"entry_type": "redeem", "balance_change": -30, "held_change": -30},
                {"entry_type": "release", "balance_change": 0, "held_change": -20},
            ],
        )
        self.assertEqual(wallet.entry_ids[:1].balance_after, 70)
        self.assertEqual(wallet.entry_ids[:1].held_after, 0)

    def test_nobody_spends_more_than_is_available(self):
        # threat W1
        wallet = self._open_wallet(100)
        wallet._post("hold", 60, "a")
        for entry_type, points in (("hold", 40.01), ("expire", 41), ("adjust", -41)):
            with self.assertRaisesRegex(UserError, "Not enough points"):
                wallet._post(entry_type, points, f"too much {entry_type}")
        self.assertSums(wallet, 100, held=60)

    def test_an_adjustment_goes_both_ways(self):
        # rule P2
        wallet = self._open_wallet(10)
        wallet._post("adjust", 2.5, "up", note="Forgotten share")
        down = wallet._post("adjust", Decimal("-12.50"), "down", note="Typing mistake")
        self.assertEqual(down.reason, "Typing mistake")
        self.assertSums(wallet, 0)

    def test_the_same_key_answers_the_same(self):
        # threat W4
        wallet = self._open_wallet()
        first = wallet._post("earn", 10, "lead:1", "res.partner,1")
        again = wallet._post("earn", 10.0, "lead:1", "res.partner,1", note="again")
        self.assertEqual(again, first)
        self.assertSums(wallet, 10)

    def test_the_same_key_with_other_input_is_refused(self):
        # threat W5
        wallet = self._open_wallet()
        other = self._open_wallet(member=self._create_member("Bo"))
        wallet._post("earn", 10, "lead:1")
        for target, entry_type, points, origin in (
            (wallet, "earn", 11, None),
            (wallet, "reverse", 10, None),
            (wallet, "earn", 10, "res.partner,1"),
            (other, "earn", 10, None),
        ):
            with self.assertRaisesRegex(UserError, "already posted"):
                target._post(entry_type, points, "lead:1", origin)
        self.assertSums(wallet, 10)
        self.assertSums(other, 0)

    def test_what_is_no_number_of_points_is_refused(self):
        # threats W6, W7
        wallet = self._open_wallet(100)
        nan, infinite = float("nan"), float("inf")
        bad = (nan, infinite, -infinite, 1e308, 2**31, 10**5000, "12a", "12", True)
        bad += (None, [1], 1.999, Decimal("NaN"), Decimal("sNaN"), 0, 0.0, -1)
        for entry_type in ("earn", "hold", "reverse"):
            for number, points in enumerate(bad):
                key = f"{entry_type} {number}"
                with self.subTest(key), self.assertRaises(UserError):
                    wallet._post(entry_type, points, key)
        with self.assertRaises(UserError):
            wallet._post("adjust", 0, "adjust nothing")
        self.assertSums(wallet, 100)

    def test_a_posting_names_its_kind_and_key(self):
        wallet = self._open_wallet()
        for entry_type, key in (("gift", "a"), ("earn", ""), ("earn", None)):
            with self.assertRaises(UserError):
                wallet._post(entry_type, 10, key)

    def test_a_hold_is_ended_once(self):
        # threat W12
        wallet = self._open_wallet(100)
        hold = wallet._post("hold", 30, "a")
        wallet._post("release", 30, "a:release", hold=hold)
        for entry_type in ("redeem", "release"):
            with self.assertRaisesRegex(UserError, "no longer held"):
                wallet._post(entry_type, 30, f"again {entry_type}", hold=hold)
        self.assertSums(wallet, 100)

    def test_a_hold_is_not_ended_twice_within_one_batch(self):
        # threat W12
        wallet = self._open_wallet(100)
        hold = wallet._post("hold", 30, "a")
        endings = [
            {
                "wallet_id": wallet.id,
                "entry_type": entry_type,
                "points": 30,
                "idempotency_key": entry_type,
                "hold_id": hold.id,
            }
            for entry_type in ("release", "redeem")
        ]
        with self.assertRaisesRegex(UserError, "no longer held"):
            self.env["referral.wallet"]._post_batch(endings)
        self.assertSums(wallet, 100, held=30)

    def test_an_ending_fits_its_hold(self):
        wallet = self._open_wallet(100)
        other = self._open_wallet(100, member=self._create_member("Bo"))
        hold = wallet._post("hold", 30, "a")
        earning = wallet.entry_ids - hold
        for target, points, ended in (
            (wallet, 29, hold),
            (other, 30, hold),
            (wallet, 100, earning),
        ):
            with self.assertRaisesRegex(UserError, "no longer held"):
                target._post("redeem", points, "end", hold=ended)
        for entry_type, ended in (("redeem", None), ("earn", hold)):
            with self.assertRaisesRegex(UserError, "end one hold"):
                wallet._post(entry_type, 30, "end", hold=ended)
        self.assertSums(wallet, 100, held=30)
        self.assertSums(other, 100)

    def test_points_taken_back_after_they_were_spent_leave_a_debt(self):
        # threat W13
        wallet = self._open_wallet(100)
        wallet._post("redeem", 80, "r", hold=wallet._post("hold", 80, "h"))
        wallet._post("reverse", 100, "refund")
        self.assertSums(wallet, -80)
        with self.assertRaisesRegex(UserError, "Not enough points"):
            wallet._post("hold", 1, "h2")
        wallet._post("earn", 81, "later")
        self.assertSums(wallet, 1)
        self.assertEqual(len(wallet.entry_ids), 5)

    def test_earning_and_taking_back_a_hundred_times_leaves_nothing(self):
        # threat W14
        wallet = self._open_wallet()
        for number in range(100):
            wallet._post("earn", 0.07, f"earn {number}")
            wallet._post("reverse", 0.07, f"reverse {number}")
        self.assertSums(wallet, 0)

    def test_a_batch_counts_in_the_order_given(self):
        wallet = self._open_wallet()
        earn, hold = (
            {
                "wallet_id": wallet.id,
                "entry_type": entry_type,
                "points": 10,
                "idempotency_key": entry_type,
            }
            for entry_type in ("earn", "hold")
        )
        with self.assertRaisesRegex(UserError, "Not enough points"):
            wallet._post_batch([hold, earn])
        entries = wallet._post_batch([earn, hold, earn])
        self.assertEqual(entries.mapped("entry_type"), ["earn", "hold", "earn"])
        self.assertEqual(entries[0], entries[2])
        self.assertSums(wallet, 10, held=10)

    def test_a_batch_is_written_whole_or_not_at_all(self):
        # threat W3
        rich = self._open_wallet(100)
        poor = self._open_wallet(5, member=self._create_member("Bo"))
        batch = [
            {
                "wallet_id": wallet.id,
                "entry_type": "hold",
                "points": 10,
                "idempotency_key": f"hold {wallet.id}",
            }
            for wallet in rich + poor
        ]
        with self.assertRaisesRegex(UserError, "Not enough points"):
            self.env["referral.wallet"]._post_batch(batch)
        batch[1]["wallet_id"] = poor.id + 1000
        with self.assertRaises(MissingError):
            self.env["referral.wallet"]._post_batch(batch)
        self.assertSums(rich, 100)
        self.assertSums(poor, 5)

    def test_a_batch_costs_the_same_number_of_statements_whatever_its_size(self):
        wallets = self.env["referral.wallet"].browse()
        for number in range(30):
            wallets += self._open_wallet(member=self._create_member(f"Member {number}"))
        for size in (1, 300):
            batch = [
                {
                    "wallet_id": wallets[number % 30].id,
                    "entry_type": "earn",
                    "points": 1,
                    "idempotency_key": f"{size}:{number}",
                }
                for number in range(size)
            ]
            with self.assertQueryCount(2):
                self.env["referral.wallet"]._post_batch(batch)
        self.assertEqual(sum(wallets.mapped("balance")), 301)
        self.assertEqual(wallets._verify(), [])

    def test_nobody_writes_wallets_or_entries_by_hand(self):
        # threat W8: not even the superuser, whatever the context says
        wallet = self._open_wallet(10)
        entry = wallet.entry_ids
        for record, vals in ((wallet, {"balance": 99}), (entry, {"points": 99})):
            record = record.with_context(referral_gate=True, referral_ledger=True)
            with self.assertRaises(AccessError):
                record.write(vals)
            with self.assertRaises(AccessError):
                record.unlink()
            with self.assertRaises(AccessError):
                record.create(record.copy_data())
        self.assertSums(wallet, 10)

    def test_archiving_a_member_loses_nothing(self):
        # threat M3
        wallet = self._open_wallet(10)
        self.member.active = False
        self.assertIn(wallet, wallet.search([]))
        self.assertSums(wallet, 10)

    def test_the_reason_of_an_entry_is_told(self):
        wallet = self._open_wallet()
        self.assertEqual(wallet._post("earn", 1, "a").reason, "Earned")
        self.assertEqual(wallet._post("earn", 1, "b", note="Gift").reason, "Gift")
