from unittest.mock import patch

from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import SQL

from .test_privacy import EMAIL, MARK, PHONE, PrivacyCase


@tagged("post_install", "-at_install")
class TestNoLedgerIsLost(PrivacyCase):
    """Archiving, deleting a user, deleting a contact (threat M3)."""

    def test_an_archived_member_keeps_its_ledger(self):
        lead = self.make_lead()
        lead.with_user(self.sales).action_referral_validate()
        self.portal.action_archive()
        self.member.action_archive()
        self.assertRewards(
            lead, [(self.member, 0, 10.0), *self.get_inviters_rewards(lead)]
        )

    def get_inviters_rewards(self, lead):
        lines = lead.sudo().referral_commission_ids
        return [
            (line.partner_id, line.level, line.amount)
            for line in lines
            if line.partner_id != self.member
        ]

    def test_deleting_the_user_leaves_the_member(self):
        stranger = self.stranger
        self.portal.unlink()
        self.assertTrue(self.member.exists())
        stranger.unlink()

    def test_a_user_the_trail_names_is_not_deleted(self):
        lead = self.make_lead()
        lead.with_user(self.sales).action_referral_validate()
        with self.assertRaisesRegex(UserError, "Referral Trail Entry"):
            self.sales.unlink()

    def test_a_contact_of_the_ledger_is_not_deleted(self):
        self.portal.unlink()
        self.make_lead()
        with self.assertRaisesRegex(UserError, "kept for good"):
            self.member.unlink()

    def test_a_contact_of_no_ledger_is_deleted(self):
        self.env["res.partner"].create({"name": "Nobody"}).unlink()

    def test_odoos_queue_masks_a_member_instead_of_failing(self):
        self.make_lead()
        self.portal._deactivate_portal_user()
        entry = self.env["res.users.deletion"].search(
            [("user_id", "=", self.portal.id)]
        )
        with patch.object(self.env.registry["ir.cron"], "_commit_progress"):
            self.env["res.users.deletion"]._gc_portal_users()
        self.assertEqual(entry.state, "done")
        self.assertFalse(self.member.email)
        self.assertEqual(self.member.referral_erasure_ids.origin, "account")
        self.assertTrue(self.portal.exists())

    def test_odoos_queue_leaves_who_is_owed_money_to_a_manager(self):
        self.portal._deactivate_portal_user()
        lead = self.make_lead()
        lead.with_user(self.sales).action_referral_validate()
        with patch.object(self.env.registry["ir.cron"], "_commit_progress"):
            self.env["res.users.deletion"]._gc_portal_users()
        self.assertEqual(self.member.email, EMAIL)
        self.assertEqual(self.member.referral_erasure_ids.state, "requested")

    def test_odoos_queue_still_deletes_who_is_no_member(self):
        partner = self.stranger.partner_id
        self.stranger._deactivate_portal_user()
        with patch.object(self.env.registry["ir.cron"], "_commit_progress"):
            self.env["res.users.deletion"]._gc_portal_users()
        self.assertFalse(self.stranger.exists())
        self.assertFalse(partner.exists())

    def test_an_account_is_not_closed_while_money_is_owed(self):
        lead = self.make_lead()
        lead.with_user(self.sales).action_referral_validate()
        with self.assertRaisesRegex(UserError, "Unpaid commissions"):
            self.portal._deactivate_portal_user()
        self.assertTrue(self.portal.active)


# Where an erased person may still be named, and why.
ALLOWED = {
    # the mail that says it is done; it goes once it is sent
    ("mail_mail", "email_to"),
}


