from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .common import ReferralCase


class NodeCase(ReferralCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.trail = cls.env["referral.trail.entry"]
        cls.lead = cls.make_lead(type="lead", user_id=False)
        cls.told = len(cls.lead.referral_trail_ids)

    def new_nodes(self, lead=None):
        """Return what the trail tells since the lead was made."""
        return self.nodes(lead or self.lead)[self.told :]

    def last(self, lead=None):
        lead = lead or self.lead
        return lead.sudo().referral_trail_ids.sorted("sequence")[-1]

    def assertVerified(self, leads=None):
        self.assertEqual(self.trail._verify(leads or self.lead), [])


@tagged("post_install", "-at_install")
class TestSteps(NodeCase):
    """Each step of a lead's life is one entry, by the code that does it (rule L3)."""

    def test_converting_is_one_entry(self):
        self.lead.with_user(self.sales).convert_opportunity(self.customer)
        self.assertEqual(self.new_nodes(), ["converted"])
        self.assertEqual(
            self.last().content,
            {"from": "lead", "to": "opportunity", "customer_id": self.customer.id},
        )
        self.lead.convert_opportunity(self.customer)
        self.assertEqual(self.new_nodes(), ["converted"])

    def test_the_mass_wizard_tells_each_lead_once(self):
        leads = self.lead + self.make_lead(type="lead", user_id=False)
        wizard = self.env["crm.lead2opportunity.partner.mass"].with_context(
            active_model="crm.lead", active_ids=leads.ids
        )
        vals = {"deduplicate": False, "user_ids": self.sales.ids, "team_id": False}
        wizard.create(vals).action_mass_convert()
        for lead in leads:
            self.assertEqual(self.new_nodes(lead), ["converted", "assigned"])

    def test_losing_is_one_entry_with_the_reason(self):
        reason = self.env["crm.lost.reason"].create({"name": "Too dear"})
        leads = self.lead + self.make_lead(type="lead", user_id=False)
        wizard = self.env["crm.lead.lost"].with_user(self.sales)
        wizard.create(
            {"lead_ids": leads.ids, "lost_reason_id": reason.id}
        ).action_lost_reason_apply()
        for lead in leads:
            self.assertEqual(self.new_nodes(lead), ["lost"])
            content = {"reason": "Too dear", "reason_id": reason.id}
            self.assertEqual(self.last(lead).content, content)
        leads.action_set_lost()
        self.assertEqual(self.new_nodes(), ["lost"])

    def test_losing_by_an_edit_is_told_too(self):
        self.lead.write({"active": False, "probability": 0})
        self.assertEqual(self.new_nodes(), ["lost"])

    def test_restoring_is_one_entry(self):
        self.lead.action_set_lost()
        self.lead.with_user(self.sales).action_restore()
        self.assertEqual(self.new_nodes(), ["lost", "restored"])

    def test_coming_out_of_the_archive_is_told(self):
        self.lead.probability = 40
        self.lead.action_archive()
        self.lead.action_unarchive()
        self.assertEqual(self.new_nodes(), ["restored"])

    def test_winning_a_lost_lead_restores_it_first(self):
        self.lead.action_set_lost()
        self.lead.action_set_won()
        self.assertEqual(self.new_nodes(), ["lost", "restored", "stage_changed"])

    def test_a_stage_is_told_by_id_and_name_a_person_by_id_alone(self):
        stages = self.env["crm.stage"].create([{"name": "One"}, {"name": "Two"}])
        self.lead.stage_id = stages[0]
        self.lead.write({"stage_id": stages[1].id, "user_id": self.sales.id})
        entries = self.lead.referral_trail_ids.sorted("sequence")[self.told :]
        self.assertEqual(
            [(entry.node, entry.content) for entry in entries[1:]],
            [
                (
                    "stage_changed",
                    {
                        "from": "One",
                        "to": "Two",
                        "from_id": stages[0].id,
                        "to_id": stages[1].id,
                    },
                ),
                ("assigned", {"from_id": None, "to_id": self.sales.id}),
            ],
        )
        self.assertEqual(
            entries[1:].mapped("content_text"), ["One · Two", self.sales.name]
        )

    def test_another_referrer_is_told_with_both(self):
        self.lead.with_user(self.manager).referrer_id = self.inviter
        self.assertEqual(self.new_nodes(), ["reattributed"])
        entry = self.last()
        self.assertEqual(
            entry.content, {"from_id": self.member.id, "to_id": self.inviter.id}
        )
        self.assertEqual(entry.content_text, f"{self.member.name} · Inviter")
        self.assertEqual(entry.actor_id, self.manager)

    def test_another_channel_is_told_too(self):
        other = self.env["referral.channel"].create({"name": "Other"})
        self.lead.referral_channel_id = other
        content = {"channel_from_id": self.channel.id, "channel_to_id": other.id}
        self.assertEqual(self.last().content, content)

    def test_a_trail_goes_on_when_a_lead_is_brought_again(self):
        self.lead.referrer_id = False
        self.lead.referrer_id = self.inviter
        self.assertEqual(self.new_nodes(), ["reattributed", "reattributed"])

    def test_a_copy_was_brought_by_nobody_and_the_first_lead_tells_of_it(self):
        copy = self.lead.with_user(self.sales).copy()
        self.assertFalse(copy.referrer_id or copy.referral_channel_id)
        self.assertFalse(copy.referral_trail_ids)
        self.assertEqual(self.new_nodes(), ["split"])
        self.assertEqual(self.last().content, {"into": copy.id})
        self.assertEqual(self.last().document, copy)

    def test_merging_is_told_on_the_lead_that_goes(self):
        """And archiving it is no loss."""
        other = self.make_lead(type="opportunity", user_id=False)
        self.lead.probability = 0
        head = (self.lead + other)._merge_opportunity()
        tail = self.lead + other - head
        self.assertEqual(self.new_nodes(tail), ["merged"])
        self.assertFalse(tail.active)

    def test_a_lead_nobody_brought_has_no_trail(self):
        cold = self.env["crm.lead"].create({"name": "Cold", "type": "lead"})
        cold.convert_opportunity(self.customer)
        cold.action_set_lost()
        cold.action_restore()
        self.assertFalse(cold.copy().referral_trail_ids)
        self.assertFalse(cold.referral_trail_ids)

    def test_no_client_can_keep_a_step_out_of_the_trail(self):
        leads = self.lead.with_context(
            referral_told={"nodes": ["stage_changed", "lost"]}
        )
        leads.stage_id = self.env["crm.stage"].create({"name": "New"})
        leads.action_set_lost()
        self.assertEqual(self.new_nodes(), ["stage_changed", "lost"])

    def test_twenty_leads_take_no_more_queries_than_two(self):
        stage = self.env["crm.stage"].create({"name": "New"})
        leads = self.env["crm.lead"].browse(
            [self.make_lead(name=f"Lead {number}").id for number in range(24)]
        )
        counts = []
        for some in (leads[:2], leads[2:4], leads[4:]):  # the first warms up caches
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            some._log_changes(
                {lead: {**lead._get_facts(), "stage_id": stage} for lead in some}
            )
            counts.append(self.env.cr.sql_log_count - before)
        self.assertLessEqual(counts[2], counts[1])
        self.assertVerified(leads)


@tagged("post_install", "-at_install")
class TestWhoActed(NodeCase):
    def test_a_step_in_the_portal_names_the_contact(self):
        self.lead.with_user(self.portal).sudo()._referral_log("assigned")
        self.assertEqual(self.last().actor_id, self.portal)
        self.assertEqual(self.last().partner_id, self.member)

    def test_a_step_of_the_staff_names_the_user(self):
        self.lead.with_user(self.sales)._referral_log("assigned")
        self.assertFalse(self.last().partner_id)

    def test_the_contact_cannot_be_exchanged(self):
        self.lead.with_user(self.portal).sudo()._referral_log("assigned")
        self.env.cr.execute("ALTER TABLE referral_trail_entry DISABLE TRIGGER USER")
        for assignment in (
            f"partner_id = {self.inviter.id}",
            "version = 1",
            "version = NULL",
            "version = 99",
        ):
            with self.subTest(assignment=assignment), self.env.cr.savepoint() as point:
                self.env.cr.execute(
                    f"UPDATE referral_trail_entry SET {assignment} WHERE id = %s",
                    (self.last().id,),
                )
                self.assertTrue(self.trail._verify(self.lead))
                point.rollback()
            self.env.invalidate_all()
        self.assertVerified()
        self.env.cr.execute("ALTER TABLE referral_trail_entry ENABLE TRIGGER USER")

    def test_a_merge_of_contacts_leaves_the_trail_as_it_was_written(self):
        self.lead._referral_log("assigned")
        contact = self.env["res.partner"].create({"name": "Twice"})
        self.trail._append(self.lead, "assigned", partner=contact)
        wizard = self.env["base.partner.merge.automatic.wizard"].create({})
        wizard._merge((contact + self.customer).ids, self.customer)
        self.assertVerified()


@tagged("post_install", "-at_install")
class TestDeleting(NodeCase):
    """A deleted lead's trail stays (rule L3, threat L2)."""

    def delete(self, leads=None):
        leads = leads or self.lead
        leads.with_user(self.manager).unlink()
        self.env.flush_all()
        self.env.invalidate_all()

    def search(self, user):
        domain = [("lead_id", "=", self.lead.id)]
        return self.trail.with_user(user).search(domain, order="sequence")

    def test_the_trail_stays_and_says_who_deleted_it(self):
        self.delete()
        entries = self.search(self.manager)
        self.assertEqual(entries[-1].node, "deleted")
        self.assertEqual(entries[-1].actor_id, self.manager)
        self.assertEqual(entries[-1].content, {"who": self.member.id})
        self.assertEqual(len(entries), self.told + 1)
        self.assertVerified()

    def test_managers_read_it_with_a_name_nobody_else_does(self):
        self.delete()
        for user in (self.sales, self.finance, self.portal):
            with self.subTest(user=user.login):
                if user != self.portal:
                    self.assertFalse(self.search(user))
                entries = self.search(self.manager).with_user(user)
                with self.assertRaises(AccessError):
                    entries.read(["node"])
        entries = self.search(self.manager)
        name = f"Deleted lead {self.lead.id}"
        self.assertEqual(entries[0].read(["lead_id"])[0]["lead_id"][1], name)
        wanted = {"lead_id": {"fields": {"display_name": {}}}, "document": {}}
        found = entries.web_read(wanted)
        self.assertEqual(found[0]["lead_id"]["display_name"], name)
        [group] = entries.formatted_read_group(
            [("lead_id", "=", self.lead.id)], ["lead_id"], ["__count"]
        )
        self.assertEqual(group["lead_id"][1], name)
        found = self.trail.with_user(self.manager).search([("lead_deleted", "=", True)])
        self.assertEqual(found.lead_id.ids, self.lead.ids)
        self.assertTrue(all(entries.mapped("lead_deleted")))

    def test_other_companies_do_not_read_it(self):
        other = self.env["res.company"].create({"name": "Other"})
        lead = self.make_lead(company_id=self.company.id)
        theirs = self.make_user(
            "rd_theirs", "manager", company_id=other.id, company_ids=[(6, 0, other.ids)]
        )
        for _there in (True, False):
            entries = self.trail.search([("lead_id", "=", lead.id)])
            self.assertEqual(entries.company_id, self.company)
            self.assertFalse(
                self.trail.with_user(theirs).search_count([("lead_id", "=", lead.id)])
            )
            with self.assertRaises(AccessError):
                entries.with_user(theirs).read(["node"])
            self.assertTrue(entries.with_user(self.manager).read(["node"]))
            self.delete(lead) if lead.exists() else None

    def test_the_company_it_had_last_counts(self):
        lead = self.make_lead(company_id=False)
        lead.company_id = self.company
        self.delete(lead)
        found = self.trail.search([("lead_id", "=", lead.id)])
        self.assertEqual(found.company_id, self.company)

    def test_an_archived_lead_may_be_deleted_too(self):
        self.lead.action_archive()
        self.delete()
        self.assertEqual(self.search(self.manager)[-1].node, "deleted")

    def test_who_may_not_delete_leads_still_may_not(self):
        with self.assertRaises(AccessError):
            self.lead.with_user(self.sales).unlink()
        self.assertEqual(self.new_nodes(), [])

    def test_a_rewarded_lead_is_kept(self):
        self.lead.with_user(self.sales).action_referral_validate()
        with self.assertRaisesRegex(UserError, "Rewards or orders stand on"):
            self.delete(self.lead + self.make_lead())
        self.assertTrue(self.lead.exists())
        self.assertNotIn("deleted", self.nodes(self.lead))

    def test_a_lead_with_an_order_is_kept(self):
        self.make_order(self.lead)
        with self.assertRaisesRegex(UserError, "Rewards or orders stand on"):
            self.delete()

    def test_several_are_deleted_in_one_go(self):
        leads = self.lead + self.make_lead() + self.make_lead()
        cold = self.env["crm.lead"].create({"name": "Cold"})
        self.delete(leads + cold)
        self.assertVerified(leads)
        domain = [("lead_id", "in", (leads + cold).ids), ("node", "=", "deleted")]
        self.assertEqual(self.trail.search_count(domain), 3)

    def test_nothing_in_the_database_ties_the_trail_to_the_lead(self):
        self.env.cr.execute(
            "SELECT conname FROM pg_constraint WHERE contype = 'f'"
            " AND conrelid IN ('referral_trail_entry'::regclass,"
            "  'referral_trail_head'::regclass)"
        )
        names = {name for [name] in self.env.cr.fetchall()}
        self.assertEqual(
            names,
            {
                "referral_trail_entry_actor_id_fkey",
                "referral_trail_head_company_id_fkey",
            },
        )

    def test_entries_of_the_first_version_still_verify(self):
        """They have neither contact nor version."""
        from ..engine import chain
        from ..models.referral_trail_entry import HASHED

        head = self.env["referral.trail.head"]
        [(length, before)] = head._query_claim({self.lead.id: None}).values()
        entry = {
            "lead_id": self.lead.id,
            "sequence": length + 1,
            "node": "assigned",
            "occurred_at": "2026-01-02 03:04:05",
            "actor_id": self.env.uid,
            "document": f"crm.lead,{self.lead.id}",
            "content": {"from": "王芳"},
        }
        self.assertEqual(set(entry), set(HASHED[1]))
        self.trail._query_insert([(entry, before, chain.digest(before, entry))])
        self.lead._referral_log("assigned")
        self.assertVerified()
        self.assertEqual(
            self.lead.referral_trail_ids.sorted("sequence").mapped("version")[-2:],
            [0, 2],
        )
