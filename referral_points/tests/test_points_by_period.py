from unittest.mock import patch

from freezegun import freeze_time

from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import mute_logger

from .test_commission_to_wallet import PointsPlanCase

LOGGER = "odoo.addons.referral_points.models.referral_commission"


@tagged("post_install", "-at_install")
class TestPointsByPeriod(PointsPlanCase):
    """Points that wait for the end of the month, as money does (rule C6)."""

    @classmethod
    def _create_points_plan(cls):
        plans = cls.env["referral.plan"]
        rules = plans._prepare_points_rules().values()
        plan = plans.create(
            {
                "name": "Points by month",
                "date_from": "2000-01-01",
                "settlement_mode": "month",
                "points_by_period": True,
                "rule_ids": [Command.create(vals) for vals in rules],
            }
        )
        plan._activate()
        return plan

    def wallet(self):
        return self.env["referral.wallet"]._of(self.referrer, self.company)

    def run_job(self, moment):
        cron = self.registry["ir.cron"]
        with (
            freeze_time(moment),
            patch.object(cron, "_commit_progress", return_value=1),
        ):
            self.env["referral.settlement"]._cron_settle()

    def validate(self, moment="2026-01-10 04:00"):
        with freeze_time(moment):
            return self._validate_lead().referral_commission_ids

    def test_points_are_posted_once_they_are_due(self):
        line = self.validate()
        self.assertEqual((line.state, str(line.due_date)), ("approved", "2026-02-01"))
        self.assertSums(self.wallet(), 0)
        self.run_job("2026-01-30 04:00")
        self.assertSums(self.wallet(), 0)
        for _time in range(2):
            self.run_job("2026-02-01 04:00")
            self.assertSums(self.wallet(), 10)
        self.assertEqual((line.state, line.settlement_id.id), ("settled", False))

    def test_points_get_into_no_settlement_of_money(self):
        line = self.validate()
        with freeze_time("2026-02-01 04:00"):
            settlements = self.env["referral.settlement"]._collect(line)
        self.assertFalse(settlements)

    def test_what_was_taken_back_before_is_never_posted(self):
        whole, part = self.validate(), self.validate("2026-01-11 04:00")
        with freeze_time("2026-01-12 04:00"):
            whole._reverse("Gone")
            part._reverse("A part", 4)
        self.run_job("2026-02-01 04:00")
        self.assertSums(self.wallet(), 6)
        self.assertEqual((whole | part).reversal_ids.mapped("state"), ["settled"] * 2)

    def test_what_is_taken_back_later_leaves_the_wallet_at_once(self):
        line = self.validate()
        self.run_job("2026-02-01 04:00")
        with freeze_time("2026-02-03 04:00"):
            line._reverse("Gone")
        self.assertSums(self.wallet(), 0)

    @mute_logger(LOGGER)
    def test_one_that_cannot_be_posted_is_flagged_and_the_rest_is_posted(self):
        """Threat J4."""
        bad = self.validate()
        good = self.validate("2026-01-11 04:00")
        post = type(self.env["referral.wallet"])._post_batch

        poison = UserError("Poison")

        def refuse(wallets, vals_list):
            if f"commission:{bad.id}" in [
                vals["idempotency_key"] for vals in vals_list
            ]:
                raise poison
            return post(wallets, vals_list)

        with patch.object(self.registry["referral.wallet"], "_post_batch", refuse):
            for _time in range(2):  # and is passed over
                self.run_job("2026-02-01 04:00")
        self.assertSums(self.wallet(), 10)
        self.assertRecordValues(
            bad | good,
            [
                {"state": "approved", "settlement_problem": "Poison"},
                {"state": "settled", "settlement_problem": False},
            ],
        )
        bad.with_user(self.finance).action_settlement_retry()
        self.run_job("2026-02-02 04:00")
        self.assertSums(self.wallet(), 20)

    def test_points_are_paid_at_once_where_only_money_waits(self):
        plan = self.plan.copy({"points_by_period": False, "date_from": "2000-01-01"})
        plan._activate()
        line = self.validate()
        self.assertEqual((line.state, str(line.due_date)), ("settled", "2026-01-10"))
        self.assertSums(self.wallet(), 10)
