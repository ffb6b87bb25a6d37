from contextlib import contextmanager
from datetime import datetime, timedelta
from unittest.mock import patch

from freezegun import freeze_time

from odoo.exceptions import AccessError, ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .test_tiers import TierCase

NOW = datetime(2026, 5, 20, 4, 0)  # noon in Shanghai
MODELS = "odoo.addons.referral_distribution.models"


class RuleCase(TierCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.partner_id.tz = "Asia/Shanghai"
        cls.env["referral.tier.rule"].search([]).active = False

    def bring_leads(self, count, days_ago=1, member=None, moment=None):
        """The member brings leads that were found valid some days ago."""
        link = self.env["referral.link"]._obtain(
            member or self.member, self.channel, "/shop"
        )
        leads = self.env["crm.lead"]
        with freeze_time(moment or NOW - timedelta(days=days_ago)):
            for number in range(count):
                leads += self.make_lead(name=f"L{number}", referral_link_id=link.id)
            leads.with_user(self.sales).action_referral_validate()
        self.env.flush_all()
        return leads

    def sign(self, amount=1000, days_ago=1, **values):
        """The member's lead becomes a contract some days ago."""
        with freeze_time(NOW - timedelta(days=days_ago)):
            order = self.make_contract(self.make_lead(), amount, **values)
            self.env.flush_all()
        return order

    def evaluate(self, moment=NOW):
        """Run the cron without its commits."""
        rules = self.env["referral.tier.rule"]
        with (
            freeze_time(moment),
            patch.object(type(rules), "_commit", lambda *_args: 60.0),
        ):
            rules._cron_evaluate()
        self.env.invalidate_all()

    def tried(self, **thresholds):
        """Return whether a rule of these thresholds alone would promote the member."""
        rule = self.make_rule(**{"min_valid_leads": 0, **thresholds})
        with freeze_time(NOW):
            due = [found.partner_id for found in rule._get_due("promotion")]
        rule.active = False
        return self.member.id in due


@tagged("post_install", "-at_install")
class TestFigures(RuleCase):
    """What counts, to the edge (rule M1)."""

    def test_valid_leads_at_the_threshold_and_one_below(self):
        self.bring_leads(3)
        self.make_lead()  # nobody has looked at it
        self.assertTrue(self.tried(min_valid_leads=3))
        self.assertFalse(self.tried(min_valid_leads=4))

    def test_contracts_at_the_threshold_and_one_below(self):
        self.sign()
        self.sign()
        self.make_order(self.make_lead())  # a quotation
        self.assertTrue(self.tried(min_contracts=2))
        self.assertFalse(self.tried(min_contracts=3))

    def test_the_amount_at_the_threshold_and_a_cent_below(self):
        self.sign(1000)
        self.sign(500.5)
        self.assertTrue(self.tried(min_amount=1500.5))
        self.assertFalse(self.tried(min_amount=1500.51))

    def test_amounts_in_other_currencies_count_at_the_day_of_signature(self):
        other = self.env["res.currency"].create(
            {"name": "XTS", "symbol": "T", "rounding": 0.01}
        )
        rates = self.env["res.currency.rate"]
        for day, rate in (("2026-01-01", 2.0), ("2026-05-20", 50.0)):
            rates.create({"currency_id": other.id, "name": day, "rate": rate})
        pricelist = self.env["product.pricelist"].create(
            {"name": "T", "currency_id": other.id}
        )
        self.sign(1000, days_ago=3, pricelist_id=pricelist.id)
        self.assertTrue(self.tried(min_amount=500))
        self.assertFalse(self.tried(min_amount=500.01))

    def test_the_direct_team_counts_active_invitees(self):
        self.bring_leads(1)
        for state in ("active", "active", "suspended", "candidate"):
            self.make_member("T", inviter_id=self.member.id).member_state = state
        self.assertTrue(self.tried(min_valid_leads=1, min_direct_team=2))
        self.assertFalse(self.tried(min_valid_leads=1, min_direct_team=3))

    def test_the_team_counts_all_levels(self):
        self.bring_leads(1)
        last = self.member
        for number in range(3):
            last = self.make_member(f"T{number}", inviter_id=last.id)
        self.assertTrue(self.tried(min_valid_leads=1, min_team=3))
        self.assertFalse(self.tried(min_valid_leads=1, min_team=4))

    def test_all_thresholds_must_hold(self):
        self.bring_leads(5)
        self.assertFalse(self.tried(min_valid_leads=5, min_contracts=1))

    def test_the_period_begins_at_midnight_of_the_companys_time_zone(self):
        """30 days before 20 May: 20 April 0:00 in Shanghai is 19 April 16:00 UTC."""
        begin = datetime(2026, 4, 19, 16, 0)
        self.bring_leads(1, moment=begin - timedelta(seconds=1))
        self.assertFalse(self.tried(min_valid_leads=1))
        self.bring_leads(1, moment=begin)
        self.assertTrue(self.tried(min_valid_leads=1))
        order = self.sign()
        for moment, counts in ((begin - timedelta(seconds=1), 0), (begin, 1)):
            order.sudo().date_order = moment
            self.assertEqual(self.tried(min_contracts=1), bool(counts))

    def test_a_lead_counts_on_the_day_it_was_found_valid(self):
        with freeze_time(NOW - timedelta(days=60)):
            lead = self.make_lead()
        with freeze_time(NOW):
            lead.with_user(self.sales).action_referral_validate()
        self.assertTrue(self.tried(min_valid_leads=1))

    def test_a_merged_lead_counts_once(self):
        leads = self.bring_leads(2)
        with freeze_time(NOW):
            leads._merge_opportunity()
        self.assertTrue(self.tried(min_valid_leads=1))
        self.assertFalse(self.tried(min_valid_leads=2))

    def test_cancelled_and_refused_contracts_do_not_count(self):
        cancelled, refused = self.sign(), self.sign()
        self.pay(self.invoice(refused))
        self.assertTrue(self.tried(min_contracts=2))
        refused.with_user(self.finance).action_referral_refuse("Related")
        self.assertFalse(self.tried(min_contracts=2))
        self.assertTrue(self.tried(min_contracts=1))
        cancelled._action_cancel()
        self.assertFalse(self.tried(min_contracts=1))

    def test_what_members_buy_themselves_does_not_count(self):
        """Rule G1: or a tier could be bought."""
        own = self.env["res.partner"].create(
            {"name": "Own desk", "parent_id": self.member.id}
        )
        self.sign(partner_id=self.member.id)
        self.sign(partner_id=own.id)
        self.assertFalse(self.tried(min_contracts=1))

    def test_another_companys_results_do_not_count(self):
        other = self.env["res.company"].create({"name": "Other"})
        self.bring_leads(1).company_id = other
        self.assertFalse(self.tried(min_valid_leads=1))

    def test_only_active_members_are_looked_at(self):
        self.bring_leads(1)
        for state in ("candidate", "suspended", "left", False):
            self.member.member_state = state
            with self.subTest(state=state):
                self.assertFalse(self.tried(min_valid_leads=1))

    def test_members_of_another_company_alone_are_not_looked_at(self):
        self.member = self.make_member("Here", company_id=self.company.id)
        self.bring_leads(1, member=self.member)
        self.assertTrue(self.tried(min_valid_leads=1))
        self.member.company_id = self.env["res.company"].create({"name": "Other"})
        self.assertFalse(self.tried(min_valid_leads=1))


@tagged("post_install", "-at_install")
class TestPromotion(RuleCase):
    """From figures to a new tier (rule M1)."""

    def test_a_rule_proposes_and_the_tier_waits_for_a_manager(self):
        self.make_rule()
        self.bring_leads(2)
        self.evaluate()
        change = self.member.tier_change_ids
        self.assertRecordValues(
            change,
            [
                {
                    "state": "proposed",
                    "kind": "promotion",
                    "new_grade_id": self.distributor.id,
                    "figures": {"valid_leads": [2, 2], "days": 30},
                    "decided_at": False,
                }
            ],
        )
        self.assertFalse(self.member.grade_id)
        change.with_user(self.manager).action_approve()
        self.assertEqual(self.member.grade_id, self.distributor)

    def test_a_rule_that_applies_promotes_at_once(self):
        self.make_rule(mode="apply")
        self.bring_leads(2)
        self.evaluate()
        self.assertEqual(self.member.grade_id, self.distributor)
        none = self.env["res.partner.grade"]
        self.assertEqual(
            self.history(self.member),
            [(none, self.distributor, "promotion", "applied")],
        )

    def test_twice_on_a_day_and_on_the_next_makes_nothing_twice(self):
        for mode in ("propose", "apply"):
            self.make_rule(mode=mode, name=mode)
            self.bring_leads(2)
            for later in (0, 2, 30):
                self.evaluate(NOW + timedelta(hours=later))
            with self.subTest(mode=mode):
                self.assertEqual(len(self.history(self.member)), 1)
            self.env["referral.tier.rule"].search([]).active = False
            self.member.tier_change_ids.with_user(self.manager).action_approve()
            self.member = self.inviter
            self.link = self.env["referral.link"]._obtain(
                self.member, self.channel, "/shop"
            )

    def test_an_empty_start_means_lower_tiers_and_none_but_no_channel_partner(self):
        low = self.env["res.partner.grade"].create(
            {"name": "Starter", "referral_role": "member", "sequence": 99}
        )
        sold = self.env["res.partner.grade"].create({"name": "Gold", "sequence": 99})
        self.bring_leads(2)
        for grade, promoted in (
            (low, True),
            (self.tier_member, True),
            (self.env["res.partner.grade"], True),
            (self.distributor, False),
            (self.agent, False),
            (self.channel_partner, False),
            (sold, False),
        ):
            self.member.grade_id = grade
            with self.subTest(tier=grade.name):
                self.assertEqual(self.tried(min_valid_leads=2), promoted)

    def test_a_start_that_is_set_is_the_only_one(self):
        self.bring_leads(2)
        start = {"min_valid_leads": 2, "from_grade_id": self.tier_member.id}
        self.assertFalse(self.tried(**start))
        self.member.grade_id = self.tier_member
        self.assertTrue(self.tried(**start))

    def test_one_step_a_day_and_the_first_rule_first(self):
        self.member.grade_id = self.tier_member
        first = self.make_rule(mode="apply", sequence=1)
        self.make_rule(
            mode="apply",
            sequence=2,
            from_grade_id=self.distributor.id,
            grade_id=self.agent.id,
        )
        self.bring_leads(2)
        self.evaluate()
        self.assertEqual(self.member.grade_id, self.distributor)
        self.assertEqual(self.member.tier_change_ids[0].rule_id, first)
        self.evaluate(NOW + timedelta(hours=11, minutes=59))  # 23:59 in Shanghai
        self.assertEqual(self.member.grade_id, self.distributor)
        self.evaluate(NOW + timedelta(hours=12))  # the next day there
        self.assertEqual(self.member.grade_id, self.agent)

    def test_after_a_refusal_the_rule_waits_for_its_period(self):
        self.make_rule()
        self.bring_leads(2)
        self.evaluate()
        with freeze_time(NOW):
            self.member.tier_change_ids.with_user(self.manager).action_refuse("No")
        self.bring_leads(2, days_ago=-29)
        self.evaluate(NOW + timedelta(days=30))
        self.assertEqual(len(self.history(self.member)), 1)
        self.evaluate(NOW + timedelta(days=31))
        self.assertEqual(len(self.history(self.member)), 2)

    def test_who_was_taken_out_of_a_tier_by_hand_is_not_put_back_next_day(self):
        self.make_rule(mode="apply")
        self.bring_leads(2)
        self.evaluate()
        with freeze_time(NOW):
            self.member.grade_id = self.tier_member
            self.bring_leads(2, days_ago=-29)
        self.evaluate(NOW + timedelta(days=30))
        self.assertEqual(self.member.grade_id, self.tier_member)
        self.evaluate(NOW + timedelta(days=31))
        self.assertEqual(self.member.grade_id, self.distributor)

    def test_a_rule_whose_tiers_were_put_in_another_order_promotes_nobody(self):
        rule = self.make_rule(from_grade_id=self.tier_member.id)
        self.member.grade_id = self.tier_member
        self.bring_leads(2)
        self.tier_member.sequence = 1
        self.assertFalse(rule.leads_up)
        self.evaluate()
        self.assertEqual(len(self.history(self.member)), 1)

    def test_one_members_bad_data_stops_nobody_else(self):
        """Threat J4."""
        self.make_rule(mode="apply")
        self.bring_leads(2)
        self.bring_leads(2, member=self.inviter)
        bad = self.inviter

        write = type(self.env["res.partner"])._write_tier

        def fail(partners, grade):
            if bad in partners:
                raise ValidationError(bad.display_name)
            return write(partners, grade)

        with (
            patch.object(type(self.env["res.partner"]), "_write_tier", fail),
            mute_logger(f"{MODELS}.referral_tier_rule"),
        ):
            self.evaluate()
        self.assertEqual(self.member.grade_id, self.distributor)
        self.assertFalse(bad.grade_id)
        self.assertFalse(self.history(bad))
        self.evaluate()
        self.assertEqual(bad.grade_id, self.distributor)

    def test_the_cron_takes_the_same_queries_for_two_and_for_forty(self):
        """At most one query more: rows are inserted in pages."""
        for mode in ("propose", "apply"):
            rule = self.make_rule(mode=mode, name=mode)
            counts = []
            for size in (2, 2, 40):
                members = self.env["res.partner"].create(
                    [{"name": f"M{n}", "member_state": "active"} for n in range(size)]
                )
                for member in members:
                    self.bring_leads(2, member=member)
                self.env.flush_all()
                self.env.invalidate_all()
                before = self.env.cr.sql_log_count
                self.evaluate()
                counts.append(self.env.cr.sql_log_count - before)
                for member in members:
                    self.assertEqual(len(self.history(member)), 1)
            with self.subTest(mode=mode):
                self.assertLessEqual(counts[2], counts[1] + 1)
            rule.active = False

    def test_the_scheduled_action_runs_in_batches_and_commits_each(self):
        self.make_rule()
        self.bring_leads(2)
        self.bring_leads(2, member=self.inviter)
        done = []

        @contextmanager
        def counted():
            cron = type(self.env["ir.cron"])
            commit = cron._commit_progress

            def count(jobs, processed=0, **left):
                done.append((processed, left["remaining"]))
                return commit(jobs, processed, **left)

            with patch.object(cron, "_commit_progress", count):
                yield

        job = self.env.ref("referral_distribution.ir_cron_evaluate_tiers")
        with (
            patch(f"{MODELS}.referral_tier_rule.BATCH", 1),
            counted(),
            freeze_time(NOW),
            self.enter_registry_test_mode(),
        ):
            job.with_user(self.env.ref("base.user_admin")).method_direct_trigger()
        self.env.invalidate_all()
        self.assertEqual(done, [(1, 1), (1, 0)])
        self.assertEqual(len(self.history(self.member)), 1)
        self.assertEqual(len(self.history(self.inviter)), 1)


@tagged("post_install", "-at_install")
class TestRules(RuleCase):
    """What a rule may be, and who may write one."""

    def test_promotions_only_lead_up_so_no_two_rules_form_a_loop(self):
        self.make_rule(from_grade_id=self.tier_member.id)
        for source in (self.distributor, self.agent):
            with self.subTest(source=source.name), self.assertRaises(ValidationError):
                self.make_rule(grade_id=self.tier_member.id, from_grade_id=source.id)
        with self.assertRaises(ValidationError):
            self.make_rule(from_grade_id=self.distributor.id)  # to itself

    def test_channel_partners_and_sold_levels_are_no_steps(self):
        sold = self.env["res.partner.grade"].create({"name": "Gold", "sequence": 99})
        for grade in (self.channel_partner, sold):
            with self.subTest(tier=grade.name):
                with self.assertRaises(ValidationError):
                    self.make_rule(from_grade_id=grade.id)
                with self.assertRaises(ValidationError):
                    self.make_rule(grade_id=grade.id)

    def test_the_preview_names_whom_the_rule_would_promote_and_changes_nothing(self):
        rule = self.make_rule()
        self.bring_leads(2)
        with freeze_time(NOW):
            action = rule.with_user(self.manager).action_preview()
        found = self.env["res.partner"].search(action["domain"])
        self.assertEqual(found, self.member)
        self.assertFalse(self.history(self.member))

    def test_managers_write_rules_and_others_do_not(self):
        rule = self.make_rule()
        rule.with_user(self.manager).period_days = 60
        for user in (self.sales, self.finance):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                rule.with_user(user).period_days = 90
            self.assertEqual(rule.with_user(user).period_days, 60)

    def test_the_example_is_shipped_switched_off(self):
        example = self.env.ref("referral_distribution.referral_tier_rule_example")
        self.assertFalse(example.active)
