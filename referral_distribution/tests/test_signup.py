from urllib.parse import quote

from odoo import http
from odoo.fields import Datetime
from odoo.tests import TransactionCase, tagged
from odoo.tools import mute_logger

from ..models.res_users_signup import SignUp
from .test_portal import PortalCase

NEW = "newcomer@example.com"
PASSWORD = "a-long-password"


class SignupCase(PortalCase):
    """A visitor without account, on a site where anybody may sign up."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.set_scope("b2c")
        cls.member.name = "Mary Member"
        cls.code = cls.member.invite_code_ids
        cls.codes = cls.env["referral.invite.code"]

    @classmethod
    def set_scope(cls, scope):
        """Odoo's own setting: "b2c" is open, "b2b" on invitation."""
        parameters = cls.env["ir.config_parameter"].sudo()
        parameters.set_param("auth_signup.invitation_scope", scope)
        for website in cls.env["website"].search([]) if "website" in cls.env else ():
            website.auth_signup_uninvited = scope

    def sign_up(self, invite="", login=NEW, **values):
        self.authenticate(None, None)
        values = {
            "csrf_token": http.Request.csrf_token(self),
            "name": "New Comer",
            "login": login,
            "password": PASSWORD,
            "confirm_password": PASSWORD,
            "invite": invite,
            **values,
        }
        with mute_logger("odoo.addons.auth_signup.controllers.main"):
            return self.url_open("/web/signup", data=values)

    def find_user(self, login=NEW):
        self.env.invalidate_all()
        users = self.env["res.users"].with_context(active_test=False)
        return users.search([("login", "=", login)])

    def find_partner(self, login=NEW):
        return self.find_user(login).partner_id

    def make_bad_codes(self):
        """Return ``{text: the sentence the visitor reads}``, one per kind of bad."""
        expired = self.codes.create(
            {
                "partner_id": self.member.id,
                "kind": "single_use",
                "date_expiry": "2020-01-31",
            }
        )
        used = self.codes.create({"partner_id": self.member.id, "kind": "single_use"})
        used.write({"used_by_id": self.inviter.id, "used_at": Datetime.now()})
        withdrawn = self.codes.create(
            {"partner_id": self.member.id, "kind": "single_use", "active": False}
        )
        elsewhere = self.env["res.company"].create({"name": "Elsewhere"})
        foreign = self.codes.create(
            {
                "partner_id": self.member.id,
                "kind": "single_use",
                "company_id": elsewhere.id,
            }
        )
        owners = {
            "suspended": self.make_member("Suspended", member_state="active"),
            "archived": self.make_member("Archived"),
            "foreign": self.make_member("Foreign", company_id=elsewhere.id),
        }
        codes = {name: owner.invite_code for name, owner in owners.items()}
        owners["suspended"].member_state = "suspended"
        owners["archived"].active = False
        return {
            "NOSUCHXX": "There is no such invite code",
            expired.code: "This invite code expired on",
            used.code: "This invite code was used already",
            withdrawn.code: "no longer in use",
            foreign.code: "no longer in use",
            codes["suspended"]: "no longer in use",
            codes["archived"]: "no longer in use",
            codes["foreign"]: "no longer in use",
        }


