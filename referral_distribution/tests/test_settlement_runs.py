from unittest.mock import patch

from freezegun import freeze_time
from psycopg2 import OperationalError

from odoo.exceptions import AccessError, UserError
from odoo.fields import Date
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..models import referral_settlement_collect
from .common import ReferralCase

CRON = "odoo.addons.referral_distribution.models.referral_settlement_collect"


@tagged("post_install", "-at_install")
class SettlementRunCase(ReferralCase):
    """Rewards of known people, days and amounts, and the job that settles them."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.partner_id.tz = "Asia/Shanghai"
        cls.settlements = cls.env["referral.settlement"]

    def activate(self, **values):
        """Put a plan in force that gives 10 for a valid lead, settled like that."""
        rule = {"name": "Lead", "trigger": "lead_valid", "rate_type": "fixed"}
        plan = self.make_plan([{**rule, "amount": 10}], **values)
        plan._activate()
        return plan

    def reward(self, moment, **values):
        """Return the reward of a lead that was found valid at a moment in UTC."""
        with freeze_time(moment):
            lead = self.make_lead(**values)
            lead.with_user(self.sales).action_referral_validate()
            return lead.referral_commission_ids

    def run_job(self, moment):
        """Run the job; return the settlements it has made."""
        before = self.settlements.search([])
        cron = self.registry["ir.cron"]
        with (
            freeze_time(moment),
            patch.object(cron, "_commit_progress", return_value=1),
        ):
            self.settlements._cron_settle()
        return self.settlements.search([]) - before

    def other(self, name="Other"):
        """Return the link of another member."""
        member = self.make_member(name)
        return self.env["referral.link"]._obtain(member, self.channel, "/shop")


class TestSettlementPeriods(SettlementRunCase):
    """Each period once, and no day lost (rule C6, threat J5)."""

    def test_a_month_is_settled_on_the_first_day_of_the_next(self):
        self.activate(settlement_mode="month")
        line = self.reward("2026-01-10 04:00:00")
        self.assertEqual(line.due_date, Date.to_date("2026-02-01"))
        self.assertFalse(self.run_job("2026-01-31 15:59:59"))  # 23:59 in Shanghai
        settlement = self.run_job("2026-01-31 16:00:00")
        self.assertRecordValues(
            settlement,
            [
                {
                    "partner_id": self.member.id,
                    "date_from": Date.to_date("2026-01-01"),
                    "date_to": Date.to_date("2026-01-31"),
                    "amount_total": 10,
                    "state": "draft",
                }
            ],
        )
        self.assertEqual(settlement.commission_ids, line)

    def test_every_day_of_a_leap_february_is_in_one_period(self):
        self.activate(settlement_mode="month")
        for moment in (
            "2028-01-31 15:59:59",
            "2028-01-31 16:00:00",
            "2028-02-29 15:59:59",
            "2028-02-29 16:00:00",
        ):
            self.reward(moment)
        found = [
            (len(settlement.commission_ids), str(settlement.date_to))
            for moment in ("2028-02-01 00:00", "2028-03-01 00:00", "2028-04-01 00:00")
            for settlement in self.run_job(moment)
        ]
        self.assertEqual(
            found, [(1, "2028-01-31"), (2, "2028-02-29"), (1, "2028-03-31")]
        )

    def test_weeks_begin_on_monday_whatever_the_clock_does(self):
        """The clock goes forward on 29 March in Paris, and back on 25 October."""
        self.company.partner_id.tz = "Europe/Paris"
        self.activate(settlement_mode="week")
        for moment in ("2026-03-29 21:59:59", "2026-03-29 22:00:00"):  # midnight
            self.reward(moment)
        for moment in ("2026-10-25 00:30:00", "2026-10-25 01:30:00"):  # 2:30, twice
            self.reward(moment)
        found = [
            (len(settlement.commission_ids), str(settlement.date_from))
            for moment in ("2026-03-30 12:00", "2026-04-06 12:00", "2026-10-26 12:00")
            for settlement in self.run_job(moment)
        ]
        self.assertEqual(
            found, [(1, "2026-03-23"), (1, "2026-03-30"), (2, "2026-10-19")]
        )

    def test_holding_days_come_before_the_period(self):
        self.activate(settlement_mode="month", holding_days=7)
        late, early = self.reward("2026-01-25 04:00"), self.reward("2026-01-24 04:00")
        self.assertEqual(self.run_job("2026-02-01 04:00").commission_ids, early)
        self.assertEqual(self.run_job("2026-03-01 04:00").commission_ids, late)

    def test_what_is_settled_at_once_waits_for_its_holding_days_only(self):
        self.activate(settlement_mode="at_once", holding_days=2)
        line = self.reward("2026-01-10 04:00:00")
        self.assertFalse(self.run_job("2026-01-11 04:00"))
        settlement = self.run_job("2026-01-12 04:00")
        self.assertEqual((settlement.commission_ids, settlement.date_to), (line, False))

    def test_the_job_leaves_to_people_what_is_settled_by_hand(self):
        self.activate()
        self.reward("2026-01-10 04:00")
        self.assertFalse(self.run_job("2026-03-01 04:00"))
        with freeze_time("2026-03-01 04:00"):
            self.settlements.with_user(self.finance).action_run()
        self.assertEqual(self.settlements.search([]).amount_total, 10)

    def test_a_run_again_makes_nothing_new(self):
        self.activate(settlement_mode="month")
        self.reward("2026-01-10 04:00")
        self.assertEqual(len(self.run_job("2026-02-01 04:00")), 1)
        self.assertFalse(self.run_job("2026-02-01 05:00"))

    def test_a_job_that_did_not_run_for_months_makes_up_for_it(self):
        self.activate(settlement_mode="month")
        lines = self.reward("2026-01-10 04:00") | self.reward("2026-02-10 04:00")
        settlement = self.run_job("2026-05-03 04:00")
        self.assertEqual(settlement.commission_ids, lines)
        self.assertEqual(str(settlement.date_to), "2026-02-28")

    def test_the_minimum_payout_is_carried_forward(self):
        self.activate(settlement_mode="month", payout_minimum=20)
        self.reward("2026-01-10 04:00")
        self.assertFalse(self.run_job("2026-02-01 04:00"))
        self.reward("2026-02-10 04:00")
        settlement = self.run_job("2026-03-01 04:00")
        self.assertEqual(
            (settlement.amount_total, str(settlement.date_to)), (20, "2026-02-28")
        )

    def test_the_minimum_is_converted_into_the_currency_that_is_paid(self):
        euro = self.env["res.currency"].create({"name": "EUX", "symbol": "X"})
        self.env["res.currency.rate"].create(
            {"currency_id": euro.id, "rate": 0.1, "name": "2020-01-01"}
        )
        rule = {
            "name": "L",
            "trigger": "lead_valid",
            "rate_type": "fixed",
            "amount": 10,
        }
        rule["currency_id"] = euro.id
        for minimum, expected in ((100.1, 0), (100, 1)):
            self.make_plan(
                [rule], settlement_mode="month", payout_minimum=minimum
            )._activate()
            self.reward("2026-01-10 04:00", referral_link_id=self.other().id)
            with self.subTest(minimum=minimum):
                self.assertEqual(len(self.run_job("2026-02-01 04:00")), expected)

    def test_latecomers_join_the_draft_of_their_period(self):
        self.activate(settlement_mode="month")
        first, second = self.reward("2026-01-10 04:00"), self.reward("2026-01-11 04:00")
        second.flush_recordset()
        self.env.cr.execute(
            "UPDATE referral_commission SET settlement_problem = 'x' WHERE id = %s",
            (second.id,),
        )
        self.env.invalidate_all()
        settlement = self.run_job("2026-02-01 04:00")
        second.with_user(self.finance).action_settlement_retry()
        self.assertFalse(self.run_job("2026-02-02 04:00"))
        self.assertEqual(settlement.commission_ids, first | second)
        self.assertEqual(settlement.amount_total, 20)

    def test_a_submitted_period_takes_nothing_in(self):
        self.activate(settlement_mode="month")
        self.reward("2026-01-10 04:00")
        second = self.reward("2026-01-11 04:00")
        self.env.flush_all()
        query = "UPDATE referral_commission SET settlement_problem = %s WHERE id = %s"
        self.env.cr.execute(query, ("x", second.id))
        settlement = self.run_job("2026-02-01 04:00")
        settlement.with_user(self.finance).action_submit()
        self.env.cr.execute(query, (None, second.id))
        self.env.invalidate_all()
        self.assertFalse(self.run_job("2026-02-02 04:00"))
        self.assertEqual(settlement.amount_total, 10)
        third = self.reward("2026-02-11 04:00")
        self.assertEqual(
            self.run_job("2026-03-01 04:00").commission_ids, second | third
        )

    def test_nothing_is_settled_before_it_is_due_by_hand_either(self):
        self.activate(settlement_mode="month", holding_days=3)
        line = self.reward("2026-01-10 04:00").with_user(self.finance)
        with (
            freeze_time("2026-01-20 04:00"),
            self.assertRaisesRegex(UserError, "not due yet|due yet"),
        ):
            line.action_collect()
        with freeze_time("2026-02-01 04:00"):
            line.action_collect()
        self.assertEqual(line.settlement_id.amount_total, 10)

    def test_a_clock_that_goes_back_settles_nothing_again(self):
        """Threat J5: neither the same day's rewards, nor a day twice."""
        self.activate(settlement_mode="month")
        first = self.reward("2026-01-10 04:00")
        settlement = self.run_job("2026-01-31 16:00")  # 1 February in Shanghai
        late = self.reward("2026-01-31 15:00")  # the clock shows January again
        self.assertFalse(self.run_job("2026-01-31 15:30"))
        self.assertFalse(self.run_job("2026-01-31 16:00"))
        self.assertEqual(settlement.commission_ids, first | late)
        self.assertFalse(self.run_job("2026-03-01 04:00"))

    def test_what_is_granted_by_hand_is_settled_as_soon_as_it_is_due(self):
        """It is given under no plan, in any currency (rules C4, C6)."""
        self.activate(settlement_mode="manual")
        euro = self.env["res.currency"].create({"name": "EUX", "symbol": "X"})
        self.env["res.currency.rate"].create(
            {"currency_id": euro.id, "rate": 0.1, "name": "2020-01-01"}
        )
        lead = self.reward("2026-01-10 04:00").lead_id
        grants = self.env["referral.commission.grant"]
        for currency in (self.currency, euro):
            with freeze_time("2026-01-11 04:00"):
                grant = grants.with_user(self.manager).create(
                    {
                        "partner_id": self.member.id,
                        "lead_id": lead.id,
                        "amount": 30,
                        "currency_id": currency.id,
                        "reason": "Helped",
                    }
                )
                grant.action_submit()
                grant.with_user(self.finance).action_approve()
            with self.subTest(currency=currency.name):
                settlement = self.run_job("2026-01-12 04:00")
                self.assertRecordValues(
                    settlement,
                    [
                        {
                            "amount_total": 30,
                            "currency_id": currency.id,
                            "date_to": False,
                        }
                    ],
                )

    def test_a_plan_in_force_keeps_its_terms(self):
        plan = self.activate(settlement_mode="month")
        for values in ({"settlement_mode": "week"}, {"holding_days": 1}):
            with self.subTest(values=values), self.assertRaises(UserError):
                plan.with_user(self.manager).write(values)


