import inspect
import math

from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from odoo.addons.referral_distribution.models.referral_api import LIMITS

from .common import ReferralCase

FIELDS = {
    "member_id": int,
    "state": str,
    "created": bool,
    "invite_code": str,
    "signup_url": str,
    "inviter_id": int,
    "problem": str,
}


class ApiCase(ReferralCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.site = cls.make_user("rd_site", "integration")
        cls.site.lang = "en_US"
        cls.api = cls.env["referral.api"].with_user(cls.site)
        cls.open_sign_up("b2c")

    @classmethod
    def open_sign_up(cls, scope):
        """Say who may sign up, wherever the installed addons look for it."""
        parameters = cls.env["ir.config_parameter"].sudo()
        parameters.set_param("auth_signup.invitation_scope", scope)
        if "website" in cls.env:
            cls.env["website"].sudo().search([]).auth_signup_uninvited = scope

    def register(self, key="key", name="Newcomer", api=None, **values):
        """Register somebody, with an e-mail of that key unless told otherwise."""
        values.setdefault("email", f"{key}@example.com")
        api = self.api if api is None else api
        return api.register_member(name, idempotency_key=key, **values)

    def member_of(self, answer):
        return self.env["res.partner"].browse(answer["member_id"])

    def count(self):
        self.env.flush_all()
        self.env.cr.execute(
            "SELECT (SELECT count(*) FROM res_partner),"
            " (SELECT count(*) FROM referral_api_request),"
            " (SELECT count(*) FROM referral_invite_code),"
            " (SELECT count(*) FROM referral_external_ref)"
        )
        return self.env.cr.fetchone()

    def assertRefused(self, message, **values):
        before = self.count()
        with self.assertRaisesRegex(UserError, message), self.env.cr.savepoint():
            self.register(**values)
        self.assertEqual(self.count(), before, "something was written")


@tagged("post_install", "-at_install")
class TestRegisterMember(ApiCase):
    """An outside site registers members (rules M1, M2, M6, X3)."""

    def test_a_newcomer_becomes_a_member_below_the_codes_owner(self):
        answer = self.register(
            phone="13800138000",
            lang="zh_CN",
            invite_code=self.member.invite_code,
            external_ref="user-1",
        )
        member = self.member_of(answer)
        self.assertRecordValues(
            member,
            [
                {
                    "name": "Newcomer",
                    "email": "key@example.com",
                    "phone_sanitized": "+8613800138000",
                    "lang": "zh_CN",
                    "member_state": "active",
                    "inviter_id": self.member.id,
                    "referral_role": "member",
                }
            ],
        )
        self.assertEqual(
            answer,
            {
                "member_id": member.id,
                "state": "active",
                "created": True,
                "invite_code": member.invite_code,
                "signup_url": member.invite_code_ids.signup_url,
                "inviter_id": self.member.id,
                "problem": "",
            },
        )
        for name, kind in FIELDS.items():
            self.assertIsInstance(answer[name], kind)

    def test_a_bad_code_registers_without_relation_and_says_why(self):
        answer = self.register(invite_code="ZZZZZZZZ")
        self.assertEqual(answer["state"], "active")
        self.assertIsNone(answer["inviter_id"])
        self.assertIn("no such invite code", answer["problem"])

    def test_where_sign_up_is_by_invitation_a_good_code_is_needed(self):
        self.open_sign_up("b2b")
        used = self.env["referral.invite.code"].create(
            {"partner_id": self.member.id, "kind": "single_use"}
        )
        used._claim(self.customer)
        self.assertRefused("by invitation only")
        self.assertRefused("no such invite code", invite_code="ZZZZZZZZ")
        self.assertRefused("used already", invite_code=used.code)
        answer = self.register(invite_code=self.member.invite_code)
        self.assertEqual(answer["inviter_id"], self.member.id)

    def test_a_single_use_code_admits_one(self):
        code = self.env["referral.invite.code"].create(
            {"partner_id": self.member.id, "kind": "single_use"}
        )
        first = self.register("one", invite_code=code.code)
        second = self.register("two", invite_code=code.code)
        self.assertEqual(code.used_by_id.id, first["member_id"])
        self.assertIsNone(second["inviter_id"])
        self.assertIn("used already", second["problem"])

    def test_nobody_takes_over_a_contact_by_its_e_mail_or_phone(self):
        self.member.write({"email": "Ann <ann@example.com>", "phone": "13800138000"})
        for key, values, what in (
            ("mail", {"email": "ANN@example.com"}, "e-mail"),
            ("phone", {"phone": "+86 138-0013-8000"}, "phone"),
            ("archived", {"email": "old@example.com"}, "e-mail"),
        ):
            if key == "archived":
                self.env["res.partner"].create(
                    {"name": "Old", "email": "old@example.com", "active": False}
                )
            with self.subTest(key):
                before = self.member.read()
                answer = self.register(key, **values)
                newcomer = self.member_of(answer)
                self.assertNotEqual(newcomer, self.member)
                self.assertTrue(answer["created"])
                self.assertEqual(answer["state"], "candidate")
                self.assertIsNone(answer["invite_code"])
                self.assertIn(what, newcomer.member_reason)
                self.assertEqual(self.member.read(), before)

    def test_a_known_reference_finds_its_member_and_changes_nothing(self):
        first = self.register("one", external_ref="user-1")
        again = self.register(
            "two", name="Somebody else", email="new@example.com", external_ref="user-1"
        )
        self.assertEqual(again, {**first, "created": False})
        self.assertEqual(self.member_of(first).name, "Newcomer")

    def test_a_known_member_may_name_its_inviter_once(self):
        self.register("one", external_ref="user-1")
        named = self.register(
            "two", external_ref="user-1", invite_code=self.member.invite_code
        )
        self.assertEqual(named["inviter_id"], self.member.id)
        again = self.register(
            "three", external_ref="user-1", invite_code=self.inviter.invite_code
        )
        self.assertEqual(again["inviter_id"], self.member.id)
        self.assertIn("already", again["problem"])

    def test_who_was_suspended_or_left_does_not_come_back_by_registering(self):
        answer = self.register("one", external_ref="user-1")
        for state in ("suspended", "left"):
            self.member_of(answer).member_state = state
            with self.subTest(state):
                again = self.register(state, external_ref="user-1")
                self.assertEqual(again["state"], state)
                self.assertEqual(self.member_of(answer).member_state, state)

    def test_the_same_reference_is_another_person_in_another_company(self):
        other = self.env["res.company"].create({"name": "Other"})
        other_site = self.make_user(
            "rd_site_2", "integration", company_id=other.id, company_ids=[other.id]
        )
        first = self.register("one", external_ref="user-1")
        second = self.register(
            "two", external_ref="user-1", api=self.api.with_user(other_site)
        )
        self.assertNotEqual(first["member_id"], second["member_id"])

    def test_a_company_that_is_not_the_users_is_not_believed(self):
        other = self.env["res.company"].create({"name": "Other"})
        api = self.api.with_context(allowed_company_ids=other.ids)
        with self.assertRaises(AccessError):
            self.register(api=api)

    def test_junk_in_the_context_is_dropped(self):
        api = self.api.with_context(
            default_member_state="suspended", default_inviter_id=self.member.id
        )
        answer = self.register(api=api)
        self.assertEqual(answer["state"], "active")
        self.assertIsNone(answer["inviter_id"])

    def test_bad_input_is_refused_and_nothing_is_written(self):
        """Threat W6's kind of junk."""
        junk = (7, 1.5, math.nan, math.inf, True, [], ["a"], {}, {"a": 1}, b"a")
        texts = ("a\x00b", "a\nb", "\x7f", "\u2028", "\ud800", "x" * 10000)
        for argument in LIMITS:
            for value in junk + texts:
                if isinstance(value, bytes):
                    continue  # JSON has none
                with self.subTest(argument=argument, value=repr(value)[:20]):
                    self.assertRefused(argument, **{argument: value})
        for name in ("", "   ", None):
            self.assertRefused("name", name=name)

    def test_addresses_numbers_and_languages_are_real(self):
        for values, message in (
            ({"email": "no address"}, "no e-mail address"),
            ({"email": "a@b@example.com"}, "no e-mail address"),
            ({"email": "a@example.com, b@example.com"}, "no e-mail address"),
            ({"phone": "12"}, "no phone number"),
            ({"phone": "call me"}, "no phone number"),
            ({"lang": "xx_XX"}, "no language of this site"),
            ({"email": None, "phone": None}, "at least"),
        ):
            with self.subTest(**values):
                self.assertRefused(message, **values)

    def test_a_message_is_in_the_callers_language(self):
        api = self.api.with_context(lang="zh_CN")
        with self.assertRaisesRegex(UserError, "[\u4e00-\u9fff]"):
            self.register(api=api, email="no address")

    def test_other_roles_are_refused(self):
        for user in (
            self.sales,
            self.finance,
            self.manager,
            self.clerk,
            self.portal,
            self.env.ref("base.public_user"),
        ):
            with self.subTest(user.login), self.assertRaises(AccessError):
                self.register(api=self.api.with_user(user))

    def test_each_argument_is_explained(self):
        """Odoo's /doc page shows the docstring."""
        method = type(self.api).register_member
        for name, parameter in list(inspect.signature(method).parameters.items())[1:]:
            self.assertIn(f":param str {name}:", method.__doc__)
            self.assertIsNot(parameter.annotation, parameter.empty)
        for name in FIELDS:
            self.assertIn(f'"{name}"', method.__doc__)


@tagged("post_install", "-at_install")
class TestIdempotency(ApiCase):
    """Same key and same input: same answer; other input: refused (W4, W5)."""

    def test_a_request_that_is_repeated_is_done_once(self):
        first = self.register(invite_code=self.member.invite_code)
        before = self.count()
        self.assertEqual(self.register(invite_code=self.member.invite_code), first)
        self.assertEqual(self.count(), before)

    def test_the_answer_stays_the_first_one(self):
        first = self.register()
        self.member_of(first).member_state = "suspended"
        self.assertEqual(self.register(), first)

    def test_the_same_key_with_other_input_is_refused(self):
        self.register()
        self.assertRefused("other content", name="Somebody else")

    def test_keys_of_two_sites_are_their_own(self):
        other = self.make_user("rd_site_2", "integration")
        first = self.register()
        second = self.register(email="two@example.com", api=self.api.with_user(other))
        self.assertNotEqual(first["member_id"], second["member_id"])

    def test_a_key_is_required_and_is_a_short_line(self):
        for key in (None, "", "  ", 7, True, ["k"], "x" * 129, "a\nb", "a\x00"):
            with self.subTest(key=repr(key)[:10]):
                self.assertRefused("idempotency_key", key=key, email="a@example.com")

    def test_a_refused_request_may_be_corrected_under_its_key(self):
        self.assertRefused("no e-mail address", email="no address")
        self.assertTrue(self.register()["created"])

    def test_the_database_refuses_to_change_an_answer(self):
        self.register()
        for statement in (
            "UPDATE referral_api_request SET response = '{}'",
            "DELETE FROM referral_api_request",
            "TRUNCATE referral_api_request",
        ):
            with (
                self.subTest(statement),
                mute_logger("odoo.sql_db"),
                self.assertRaisesRegex(Exception, "never changed"),
                self.env.cr.savepoint(),
            ):
                self.env.cr.execute(statement)

    def test_after_90_days_a_key_is_forgotten(self):
        self.register("new")
        self.env.cr.execute(
            "INSERT INTO referral_api_request (key, method, user_id, company_id,"
            " input_hash, response, requested_at) VALUES ('old', 'm', %s, %s, 'h',"
            " '{}', (now() AT TIME ZONE 'UTC') - interval '91 days')",
            (self.site.id, self.company.id),
        )
        requests = self.env["referral.api.request"]
        requests._gc_requests()
        self.assertEqual(requests.search([]).mapped("key"), ["new"])

    def test_managers_read_what_was_asked_and_nobody_writes_it(self):
        self.register()
        request = self.env["referral.api.request"].search([])
        self.assertIn('"created": true', request.with_user(self.manager).answer)
        for user in (self.sales, self.site, self.portal):
            with self.subTest(user.login), self.assertRaises(AccessError):
                request.with_user(user).read(["response"])
        for user in (self.manager, self.site):
            with self.subTest(user.login), self.assertRaises(AccessError):
                request.with_user(user).write({"key": "x"})

    def test_answers_hold_no_personal_data(self):
        """What is kept for 90 days and cannot be changed cannot be erased."""
        self.register(name="Very Personal", phone="13800138000", external_ref="user-1")
        request = self.env["referral.api.request"].search([])
        for text in ("Personal", "138", "key@example.com", "user-1"):
            self.assertNotIn(text, request.answer)


@tagged("post_install", "-at_install")
class TestExternalReference(ApiCase):
    def test_managers_keep_references_and_others_read_them(self):
        refs = self.env["referral.external.ref"]
        ref = refs.with_user(self.manager).create(
            {"partner_id": self.customer.id, "ref": "user-9"}
        )
        self.assertEqual(ref.with_user(self.sales).ref, "user-9")
        with self.assertRaises(AccessError):
            ref.with_user(self.sales).ref = "other"
        found = self.register(external_ref="user-9")
        self.assertEqual(found["member_id"], self.customer.id)
        self.assertEqual(found["state"], "candidate")

    def test_employees_without_a_role_still_read_contacts(self):
        staff = new_test_user(self.env, "rd_staff", groups="base.group_user")
        member = self.member_of(self.register(external_ref="user-1"))
        names = [
            name
            for name, field in member._fields.items()
            if member.with_user(staff)._has_field_access(field, "read")
        ]
        self.assertNotIn("referral_external_ref_ids", names)
