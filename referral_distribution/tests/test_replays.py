from datetime import timedelta
from unittest.mock import patch

import psycopg2

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from odoo.addons.referral_distribution.models import (
    referral_commission_replay,
    referral_replay,
)

from .common import ReferralCase

LATER = timedelta(hours=2)


@tagged("post_install", "-at_install")
class TestReplays(ReferralCase):
    """Each night rewards are computed again, and those that differ are told (C8)."""

    def setUp(self):
        super().setUp()
        self.run_job()  # what other data there is
        self.before = self.env["referral.replay"].search([])

    def confirm(self, count=1, **values):
        """Return the rewards of new contracts: two each."""
        orders = [
            self.make_paid_contract(self.make_lead(), **values) for _n in range(count)
        ]
        for order in orders:
            order.with_user(self.finance).action_referral_confirm()
        orders = self.env["sale.order"].union(*orders)
        return orders.with_env(self.env).referral_commission_ids.sorted("id")

    def run_job(self, wait=LATER):
        """Run the job later, without its commits, which a test may not make."""
        cron = type(self.env["ir.cron"])
        now = fields.Datetime.now() + wait
        with (
            patch.object(cron, "_commit_progress", return_value=60.0),
            patch.object(referral_replay.fields.Datetime, "now", lambda: now),
        ):
            self.env["referral.replay"]._cron_replay()

    def tamper(self, reward, change="amount = amount + 1"):
        self.env.flush_all()
        self.env.cr.execute(
            f"UPDATE referral_commission SET {change} WHERE id = %s", [reward.id]
        )
        self.env.invalidate_all()

    def get_new(self):
        return self.env["referral.replay"].search([]) - self.before

    def test_what_is_new_is_checked_once_a_night(self):
        rewards = self.confirm()
        self.run_job()
        self.run_job()  # nothing new: no further check
        self.assertRecordValues(
            self.get_new(),
            [
                {
                    "scope": "new",
                    "state": "done",
                    "same_count": 2,
                    "none_count": 0,
                    "wrong_count": 0,
                    "position": rewards[-1].id,
                }
            ],
        )
        self.assertTrue(self.get_new().finished_at)
        self.confirm()
        self.run_job()
        self.assertEqual(self.get_new().mapped("same_count"), [2, 2])

    def test_what_differs_is_listed_and_finance_is_told_once(self):
        own, _share = self.confirm()
        self.tamper(own)
        self.run_job()
        check = self.get_new()
        self.assertRecordValues(check, [{"wrong_count": 1, "new_count": 1}])
        self.assertRecordValues(
            check.line_ids,
            [{"commission_id": own.id, "state": "differs", "replayed_amount": 600.0}],
        )
        [todo] = check.activity_ids
        self.assertIn("1 rewards come out differently", todo.note)
        self.assertTrue(todo.user_id.has_group("referral_distribution.group_finance"))
        # all again: it still differs, and finance knows
        again = self.compute_all()
        self.assertRecordValues(again, [{"new_count": 0}])
        self.assertEqual(again.wrong_count, 1)
        self.assertEqual(again.line_ids.commission_id, own)
        self.assertFalse(again.activity_ids)

    def compute_all(self):
        replays = self.env["referral.replay"].with_user(self.finance)
        later = fields.Datetime.now() + LATER
        with patch.object(referral_replay.fields.Datetime, "now", lambda: later):
            action = replays.action_compute_all()
        return self.env["referral.replay"].browse(action["res_id"])

    def test_what_comes_out_the_same_again_is_listed_no_more(self):
        own, _share = self.confirm()
        self.tamper(own)
        self.run_job()
        differing = [("replay_line_ids", "!=", False)]
        finance = self.env["referral.commission"].with_user(self.finance)
        self.assertIn(own, finance.search(differing))
        self.tamper(own, "amount = 600")
        self.compute_all()
        self.assertNotIn(own, finance.search(differing))

    def test_finance_says_that_it_has_looked(self):
        own, _share = self.confirm()
        self.tamper(own)
        patcher = patch.object(
            type(self.env["res.company"]),
            "_referral_find_colleague",
            lambda _company, _group: self.finance,
        )
        with patcher:
            self.run_job()
        todo = self.get_new().activity_ids.with_user(self.finance)
        todo.action_feedback("A correction of ours")
        self.assertFalse(self.get_new().activity_ids)

    def test_once_a_month_everything_is_checked(self):
        """So what was changed after it was checked comes to light."""
        own, _share = self.confirm()
        self.run_job()
        self.tamper(own)
        self.run_job()
        self.assertFalse(self.get_new().line_ids)
        self.run_job(wait=timedelta(days=31))
        self.assertEqual(self.get_new()[0].scope, "all")
        self.assertEqual(self.get_new().line_ids.commission_id, own)

    def test_what_is_given_right_now_waits_for_the_next_night(self):
        """A lower id may be committed later than a higher one."""
        self.confirm()
        self.run_job(wait=timedelta(minutes=59))
        self.assertFalse(self.get_new())
        self.run_job(wait=timedelta(minutes=61))
        self.assertEqual(self.get_new().same_count, 2)

    def test_the_job_goes_on_where_it_was(self):
        """Threat J2: batches are committed, and none is done twice."""
        self.confirm(count=2)
        cron = type(self.env["ir.cron"])
        later = fields.Datetime.now() + LATER
        with (
            patch.object(referral_replay, "BATCH", 1),
            patch.object(cron, "_commit_progress", side_effect=[60, 60, 0]),
            patch.object(referral_replay.fields.Datetime, "now", lambda: later),
        ):
            self.env["referral.replay"]._cron_replay()
        check = self.get_new()
        self.assertRecordValues(check, [{"state": "running", "same_count": 2}])
        self.run_job()
        self.assertRecordValues(check, [{"state": "done", "same_count": 4}])
        self.assertEqual(self.get_new(), check)

    def test_one_row_that_cannot_be_read_never_stops_the_rest(self):
        """Threat J4."""
        own, _share = self.confirm()
        good = self.confirm()
        whole = referral_commission_replay.canonical.read

        def fail(cls, text):
            if text == own.calculation_id.facts:
                raise TypeError("a later version")
            return whole(cls, text)

        own.calculation_id.fetch(["facts"])
        with patch.object(referral_commission_replay.canonical, "read", fail):
            self.make_distinct(good)
            self.run_job()
        check = self.get_new()
        self.assertEqual((check.same_count, check.wrong_count), (2, 2))
        self.assertEqual(set(check.line_ids.mapped("state")), {"unreadable"})

    def make_distinct(self, rewards):
        """Facts of two equal contracts are equal: give the others another order."""
        self.env.cr.execute("ALTER TABLE referral_calculation DISABLE TRIGGER USER")
        self.env.cr.execute(
            "UPDATE referral_calculation SET facts = facts || ' ' WHERE id = %s",
            [rewards.calculation_id.id],
        )
        self.env.cr.execute("ALTER TABLE referral_calculation ENABLE TRIGGER USER")

    def test_parts_grants_and_what_takes_back(self):
        """Of parts what was due is compared; the others have nothing to compute."""
        own, _share = self.confirm()
        own._reverse("A mistake", 100)
        self.run_job()
        self.assertRecordValues(self.get_new(), [{"same_count": 2, "none_count": 2}])

    def test_a_batch_reads_in_a_constant_number_of_queries(self):
        rewards = self.confirm(count=4)
        counts = []
        for some in (rewards[:2], rewards[:2], rewards):
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            some.browse(some.ids)._replay()
            counts.append(self.env.cr.sql_log_count - before)
        self.assertEqual(counts[1:], [2, 2])

    def test_other_companies_have_checks_of_their_own(self):
        """Threat P3."""
        own, _share = self.confirm()
        self.tamper(own)
        self.run_job()
        other = self.env["res.company"].create({"name": "Other"})
        outsider = self.make_user("rd_outsider", "finance", company_id=other.id)
        outsider.company_ids = other
        replays = self.env["referral.replay"].with_user(outsider)
        self.assertFalse(replays.search([("id", "in", self.get_new().ids)]))
        lines = self.env["referral.replay.line"].with_user(outsider)
        self.assertFalse(lines.search([]))

    def test_only_finance_and_managers_see_and_start_it_and_nobody_writes(self):
        own, _share = self.confirm()
        self.tamper(own)
        self.run_job()
        check = self.get_new()
        for user in (self.sales, self.portal):
            mine = check.with_user(user)
            for refused in (
                mine.action_compute_all,
                lambda mine=mine: mine.read(["state"]),
                lambda user=user: check.line_ids.with_user(user).read(["state"]),
                lambda user=user: own.with_user(user).read(["replay_line_ids"]),
            ):
                with self.assertRaises(AccessError):
                    refused()
        for change in (
            lambda: check.write({"state": "running"}),
            lambda: check.create({"company_id": self.company.id, "scope": "all"}),
            check.unlink,
            lambda: check.line_ids.write({"state": "unreadable"}),
            lambda: check.line_ids.create({}),
        ):
            with self.assertRaises(UserError):
                change()
        self.assertTrue(check.with_user(self.manager).line_ids.mapped("amount"))

    def test_of_two_that_start_at_once_one_starts(self):
        """The database's guard; see also the races."""
        check = self.get_running()
        self.assertEqual(check._start(self.company, "all"), check)
        vals = {"company_id": self.company.id, "scope": "all", "position": 0, "last": 0}
        with self.assertDatabaseRefuses(psycopg2.errors.UniqueViolation):
            check.create(vals)

    def get_running(self):
        self.confirm()
        cron = type(self.env["ir.cron"])
        later = fields.Datetime.now() + LATER
        with (
            patch.object(referral_replay, "BATCH", 1),
            patch.object(cron, "_commit_progress", side_effect=[60, 0]),
            patch.object(referral_replay.fields.Datetime, "now", lambda: later),
        ):
            self.env["referral.replay"]._cron_replay()
        return referral_replay.gate.opened(self.get_new())