@tagged("post_install", "-at_install")
class TestNothingIsLeft(PrivacyCase):
    def find(self, mark):
        """Return {(table, column)} of the whole database that hold ``mark``."""
        self.env.flush_all()
        columns = self.env.execute_query(
            SQL(
                "SELECT c.table_name, c.column_name FROM information_schema.columns c"
                " JOIN information_schema.tables t USING (table_schema, table_name)"
                " WHERE c.table_schema = current_schema"
                " AND t.table_type = 'BASE TABLE' AND c.data_type IN"
                " ('text', 'character varying', 'character', 'json', 'jsonb', 'ARRAY')"
            )
        )
        return {
            (table, column)
            for table, column in columns
            if self.env.execute_query(
                SQL(
                    "SELECT 1 FROM %s WHERE %s::text ILIKE %s LIMIT 1",
                    SQL.identifier(table),
                    SQL.identifier(column),
                    f"%{mark}%",
                )
            )
        }

    def leave_traces(self):
        """Do with the member what is done in a year."""
        self.leave_account()
        leads = self.leave_messages()
        self.consents._agree(self.member, self.company, self.get_hash(), "portal")
        self.env["referral.erasure.request"]._request(self.member, "portal")
        return leads | self.leave_own_lead() | self.leave_tracked_lead()

    def leave_account(self):
        self.member.category_id = [Command.create({"name": "Vip"})]
        self.portal.signature = f"<p>{MARK}</p>"
        self.portal.login = EMAIL
        self.env["res.partner.bank"].create(
            {
                "acc_number": "998877665544",
                "acc_holder_name": MARK,
                "partner_id": self.member.id,
            }
        )
        self.env["ir.attachment"].create(
            {
                "name": f"{MARK}.txt",
                "raw": b"identity card",
                "res_model": "res.partner",
                "res_id": self.member.id,
            }
        )
        self.env["referral.external.ref"].create(
            {"partner_id": self.member.id, "ref": f"wechat:{MARK}"}
        )

    def leave_messages(self):
        """Return a lead that people talked about the member on."""
        member = self.member.with_context(tracking_disable=False, mail_notrack=False)
        member.write({"phone": PHONE})
        member.message_post(body=f"Spoke to {MARK}, {EMAIL}", message_type="comment")
        lead = self.make_lead()
        lead.message_post(
            body=f"Brought by {MARK} ({EMAIL}, {PHONE})",
            partner_ids=self.member.ids,
            message_type="comment",
        )
        lead.with_user(self.portal).sudo().message_post(
            body=f"I am {MARK}", message_type="comment"
        )
        lead.activity_schedule("mail.mail_activity_data_todo", summary=f"Call {EMAIL}")
        return lead

    def leave_own_lead(self):
        return self.env["crm.lead"].create(
            {
                "name": f"Question of {MARK}",
                "contact_name": MARK,
                "email_from": EMAIL,
                "phone": PHONE,
                "description": f"<p>{MARK} asks</p>",
                "partner_id": self.member.id,
            }
        )

    def leave_tracked_lead(self):
        lead = self.env["crm.lead"].with_context(
            tracking_disable=False, mail_notrack=False
        )
        lead = lead.create({"name": "Another lead"})
        for referrer in (self.member, self.inviter):
            lead.referrer_id = referrer
            self.flush_tracking()
        return lead

    def test_no_column_of_the_database_names_who_was_erased(self):
        leads = self.leave_traces()
        marks = (MARK, EMAIL, PHONE, "+8613975318642", "998877665544")
        for mark in marks[:3]:
            self.assertGreater(len(self.find(mark)), 3, mark)
        self.erase()
        for mark in marks:
            self.assertLessEqual(self.find(mark), ALLOWED, mark)
        self.assertEqual(self.env["referral.trail.entry"]._verify(leads), [])

    def test_a_namesake_is_left_alone(self):
        namesake = self.env["res.partner"].create({"name": MARK})
        namesake.message_post(body=f"About {MARK}", message_type="comment")
        self.erase()
        self.assertEqual(namesake.name, MARK)
        self.assertIn(MARK, namesake.message_ids[:1].body)

    def flush_tracking(self):
        self.env.flush_all()
        self.env.cr.precommit.run()
