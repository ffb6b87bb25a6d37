from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, tagged

from .common import ReferralCase


@tagged("post_install", "-at_install")
class TestJoinWizard(ReferralCase):
    """Contacts become members in the back office (rules M1-M3)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.contacts = cls.env["res.partner"].create(
            [{"name": f"Contact {n}", "email": f"c{n}@example.com"} for n in range(3)]
        )
        cls.agent = cls.env.ref("referral_distribution.res_partner_grade_agent")

    def make(self, partners, user=None, **values):
        return (
            self.env["referral.member.join"]
            .with_user(user or self.manager)
            .create({"partner_ids": partners.ids, **values})
        )

    def test_a_manager_makes_members_at_once(self):
        wizard = self.make(
            self.contacts, grade_id=self.agent.id, inviter_id=self.member.id
        )
        self.assertEqual(wizard.member_state, "active")
        wizard.action_join()
        for contact in self.contacts:
            self.assertRecordValues(
                contact,
                [
                    {
                        "member_state": "active",
                        "grade_id": self.agent.id,
                        "inviter_id": self.member.id,
                        "invite_depth": 3,
                    }
                ],
            )
            self.assertTrue(contact.invite_code)

    def test_sales_proposes_and_does_not_decide(self):
        wizard = self.make(self.contacts, self.sales, inviter_id=self.member.id)
        self.assertFalse(wizard.may_decide)
        wizard.action_join()
        self.assertEqual(set(self.contacts.mapped("member_state")), {"candidate"})
        left = self.env["res.partner"].create({"name": "Another"})
        with self.assertRaises(AccessError):
            self.make(left, self.sales, member_state="active").action_join()
        self.assertFalse(left.member_state)

    def test_other_roles_are_refused(self):
        wizard = self.make(self.contacts)
        for user in (self.finance, self.clerk, self.portal):
            with self.subTest(user.login), self.assertRaises(AccessError):
                wizard.with_user(user).action_join()

    def test_who_cannot_join_is_listed_with_the_reason_and_left_alone(self):
        settled = self.env["res.partner"].create(
            {"name": "Settled", "inviter_id": self.inviter.id}
        )
        above = self.env["res.partner"].create({"name": "Above"})
        self.grandparent.inviter_id = above
        archived = self.env["res.partner"].create({"name": "Old", "active": False})
        bad = self.inviter | settled | above | archived
        before = bad.mapped("member_state")
        wizard = self.make(bad | self.contacts, inviter_id=self.member.id)
        for text in ("member already", "set once", "loop", "archived"):
            self.assertIn(text, wizard.outlook)
        action = wizard.action_join()
        self.assertEqual(bad.mapped("member_state"), before)
        self.assertEqual(settled.inviter_id, self.inviter)
        self.assertEqual(set(self.contacts.mapped("member_state")), {"active"})
        self.assertIn("4 could not", action["params"]["message"])

    def test_when_nobody_can_join_it_says_so(self):
        with self.assertRaisesRegex(UserError, "member already"):
            self.make(self.inviter).action_join()
        public = self.env.ref("base.public_user").partner_id
        public.active = True
        with self.assertRaisesRegex(UserError, "own company"):
            self.make(self.company.partner_id).action_join()
        with self.assertRaisesRegex(UserError, "public"):
            self.make(public).action_join()

    def test_a_code_names_the_inviter(self):
        code = self.env["referral.invite.code"].create(
            {"partner_id": self.member.id, "kind": "single_use"}
        )
        with self.assertRaisesRegex(UserError, "admits one"):
            self.make(self.contacts, code=code.code).action_join()
        self.make(self.contacts[0], code=code.code.lower()).action_join()
        self.assertEqual(self.contacts[0].inviter_id, self.member)
        self.assertEqual(code.used_by_id, self.contacts[0])

    def test_a_bad_inviter_is_refused_for_all(self):
        self.grandparent.member_state = "suspended"
        for values, message in (
            ({"code": "ZZZZZZZZ"}, "no such invite code"),
            ({"code": self.grandparent.invite_code}, "no longer in use"),
            ({"inviter_id": self.customer.id}, "no active member"),
            (
                {"inviter_id": self.member.id, "code": self.inviter.invite_code},
                "not both",
            ),
        ):
            with self.subTest(message), self.assertRaisesRegex(UserError, message):
                self.make(self.contacts, **values).action_join()
            self.assertFalse(any(self.contacts.mapped("member_state")))

    def test_one_cannot_invite_oneself(self):
        self.member.member_state = "left"
        rejoining = self.make(self.member, code=self.member.invite_code)
        with self.assertRaises(UserError):
            rejoining.action_join()

    def test_a_likeness_is_shown_and_noted_for_who_waits(self):
        """Threat I2."""
        self.member.email = "c0+x@example.com"
        wizard = self.make(self.contacts[0], self.sales, inviter_id=self.member.id)
        self.assertIn("same e-mail", wizard.outlook)
        wizard.action_join()
        self.assertIn("same e-mail", self.contacts[0].member_reason)

    def test_the_form_shows_what_will_happen(self):
        form = Form(
            self.env["referral.member.join"]
            .with_user(self.manager)
            .with_context(default_partner_ids=(self.contacts | self.inviter).ids)
        )
        self.assertIn("without an inviter", form.outlook)
        form.inviter_id = self.member
        self.assertIn("invited by rd_portal", form.outlook)
        self.assertIn("member already", form.outlook)
