import time
from contextlib import contextmanager
from datetime import date
from threading import Barrier, Thread
from unittest.mock import patch

from odoo import SUPERUSER_ID, api
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..engine.visit import Visit
from ..models import referral_click_retention, referral_click_rollup
from .test_concurrency import AGAIN, DONE, TwoConnectionsCase

LOGGER = "odoo.addons.referral_distribution.models.referral_click_rollup"


@tagged("post_install", "-at_install")
class TestRollUpRaces(TwoConnectionsCase):
    """Each click is counted once, whoever writes and whatever dies meanwhile (S2)."""

    def setUp(self):
        super().setUp()
        self.roll_up()
        self.visitors = 0

    def roll_up(self):
        with self.committed() as env:
            return env["referral.click.figure"]._roll_up()

    def click(self, env):
        self.visitors += 1
        visit = Visit("10.0.0.1", f"browser {self.visitors}")
        code = env["referral.link"].browse(self.link).code
        self.assertTrue(env["referral.click"]._record(code, visit))

    def click_and_commit(self, count=1):
        for _number in range(count):
            with self.committed() as env:
                self.click(env)

    @contextmanager
    def uncommitted(self):
        """Yield an environment; committed when the test leaves the block."""
        with self.registry.cursor() as cr:
            yield api.Environment(cr, SUPERUSER_ID, {})

    def assertCounted(self, count):
        with self.committed() as env:
            self.assertEqual(env["referral.link"].browse(self.link).click_count, count)

    def test_a_click_that_commits_late_is_waited_for(self):
        """It has a lower id than one that is there already."""
        counted = []
        with self.uncommitted() as env:
            self.click(env)
            self.click_and_commit()
            roll_up = Thread(target=lambda: counted.append(self.roll_up()))
            roll_up.start()
            time.sleep(0.3)
            self.assertEqual(counted, [])
        roll_up.join(10)
        self.assertEqual(counted, [2])
        self.assertCounted(2)

    def test_a_click_that_commits_very_late_is_counted_by_the_next_roll_up(self):
        with self.uncommitted() as env:
            self.click(env)
            self.click_and_commit()
            with (
                patch.object(referral_click_rollup, "PATIENCE", 0.1),
                self.assertLogs(LOGGER, "WARNING"),
            ):
                self.assertEqual(self.roll_up(), 0)
        self.assertEqual(self.roll_up(), 2)
        self.assertCounted(2)

    def test_whoever_begins_to_click_later_is_not_waited_for(self):
        """Else a busy site is never rolled up."""
        self.click_and_commit()
        figures = referral_click_rollup.ReferralClickFigure
        ask, asked = figures._query_writers, []
        with self.registry.cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {})

            def click_after_asking(figures):
                found = ask(figures)
                if not asked:
                    self.click(env)
                asked.append(found)
                return found

            with patch.object(figures, "_query_writers", click_after_asking):
                self.assertEqual(self.roll_up(), 1)
        self.assertEqual(len(asked), 2)
        self.assertEqual(self.roll_up(), 1)

    def test_a_click_that_is_rolled_back_is_not_missed_by_the_others(self):
        with self.registry.cursor() as cr:
            self.click(api.Environment(cr, SUPERUSER_ID, {}))
            cr.rollback()
        self.click_and_commit()
        self.assertEqual(self.roll_up(), 1)

    def test_readers_are_not_waited_for(self):
        self.click_and_commit()
        with self.uncommitted() as env:
            env.cr.execute("SELECT count(*) FROM referral_click")
            self.assertEqual(self.roll_up(), 1)

    def test_killed_between_two_chunks_it_goes_on_where_it_stopped(self):
        self.click_and_commit(5)
        with patch.object(referral_click_rollup, "CHUNK", 2), self.committed() as env:
            chunks = env["referral.click.figure"]._roll_up_in_chunks()
            self.assertEqual(next(chunks).clicks, 2)
            chunks.close()
        self.assertCounted(2)
        self.assertEqual(self.roll_up(), 3)
        self.assertCounted(5)

    def test_killed_within_a_chunk_nothing_of_it_is_counted(self):
        self.click_and_commit(2)
        mark = self.registry["referral.click.mark"]
        with (
            patch.object(mark, "_query_move", side_effect=ZeroDivisionError),
            self.assertRaises(ZeroDivisionError),
        ):
            self.roll_up()
        self.assertCounted(0)
        self.assertEqual(self.roll_up(), 2)
        self.assertCounted(2)

    def test_while_one_counts_the_other_gives_way(self):
        self.click_and_commit()
        with self.uncommitted() as env:
            figures = env["referral.click.figure"]
            self.assertEqual(figures._count_chunk(figures._query_last_id()).clicks, 1)
            self.assertEqual(self.roll_up(), 0)
        self.assertCounted(1)

    def test_one_after_the_other_on_an_old_snapshot_counts_nothing_twice(self):
        self.click_and_commit(3)
        counted = []

        def count(env):
            figures = env["referral.click.figure"]
            counted.append(figures._count_chunk(figures._query_last_id()).clicks)

        self.assertEqual(self.race(count, count), [DONE, AGAIN])
        self.assertEqual(counted, [3, 0])
        self.assertCounted(3)

    def test_many_at_once_with_clicks_coming_in_count_each_once(self):
        barrier, counted = Barrier(3), []

        def roll_up():
            barrier.wait(10)
            for _number in range(6):
                counted.append(self.roll_up())

        def click():
            barrier.wait(10)
            self.click_and_commit(20)

        workers = [Thread(target=work) for work in (roll_up, roll_up, click)]
        with mute_logger("odoo.sql_db"):
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join(60)
        counted.append(self.roll_up())
        self.assertEqual(sum(counted), 20)
        self.assertCounted(20)

    def test_a_conflict_is_tried_again(self):
        """Threat J3: who merges members meanwhile, or edits a link."""
        self.click_and_commit()
        figures = self.registry["referral.click.figure"]
        count, calls = figures._count_chunk, []

        def meet(figures, upto):
            calls.append(upto)
            if len(calls) == 1:
                figures.env.cr.execute("SELECT 1")
                with self.committed() as env:
                    env["referral.click.mark"]._query_move(
                        env["referral.click.mark"]._query_read()
                    )
            return count(figures, upto)

        with (
            patch.object(figures, "_count_chunk", meet),
            mute_logger("odoo.sql_db"),
        ):
            self.assertEqual(self.roll_up(), 1)
        self.assertEqual(len(calls), 2)

    def test_clicks_never_wait_for_a_roll_up(self):
        self.click_and_commit()
        with self.uncommitted() as env:
            figures = env["referral.click.figure"]
            figures._count_chunk(figures._query_last_id())
            with self.committed() as visitor:
                visitor.cr.execute("SET LOCAL lock_timeout = '100ms'")
                self.click(visitor)
        self.assertEqual(self.roll_up(), 1)

    def test_the_minutes_job_rolls_up_and_says_how_far_it_came(self):
        self.click_and_commit(3)
        with self.committed() as env:
            env["referral.click.figure"]._cron_roll_up()
        self.assertCounted(3)

    def test_what_cannot_be_told_is_counted_all_the_same(self):
        self.click_and_commit(2)
        bursts = self.registry["referral.link.burst"]
        with (
            patch.object(bursts, "_tell", side_effect=ZeroDivisionError),
            self.assertRaises(ZeroDivisionError),
        ):
            self.roll_up()
        self.assertCounted(2)


