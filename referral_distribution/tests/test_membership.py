import psycopg2
from freezegun import freeze_time

from odoo.exceptions import AccessError, UserError
from odoo.fields import Date
from odoo.tests import tagged
from odoo.tools import mute_logger

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
