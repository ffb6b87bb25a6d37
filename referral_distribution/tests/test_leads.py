from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .common import ReferralCase


class LeadCase(ReferralCase):
    def validate(self, lead, user=None):
        lead.with_user(user or self.sales).action_referral_validate()

    def refuse(self, lead, reason="No budget", **kwargs):
        lead.with_user(self.sales).action_referral_invalidate(reason, **kwargs)


@tagged("post_install", "-at_install")
class TestSources(LeadCase):
    """A lead keeps where it came from (rule L1)."""

    def test_a_lead_through_a_link_has_member_and_channel(self):
        lead = self.make_lead()
        self.assertEqual(lead.referrer_id, self.member)
        self.assertEqual(lead.referral_channel_id, self.channel)
        self.assertEqual(self.nodes(lead), ["shared", "clicked", "created"])

    def test_sales_types_in_who_brought_it(self):
        """Rule L4."""
        leads = self.env["crm.lead"].with_user(self.sales)
        lead = leads.create({"name": "By phone", "referrer_id": self.member.id})
        self.assertEqual(lead.referrer_id, self.member)
        self.assertEqual(self.nodes(lead), ["created"])

    def test_a_referrer_found_later_starts_the_trail_then(self):
        lead = self.env["crm.lead"].with_user(self.sales).create({"name": "Cold"})
        self.assertEqual(self.nodes(lead), [])
        lead.referrer_id = self.member
        self.assertEqual(self.nodes(lead), ["created"])

    def test_assignment_and_stages_are_in_the_trail_each_once(self):
        """Rule L3."""
        lead = self.make_lead(user_id=False).with_user(self.sales)
        stages = self.env["crm.stage"].create([{"name": "One"}, {"name": "Two"}])
        lead.stage_id = stages[0]
        lead.write({"stage_id": stages[1].id, "user_id": self.sales.id})
        lead.write({"stage_id": stages[1].id, "name": "Same stage"})
        self.assertEqual(
            self.nodes(lead)[3:], ["stage_changed", "stage_changed", "assigned"]
        )
        entry = lead.referral_trail_ids.sorted("sequence")[-2]
        self.assertEqual((entry.content["from"], entry.content["to"]), ("One", "Two"))

    def test_a_copy_is_a_new_lead_to_review(self):
        lead = self.make_lead()
        self.validate(lead)
        copy = lead.copy()
        self.assertEqual(copy.referral_validity, "to_review")
        self.assertFalse(copy.referral_link_id)
        self.assertFalse(copy.referral_trail_ids.filtered(lambda e: e.node == "paid"))

    def test_a_list_of_leads_reads_in_one_go(self):
        leads = self.env["crm.lead"]
        for number in range(20):
            leads += self.make_lead(name=f"Lead {number}")
        names = ["referrer_id", "referral_channel_id", "referral_validity"]
        self.assertReadInOneGo(leads, names, self.sales)

    def test_the_trail_of_a_lead_reads_in_one_go(self):
        lead = self.make_lead()
        for _time in range(20):
            lead._referral_log("assigned")
        entries = lead.referral_trail_ids
        names = ["node", "occurred_at", "actor_id", "content_text"]
        self.assertReadInOneGo(entries, names, self.sales)


