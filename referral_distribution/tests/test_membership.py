from freezegun import freeze_time

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .common import ReferralCase

STEPS = {
    "action_referral_approve": (),
    "action_referral_refuse_membership": ("No room",),
    "action_referral_suspend": ("Spam",),
    "action_referral_leave": ("Moved away",),
}


@tagged("post_install", "-at_install")
class TestSteps(ReferralCase):
    """apply -> approve or refuse -> active -> suspended -> left (rules M1, M2)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.candidate = cls.make_member(
            "Candidate", member_state="candidate", email="candidate@example.com"
        )

    def step(self, partner, name, user=None):
        getattr(partner.with_user(user or self.manager), name)(*STEPS[name])

    def test_each_step_leads_where_it_should(self):
        for partner, name, state in (
            (self.candidate, "action_referral_approve", "active"),
            (self.candidate, "action_referral_suspend", "suspended"),
            (self.candidate, "action_referral_approve", "active"),
            (self.candidate, "action_referral_leave", "left"),
            (self.candidate, "action_referral_approve", "active"),
        ):
            with self.subTest(step=name):
                self.step(partner, name)
                self.assertEqual(partner.member_state, state)
        self.assertTrue(self.candidate.invite_code)
        self.assertTrue(self.candidate.member_since)

    def test_a_step_pressed_twice_is_taken_once(self):
        self.step(self.candidate, "action_referral_approve")
        since = self.candidate.member_since
        self.step(self.candidate, "action_referral_approve")
        self.assertEqual(self.candidate.member_since, since)
        self.assertEqual(len(self.candidate.invite_code_ids), 1)

    def test_what_is_no_way_is_refused(self):
        stranger = self.env["res.partner"].create({"name": "Stranger"})
        for partner, name in (
            (self.candidate, "action_referral_suspend"),
            (self.candidate, "action_referral_leave"),
            (self.member, "action_referral_refuse_membership"),
            (stranger, "action_referral_suspend"),
        ):
            before = partner.member_state
            with self.subTest(step=name), self.assertRaisesRegex(UserError, "cannot"):
                self.step(partner, name)
            self.assertEqual(partner.member_state, before)

    def test_bad_news_needs_a_reason(self):
        for name in ("action_referral_suspend", "action_referral_leave"):
            for reason in ("", "   ", False):
                with (
                    self.subTest(step=name),
                    self.assertRaisesRegex(UserError, "reason"),
                ):
                    getattr(self.member.with_user(self.manager), name)(reason)
        self.assertEqual(self.member.member_state, "active")

    def test_only_a_manager_decides(self):
        for name in STEPS:
            for user in (self.sales, self.finance, self.portal):
                with (
                    self.subTest(step=name, user=user.login),
                    self.assertRaises(AccessError),
                ):
                    self.step(self.candidate, name, user)

    def test_sales_may_propose_a_member_and_no_more(self):
        partners = self.env["res.partner"].with_user(self.sales)
        proposed = partners.create({"name": "P", "member_state": "candidate"})
        self.assertEqual(proposed.member_state, "candidate")
        for state in ("active", "suspended", "left"):
            with self.subTest(state=state), self.assertRaises(AccessError):
                partners.create({"name": "Q", "member_state": state})
            with self.subTest(state=state), self.assertRaises(AccessError):
                proposed.member_state = state

    def test_who_has_no_role_here_names_no_inviter(self):
        contact = self.env["res.partner"].create({"name": "Contact"})
        clerk = self.make_user_without_role()
        for values in ({"inviter_id": self.member.id}, {"member_state": "candidate"}):
            with self.subTest(values=values), self.assertRaises(AccessError):
                contact.with_user(clerk).write(values)

    def make_user_without_role(self):
        return self.env["res.users"].create(
            {
                "name": "Contacts only",
                "login": "rd_contacts",
                "group_ids": [
                    (4, self.env.ref("base.group_partner_manager").id),
                    (4, self.env.ref("base.group_user").id),
                ],
            }
        )

    def test_each_step_sends_its_mail(self):
        self.candidate.lang = "en_US"
        for name in (
            "action_referral_approve",
            "action_referral_suspend",
            "action_referral_approve",
            "action_referral_leave",
        ):
            self.step(self.candidate, name)
        mails = self.env["mail.mail"].search(
            [("recipient_ids", "in", self.candidate.ids)], order="id"
        )
        subjects = [mail.subject.split(" to ")[0] for mail in mails]
        self.assertEqual(
            subjects,
            [
                "Welcome",
                "Your membership is suspended",
                "Your membership is active again",
                "Your membership has ended",
            ],
        )
        self.assertIn("Spam", mails[1].body_html)

    def test_a_mail_speaks_the_members_language(self):
        self.candidate.lang = "zh_CN"
        self.step(self.candidate, "action_referral_approve")
        mail = self.env["mail.mail"].search(
            [("recipient_ids", "in", self.candidate.ids)]
        )
        self.assertRegex(mail.subject, "欢迎")


@tagged("post_install", "-at_install")
class TestJoining(ReferralCase):
    """Who joins with a code gets its owner as inviter (rules M2, M6)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.newcomer = cls.env["res.partner"].create({"name": "Newcomer"})
        cls.codes = cls.env["referral.invite.code"]
        cls.single = cls.codes.create(
            {"partner_id": cls.member.id, "kind": "single_use"}
        )

    def join(self, text, partner=None, **options):
        partner = partner or self.newcomer
        code = self.codes._find(text)
        return partner._referral_join(self.company, code, **options)

    def test_a_good_code_makes_its_owner_the_inviter(self):
        self.assertEqual(self.join(self.member.invite_code), "")
        self.assertRecordValues(
            self.newcomer,
            [{"inviter_id": self.member.id, "member_state": "active"}],
        )
        self.assertEqual(self.newcomer.referral_role, "member")
        self.assertEqual(self.newcomer.invite_depth, 3)

    def test_a_code_is_read_generously(self):
        code = self.member.invite_code
        for text in (
            code.lower(),
            f" {code[:4]}-{code[4:]} ",
            f"{code[:4]} {code[4:]}",
        ):
            with self.subTest(text=text):
                self.assertEqual(self.codes._find(text).code, code)
        for junk in ("", "  ", "\0", "邀请码", "x" * 10000, None, 7, ["A"], "' OR 1=1"):
            with self.subTest(junk=junk):
                self.assertFalse(self.codes._find(junk))

    def test_without_a_code_one_joins_without_an_inviter(self):
        self.assertEqual(self.newcomer._referral_join(self.company), "")
        self.assertEqual(self.newcomer.member_state, "active")
        self.assertFalse(self.newcomer.inviter_id)

    def test_a_bad_code_joins_without_relation_and_says_why(self):
        """Threat I5, and unknown, used, expired, withdrawn, foreign codes."""
        other = self.env["res.company"].create({"name": "Other"})
        codes = {}
        for name in ("suspended", "left", "archived", "foreign", "withdrawn"):
            codes[name] = self.make_member(name).invite_code
        people = {
            name: self.env["res.partner"].search([("invite_code", "=", code)])
            for name, code in codes.items()
        }
        people["suspended"].member_state = "suspended"
        people["left"].member_state = "left"
        people["archived"].active = False
        people["foreign"].company_id = other
        self.codes.search([("code", "=", codes["withdrawn"])]).active = False
        self.single._claim(self.customer)
        codes["used"] = self.single.code
        for name, values in (
            ("expired", {"date_expiry": "2020-01-01"}),
            ("elsewhere", {"company_id": other.id}),
        ):
            codes[name] = self.codes.create(
                {"partner_id": self.member.id, "kind": "single_use", **values}
            ).code
        codes["unknown"] = "ZZZZZZZZ"
        for name, code in codes.items():
            newcomer = self.env["res.partner"].create({"name": name})
            with self.subTest(code=name):
                self.assertTrue(self.join(code, newcomer))
                self.assertEqual(newcomer.member_state, "active")
                self.assertFalse(newcomer.inviter_id)

    def test_a_code_is_good_on_its_last_day_in_the_companys_time_zone(self):
        self.company.partner_id.tz = "Asia/Shanghai"
        self.single.date_expiry = "2026-05-31"
        with freeze_time("2026-05-31 15:59:00"):
            self.assertFalse(self.single._get_problem(self.company))
        with freeze_time("2026-05-31 16:00:00"):
            self.env.invalidate_all()
            self.assertIn("expired", self.single._get_problem(self.company))

    def test_a_single_use_code_is_used_once(self):
        self.assertEqual(self.join(self.single.code), "")
        self.assertEqual(self.single.used_by_id, self.newcomer)
        self.assertEqual(self.single.status, "used")
        second = self.env["res.partner"].create({"name": "Second"})
        self.assertIn("used already", self.join(self.single.code, second))
        with self.assertRaises(UserError):
            self.single._claim(second)

    def test_a_problem_found_late_does_not_use_up_the_code(self):
        self.newcomer.inviter_id = self.inviter
        self.assertIn("already", self.join(self.single.code))
        self.assertFalse(self.single.used_by_id)

    def test_ones_own_code_and_one_of_the_own_team_are_refused(self):
        self.assertIn("own", self.join(self.inviter.invite_code, self.inviter))
        root = self.grandparent
        self.assertIn("below you", self.join(self.member.invite_code, root))
        self.assertFalse(root.inviter_id)

    def test_an_existing_member_names_its_inviter_once(self):
        lonely = self.make_member("Lonely")
        self.make_member("Below", inviter_id=lonely.id)
        self.assertEqual(self.join(self.member.invite_code, lonely), "")
        self.assertEqual(lonely.invitee_ids.invite_depth, 4)
        self.assertIn("already", self.join(self.inviter.invite_code, lonely))
        self.assertEqual(lonely.inviter_id, self.member)

    def test_who_looks_like_the_inviter_waits_for_a_manager(self):
        """Threat I2: +tag mail, phone, company family, bank account."""
        firm = self.env["res.partner"].create({"name": "Firm", "is_company": True})
        self.member.write(
            {
                "email": "wei.wang@example.com",
                "phone": "+86 138 0013 8000",
                "parent_id": firm.id,
                "bank_ids": [(0, 0, {"acc_number": "6222 0200 1234"})],
            }
        )
        for what, values in {
            "e-mail": {"email": "Wei.Wang+2@example.com"},
            "phone": {"phone": "0138-0013-8000"},
            "company": {"parent_id": firm.id},
            "bank account": {"bank_ids": [(0, 0, {"acc_number": "622202001234"})]},
        }.items():
            twin = self.env["res.partner"].create({"name": what, **values})
            with self.subTest(what=what):
                self.join(self.member.invite_code, twin)
                self.assertEqual(twin.member_state, "candidate")
                self.assertIn(what, twin.member_reason)
                self.assertFalse(twin._earns_commission())
        other = self.env["res.partner"].create(
            {"name": "Other", "email": "wei.wang@other.example.com", "phone": "110"}
        )
        self.join(self.member.invite_code, other)
        self.assertEqual(other.member_state, "active")

    def test_a_member_who_looks_like_the_owner_names_no_inviter_alone(self):
        """Threat I2, for who joined without a code first."""
        self.member.email = "wei.wang@example.com"
        twin = self.make_member("Twin", email="Wei.Wang+2@example.com")
        self.assertIn("same person", self.join(self.member.invite_code, twin))
        self.assertFalse(twin.inviter_id)
        self.assertEqual(twin.member_state, "active")

    def test_where_the_company_wants_so_a_newcomer_waits(self):
        self.company.referral_join_approval = True
        self.join(self.member.invite_code)
        self.assertEqual(self.newcomer.member_state, "candidate")

    def test_who_applies_waits_and_a_suspended_member_is_told(self):
        self.join(self.member.invite_code, apply=True)
        self.assertEqual(self.newcomer.member_state, "candidate")
        self.member.member_state = "suspended"
        with self.assertRaisesRegex(UserError, "suspended"):
            self.join(self.inviter.invite_code, self.member)

    def test_a_leaked_personal_code_is_replaced(self):
        leaked = self.member.invite_code_ids.filtered(lambda c: c.kind == "personal")
        with self.assertRaises(AccessError):
            leaked.with_user(self.sales).action_regenerate()
        leaked.with_user(self.manager).action_regenerate()
        self.assertEqual(leaked.status, "withdrawn")
        self.assertNotEqual(self.member.invite_code, leaked.code)
        self.assertIn("no longer in use", self.join(leaked.code))
        for code in (leaked, self.single):
            with self.assertRaises(UserError):
                code.with_user(self.manager).action_regenerate()

    def test_whose_only_personal_code_was_withdrawn_gets_one_again(self):
        code = self.member.invite_code_ids.filtered(lambda c: c.kind == "personal")
        code.with_user(self.manager).action_withdraw()
        self.assertFalse(self.member.invite_code)
        code.with_user(self.manager).action_regenerate()
        self.assertTrue(self.member.invite_code)
        self.assertNotEqual(self.member.invite_code, code.code)

    def test_statuses_are_found_by_search_as_they_are_shown(self):
        self.single._claim(self.customer)
        self.codes.create(
            {
                "partner_id": self.inviter.id,
                "kind": "single_use",
                "date_expiry": "2020-01-01",
            }
        )
        self.grandparent.member_state = "suspended"
        self.inviter.invite_code_ids[-1:].active = False
        codes = self.codes.with_context(active_test=False).search([])
        for status in ("usable", "used", "expired", "withdrawn", "suspended"):
            with self.subTest(status=status):
                found = codes.search([("status", "=", status)])
                self.assertEqual(list(found), [c for c in codes if c.status == status])
                self.assertTrue(found)

    def test_the_database_refuses_a_used_up_personal_code(self):
        with self.assertDatabaseRefuses():
            self.env.cr.execute(
                "UPDATE referral_invite_code SET used_by_id = partner_id,"
                " used_at = now() WHERE kind = 'personal'"
            )