@tagged("post_install", "-at_install")
class TestRetentionRaces(TwoConnectionsCase):
    """Letting a month go is a matter of an instant, or of another day."""

    TABLE = "referral_click_2019_02"

    def setUp(self):
        super().setUp()
        with self.committed() as env:
            env["referral.click"]._make_partitions(date(2019, 2, 1), 1)

    def let_go(self):
        with self.committed() as env:
            return env["referral.click"]._let_go(self.TABLE)

    def test_a_month_that_is_read_is_dropped_another_day(self):
        with (
            self.registry.cursor() as cr,
            patch.object(referral_click_retention, "ATTEMPTS", 1),
        ):
            cr.execute("SELECT count(*) FROM referral_click")
            begin = time.monotonic()
            self.assertFalse(self.let_go())
            self.assertLess(time.monotonic() - begin, 2)
        self.assertTrue(self.let_go())
        with self.committed() as env:
            self.assertNotIn(
                self.TABLE, env["referral.click"]._query_partitions().values()
            )

    def test_a_click_of_the_last_moment_is_seen(self):
        """The locks come before the look."""
        counted = []
        with self.registry.cursor() as cr:
            cr.execute(
                "INSERT INTO referral_click (link_id, clicked_at, clicked_hour,"
                " visitor_hash, ip_hash, counted)"
                " VALUES (%s, '2019-02-01', '2019-02-01', 'v', 'a', TRUE)",
                (self.link,),
            )
            drop = Thread(target=lambda: counted.append(self.let_go()))
            drop.start()
            time.sleep(0.1)
        with self.assertLogs("odoo.addons.referral_distribution", "WARNING"):
            drop.join(10)
        self.assertEqual(counted, [False])
        with self.committed() as env:
            env["referral.click.figure"]._roll_up()
        self.assertTrue(self.let_go())