@tagged("post_install", "-at_install")
class TestReview(LeadCase):
    """Sales reviews; valid earns once (rule L2)."""

    def test_a_valid_lead_earns_ten_points(self):
        lead = self.make_lead()
        self.validate(lead)
        self.assertEqual(lead.referral_validity, "valid")
        self.assertRewards(lead, [(self.member, 0, 10.0)])
        self.assertEqual(self.nodes(lead)[-2:], ["validated", "rewarded"])

    def test_validating_again_changes_nothing(self):
        lead = self.make_lead()
        for user in (self.sales, self.sales, self.manager):
            self.validate(lead, user)
        self.assertRewards(lead, [(self.member, 0, 10.0)])
        self.assertEqual(self.nodes(lead).count("validated"), 1)

    def test_a_selection_is_validated_with_those_that_were_already(self):
        one, two = self.make_lead(), self.make_lead()
        self.validate(one)
        self.validate(one + two)
        for lead in (one, two):
            self.assertRewards(lead, [(self.member, 0, 10.0)])

    def test_a_lead_nobody_brought_is_not_validated(self):
        lead = self.env["crm.lead"].create({"name": "Cold"})
        with self.assertRaisesRegex(UserError, "set its referrer first"):
            self.validate(lead)

    def test_a_member_who_takes_no_part_earns_nothing(self):
        """Rule M4."""
        lead = self.make_lead()
        self.member.accepts_commission = False
        self.validate(lead)
        self.assertEqual(lead.referral_validity, "valid")
        self.assertRewards(lead, [])

    def test_refusing_needs_a_reason_and_a_known_verdict(self):
        lead = self.make_lead()
        for reason in ("", "  ", None, False, 3, ["x"]):
            with self.subTest(reason=reason), self.assertRaises(UserError):
                self.refuse(lead, reason)
        for verdict in ("valid", "to_review", "", None):
            with self.subTest(verdict=verdict), self.assertRaises(UserError):
                self.refuse(lead, verdict=verdict)
        self.assertEqual(lead.referral_validity, "to_review")

    def test_a_refused_lead_shows_its_reason_and_earns_nothing(self):
        lead = self.make_lead()
        self.refuse(lead, "  Known already ", verdict="duplicate")
        self.assertRecordValues(
            lead,
            [{"referral_validity": "duplicate", "referral_reason": "Known already"}],
        )
        self.assertRewards(lead, [])
        entry = lead.referral_trail_ids.sorted("sequence")[-1]
        self.assertEqual(
            (entry.node, entry.content["reason"]), ("invalidated", "Known already")
        )

    def test_a_refused_lead_can_be_found_valid_after_all(self):
        lead = self.make_lead()
        self.refuse(lead)
        self.validate(lead)
        self.assertRewards(lead, [(self.member, 0, 10.0)])
        self.assertFalse(lead.referral_reason)

    def test_a_rewarded_lead_is_not_refused(self):
        lead = self.make_lead()
        self.validate(lead)
        with self.assertRaisesRegex(UserError, "rewarded"):
            self.refuse(lead)

    def test_the_wizard_hands_reason_and_verdict_to_the_lead(self):
        lead = self.make_lead()
        values = {"lead_id": lead.id, "verdict": "duplicate", "reason": "Twice"}
        wizard = self.env["referral.reason"].with_user(self.sales).create(values)
        wizard.action_apply()
        self.assertEqual(lead.referral_validity, "duplicate")

    def test_only_lead_reviewers_review(self):
        lead = self.make_lead(user_id=self.clerk.id)
        for user in (self.clerk, self.finance, self.portal):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                self.validate(lead, user)
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                lead.with_user(user).action_referral_invalidate("No")

    def test_the_verdict_is_not_written_created_or_defaulted(self):
        """Over RPC a client may write any field and send any context."""
        lead = self.make_lead()
        leads = self.env["crm.lead"].with_user(self.manager)
        for verdict in ("valid", "invalid", "to_review"):
            with self.subTest(verdict=verdict), self.assertRaises(AccessError):
                lead.with_user(self.manager).write({"referral_validity": verdict})
        with self.assertRaises(AccessError):
            leads.create({"name": "X", "referral_validity": "valid"})
        by_context = leads.with_context(default_referral_validity="valid")
        lead = by_context.create({"name": "X", "referrer_id": self.member.id})
        self.assertEqual(lead.referral_validity, "to_review")

    def test_a_valid_lead_keeps_who_brought_it(self):
        """Its later contracts pay the same person (rule C2)."""
        lead = self.make_lead()
        self.validate(lead)
        other = self.env["referral.link"]._obtain(self.inviter, self.channel, "/")
        for values in (
            {"referrer_id": self.inviter.id},
            {"referrer_id": False},
            {"referral_link_id": other.id},
        ):
            with self.subTest(values=values), self.assertRaises(UserError):
                lead.with_user(self.sales).write(values)
        lead.with_user(self.sales).write({"referrer_id": self.member.id, "name": "Y"})


@tagged("post_install", "-at_install")
class TestMerge(LeadCase):
    """Merge, convert, lose, delete: the trail stays (threat L2)."""

    def leads(self, count=3):
        leads = self.env["crm.lead"]
        for number in range(count):
            leads += self.make_lead(
                name=f"Lead {number}", email_from="a@customer.example", type="lead"
            )
        return leads

    def assertKept(self, leads, head):
        self.assertEqual(head.referrer_id, self.member)
        for lead in leads - head:
            self.assertTrue(lead.exists())
            self.assertFalse(lead.active)
            self.assertEqual(self.nodes(lead)[-1], "merged")
        self.assertEqual(self.env["referral.trail.entry"]._verify(leads), [])

    def test_merged_leads_are_archived_not_deleted(self):
        leads = self.leads()
        head = leads.with_user(self.sales).merge_opportunity()
        self.assertKept(leads, head)

    def test_what_was_rewarded_before_a_merge_is_not_rewarded_again(self):
        """Rule L2: once per lead, and the merged lead is one."""
        leads = self.leads(2)
        weak, strong = leads
        self.validate(weak)
        strong.type = "opportunity"
        head = leads.with_user(self.sales).merge_opportunity()
        self.assertEqual(head, strong)
        self.assertEqual(head.referral_validity, "valid")
        self.validate(head)
        self.assertRewards(head, [])
        self.assertKept(leads, head)

    def test_a_lead_without_a_trail_is_deleted_as_ever(self):
        lead = self.leads(1)
        cold = self.env["crm.lead"].create({"name": "Cold"})
        head = (lead + cold).with_user(self.sales).merge_opportunity()
        self.assertEqual(head.referrer_id, self.member)
        self.assertEqual((lead + cold).exists() - head, lead - head)

    def test_the_convert_wizard_merges_too(self):
        leads = self.leads(2)
        wizard = (
            self.env["crm.lead2opportunity.partner"]
            .with_user(self.sales)
            .with_context(active_model="crm.lead", active_id=leads[0].id)
            .create({"name": "merge", "duplicated_lead_ids": [(6, 0, leads.ids)]})
        )
        wizard.action_apply()
        self.assertKept(leads, leads.filtered("active"))

    def test_the_assignment_of_leads_to_teams_merges_too(self):
        """Odoo's cron merges duplicates and deletes the rest after."""
        leads = self.leads()
        team = self.env["crm.team"].create({"name": "Team", "use_opportunities": True})
        result = team._allocate_leads_deduplicate(leads)
        duplicates = leads.browse(result["duplicates"])
        duplicates.unlink()
        self.assertKept(leads, leads - duplicates)

    def test_a_lost_and_reopened_lead_keeps_who_brought_it(self):
        lead = self.make_lead()
        lead.action_set_lost()
        lead.action_unarchive()
        self.assertEqual(lead.referrer_id, self.member)

    def test_the_member_and_the_link_of_a_lead_are_not_deleted(self):
        self.make_lead()
        for record in (self.link, self.channel):
            with (
                self.subTest(model=record._name),
                self.assertDatabaseRefuses(Exception),
            ):
                record.unlink()