@tagged("post_install", "-at_install")
class TestOpenSignup(SignupCase):
    def test_who_signs_up_with_a_code_gets_its_owner_as_inviter(self):
        # rules M2, M6
        response = self.sign_up(f" {self.code.code[:4]}-{self.code.code[4:].lower()} ")
        self.assertTrue(response.url.endswith("/my/referral"), response.url)
        self.assertIn("New Comer", response.text)
        partner = self.find_partner()
        self.assertRecordValues(
            partner,
            [{"inviter_id": self.member.id, "member_state": "active", "email": NEW}],
        )
        self.assertTrue(partner.invite_code)
        self.assertEqual(partner.grade_id.referral_role, "member")
        self.assertEqual(self.find_user().company_id, self.company)
        self.assertNotIn("Who invited you", response.text)

    def test_who_signs_up_without_code_is_a_member_without_inviter(self):
        # rule M6
        response = self.sign_up()
        self.assertTrue(response.url.endswith("/my/referral"), response.url)
        partner = self.find_partner()
        self.assertEqual(partner.member_state, "active")
        self.assertFalse(partner.inviter_id)
        self.assertNotIn("does not work", " ".join(response.text.split()))

    def test_a_bad_code_makes_the_account_and_says_what_was_wrong(self):
        # rule M6, threat I5
        for number, (text, sentence) in enumerate(self.make_bad_codes().items()):
            login = f"newcomer{number}@example.com"
            with self.subTest(sentence=sentence, code=text):
                response = self.sign_up(text, login=login)
                page = " ".join(response.text.split())
                self.assertTrue(response.url.endswith("/my/referral"), response.url)
                self.assertIn(sentence, page)
                self.assertIn("the code you signed up with does not work", page)
                self.assertIn(f'value="{text}"', page)
                partner = self.find_partner(login)
                self.assertEqual(partner.member_state, "active")
                self.assertFalse(partner.inviter_id)

    def test_extra_fields_of_the_form_are_ignored(self):
        # threat I4
        self.sign_up(
            inviter_id=self.grandparent.id,
            group_ids=self.env.ref("base.group_system").id,
            groups_id=self.env.ref("base.group_system").id,
            sel_groups_1=self.env.ref("base.group_system").id,
            member_state="left",
            grade_id=self.env.ref("referral_distribution.res_partner_grade_agent").id,
            points="1000",
            partner_id=self.inviter.id,
            company_id="99",
            active="0",
            referral_signup="1",
            referral_gate="1",
        )
        user = self.find_user()
        partner = user.partner_id
        self.assertEqual(len(user), 1)
        self.assertTrue(user.has_group("base.group_portal"))
        self.assertFalse(user.has_group("base.group_user"))
        self.assertFalse(partner.inviter_id)
        self.assertNotEqual(partner, self.inviter)
        self.assertEqual(partner.member_state, "active")
        self.assertEqual(partner.grade_id.referral_role, "member")

    def test_signing_up_orders_and_bills_nothing(self):
        # rule M7
        models = ("sale.order", "account.move", "account.payment")
        before = [self.count(model) for model in models]
        self.sign_up(self.code.code)
        self.assertTrue(self.find_user())
        self.assertEqual([self.count(model) for model in models], before)

    def test_where_a_manager_approves_the_newcomer_waits(self):
        # rule M1
        self.company.referral_join_approval = True
        response = self.sign_up(self.code.code)
        partner = self.find_partner()
        self.assertEqual(partner.member_state, "candidate")
        self.assertEqual(partner.inviter_id, self.member)
        self.assertIn("Thank you for applying", response.text)

    def test_a_single_use_code_admits_one(self):
        # rule M6
        code = self.codes.create({"partner_id": self.member.id, "kind": "single_use"})
        self.sign_up(code.code)
        self.sign_up(code.code, login="second@example.com")
        self.assertEqual(self.find_partner().inviter_id, self.member)
        self.assertEqual(code.used_by_id, self.find_partner())
        self.assertFalse(self.find_partner("second@example.com").inviter_id)

    def test_a_failed_sign_up_uses_no_code_up(self):
        # rule M6
        code = self.codes.create({"partner_id": self.member.id, "kind": "single_use"})
        response = self.sign_up(code.code, confirm_password="something else")
        self.assertIn("Passwords do not match", response.text)
        self.assertIn(f'value="{code.code}"', response.text)
        response = self.sign_up(code.code, login=self.portal.login)
        self.assertIn("already registered", response.text)
        self.assertEqual(code.status, "usable")

    @mute_logger("odoo.http")
    def test_the_form_needs_its_token(self):
        # threat P4
        response = self.sign_up(self.code.code, csrf_token="wrong")
        self.assertEqual(response.status_code, 400)
        self.assertFalse(self.find_user())

    def test_the_form_tells_who_invites_and_no_more(self):
        # rule M2, threat P1
        self.member.write({"email": "m@private.example", "phone": "13800138000"})
        self.authenticate(None, None)
        page = self.get_page(f"/web/signup?invite={self.code.code}")
        self.assertIn(f'value="{self.code.code}"', page)
        self.assertIn(">M**<", page)
        for secret in ("Mary", "private.example", "13800138000"):
            self.assertNotIn(secret, page)

    def test_the_form_tells_what_is_wrong_with_a_code(self):
        # rule M6
        self.authenticate(None, None)
        for text, sentence in self.make_bad_codes().items():
            with self.subTest(sentence=sentence, code=text):
                page = self.get_page(f"/web/signup?invite={quote(text)}")
                self.assertIn(sentence, page)
                self.assertIn("You can also sign up without a code", page)

    def test_junk_as_code_is_a_bad_code(self):
        # threats P5, P6
        self.authenticate(None, None)
        script = "<script>alert(1)</script>"
        for junk in ("%00", "%ff%fe", "x" * 5000, quote(script), "a&b=c", "%25s"):
            self.assertNotIn(script, self.get_page(f"/web/signup?invite={junk}"))
        response = self.sign_up("\0" + script * 9)
        self.assertEqual(response.status_code, 200)
        self.assertNotIn(script, response.text)
        self.assertEqual(self.find_partner().member_state, "active")

    def test_a_code_is_checked_before_the_form_is_sent(self):
        # rule M6
        self.authenticate(None, None)
        check = "/referral/invite/check"
        answer = self.make_jsonrpc_request(check, {"invite": self.code.code.lower()})
        self.assertEqual(answer, {"invite_owner": "M**", "invite_problem": ""})
        for junk in ("NOSUCHXX", None, 7, ["x"], {"a": 1}, "\0", "x" * 5000):
            answer = self.make_jsonrpc_request(check, {"invite": junk})
            self.assertEqual(answer["invite_owner"], "")
            self.assertIn("There is no such invite code", answer["invite_problem"])

    def test_the_form_says_at_once_whose_a_typed_code_is(self):
        # rule M6
        type_codes = """
            const says = document.querySelector("#invite_says");
            const input = document.querySelector("#invite");
            const shown = () => says.innerText.trim();
            const type = (text, expected) => new Promise((resolve) => {
                const timer = setInterval(() => {
                    if (shown().includes(expected)) {
                        clearInterval(timer);
                        return resolve();
                    }
                    if (input.value !== text) {
                        input.value = text;
                    }
                    input.dispatchEvent(new Event("change", { bubbles: true }));
                }, 200);
            });
            type("NOSUCHXX", "There is no such invite code")
                .then(() => type("%s", "M**"))
                .then(() => type("", "If a member told you"))
                .then(() => console.log("test successful"));
        """
        self.browser_js("/web/signup", type_codes % self.code.code)

    def test_who_is_logged_in_is_led_to_the_own_page_with_the_code(self):
        # rule M2
        self.log_in(self.stranger)
        page = self.url_open(f"/web/signup?invite={self.code.code}")
        self.assertIn("/my/referral?invite=", page.url)
        self.assertIn("Apply to become a member", page.text)
        self.assertIn(f'value="{self.code.code}"', page.text)

    def test_odoos_own_invitation_may_carry_a_code(self):
        # rule M6
        self.set_scope("b2b")
        for code, state in ((self.code.code, "active"), ("", False)):
            with self.subTest(code=code):
                customer = self.env["res.partner"].create(
                    {"name": "Customer", "email": f"customer{code}@example.com"}
                )
                customer.signup_prepare()
                token = customer._generate_signup_token()
                login = f"customer{code}@example.com"
                self.sign_up(code, login=login, token=token)
                self.assertEqual(self.find_partner(login), customer)
                self.assertEqual(customer.member_state, state)
                self.assertEqual(bool(customer.inviter_id), bool(code))

    def test_a_suspended_contact_gets_an_account_and_stays_suspended(self):
        # rule M1
        suspended = self.make_member("Sue Suspended")
        suspended.member_state = "suspended"
        suspended.signup_prepare()
        token = suspended._generate_signup_token()
        response = self.sign_up(self.code.code, token=token)
        self.assertEqual(self.find_partner(), suspended)
        self.assertEqual(suspended.member_state, "suspended")
        self.assertIn("Your membership is suspended", response.text)

    def test_a_new_password_makes_nobody_a_member(self):
        # rule M2: not even where the link makes an account
        for partner in (
            self.stranger.partner_id,
            self.env["res.partner"].create({"name": "No Account"}),
        ):
            partner.signup_prepare(signup_type="reset")
            self.authenticate(None, None)
            self.url_open(
                "/web/reset_password",
                data={
                    "csrf_token": http.Request.csrf_token(self),
                    "token": partner._generate_signup_token(),
                    "login": NEW,
                    "password": PASSWORD,
                    "confirm_password": PASSWORD,
                    "invite": self.code.code,
                },
            )
            self.env.invalidate_all()
            self.assertFalse(partner.member_state or partner.inviter_id)


