from threading import Barrier, Event, Thread

import psycopg2

from odoo import SUPERUSER_ID, api
from odoo.service.model import retrying
from odoo.tools import mute_logger

from .test_concurrency import AGAIN, DONE, TwoConnectionsCase

SEALED = ("referral_trail_seal_line", "referral_trail_seal")
LOGGERS = ("odoo.sql_db", "odoo.service.model")


class TestTrailRaces(TwoConnectionsCase):
    """Parallel writers never fork a trail, and the seals do not disturb them (A2)."""

    def setUp(self):
        super().setUp()
        with self.committed() as env:
            self.company = env.company.id
            more = env["crm.lead"].create(
                [{"name": f"Race {n}", "referral_link_id": self.link} for n in (1, 2)]
            )
            self.leads = [self.lead, *(self._keep(lead) for lead in more)]
            env.cr.execute("SELECT COALESCE(max(id), 0) FROM referral_trail_seal")
            [[self.seal_before]] = env.cr.fetchall()
        self.addCleanup(self._erase_seals)

    def _erase_seals(self):
        with self.registry.cursor() as cr:
            for table, column in zip(SEALED, ("seal_id", "id"), strict=True):
                cr.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
                query = f"DELETE FROM {table} WHERE {column} > %s"
                cr.execute(query, (self.seal_before,))
                cr.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")

    def append(self, env, leads=None, node="assigned"):
        leads = env["crm.lead"].browse(leads or self.leads)
        env["referral.trail.entry"]._append(leads, node)

    def seal(self, env):
        company = env["res.company"].browse(self.company)
        env["referral.trail.seal"]._seal_in_steps(company)

    def test_writers_of_the_same_leads_in_another_order_do_not_block_each_other(self):
        def backwards(env):
            self.append(env, self.leads[::-1])

        self.assertEqual(self.race(self.append, backwards), [DONE, AGAIN])
        self.assertIntact(2)

    def test_a_lead_deleted_while_somebody_writes_to_its_trail(self):
        def delete(env):
            env["crm.lead"].browse(self.leads[1]).unlink()

        def log(env):
            self.append(env, self.leads[1:2])

        self.assertEqual(self.race(delete, log), [DONE, AGAIN])
        with self.committed() as env:
            lead = env["crm.lead"].browse(self.leads[1])
            entries = env["referral.trail.entry"]
            self.assertEqual(entries._verify(lead), [])
            told = entries.search([("lead_id", "=", lead.id)], order="sequence")
            self.assertEqual(told[-1].node, "deleted")

    def test_two_that_seal_at_once_write_one_seal(self):
        with mute_logger("odoo.sql_db"):
            self.assertEqual(self.race(self.seal, self.seal), [DONE, DONE])
        with self.committed() as env:
            domain = [("id", ">", self.seal_before)]
            self.assertEqual(env["referral.trail.seal"].search_count(domain), 1)
        self.assertIntact(0)

    def test_a_seal_takes_what_is_committed_and_makes_no_writer_start_again(self):
        self.assertEqual(
            self.race(self.append, self.seal, self.append), [DONE, DONE, AGAIN]
        )
        self.assertIntact(2)

    def test_many_writers_and_the_seal_job_at_once(self):
        """With threads that really meet, retried as Odoo does."""
        writers, each, failures = 4, 6, []
        barrier, stop = Barrier(writers + 1), Event()

        def write():
            barrier.wait(20)
            for _time in range(each):
                with self.registry.cursor() as cr:
                    env = api.Environment(cr, SUPERUSER_ID, {})
                    try:
                        retrying(lambda env=env: self.append(env), env)
                    except psycopg2.Error as error:
                        failures.append(error)

        def seal():
            barrier.wait(20)
            while not stop.is_set():
                with self.registry.cursor() as cr:
                    env = api.Environment(cr, SUPERUSER_ID, {})
                    company = env["res.company"].browse(self.company)
                    env["referral.trail.seal"]._seal(company)

        threads = [Thread(target=write) for _number in range(writers)]
        sealer = Thread(target=seal)
        with mute_logger(*LOGGERS):
            for thread in [*threads, sealer]:
                thread.start()
            for thread in threads:
                thread.join(120)
            stop.set()
            sealer.join(60)
        self.assertIntact(writers * each - len(failures))
        self.assertLess(len(failures), writers * each / 2)

    def assertIntact(self, added):
        with self.committed() as env:
            leads = env["crm.lead"].browse(self.leads)
            self.assertEqual(env["referral.trail.entry"]._verify(leads), [])
            nodes = leads[0].referral_trail_ids.mapped("node")
            self.assertEqual(nodes.count("assigned"), added)
            company = env["res.company"].browse(self.company)
            problems, _last, _count = env["referral.trail.entry"]._find_seal_problems(
                company
            )
            self.assertEqual(problems, [])
