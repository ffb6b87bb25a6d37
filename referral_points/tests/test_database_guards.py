import psycopg2

from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import SQL, mute_logger

from .common import PointsCommon

EXPECTED = {
    "referral_wallet": {
        "partner_company_unique",
        "held_not_negative",
        "sums_finite",
        "partner_id_fkey",
        "company_id_fkey",
    },
    "referral_wallet_entry": {
        "idempotency_key_unique",
        "idempotency_key_filled",
        "points_finite",
        "effect_matches_type",
        "hold_matches_type",
        "wallet_id_fkey",
        "hold_id_fkey",
        "posted_by_id_fkey",
    },
    "referral_reward": {"points_range", "privilege_days_range"},
    "referral_redemption": {
        "quantity_range",
        "points_range",
        "hold_matches_state",
        "partner_id_fkey",
        "reward_id_fkey",
        "hold_id_fkey",
    },
    "referral_privilege": {
        "redemption_unique",
        "dates_ordered",
        "partner_id_fkey",
        "redemption_id_fkey",
    },
    "res_company": {
        "referral_point_value_range",
        "referral_goods_minimum_range",
    },
}


@tagged("post_install", "-at_install")
class TestDatabaseGuards(PointsCommon):
    """The database is the last guard (ledger rule 6; threats W6, W7, W8, O2)."""

    def assertRefused(self, query, *args):
        with (
            self.assertRaises(psycopg2.Error) as caught,
            mute_logger("odoo.sql_db"),
            self.env.cr.savepoint(),
        ):
            self.env.cr.execute(SQL(query, *args))
        return str(caught.exception)

    def test_every_declared_constraint_stands(self):
        # threat O2: a constraint that fails to apply is only a warning at install
        for table, names in EXPECTED.items():
            rows = self.env.execute_query(
                SQL(
                    "SELECT conname FROM pg_constraint"
                    " WHERE conrelid = %s::regclass AND convalidated",
                    table,
                )
            )
            found = {name for (name,) in rows}
            missing = {f"{table}_{name}" for name in names} - found
            self.assertFalse(missing)

    def test_foreign_keys_of_the_ledger_restrict(self):
        # ledger rule 8: nothing of the ledger goes with something else
        rows = self.env.execute_query(
            SQL(
                "SELECT conname FROM pg_constraint WHERE contype = 'f'"
                " AND confdeltype <> 'r' AND conrelid IN"
                " ('referral_wallet'::regclass, 'referral_wallet_entry'::regclass)"
            )
        )
        kept = {"referral_wallet_create_uid_fkey", "referral_wallet_write_uid_fkey"}
        self.assertEqual({name for (name,) in rows} - kept, set())

    def test_indexes_that_keep_rules_stand(self):
        for name in (
            "referral_wallet_entry_hold_ended_once",
            "referral_redemption_hold_unique",
        ):
            rows = self.env.execute_query(
                SQL("SELECT indexdef FROM pg_indexes WHERE indexname = %s", name)
            )
            self.assertIn("UNIQUE", rows[0][0])

    def test_entries_are_never_updated_deleted_or_truncated(self):
        # threat W8
        entry = self._open_wallet(10).entry_ids
        for query in (
            "UPDATE referral_wallet_entry SET note = 'x' WHERE id = %s",
            "DELETE FROM referral_wallet_entry WHERE id = %s",
        ):
            self.assertIn("never changed", self.assertRefused(query, entry.id))
        message = self.assertRefused("TRUNCATE referral_wallet_entry CASCADE")
        self.assertIn("never changed", message)

    def test_a_wallet_with_history_is_not_deleted(self):
        wallet = self._open_wallet(10)
        self.assertRefused("DELETE FROM referral_wallet WHERE id = %s", wallet.id)
        with self.assertRaisesRegex(UserError, "Points Wallet"):
            self.member.unlink()
        self.assertRefused("DELETE FROM res_partner WHERE id = %s", self.member.id)

    def test_a_wallet_holds_finite_sums_only(self):
        # threat W6
        wallet = self._open_wallet(10)
        for assignment in (
            "balance = 'NaN'",
            "balance = 'Infinity'",
            "balance = '-Infinity'",
            "held = 'NaN'",
            "held = 'Infinity'",
            "held = -1",
        ):
            with self.subTest(assignment):
                self.assertRefused(
                    f"UPDATE referral_wallet SET {assignment} WHERE id = %s", wallet.id
                )

    def _insert(self, entry_type, points, balance_change, held_change, hold_id=None):
        return self.assertRefused(
            "INSERT INTO referral_wallet_entry (wallet_id, entry_type, points,"
            " balance_change, held_change, balance_after, held_after,"
            " idempotency_key, input_hash, hold_id, posted_at, posted_by_id)"
            " VALUES (%s, %s, %s::numeric, %s::numeric, %s::numeric, 0, 0, 'raw', 'x',"
            " %s, now(), %s)",
            self._open_wallet().id,
            entry_type,
            points,
            balance_change,
            held_change,
            hold_id,
            self.env.uid,
        )

    def test_an_entry_is_refused_that_breaks_the_rules(self):
        # threats W6, W7
        for points in ("NaN", "Infinity", "-Infinity", "0", "-1", "1.999", "2e9"):
            with self.subTest(points):
                message = self._insert("earn", points, points, "0")
                self.assertIn("referral_wallet_entry_", message)
        for entry_type, *changes in (
            ("earn", "10", "-10", "0"),
            ("earn", "10", "0", "0"),
            ("hold", "10", "-10", "10"),
            ("reverse", "10", "10", "0"),
            ("gift", "10", "10", "0"),
        ):
            with self.subTest(entry_type, changes=changes):
                self.assertIn("effect_matches_type", self._insert(entry_type, *changes))
        self.assertIn("hold_matches_type", self._insert("redeem", "10", "-10", "-10"))

    def test_a_change_behind_the_ledger_is_found(self):
        # rule P1
        wallet = self._open_wallet(10)
        wallet._post("earn", 5, "second")
        self.env.cr.execute(
            SQL("UPDATE referral_wallet SET balance = 99 WHERE id = %s", wallet.id)
        )
        self.assertEqual(
            wallet._verify(),
            [{"wallet_id": wallet.id, "entry_id": None, "problem": "sum"}],
        )

    def test_an_entry_pushed_in_behind_the_ledger_is_found(self):
        wallet = self._open_wallet(10)
        self.env.cr.execute(
            SQL(
                "INSERT INTO referral_wallet_entry (wallet_id, entry_type, points,"
                " balance_change, held_change, balance_after, held_after,"
                " idempotency_key, input_hash, posted_at, posted_by_id)"
                " VALUES (%s, 'earn', 5, 5, 0, 5, 0, 'raw', 'x', now(), %s)",
                wallet.id,
                self.env.uid,
            )
        )
        problems = [problem["problem"] for problem in wallet._verify()]
        self.assertEqual(problems, ["sum", "running"])

    def test_a_user_who_posted_is_not_deleted(self):
        # threat M3
        self._open_wallet().with_user(self.finance)._post("earn", 1, "by finance")
        with self.assertRaisesRegex(UserError, "Wallet Entry"):
            self.finance.unlink()
        self.assertRefused("DELETE FROM res_users WHERE id = %s", self.finance.id)

    def test_a_merge_of_members_with_history_is_refused_whole(self):
        # threat M1: until wallets can be merged, nothing is lost
        other = self._create_member("Mei again")
        wallet, second = self._open_wallet(70), self._open_wallet(30, member=other)
        merge = self.env["base.partner.merge.automatic.wizard"].create({})
        with self.assertRaisesRegex(UserError, "Mei again"):
            merge._merge((self.member + other).ids, self.member)
        self.assertSums(wallet, 70)
        self.assertSums(second, 30)

    def test_a_merge_of_contacts_without_points_works(self):
        one, two = self._create_member("Bo"), self._create_member("Bo again")
        merge = self.env["base.partner.merge.automatic.wizard"].create({})
        merge._merge((one + two).ids, one)
        self.assertTrue(one.exists())
        self.assertFalse(two.exists())
