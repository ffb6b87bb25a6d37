import json
from unittest.mock import patch

from odoo import http
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import SQL, mute_logger

from ..models import gate
from .common import ReferralCase
from .test_portal import PortalCase

MARK = "Qxzvwname"
EMAIL = "qxzv.mark@zz-example.com"
PHONE = "+86 139 7531 8642"


class PrivacyCase(ReferralCase):
    """A member with a name, an e-mail and a phone found nowhere else."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.member.write(
            {
                "name": MARK,
                "email": EMAIL,
                "phone": PHONE,
                "street": f"{MARK} Road 1",
                "comment": f"<p>{MARK} likes tea</p>",
                "vat": False,
            }
        )
        cls.consents = cls.env["referral.consent"]
        cls.texts = cls.env["referral.consent.text"]
        cls.company.referral_consent_text = "We use your data."

    @classmethod
    def get_hash(cls):
        return cls.texts._get_shown(cls.company)["hash"]

    def erase(self, partner=None, user=None):
        partner = (partner or self.member).with_user(user or self.manager)
        return partner._referral_erase("Asked for by letter")


@tagged("post_install", "-at_install")
class TestConsent(PrivacyCase):
    def test_a_consent_keeps_words_time_and_way(self):
        consent = self.consents._agree(
            self.member, self.company, self.get_hash(), "portal"
        )
        self.assertEqual(consent.body, "We use your data.")
        self.assertEqual(consent.text_hash, self.texts._hash(consent.body))
        self.assertEqual(consent.company_id, self.company)
        self.assertTrue(self.member._has_consented(self.company))

    def test_agreeing_twice_is_one_consent(self):
        first = self.consents._agree(
            self.member, self.company, self.get_hash(), "portal"
        )
        again = self.consents._agree(
            self.member, self.company, self.get_hash(), "portal"
        )
        self.assertEqual(first, again)

    def test_a_changed_text_asks_again_and_keeps_the_old_words(self):
        old = self.get_hash()
        consent = self.consents._agree(self.member, self.company, old, "portal")
        self.company.referral_consent_text = "We use more of your data."
        self.assertFalse(self.member._has_consented(self.company))
        self.assertFalse(consent.in_force)
        self.assertEqual(consent.body, "We use your data.")
        with self.assertRaisesRegex(UserError, "just been changed"):
            self.consents._agree(self.member, self.company, old, "portal")

    def test_a_consent_in_another_language_counts(self):
        self.env["res.lang"]._activate_lang("zh_CN")
        chinese = self.company.with_context(lang="zh_CN")
        chinese.referral_consent_text = "我们使用您的数据。"
        text = self.texts._get_shown(self.company, "zh_CN")
        consent = self.consents._agree(
            self.member, self.company, text["hash"], "portal"
        )
        self.assertEqual(consent.lang, "zh_CN")
        self.assertTrue(self.member._has_consented(self.company))

    def test_without_a_tick_nothing_is_agreed(self):
        for junk in ("", None, False, [self.get_hash()]):
            with self.assertRaisesRegex(UserError, "tick the box"):
                self.consents._agree(self.member, self.company, junk, "portal")

    def test_a_company_without_text_asks_nobody(self):
        self.company.referral_consent_text = False
        self.assertFalse(self.consents._agree(self.member, self.company, "", "signup"))
        self.assertTrue(self.member._has_consented(self.company))

    def test_members_who_did_not_agree_are_found(self):
        partners = self.env["res.partner"].with_user(self.manager)
        self.consents._agree(self.member, self.company, self.get_hash(), "portal")
        people = self.member | self.inviter
        missing = partners.search(
            [("referral_consented", "=", False), ("id", "in", people.ids)]
        )
        self.assertEqual(missing, self.inviter)
        self.assertTrue(self.member.with_user(self.manager).referral_consented)
        self.assertFalse(self.inviter.with_user(self.manager).referral_consented)

    def test_a_manager_notes_a_consent_given_on_paper(self):
        self.inviter.with_user(self.manager).action_referral_record_consent()
        consent = self.inviter.referral_consent_ids
        self.assertRecordValues(
            consent, [{"method": "back_office", "user_id": self.manager.id}]
        )

    def test_only_managers_note_and_read_consents(self):
        consent = self.consents._agree(
            self.member, self.company, self.get_hash(), "portal"
        )
        for user in (self.sales, self.finance, self.portal, self.clerk):
            with self.assertRaises(AccessError):
                self.inviter.with_user(user).action_referral_record_consent()
            for record in (consent, consent.text_id):
                with self.assertRaises(AccessError):
                    record.with_user(user).read(["id"])
        consent.with_user(self.manager).read(["body", "in_force"])

    def test_a_consent_is_never_made_up_changed_or_deleted(self):
        consent = self.consents._agree(
            self.member, self.company, self.get_hash(), "portal"
        )
        vals = {
            "partner_id": self.inviter.id,
            "company_id": self.company.id,
            "text_id": consent.text_id.id,
            "method": "portal",
        }
        with self.assertRaises(UserError):
            self.consents.create(vals)
        with self.assertRaises(UserError):
            self.texts.create({"company_id": self.company.id, "body": "x"})
        with self.assertRaises(UserError):
            consent.write({"partner_id": self.inviter.id})
        with self.assertRaises(UserError):
            consent.unlink()
        for query in (
            "UPDATE referral_consent SET method = 'api'",
            "DELETE FROM referral_consent",
            "UPDATE referral_consent_text SET body = 'x'",
            "TRUNCATE referral_consent_text CASCADE",
        ):
            with self.assertDatabaseRefuses(Exception):
                self.env.cr.execute(query)

    def test_a_new_company_starts_with_a_text_in_every_language(self):
        self.env["res.lang"]._activate_lang("zh_CN")
        company = self.env["res.company"].create({"name": "Fresh Ltd"})
        english = company.with_context(lang="en_US").referral_consent_text
        chinese = company.with_context(lang="zh_CN").referral_consent_text
        self.assertIn("Fresh Ltd", english)
        self.assertIn("Fresh Ltd", chinese)
        self.assertNotEqual(english, chinese)


@tagged("post_install", "-at_install")
class TestErasure(PrivacyCase):
    def test_who_is_erased_is_masked_and_out(self):
        code = self.member.invite_code_ids
        self.member.image_1920 = self.company.logo
        self.erase()
        self.assertRecordValues(
            self.member,
            [
                {
                    "name": f"Erased person {self.member.id}",
                    "email": False,
                    "phone": False,
                    "street": False,
                    "comment": False,
                    "image_1920": False,
                    "active": False,
                    "member_state": "left",
                    "inviter_id": self.inviter.id,
                }
            ],
        )
        self.assertFalse(code.active)
        self.assertFalse(self.portal.active)
        self.assertNotIn("rd_portal", self.portal.login)

    def test_ledger_trail_and_tree_stay_and_verify(self):
        # threat M3
        lead = self.make_lead()
        lead.with_user(self.sales).action_referral_validate()
        rewards = self.env["referral.commission"].search([("lead_id", "=", lead.id)])
        gate.opened(rewards).write({"state": "settled"})
        before = rewards.read(["partner_id", "amount", "state"])
        path = self.member.invite_path
        self.erase()
        rewards.invalidate_recordset()
        after = rewards.read(["partner_id", "amount", "state"])
        for row in (*before, *after):
            row["partner_id"] = row["partner_id"][0]
        self.assertEqual(before, after)
        self.assertEqual(self.member.invite_path, path)
        self.assertEqual(lead.referrer_id, self.member)
        self.assertEqual(self.env["referral.trail.entry"]._verify(lead), [])

    def test_the_trail_shows_who_by_name_and_keeps_only_the_number(self):
        lead = self.make_lead()
        entry = lead.referral_trail_ids.filtered(lambda e: e.node == "shared")
        self.assertEqual(entry.content["who"], self.member.id)
        self.assertIn(MARK, entry.content_text)
        self.erase()
        entry.invalidate_recordset()
        self.assertNotIn(MARK, entry.content_text)

    def test_the_record_says_who_when_why_and_which_fields(self):
        request = self.erase()
        self.assertRecordValues(
            request,
            [
                {
                    "state": "done",
                    "reason": "Asked for by letter",
                    "decided_by_id": self.manager.id,
                }
            ],
        )
        self.assertIn("res.partner:email", request.erased_fields)
        self.assertNotIn("res.partner:vat", request.erased_fields)
        self.assertNotIn(EMAIL, json.dumps(request.erased_fields))
        self.assertIn("Email", request.erased_text)

    def test_erasing_again_changes_nothing(self):
        request = self.erase()
        self.env.flush_all()
        before = self.member.read()
        self.assertEqual(self.erase(), request)
        self.assertEqual(self.member.read(), before)

    def test_erasing_again_erases_what_was_filled_in_since(self):
        request = self.erase()
        self.member.write({"name": "Back again", "email": "back@zz-example.com"})
        self.assertNotEqual(self.erase(), request)
        self.assertFalse(self.member.email)

    def test_unpaid_commissions_come_first(self):
        lead = self.make_lead()
        lead.with_user(self.sales).action_referral_validate()
        with self.assertRaisesRegex(UserError, "Unpaid commissions"):
            self.erase()
        self.assertEqual(self.member.name, MARK)

    def test_own_unpaid_invoices_come_first(self):
        order = self.make_contract(amount=100, partner_id=self.member.id)
        with self.assertRaisesRegex(UserError, "to be invoiced"):
            self.erase()
        invoice = self.invoice(order)
        with self.assertRaisesRegex(UserError, "not paid"):
            self.erase()
        self.pay(invoice)
        self.erase()
        self.assertEqual(invoice.invoice_partner_display_name, MARK)  # as booked

    def test_colleagues_and_companies_are_not_erased(self):
        for partner in (self.sales.partner_id, self.company.partner_id):
            with self.assertRaises(UserError):
                self.erase(partner)

    def test_contracts_under_way_are_named_before(self):
        self.make_contract(self.make_lead())
        (notice,) = self.member._get_erasure_notices()
        self.assertIn("1", notice)

    def test_the_employer_keeps_its_own_address(self):
        employer = self.env["res.partner"].create(
            {"name": "Employer", "is_company": True, "street": "Harbour 1"}
        )
        self.member.parent_id = employer
        self.erase()
        self.assertEqual(employer.street, "Harbour 1")
        self.assertFalse(self.member.parent_id)

    def test_own_addresses_go_too_and_colleagues_stay(self):
        address = self.env["res.partner"].create(
            {
                "name": f"{MARK} at home",
                "type": "delivery",
                "parent_id": self.member.id,
                "street": "Home 1",
            }
        )
        self.erase()
        self.assertFalse(address.street)
        self.assertNotIn(MARK, address.name)

    def test_bank_accounts_go_unless_they_are_in_the_books(self):
        banks = self.env["res.partner.bank"].create(
            [
                {"acc_number": number, "partner_id": self.member.id}
                for number in ("6222 0201 1111", "6222 0202 2222")
            ]
        )
        payment = self.env["account.payment"].create(
            {
                "payment_type": "outbound",
                "partner_type": "supplier",
                "partner_id": self.member.id,
                "partner_bank_id": banks[1].id,
                "amount": 5,
            }
        )
        payment.action_post()
        self.erase()
        self.assertEqual(banks.mapped("active"), [False, False])
        self.assertNotIn("6222", banks[0].acc_number)
        self.assertEqual(banks[1].acc_number, "6222 0202 2222")

    def test_keys_devices_and_password_are_gone(self):
        key = self.env["res.users.apikeys"].with_user(self.portal)
        key = key.sudo()._generate("rpc", "phone", None)
        self.erase()
        self.env.cr.execute(
            "SELECT count(*) FROM res_users_apikeys WHERE user_id = %s",
            [self.portal.id],
        )
        self.assertEqual(self.env.cr.fetchone()[0], 0)
        self.env.cr.execute(
            "SELECT password FROM res_users WHERE id = %s", [self.portal.id]
        )
        self.assertFalse(self.env.cr.fetchone()[0])

    def test_the_person_is_told_once(self):
        self.erase()
        mails = self.env["mail.mail"].search([("email_to", "=", EMAIL)])
        self.assertEqual(len(mails), 1)
        self.assertTrue(mails.auto_delete)
        self.assertFalse(mails.model)

    def test_only_managers_erase_refuse_and_read_requests(self):
        request = self.env["referral.erasure.request"]._request(self.member, "portal")
        for user in (self.sales, self.finance, self.portal, self.clerk):
            with self.assertRaises(AccessError):
                self.member.with_user(user).action_referral_erase()
            with self.assertRaises(AccessError):
                request.with_user(user).action_refuse("No")
            with self.assertRaises(AccessError):
                request.with_user(user).read(["id"])
            with self.assertRaises(AccessError):
                self.member.with_user(user).action_referral_export_data()
            with self.assertRaises(AccessError):
                self.env["referral.erasure"].with_user(user).create(
                    {"partner_id": self.member.id, "reason": "x", "confirmed": True}
                ).action_apply()
        request.with_user(self.manager).read(["obstacles", "notices", "erased_text"])

    def test_the_wizard_wants_a_tick_and_a_reason(self):
        wizard = (
            self.env["referral.erasure"]
            .with_user(self.manager)
            .create({"partner_id": self.member.id, "reason": " "})
        )
        with self.assertRaisesRegex(UserError, "Tick the box"):
            wizard.action_apply()
        wizard.confirmed = True
        with self.assertRaisesRegex(UserError, "reason"):
            wizard.action_apply()
        wizard.reason = "By letter"
        wizard.action_apply()
        self.assertFalse(self.member.email)

    def test_a_request_calls_the_managers_once_and_is_decided_once(self):
        requests = self.env["referral.erasure.request"]
        request = requests._request(self.member, "portal")
        self.assertEqual(requests._request(self.member, "portal"), request)
        called = request.activity_ids.user_id
        self.assertIn(self.manager, called)
        self.assertNotIn(self.sales, called)
        self.assertNotIn(MARK, str(request.activity_ids.mapped("res_name")))
        with self.assertRaises(UserError):
            request.with_user(self.manager).action_refuse(" ")
        request.with_user(self.manager).action_refuse("A claim is open")
        self.assertFalse(request.activity_ids)
        self.assertEqual(request.state, "refused")
        self.assertNotEqual(requests._request(self.member, "portal"), request)

    def test_a_decided_request_is_beyond_change(self):
        request = self.erase()
        with self.assertRaises(UserError):
            request.with_user(self.manager).write({"state": "requested"})
        with self.assertRaises(UserError):
            request.unlink()
        with self.assertDatabaseRefuses(Exception):
            self.env.cr.execute("UPDATE referral_erasure_request SET reason = 'x'")
        with self.assertDatabaseRefuses(Exception):
            self.env.cr.execute("DELETE FROM referral_erasure_request")

    def test_two_open_requests_cannot_stand(self):
        request = self.env["referral.erasure.request"]._request(self.member, "portal")
        with self.assertDatabaseRefuses(Exception):
            request.copy()


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
        member = self.member.with_context(
            tracking_disable=False, mail_create_nolog=False, mail_notrack=False
        )
        member.write({"phone": PHONE, "category_id": [Command.create({"name": "Vip"})]})
        member.message_post(
            body=f"Spoke to {MARK}, {EMAIL}", message_type="comment"
        )
        lead = self.make_lead()
        lead.message_post(
            body=f"Brought by {MARK} ({EMAIL}, {PHONE})",
            partner_ids=self.member.ids,
            message_type="comment",
        )
        lead.with_user(self.portal).sudo().message_post(
            body=f"I am {MARK}", message_type="comment"
        )
        lead.activity_schedule(
            "mail.mail_activity_data_todo", summary=f"Call {EMAIL}"
        )
        own = self.env["crm.lead"].create(
            {
                "name": f"Question of {MARK}",
                "contact_name": MARK,
                "email_from": EMAIL,
                "phone": PHONE,
                "description": f"<p>{MARK} asks</p>",
                "partner_id": self.member.id,
            }
        )
        other = self.env["crm.lead"].with_context(tracking_disable=False)
        other = other.create({"name": "Another lead"})
        other.write({"referrer_id": self.member.id})
        self.flush_tracking()
        other.write({"referrer_id": self.inviter.id})
        self.flush_tracking()
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
        self.portal.signature = f"<p>{MARK}</p>"
        self.portal.login = EMAIL
        self.consents._agree(self.member, self.company, self.get_hash(), "portal")
        self.env["referral.erasure.request"]._request(self.member, "portal")
        return lead | own | other

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


@tagged("post_install", "-at_install")
class TestDataPage(PrivacyCase, PortalCase):
    def send(self, path, **values):
        values = {"csrf_token": http.Request.csrf_token(self), **values}
        return self.url_open(path, data=values)

    def test_a_member_is_asked_until_it_agrees(self):
        self.log_in()
        self.assertIn("We use your data.", self.get_page("/my/referral"))
        response = self.send("/my/referral/consent", consent=self.get_hash())
        self.assertNotIn("We use your data.", response.text)
        self.assertEqual(self.member.referral_consent_ids.method, "portal")
        self.assertNotIn("We use your data.", self.get_page("/my/referral"))

    def test_who_is_no_member_is_asked_for_nothing(self):
        self.log_in(self.stranger)
        self.assertNotIn("We use your data.", self.get_page("/my/referral/data"))

    def test_agreeing_to_words_that_changed_is_refused(self):
        self.log_in()
        response = self.send("/my/referral/consent", consent="0" * 64)
        self.assertIn("just been changed", response.text)
        self.assertFalse(self.member.referral_consent_ids)

    def test_posts_without_a_token_do_nothing(self):
        # threat P4
        self.log_in()
        for path in ("/my/referral/consent", "/my/referral/data/erase"):
            with mute_logger("odoo.http"):
                response = self.url_open(
                    path,
                    data={
                        "consent": self.get_hash(),
                        "password": "rd_portal",
                        "understood": "1",
                    },
                )
            self.assertEqual(response.status_code, 400)
            self.url_open(f"{path}?consent={self.get_hash()}&password=rd_portal")
        self.assertFalse(self.member.referral_consent_ids)
        self.assertFalse(self.member.referral_erasure_ids)

    def test_the_download_is_ones_own_data_and_nobody_elses(self):
        # threat P1
        lead = self.make_lead(
            contact_name="Secret Customer", email_from="secret@customer.cn"
        )
        self.inviter.name = "Hidden Inviter"
        self.inviter.email = "hidden@inviter.cn"
        self.env["res.partner"].create(
            {
                "name": "Invited Person",
                "member_state": "active",
                "inviter_id": self.member.id,
            }
        )
        self.assertTrue(lead)
        self.log_in()
        response = self.url_open("/my/referral/data/download")
        self.assertIn("attachment", response.headers["Content-Disposition"])
        self.assertEqual(response.headers["Cache-Control"], "no-store")
        data = json.loads(response.content.decode())
        self.assertEqual(data["contact"]["email"], EMAIL)
        self.assertEqual(data["membership"]["invited_by"], "H**")
        self.assertEqual(data["membership"]["people_invited"], 1)
        self.assertEqual(data["leads_brought"][0]["customer"], "S**")
        self.assertEqual(data["links"][0]["code"], self.link.code)
        for foreign in ("Secret", "secret@", "Hidden", "hidden@", "Invited Person"):
            self.assertNotIn(foreign, response.text)
        self.assertNotIn(self.other_link.code, response.text)

    def test_a_manager_downloads_for_who_wrote_a_letter(self):
        url = f"/referral/personal-data/{self.member.id}"
        self.log_in(self.manager)
        data = json.loads(self.url_open(url).content.decode())
        self.assertEqual(data["contact"]["name"], MARK)
        for user in (self.sales, self.finance, self.portal):
            self.log_in(user)
            with mute_logger("odoo.http"):
                self.assertEqual(self.url_open(url).status_code, 403)

    def test_erasure_is_asked_for_with_password_and_tick(self):
        self.log_in()
        path = "/my/referral/data/erase"
        response = self.send(path, password="wrong", understood="1")
        self.assertIn("not your password", response.text)
        response = self.send(path, password="rd_portal")
        self.assertIn("tick the box", response.text)
        self.assertFalse(self.member.referral_erasure_ids)
        response = self.send(path, password="rd_portal", understood="1")
        self.assertIn("You asked for erasure", response.text)
        self.assertEqual(self.member.referral_erasure_ids.state, "requested")
        self.assertEqual(self.member.email, EMAIL)

    def test_the_page_says_what_is_kept_and_why_a_wish_was_refused(self):
        self.env["referral.erasure.request"]._request(
            self.member, "portal"
        ).with_user(self.manager).action_refuse("An open claim")
        self.log_in()
        page = self.get_page("/my/referral/data")
        for text in ("What we keep", "Download my data", "An open claim"):
            self.assertIn(text, page)

    def test_a_session_ends_with_the_erasure(self):
        self.log_in()
        self.get_page("/my/referral/data")
        self.erase()
        response = self.url_open("/my/referral/data", allow_redirects=False)
        self.assertEqual(response.status_code, 303)
        self.assertIn("/web/login", response.headers["Location"])

    def test_closing_the_account_in_odoos_way_says_what_is_owed(self):
        lead = self.make_lead()
        lead.with_user(self.sales).action_referral_validate()
        self.log_in()
        response = self.send(
            "/my/deactivate_account", validation="rd_portal", password="rd_portal"
        )
        self.assertIn("cannot be closed yet", response.text)
        self.assertTrue(self.portal.active)
