import threading

import psycopg2

from odoo import SUPERUSER_ID, api
from odoo.exceptions import UserError
from odoo.tests import TransactionCase, tagged
from odoo.tools import SQL, mute_logger


@tagged("post_install", "-at_install")
class TestWalletTwoConnections(TransactionCase):
    """Races, with committed data and two real connections; cleaned up afterwards."""

    def setUp(self):
        super().setUp()
        self.addCleanup(self._remove_committed)
        with self.registry.cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {})
            member = env["res.partner"].create(
                {"name": "Race", "member_state": "active"}
            )
            self.member_id, self.company_id = member.id, env.company.id
        self.one, self.two = self._connect(), self._connect()

    def _connect(self):
        cr = self.registry.cursor()
        self.addCleanup(cr.close)
        return api.Environment(cr, SUPERUSER_ID, {})

    def _remove_committed(self):
        with self.registry.cursor() as cr:
            cr.execute("SET LOCAL lock_timeout = '10s'")
            cr.execute("ALTER TABLE referral_wallet_entry DISABLE TRIGGER USER")
            entries = "DELETE FROM referral_wallet_entry e USING referral_wallet w"
            entries += " WHERE w.id = e.wallet_id AND w.partner_id = %s"
            for query in (
                entries + " AND e.hold_id IS NOT NULL",
                entries,
                "DELETE FROM referral_wallet WHERE partner_id = %s",
                "DELETE FROM referral_invite_code WHERE partner_id = %s",
                "DELETE FROM res_partner WHERE id = %s",
            ):
                cr.execute(SQL(query, self.member_id))
            cr.execute("ALTER TABLE referral_wallet_entry ENABLE TRIGGER USER")

    def _key(self, name):
        return f"race:{self.member_id}:{name}"

    def _wallet(self, env):
        return env["referral.wallet"]._of(
            env["res.partner"].browse(self.member_id),
            env["res.company"].browse(self.company_id),
        )

    def _fund(self, points):
        with self.registry.cursor() as cr:
            self._wallet(api.Environment(cr, SUPERUSER_ID, {}))._post(
                "earn", points, self._key("fund")
            )

    def _open_snapshots(self):
        for env in (self.one, self.two):
            env.cr.execute("SELECT 1")

    def _second_waits_for_first(self, second):
        """Run ``second`` while connection one holds its locks; then commit one."""
        errors = []

        def run():
            try:
                with mute_logger("odoo.sql_db"):
                    second()
            except psycopg2.Error as error:
                errors.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        thread.join(0.3)
        self.assertTrue(thread.is_alive(), "the second must wait for the first")
        self.one.cr.commit()
        thread.join(10)
        self.assertFalse(thread.is_alive())
        self.two.cr.rollback()
        return errors

    def test_two_spend_the_whole_balance_and_one_gets_it(self):
        # threat W1
        self._fund(100)
        self._open_snapshots()
        first, second = self._wallet(self.one), self._wallet(self.two)
        first._post("hold", 100, self._key("one"))
        errors = self._second_waits_for_first(
            lambda: second._post("hold", 100, self._key("two"))
        )
        self.assertIsInstance(errors[0], psycopg2.errors.SerializationFailure)
        with self.assertRaisesRegex(UserError, "Not enough points"):  # Odoo's retry
            second._post("hold", 100, self._key("two"))
        self.assertEqual((second.balance, second.held), (100, 100))
        self.assertEqual(second._verify(), [])

    def test_the_same_key_at_once_is_one_entry(self):
        # threat W4
        self._fund(100)
        self._open_snapshots()
        first, second = self._wallet(self.one), self._wallet(self.two)
        entry = first._post("hold", 10, self._key("key"))
        errors = self._second_waits_for_first(
            lambda: second._post("hold", 10, self._key("key"))
        )
        self.assertIsInstance(errors[0], psycopg2.errors.SerializationFailure)
        self.assertEqual(second._post("hold", 10, self._key("key")).id, entry.id)
        self.assertEqual(second.held, 10)

    def test_release_and_redeem_at_once_have_one_outcome(self):
        # threat W12
        self._fund(100)
        hold = self._wallet(self.one)._post("hold", 100, self._key("hold"))
        self.one.cr.commit()
        self._open_snapshots()
        first, second = self._wallet(self.one), self._wallet(self.two)
        first._post("release", 100, self._key("release"), hold=hold)
        held = hold.with_env(self.two)
        errors = self._second_waits_for_first(
            lambda: second._post("redeem", 100, self._key("redeem"), hold=held)
        )
        self.assertIsInstance(errors[0], psycopg2.errors.SerializationFailure)
        with self.assertRaisesRegex(UserError, "no longer held"):
            second._post("redeem", 100, self._key("redeem"), hold=held)
        self.assertEqual((second.balance, second.held), (100, 0))

    def test_a_wallet_opened_at_once_is_one_wallet(self):
        self._open_snapshots()
        wallet = self._wallet(self.one)
        errors = self._second_waits_for_first(lambda: self._wallet(self.two))
        self.assertIsInstance(errors[0], psycopg2.errors.SerializationFailure)
        self.assertEqual(self._wallet(self.two).id, wallet.id)
