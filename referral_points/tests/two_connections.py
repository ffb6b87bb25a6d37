import threading

import psycopg2

from odoo import SUPERUSER_ID, api
from odoo.tests import TransactionCase
from odoo.tools import SQL, mute_logger


class TwoConnectionsCase(TransactionCase):
    """A member with committed data and two real connections; cleaned up afterwards.

    Each race goes alike: both snapshots are opened, connection one acts, connection
    two must wait for it and fail with a serialization failure, and does then what
    Odoo's retry would do.
    """

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
                "DELETE FROM referral_privilege WHERE partner_id = %s",
                "DELETE FROM referral_redemption WHERE partner_id = %s",
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

    def assertSecondWaitsAndFails(self, second):
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
        self.assertIsInstance(errors[0], psycopg2.errors.SerializationFailure)