@tagged("post_install", "-at_install")
class TestSignupOnInvitation(SignupCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.set_scope("b2b")

    def test_a_good_code_opens_the_door(self):
        # rule M6
        self.sign_up(self.code.code)
        partner = self.find_partner()
        self.assertEqual(partner.member_state, "active")
        self.assertEqual(partner.inviter_id, self.member)
        self.assertTrue(self.find_user().has_group("base.group_portal"))

    def test_without_a_good_code_nothing_is_made(self):
        # rule M6, threat I5
        before = self.count("res.partner")
        bad = {**self.make_bad_codes(), "": "Signing up takes an invite code"}
        before = self.count("res.partner")
        for text, sentence in bad.items():
            with self.subTest(sentence=sentence, code=text):
                response = self.sign_up(text)
                self.assertEqual(response.status_code, 200)
                self.assertEqual(response.text.count(sentence), 1)
                self.assertFalse(self.find_user())
                for kept in ("New Comer", NEW, text):
                    self.assertIn(f'value="{kept}"', response.text)
        self.assertEqual(self.count("res.partner"), before)

    def test_the_form_asks_for_the_code_and_the_login_page_leads_to_it(self):
        # rule M6
        self.authenticate(None, None)
        page = self.get_page("/web/signup")
        field = page[page.index('name="invite"') :][:400]
        self.assertIn('required="required"', field)
        self.assertNotIn("(optional)", page)
        self.assertIn('href="/web/signup', self.get_page("/web/login"))

    def test_a_single_use_code_admits_one_account(self):
        # rule M6
        code = self.codes.create({"partner_id": self.member.id, "kind": "single_use"})
        self.sign_up(code.code)
        response = self.sign_up(code.code, login="second@example.com")
        self.assertIn("was used already", response.text)
        self.assertTrue(self.find_user())
        self.assertFalse(self.find_user("second@example.com"))

    def test_a_context_from_outside_opens_nothing(self):
        # threat I4
        users = self.env["res.users"].sudo()
        for value in (1, True, {"invite": "x"}, "SignUp"):
            forged = users.with_context(referral_gate=value, referral_signup=value)
            self.assertEqual(forged._get_signup_invitation_scope(), "b2b")
            self.assertTrue(forged._referral_is_invite_only())


@tagged("post_install", "-at_install")
class TestSignupRollback(TransactionCase):
    def test_a_code_lost_at_the_last_moment_leaves_no_account(self):
        # threat I3: the code was good when it was looked at, and gone when claimed
        owner = self.env["res.partner"].create(
            {"name": "Owner", "member_state": "active"}
        )
        users = self.env["res.users"].sudo()
        self.patch(type(users), "_referral_is_invite_only", lambda self: True)
        self.patch(
            type(users), "_post_referral_signup", lambda self, *args: "Used already"
        )
        signup = SignUp(invite=owner.invite_code)
        values = {"login": NEW, "name": "New", "password": PASSWORD, "email": NEW}
        with self.assertRaisesRegex(Exception, "Used already"):
            users.with_context(referral_signup=signup)._signup_create_user(values)
        self.assertFalse(users.search_count([("login", "=", NEW)]))
