import json

from odoo import http
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import ReferralCase
from .test_portal import PortalCase
from .test_signup import SignupCase

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
        english = self.texts._get_shown(company, "en_US")["body"]
        chinese = self.texts._get_shown(company, "zh_CN")["body"]
        self.assertIn("Fresh Ltd", english)
        self.assertIn("Fresh Ltd", chinese)
        self.assertNotEqual(english, chinese)


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
        self.env["referral.erasure.request"]._request(self.member, "portal").with_user(
            self.manager
        ).action_refuse("An open claim")
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


@tagged("post_install", "-at_install")
class TestSignupConsent(PrivacyCase, SignupCase):
    def test_no_account_is_made_without_consent(self):
        page = self.sign_up(name="Kept Name").text
        self.assertIn("tick the box to agree", page)
        self.assertIn("Kept Name", page)
        self.assertIn("We use your data.", page)
        self.assertFalse(self.find_user())

    def test_who_ticks_is_a_member_whose_consent_is_kept(self):
        self.sign_up(consent=self.get_hash())
        consent = self.find_partner().referral_consent_ids
        self.assertRecordValues(
            consent, [{"method": "signup", "company_id": self.company.id}]
        )
        self.assertEqual(consent.body, "We use your data.")

    def test_a_forged_consent_makes_no_account(self):
        self.assertIn("just been changed", self.sign_up(consent="1").text)
        self.assertFalse(self.find_user())

    def test_a_company_without_text_asks_nobody_to_tick(self):
        self.company.referral_consent_text = False
        self.sign_up()
        self.assertTrue(self.find_user())
        self.assertFalse(self.find_partner().referral_consent_ids)
