import psycopg2
from freezegun import freeze_time

from odoo.exceptions import AccessError, UserError
from odoo.fields import Date
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import ReferralCase


@tagged("post_install", "-at_install")
class TestChangeOfInviter(ReferralCase):
    """A later change is a manager's act with a reason (rule M2)."""

    def change(self, partner=None, inviter=None, user=None, **values):
        return (
            self.env["referral.inviter.change"]
            .with_user(user or self.manager)
            .create(
                {
                    "partner_id": (partner or self.inviter).id,
                    "new_inviter_id": inviter.id if inviter else False,
                    "reason": "Agreed by both",
                    **values,
                }
            )
        )

    def run_cron(self):
        with self.enter_registry_test_mode():
            self.env.ref(
                "referral_distribution.ir_cron_inviter_change"
            ).method_direct_trigger()
        self.env.invalidate_all()

    def test_the_team_moves_along_and_old_and_new_are_recorded(self):
        other = self.make_member("Other")
        change = self.change(inviter=other)
        change.action_apply()
        change.action_apply()
        self.assertRecordValues(
            change,
            [
                {
                    "state": "applied",
                    "old_inviter_id": self.grandparent.id,
                    "new_inviter_id": other.id,
                    "people": 2,
                    "user_id": self.manager.id,
                }
            ],
        )
        self.assertEqual(self.member.invite_path.split("/")[0], str(other.id))
        self.assertEqual(other.invite_team_size, 2)
        self.assertEqual(self.grandparent.invite_team_size, 0)

    def test_a_member_may_become_the_top_of_a_tree(self):
        self.change().action_apply()
        self.assertFalse(self.inviter.inviter_id)
        self.assertEqual(self.member.invite_depth, 1)

    def test_past_commissions_stay(self):
        order = self.make_paid_contract()
        order.with_user(self.finance).action_referral_confirm()
        before = order.sudo().referral_commission_ids.mapped("partner_id")
        self.change(self.member, self.make_member("Other")).action_apply()
        self.assertEqual(order.sudo().referral_commission_ids.partner_id, before)

    def test_nothing_is_changed_without_a_reason_in_the_past_or_in_a_loop(self):
        for values, message in (
            ({"reason": ""}, "eason"),
            ({"reason": "  "}, "eason"),
            ({"date_effective": "2020-01-01", "inviter": self.member}, "past"),
            ({"inviter": self.member}, "below"),
            ({"inviter": self.inviter}, "own inviter"),
            ({"inviter": self.grandparent}, "already"),
            ({"inviter": self.customer}, "no active member"),
        ):
            with self.subTest(values=values), mute_logger("odoo.sql_db"):
                with (
                    self.assertRaisesRegex(Exception, message),
                    self.env.cr.savepoint(),
                ):
                    self.change(**values).action_apply()
                self.assertEqual(self.inviter.inviter_id, self.grandparent)

    def test_only_a_manager_changes_an_inviter(self):
        change = self.change(inviter=self.make_member("Other"))
        for user in (self.sales, self.finance, self.portal):
            with self.subTest(user=user.login):
                with self.assertRaises(AccessError):
                    self.change(user=user)
                with self.assertRaises(AccessError):
                    change.with_user(user).action_apply()
                with self.assertRaises(AccessError):
                    change.with_user(user).action_cancel()

    def test_a_later_day_waits_for_the_cron(self):
        other = self.make_member("Other")
        self.company.partner_id.tz = "Asia/Shanghai"
        with freeze_time("2026-05-01 04:00:00"):
            change = self.change(inviter=other, date_effective="2026-05-03")
            change.action_apply()
            self.assertEqual(change.state, "scheduled")
        for moment, inviter in (
            ("2026-05-02 15:59:00", self.grandparent),
            ("2026-05-02 16:00:00", other),
        ):
            with freeze_time(moment):
                self.run_cron()
            self.assertEqual(self.inviter.inviter_id, inviter)
        self.assertEqual(change.user_id, self.manager)

    def test_a_scheduled_change_that_became_a_loop_fails_and_says_why(self):
        other = self.make_member("Other")
        with freeze_time("2026-05-01 04:00:00"):
            change = self.change(inviter=other, date_effective="2026-05-03")
            change.action_apply()
        other.inviter_id = self.member
        with freeze_time("2026-05-04 04:00:00"):
            self.run_cron()
        self.assertEqual(change.state, "failed")
        self.assertIn("below", change.failure)
        self.assertEqual(self.inviter.inviter_id, self.grandparent)

    def test_a_scheduled_change_can_be_called_off(self):
        day = Date.add(Date.today(), days=9)
        change = self.change(inviter=self.make_member("Other"), date_effective=day)
        change.action_apply()
        change.action_cancel()
        change.action_cancel()
        self.assertEqual(change.state, "cancelled")
        applied = self.change(inviter=self.make_member("Third"))
        applied.action_apply()
        with self.assertRaises(UserError):
            applied.action_cancel()

    def test_what_was_decided_is_never_changed_or_deleted(self):
        change = self.change(inviter=self.make_member("Other"))
        change.reason = "Still a draft"
        change.action_apply()
        self.env.flush_all()
        with self.assertRaises(UserError):
            change.reason = "Another one"
        with self.assertRaises(UserError):
            change.unlink()
        for statement in (
            "UPDATE referral_inviter_change SET reason = 'x' WHERE id = %s",
            "UPDATE referral_inviter_change SET partner_id = 1 WHERE id = %s",
            "DELETE FROM referral_inviter_change WHERE id = %s",
        ):
            with self.subTest(statement=statement), self.assertImmutable():
                self.env.cr.execute(statement, (change.id,))

    def assertImmutable(self):
        return self.assertDatabaseRefuses(psycopg2.errors.RestrictViolation)


