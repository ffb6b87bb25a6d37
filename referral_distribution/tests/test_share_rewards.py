from datetime import timedelta
from unittest.mock import patch

import psycopg2

from odoo.exceptions import ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..engine.visit import Visit
from ..models import gate
from .test_shares import FRIEND, NOW, PHONE, SHARE_RULE, ShareCase


@tagged("post_install", "-at_install")
class TestFirstShareOfTheDay(ShareCase):
    """It earns what the plan says, once per member, company and day (rule S5)."""

    def test_the_first_share_earns_and_the_inviter_does_not(self):
        # rules S5, M4
        share = self.record()
        self.assertEqual(share.reward_state, "rewarded")
        self.assertRecordValues(
            share.commission_ids,
            [
                {
                    "trigger": "share",
                    "partner_id": self.member.id,
                    "level": 0,
                    "amount": 1,
                    "lead_id": False,
                    "order_id": False,
                    "state": "approved",
                    "company_id": self.company.id,
                }
            ],
        )
        self.assertIn("First share", share.commission_ids.explanation_text)

    def test_later_shares_of_the_day_earn_nothing_whatever_link_or_method(self):
        self.record()
        for share in (
            self.record("qr"),
            self.record(link=self.obtain(url="/b")),
            self.record(link=self.obtain(channel=self.h5), original_opened=True),
        ):
            self.assertRecordValues(
                share, [{"first_of_day": False, "reward_state": "none"}]
            )
            self.env["referral.commission"]._accrue("share", share)
        self.assertEqual(self.earned(), 1)

    def test_rewarding_a_share_again_pays_nothing(self):
        # threat W4
        share = self.record()
        self.assertFalse(self.env["referral.commission"]._accrue("share", share))
        self.assertEqual(self.earned(), 1)

    def test_who_does_not_accept_commissions_earns_nothing(self):
        # rule M4
        self.member.accepts_commission = False
        share = self.record()
        self.assertEqual(share.reward_state, "none")
        self.assertEqual(self.earned(), 0)

    def test_a_plan_without_the_rule_and_no_plan_pay_nothing(self):
        self.make_plan()._activate()
        self.assertEqual(self.record().reward_state, "none")
        self.env["referral.plan"]._get_active(self.company)._set_state("archived")
        self.assertEqual(
            self.record(link=self.obtain(self.inviter)).reward_state, "none"
        )
        self.assertEqual(self.earned() + self.earned(self.inviter), 0)

    def test_a_plan_may_give_the_inviter_a_part_too(self):
        # rule M4: by a rule of its own
        rules = (SHARE_RULE, {**SHARE_RULE, "level": 1, "amount": 0.1})
        self.make_plan(rules)._activate()
        self.record()
        self.assertEqual((self.earned(), self.earned(self.inviter)), (1, 0.1))

    def test_two_companies_count_their_own_days(self):
        other = self.env["res.company"].create({"name": "Other"})
        channel = self.env["referral.channel"].create(
            {"name": "Theirs", "company_id": other.id}
        )
        self.record()
        self.assertTrue(self.record(link=self.obtain(channel=channel)).first_of_day)

    def test_a_share_is_rewarded_with_a_fixed_amount_only(self):
        with self.assertRaisesRegex(ValidationError, "fixed"):
            self.make_plan([{"name": "x", "trigger": "share", "rate": 1}])

    def test_the_database_holds_one_first_share_a_day(self):
        self.record()
        later = self.record("qr")
        self.env.flush_all()
        with self.assertDatabaseRefuses(psycopg2.errors.UniqueViolation):
            self.env.cr.execute(
                "UPDATE referral_share SET first_of_day = TRUE WHERE id = %s",
                (later.id,),
            )

    def test_a_reward_for_a_share_names_the_share(self):
        # rule M7
        line = self.record().commission_ids
        lead = self.make_lead()
        self.env.flush_all()
        for change in ("share_id = NULL", f"share_id = NULL, lead_id = {lead.id}"):
            with self.assertDatabaseRefuses():
                self.env.cr.execute(
                    f"UPDATE referral_commission SET {change} WHERE id = %s", (line.id,)
                )

    def test_the_compliance_evidence_knows_shares_as_a_source(self):
        # rule M7
        self.record()
        self.env.flush_all()
        evidence = self.env["report.referral_distribution.compliance_evidence"]
        proof = evidence._query_proof(self.company)
        self.assertEqual((proof["without_source"], proof["unproven"]), (0, 0))

    def test_merged_contacts_that_both_shared_keep_one_first_share_and_their_points(
        self,
    ):
        # threats M1, M2
        twin = self.make_member("Twin")
        theirs = self.record(link=self.obtain(twin))
        ours = self.record()
        self.clock.move_to(NOW + timedelta(days=1))
        alone = self.record(link=self.obtain(twin))
        self.merge(twin, self.member)
        self.assertEqual((ours + theirs + alone).partner_id, self.member)
        self.assertEqual(
            (theirs + ours + alone).mapped("first_of_day"), [True, False, True]
        )
        self.assertEqual(self.earned(), 3)
        self.assertFalse(self.record("qr").first_of_day, "shared that day already")