class TestSettlementSlices(SettlementRunCase):
    """One statement a slice; one bad line stops nobody else (threat J4)."""

    def test_small_slices_settle_the_same(self):
        self.activate(settlement_mode="month")
        lines = self.reward("2026-01-10 04:00")
        for number in range(3):
            link = self.other(f"Other {number}")
            lines |= self.reward("2026-01-10 04:00", referral_link_id=link.id)
        with patch.object(referral_settlement_collect, "LINES", 1):
            settlements = self.run_job("2026-02-01 04:00")
        self.assertEqual(len(settlements), 4)
        self.assertEqual(settlements.commission_ids, lines)

    def test_a_job_whose_time_is_over_is_started_again_for_the_rest(self):
        """Threat J2: Odoo starts it at once while something remains."""
        self.activate(settlement_mode="month")
        self.reward("2026-01-10 04:00")
        self.reward("2026-01-10 04:00", referral_link_id=self.other().id)
        told = []

        def progress(_cron, processed=0, *, remaining=None):
            told.append((processed, remaining))
            return len(told) != 1  # no time left after the first slice

        with (
            freeze_time("2026-02-01 04:00"),
            patch.object(referral_settlement_collect, "LINES", 1),
            patch.object(self.registry["ir.cron"], "_commit_progress", progress),
        ):
            self.settlements._cron_settle()
            self.assertEqual(len(told), 1)
            self.assertEqual(told[0][0], 1)
            self.assertGreater(told[0][1], 0)
            self.settlements._cron_settle()
        self.assertEqual(told[-1], (0, 0))
        self.assertEqual(sum(processed for processed, _left in told), 2)

    def test_ten_times_the_lines_take_no_query_more(self):
        self.activate(settlement_mode="month")
        counts = []
        for month, number in (("01", 1), ("02", 1), ("03", 10)):
            for _time in range(number):
                self.reward(f"2026-{month}-10 04:00")
            self.env.flush_all()
            before = self.env.cr.sql_log_count
            self.run_job(f"2026-{int(month) + 1:02}-01 04:00")
            counts.append(self.env.cr.sql_log_count - before)
        self.assertLessEqual(counts[2], counts[1])

    def poison(self, line, error="'Poison'"):
        """Let the database refuse to settle a line, whoever tries."""
        self.env.flush_all()
        self.env.cr.execute(
            "CREATE FUNCTION pg_temp.poison() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$BEGIN RAISE EXCEPTION {error}; END$$;"
            " CREATE TRIGGER poison BEFORE UPDATE ON referral_commission"
            f" FOR EACH ROW WHEN (NEW.id = {line.id} AND NEW.settlement_id IS NOT NULL)"
            " EXECUTE FUNCTION pg_temp.poison()"
        )

    @mute_logger("odoo.sql_db", CRON)
    def test_a_poison_line_is_flagged_and_the_rest_is_settled(self):
        self.activate(settlement_mode="month")
        bad, good = self.reward("2026-01-10 04:00"), self.reward("2026-01-11 04:00")
        other = self.reward("2026-01-10 04:00", referral_link_id=self.other().id)
        self.poison(bad)
        settlements = self.run_job("2026-02-01 04:00")
        self.assertEqual(settlements.commission_ids, good | other)
        self.assertIn("Poison", bad.settlement_problem)
        self.assertFalse((good | other).filtered("settlement_problem"))
        self.assertFalse(self.run_job("2026-02-02 04:00"))  # and is passed over

    @mute_logger("odoo.sql_db", CRON)
    def test_a_full_disk_is_no_lines_fault(self):
        self.activate(settlement_mode="month")
        line = self.reward("2026-01-10 04:00")
        self.poison(line, "'Full' USING ERRCODE = 'disk_full'")
        with self.assertRaises(OperationalError), self.env.cr.savepoint():
            self.run_job("2026-02-01 04:00")
        self.assertFalse(line.settlement_problem)

    @mute_logger("odoo.sql_db", CRON)
    def test_a_flagged_line_is_tried_again_when_finance_says_so(self):
        self.activate(settlement_mode="month")
        bad = self.reward("2026-01-10 04:00")
        self.poison(bad)
        self.assertFalse(self.run_job("2026-02-01 04:00"))
        self.env.cr.execute("DROP TRIGGER poison ON referral_commission")
        with self.assertRaises(AccessError):
            bad.with_user(self.sales).action_settlement_retry()
        bad.with_user(self.finance).action_settlement_retry()
        self.assertEqual(self.run_job("2026-02-02 04:00").commission_ids, bad)
        self.assertFalse(bad.settlement_problem)

    def test_a_part_taken_back_before_goes_along_with_its_reward(self):
        self.activate(settlement_mode="month")
        line = self.reward("2026-01-10 04:00")
        with freeze_time("2026-01-12 04:00"):
            back = line._reverse("A part", 4)
        settlement = self.run_job("2026-02-01 04:00")
        self.assertEqual(settlement.commission_ids, line | back)
        self.assertEqual(settlement.amount_total, 6)

    def test_a_debt_alone_makes_no_settlement(self):
        self.activate(settlement_mode="month")
        line = self.reward("2026-01-10 04:00")
        self.run_job("2026-02-01 04:00").with_user(self.finance).action_submit()
        line.settlement_id.with_user(self.finance_2).action_approve()
        with freeze_time("2026-02-03 04:00"):
            debt = line._reverse("Gone")
        self.assertFalse(self.run_job("2026-03-01 04:00"))
        self.reward("2026-03-03 04:00")
        self.assertFalse(self.run_job("2026-04-01 04:00"))  # 10 - 10
        self.reward("2026-04-03 04:00")
        settlement = self.run_job("2026-05-01 04:00")
        self.assertEqual(settlement.amount_total, 10)
        self.assertIn(debt, settlement.commission_ids)