@tagged("post_install", "-at_install")
class TestMerge(ReferralCase):
    """Merging contacts keeps the tree a tree (threat M2)."""

    def merge(self, stays, *others):
        partners = stays.union(*others)
        wizard = self.env["base.partner.merge.automatic.wizard"].create({})
        wizard._merge(partners.ids, stays)
        self.env.invalidate_all()

    def assertPlaces(self, *partners):
        for partner in partners:
            above = partner.inviter_id.invite_path or ""
            self.assertEqual(partner.invite_path, f"{above}{partner.id}/")

    def test_an_invitee_merged_into_its_inviter(self):
        below = self.make_member("Below", inviter_id=self.member.id)
        self.merge(self.inviter, self.member)
        self.assertEqual(below.inviter_id, self.inviter)
        self.assertEqual(self.inviter.inviter_id, self.grandparent)
        self.assertPlaces(self.grandparent, self.inviter, below)

    def test_an_inviter_merged_into_its_invitee(self):
        other = self.make_member("Other", inviter_id=self.inviter.id)
        self.merge(self.member, self.inviter)
        self.assertEqual(self.member.inviter_id, self.grandparent)
        self.assertEqual(other.inviter_id, self.member)
        self.assertPlaces(self.grandparent, self.member, other)
        self.assertEqual(self.grandparent.invite_team_size, 2)

    def test_a_root_merged_into_somebody_deep_below_it(self):
        self.merge(self.member, self.grandparent)
        self.assertFalse(self.member.inviter_id)
        self.assertEqual(self.inviter.inviter_id, self.member)
        self.assertPlaces(self.member, self.inviter)

    def test_somebody_deep_below_merged_into_the_root(self):
        below = self.make_member("Below", inviter_id=self.member.id)
        self.merge(self.grandparent, self.member)
        self.assertEqual(below.inviter_id, self.grandparent)
        self.assertPlaces(self.grandparent, self.inviter, below)

    def test_three_of_a_chain_at_once(self):
        below = self.make_member("Below", inviter_id=self.member.id)
        self.merge(self.inviter, self.grandparent, self.member)
        self.assertFalse(self.inviter.inviter_id)
        self.assertEqual(below.inviter_id, self.inviter)
        self.assertPlaces(self.inviter, below)

    def test_two_strangers_keep_the_first_ones_inviter_and_both_teams(self):
        root = self.make_member("Root")
        lonely = self.make_member("Lonely", inviter_id=root.id)
        below = self.make_member("Below", inviter_id=lonely.id)
        self.merge(self.member, lonely)
        self.assertEqual(self.member.inviter_id, self.inviter)
        self.assertEqual(below.inviter_id, self.member)
        self.assertPlaces(root, self.member, below)
        self.assertEqual(root.invite_team_size, 0)

    def test_a_contact_takes_over_the_members_place(self):
        contact = self.env["res.partner"].create({"name": "Same person"})
        below = self.make_member("Below", inviter_id=self.member.id)
        self.merge(contact, self.member)
        self.assertEqual(contact.inviter_id, self.inviter)
        self.assertEqual(contact.member_state, "active")
        self.assertEqual(below.inviter_id, contact)
        self.assertPlaces(contact, below)

    def test_both_codes_and_links_work_on(self):
        lonely = self.make_member("Lonely")
        link = self.env["referral.link"]._obtain(lonely, self.channel, "/shop")
        codes = self.member.invite_code_ids + lonely.invite_code_ids
        self.merge(self.member, lonely)
        self.assertEqual(codes.mapped("partner_id"), self.member)
        self.assertEqual(set(codes.mapped("status")), {"usable"})
        self.assertEqual((link + self.link).mapped("partner_id"), self.member)
        self.assertEqual((link + self.link).mapped("merged"), [True, False])
        again = self.env["referral.link"]._obtain(self.member, self.channel, "/shop")
        self.assertEqual(again, self.link)

    def test_the_record_of_changes_follows_and_cannot_be_forged_meanwhile(self):
        change = self.env["referral.inviter.change"].create(
            {"partner_id": self.member.id, "reason": "Top of its own tree"}
        )
        change.action_apply()
        other = self.make_member("Other")
        self.merge(other, self.member)
        self.assertEqual(change.partner_id, other)
        wizard = self.env["base.partner.merge.automatic.wizard"]
        wizard._allow_merging(True)
        with self.assertDatabaseRefuses(psycopg2.errors.RestrictViolation):
            self.env.cr.execute(
                "UPDATE referral_inviter_change SET reason = 'x' WHERE id = %s",
                (change.id,),
            )

    def test_two_roots_that_the_monitor_counted_are_merged(self):
        other = self.make_member("Other root")
        self.make_member("Below", inviter_id=other.id)
        figures = self.env["referral.tree.figure"]
        figures._count(self.company)
        self.merge(self.grandparent, other)
        self.assertFalse(other.exists())
        current = [("root_id", "=", self.grandparent.id), ("is_latest", "=", True)]
        self.assertEqual(figures.search(current).people, 3)
        figures._count(self.company)
        self.env.invalidate_all()
        self.assertEqual(figures.search(current).people, 4)

    def test_of_two_wishes_to_be_erased_one_is_left(self):
        other = self.make_member("Same person")
        requests = self.env["referral.erasure.request"]
        kept = requests._request(self.member, "portal")
        dropped = requests._request(other, "portal")
        self.merge(self.member, other)
        self.assertEqual((kept + dropped).partner_id, self.member)
        self.assertEqual((kept + dropped).mapped("state"), ["requested", "refused"])