@tagged("post_install", "-at_install")
class TestSharesThatNeedAClick(ShareCase):
    """The company asks for a click by somebody else first (rule S5)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.referral_share_needs_click = True
        cls.env["referral.click"]._make_partitions(NOW.date(), 1)

    def click(self, visit=FRIEND, link=None, after=timedelta(hours=1)):
        """Somebody opens the link, some time after noon."""
        self.clock.move_to(NOW + after)
        self.assertTrue(
            self.env["referral.click"]._record((link or self.link).code, visit)
        )

    def test_the_first_share_waits_and_later_ones_do_not(self):
        share = self.record(visit=PHONE)
        self.assertEqual(share.reward_state, "waiting")
        self.assertTrue(share.visitor_hash and share.ip_hash)
        self.assertEqual(self.record("qr").reward_state, "none")
        self.assertEqual(self.shares._reward_clicked(), 0)
        self.assertEqual(self.earned(), 0)

    def test_a_click_of_somebody_else_rewards_it_once(self):
        share = self.record(visit=PHONE)
        self.click()
        self.assertEqual(self.shares._reward_clicked(), 1)
        self.assertEqual(self.shares._reward_clicked(), 0)
        self.assertEqual((share.reward_state, self.earned()), ("rewarded", 1))
        self.assertFalse(share.visitor_hash or share.ip_hash, "no longer needed")

    def test_the_members_own_clicks_do_not_count(self):
        self.record(visit=PHONE)
        self.click(PHONE)
        self.click(Visit(PHONE.address, "Another browser at home"))
        self.click(Visit("192.0.2.77", "Logged in", user_id=self.portal.id))
        self.assertEqual(self.shares._reward_clicked(), 0)

    def test_the_same_browser_name_at_another_address_is_somebody_else(self):
        self.record(visit=PHONE)
        self.click(Visit("192.0.2.77", PHONE.agent))
        self.assertEqual(self.shares._reward_clicked(), 1)

    def test_a_share_without_a_request_of_the_members_own_takes_any_counted_click(self):
        self.record("api")
        self.click(PHONE)
        self.assertEqual(self.shares._reward_clicked(), 1)

    def test_clicks_before_the_share_after_the_time_or_on_another_link_do_not_count(
        self,
    ):
        self.click(after=timedelta(minutes=-1))
        self.clock.move_to(NOW)
        self.record(visit=PHONE)
        self.click(link=self.obtain(url="/b"))
        self.click(Visit("192.0.2.1", "Late"), after=timedelta(days=7))
        self.assertEqual(self.shares._reward_clicked(), 0)
        self.clock.move_to(NOW)
        self.click(Visit("192.0.2.2", "Last"), after=timedelta(days=7, seconds=-1))
        self.assertEqual(self.shares._reward_clicked(), 1)

    def test_a_link_whose_clicks_look_made_is_reviewed_first(self):
        # threat S5
        share = self.record(visit=PHONE)
        self.click()
        gate.opened(self.link).suspicion = "to_review"
        self.clock.move_to(NOW + timedelta(days=30))
        self.assertEqual(self.shares._reward_clicked(), 0)
        self.assertEqual(share.reward_state, "waiting")
        gate.opened(self.link).suspicion = "cleared"
        self.assertEqual(self.shares._reward_clicked(), 1)
        self.assertEqual(share.reward_state, "rewarded")

    def test_a_link_that_was_switched_off_is_not_rewarded(self):
        self.record(visit=PHONE)
        self.click()
        self.link.active = False
        self.assertEqual(self.shares._reward_clicked(), 0)

    def test_a_click_earlier_in_the_hour_of_the_share_does_not_count(self):
        self.click(after=timedelta(minutes=10))
        self.clock.move_to(NOW + timedelta(minutes=30))
        self.record(visit=PHONE)
        self.assertEqual(self.shares._reward_clicked(), 0)

    def test_what_another_run_decided_meanwhile_stays_decided(self):
        # threat J1: between two batches of a job
        share = self.record(visit=PHONE)
        self.click()
        self.shares._reward_clicked()
        self.assertEqual(share._reward_claimed(), 0)
        self.assertEqual((share.reward_state, self.earned()), ("rewarded", 1))

    def test_what_nobody_clicked_lapses_after_the_time(self):
        share = self.record(visit=PHONE)
        self.clock.move_to(NOW + timedelta(days=8))
        self.assertEqual(self.shares._reward_clicked(), 0)
        self.clock.move_to(NOW + timedelta(days=8, seconds=1))
        self.assertEqual(self.shares._reward_clicked(), 1)
        self.assertEqual(share.reward_state, "lapsed")
        self.assertFalse(share.visitor_hash or share.ip_hash)

    def test_who_does_not_accept_commissions_does_not_wait(self):
        # rule M4
        self.member.accepts_commission = False
        self.assertEqual(self.record(visit=PHONE).reward_state, "none")

    def test_a_plan_without_the_rule_has_nothing_to_wait_for(self):
        self.make_plan()._activate()
        self.assertEqual(self.record(visit=PHONE).reward_state, "none")

    def test_switched_off_meanwhile_what_waits_still_waits(self):
        self.record(visit=PHONE)
        self.company.referral_share_needs_click = False
        self.click()
        self.assertEqual(self.shares._reward_clicked(), 1)

    def test_one_bad_record_does_not_stop_the_rest(self):
        # threat J4
        links = [self.obtain(self.make_member(f"M{n}")) for n in range(5)]
        shares = [self.record(link=link, visit=PHONE) for link in links]
        for link in links:
            self.click(link=link)
        accrue = type(self.env["referral.commission"])._accrue

        def fail(model, trigger, sources):
            if shares[2] in sources:
                raise ValueError("this one is bad")
            return accrue(model, trigger, sources)

        self.env.flush_all()
        with (
            patch.object(self.registry["referral.commission"], "_accrue", fail),
            mute_logger(
                "odoo.addons.referral_distribution.models.referral_share_reward"
            ),
        ):
            self.assertEqual(self.shares._reward_clicked(), 4)
        states = [share.reward_state for share in shares]
        self.assertEqual(states.pop(2), "waiting")
        self.assertEqual(set(states), {"rewarded"})
        self.assertEqual(self.shares._reward_clicked(), 1)

    def test_the_job_looks_at_every_company_and_reports_its_progress(self):
        self.record(visit=PHONE)
        self.click()
        done = []
        with patch.object(
            self.registry["ir.cron"],
            "_commit_progress",
            lambda _cron, processed=0, **_more: done.append(processed),
        ):
            self.env.ref("referral_distribution.ir_cron_share_clicked")
            self.shares._cron_reward_clicked()
        self.assertEqual((sum(done), self.earned()), (1, 1))

    def test_finding_clicked_shares_takes_one_query_however_many_wait(self):
        for number in range(5):
            link = self.obtain(self.make_member(f"M{number}"))
            self.record(link=link, visit=PHONE)
        with self.assertQueryCount(1):
            self.shares._query_clicked()

    def test_merged_contacts_that_both_wait_get_one_reward(self):
        twin = self.make_member("Twin")
        first, second = self.record(link=self.obtain(twin)), self.record(visit=PHONE)
        self.merge(twin, self.member)
        self.assertEqual((first + second).mapped("reward_state"), ["waiting", "none"])
        self.assertFalse(second.ip_hash)

    def test_the_setting_is_a_managers(self):
        settings = self.env["res.config.settings"].with_user(self.manager)
        self.assertIn("referral_share_needs_click", settings._fields)
        other = self.env["res.company"].create({"name": "Other"})
        self.assertFalse(other.referral_share_needs_click, "off by default")
