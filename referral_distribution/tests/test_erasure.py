import json

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from ..models import gate
from .test_privacy import EMAIL, MARK, PrivacyCase


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

    def test_own_addresses_go_too(self):
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

    def test_the_people_of_a_company_stay(self):
        company = self.make_member("Agency", is_company=True)
        clerk = self.env["res.partner"].create(
            {"name": "Its clerk", "parent_id": company.id}
        )
        self.erase(company)
        self.assertEqual(clerk.name, "Its clerk")

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

    def test_an_open_request_is_decided_by_its_buttons_only(self):
        requests = self.env["referral.erasure.request"]
        request = requests._request(self.member, "portal").with_env(self.env)
        with self.assertRaisesRegex(UserError, "buttons"):
            request.write({"reason": "Slipped in"})
        with self.assertRaisesRegex(UserError, "buttons"):
            requests.create({"partner_id": self.inviter.id, "origin": "portal"})

    def test_two_open_requests_cannot_stand(self):
        request = self.env["referral.erasure.request"]._request(self.member, "portal")
        with self.assertDatabaseRefuses(Exception):
            request.copy()
