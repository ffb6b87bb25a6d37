import psycopg2

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged

from odoo.addons.referral_distribution.models.referral_invite_code import ALPHABET

from .common import ReferralCase


@tagged("post_install", "-at_install")
class TestTree(ReferralCase):
    """The invite tree (rules M2, M3)."""

    def test_the_path_lists_the_inviters_and_the_depth_counts_them(self):
        top, middle, member = self.grandparent, self.inviter, self.member
        self.assertEqual(member.invite_path, f"{top.id}/{middle.id}/{member.id}/")
        self.assertEqual([m.invite_depth for m in (top, middle, member)], [0, 1, 2])

    def test_the_chain_names_the_nearest_first_and_no_more_than_asked(self):
        chain = self.member._get_invite_chain(2)
        self.assertEqual(chain, self.member + self.inviter)
        everybody = self.member + self.inviter + self.grandparent
        self.assertEqual(self.member._get_invite_chain(9), everybody)

    def test_the_team_is_everybody_below_on_all_levels(self):
        self.make_member("Second", inviter_id=self.inviter.id)
        members = self.grandparent + self.inviter + self.member
        self.assertEqual(members.mapped("invite_team_size"), [3, 2, 0])

    def test_a_number_that_starts_alike_is_no_member_of_the_team(self):
        """The path "1/12/" is not below "1/1/"."""
        path = self.member.invite_path
        near = self.make_member("Near")
        self.env.cr.execute(
            "UPDATE referral_invite_node SET path = %s WHERE partner_id = %s",
            (f"{path[:-1]}0/", near.id),
        )
        self.env.invalidate_all()
        self.assertEqual(self.member.invite_team_size, 0)

    def test_who_left_or_was_refused_keeps_the_place_but_is_not_counted(self):
        for state, size in (("suspended", 1), ("left", 0), ("active", 1), (False, 0)):
            self.member.member_state = state
            with self.subTest(state=state):
                self.assertEqual(self.inviter.invite_team_size, size)
                self.assertEqual(self.inviter.invite_direct_size, size)
                self.assertEqual(self.member.invite_depth, 2)

    def test_contacts_outside_the_program_are_not_counted_in_the_team(self):
        self.env["res.partner"].create({"name": "C", "inviter_id": self.member.id})
        self.assertEqual(self.member.invite_team_size, 0)

    def test_the_inviter_is_set_once(self):
        """Rule M2: also for the superuser, and not emptied either."""
        for user in (self.sales, self.manager, self.env.user):
            for inviter in (self.grandparent.id, False):
                with self.subTest(user=user.login), self.assertRaises(UserError):
                    self.member.with_user(user).inviter_id = inviter
        self.member.inviter_id = self.inviter
        self.assertEqual(self.member.inviter_id, self.inviter)

    def test_a_root_that_finds_its_inviter_takes_its_team_along(self):
        root = self.make_member("Root")
        self.make_member("Below", inviter_id=root.id)
        below = root.invitee_ids
        root.inviter_id = self.member
        self.assertEqual(root.invite_path, f"{self.member.invite_path}{root.id}/")
        self.assertEqual(below.invite_path, f"{root.invite_path}{below.id}/")
        self.assertEqual((root.invite_depth, below.invite_depth), (3, 4))
        self.assertEqual(self.grandparent.invite_team_size, 4)

    def test_nobody_invites_themselves(self):
        """Rule M3, for a member as for a contact that is none yet."""
        contact = self.env["res.partner"].create({"name": "Contact"})
        for partner in (self.grandparent, contact):
            with self.subTest(name=partner.name), self.assertRaises(UserError):
                partner.inviter_id = partner

    def test_the_database_refuses_a_self_invitation_too(self):
        with self.assertDatabaseRefuses():
            self.env.cr.execute(
                "UPDATE res_partner SET inviter_id = id WHERE id = %s",
                (self.grandparent.id,),
            )

    def test_no_loop_of_any_length_is_closed(self):
        """Rule M3: at depth 1, 2 and 20."""
        last = self.member
        for number in range(18):
            last = self.make_member(f"Deep {number}", inviter_id=last.id)
        for below in (self.inviter, self.member, last):
            with (
                self.subTest(depth=below.invite_depth),
                self.assertRaisesRegex(UserError, "stands below"),
                self.env.cr.savepoint(),
            ):
                self.grandparent.inviter_id = below

    def test_two_contacts_without_a_path_do_not_invite_each_other(self):
        one, two = self.env["res.partner"].create([{"name": "One"}, {"name": "Two"}])
        one.inviter_id = two
        with self.assertRaises(UserError):
            two.inviter_id = one

    def test_a_subtree_moves_in_one_go_however_deep(self):
        queries = []
        for length in (3, 200):  # the second crosses three anchors
            root = last = self.make_member("Root")
            for number in range(length):
                last = self.make_member(f"Deep {number}", inviter_id=last.id)
            self.env.flush_all()
            before = self.env.cr.sql_log_count
            root.inviter_id = self.member
            self.env.flush_all()
            queries.append(self.env.cr.sql_log_count - before)
            self.assertEqual(last.invite_depth, 3 + length)
            self.assertEqual(root.invite_team_size, length)
            path = last.invite_path
            self.assertTrue(path.startswith(f"{self.member.invite_path}{root.id}/"))
        self.assertEqual(queries[0], queries[1])

    def test_a_team_is_found_by_its_path(self):
        partners = self.env["res.partner"]
        path = self.inviter.invite_path
        found = partners.search([("invite_path", "=like", f"{path}%")])
        self.assertEqual(found, self.inviter + self.member)
        self.assertFalse(partners.search([("invite_path", "=like", f"9{path}%")]))
        self.assertEqual(partners.search([("invite_path", "=", path)]), self.inviter)
        both = [("id", "in", (self.customer + self.member).ids)]
        placed = partners.search([*both, ("invite_path", "!=", False)])
        self.assertEqual(placed, self.member)
        deep = partners.search([*both, ("invite_depth", ">", 1)])
        self.assertEqual(deep, self.member)

    def test_nobody_writes_the_place_in_the_tree_by_hand(self):
        """The path decides who earns the inviter's share (rule M4)."""
        path = self.member.invite_path
        forged = {"invite_path": f"{self.stranger.partner_id.id}/{self.member.id}/"}
        self.member.with_user(self.sales).write({**forged, "invite_depth": 1})
        self.env.invalidate_all()
        self.assertRecordValues(self.member, [{"invite_path": path, "invite_depth": 2}])
        partners = self.env["res.partner"].with_user(self.sales)
        partner = partners.with_context(default_invite_path="1/2/").create(
            {"name": "V", "member_state": "candidate", **forged}
        )
        self.env.invalidate_all()
        self.assertEqual(partner.invite_path, f"{partner.id}/")
        with self.assertRaises(AccessError):
            nodes = self.env["referral.invite.node"].with_user(self.manager)
            nodes.search([]).write({"path": "1/"})

    def test_a_copied_member_is_no_member(self):
        copy = self.member.copy()
        self.assertRecordValues(
            copy,
            [
                {
                    "member_state": False,
                    "inviter_id": False,
                    "invite_path": False,
                    "invite_code": False,
                }
            ],
        )

    def test_an_inviter_is_not_deleted(self):
        with self.assertRaisesRegex(UserError, "Archive"):
            self.inviter.unlink()
        with self.assertDatabaseRefuses(psycopg2.errors.ForeignKeyViolation):
            self.env.cr.execute(
                "DELETE FROM res_partner WHERE id = %s", (self.inviter.id,)
            )


@tagged("post_install", "-at_install")
class TestMembership(ReferralCase):
    """Who is a member and takes part (rules M1, M2, M4)."""

    def test_a_contact_is_no_member_by_itself(self):
        partner = self.env["res.partner"].create({"name": "Contact"})
        self.assertFalse(partner.member_state)
        self.assertFalse(partner.invite_code)
        self.assertFalse(partner._earns_commission())

    def test_who_becomes_active_later_gets_a_code_and_a_path(self):
        partner = self.env["res.partner"].create({"name": "Late"})
        partner.member_state = "candidate"
        self.assertFalse(partner.invite_code)
        partner.member_state = "active"
        self.assertTrue(partner.invite_code)
        self.assertEqual(partner.invite_path, f"{partner.id}/")

    def test_a_code_is_eight_letters_nobody_misreads_and_one_a_member(self):
        code = self.member.invite_code
        self.assertRegex(code, rf"\A[{ALPHABET}]{{8}}\Z")
        self.assertFalse(set("01OIL") & set(ALPHABET))
        self.member.member_state = "suspended"
        self.member.member_state = "active"
        self.assertEqual(self.member.invite_code_ids.mapped("code"), [code])

    def test_a_member_is_found_by_the_code(self):
        found = self.env["res.partner"].search(
            [("invite_code", "=", self.member.invite_code)]
        )
        self.assertEqual(found, self.member)

    def test_two_codes_do_not_differ_by_case_alone(self):
        code = self.member.invite_code.lower()
        with self.assertDatabaseRefuses(psycopg2.errors.UniqueViolation):
            self.env["referral.invite.code"].create(
                {"code": code, "partner_id": self.inviter.id}
            )

    def test_only_active_members_who_accept_commissions_earn(self):
        """Rule M4: every state, with and without the member's consent."""
        for state in ("candidate", "active", "suspended", "left", False):
            for accepts in (True, False):
                self.member.write(
                    {"member_state": state, "accepts_commission": accepts}
                )
                with self.subTest(state=state, accepts=accepts):
                    self.assertEqual(
                        self.member._earns_commission(), state == "active" and accepts
                    )

    def test_the_public_user_is_no_member(self):
        with self.assertRaises(ValidationError):
            self.env.ref("base.public_partner").member_state = "active"

    def test_the_tier_says_what_a_member_is(self):
        """Rule M1."""
        grade = self.env.ref("referral_distribution.res_partner_grade_agent")
        self.member.grade_id = grade
        self.assertEqual(self.member.referral_role, "agent")

    def test_merging_a_member_into_a_contact_keeps_it_in_the_tree(self):
        """Threat M2, the thin part: the merged contact has a path of its own."""
        contact = self.env["res.partner"].create({"name": "Same person"})
        wizard = self.env["base.partner.merge.automatic.wizard"].create({})
        lonely = self.make_member("Lonely", inviter_id=self.member.id)
        wizard._merge((contact + lonely).ids, contact)
        self.assertEqual(contact.inviter_id, self.member)
        self.assertEqual(contact.invite_path, f"{self.member.invite_path}{contact.id}/")

    def test_a_list_of_members_takes_the_same_queries_for_two_and_for_forty(self):
        members = self.grandparent
        for number in range(40):
            members += self.make_member(f"M {number}", inviter_id=self.inviter.id)
        names = ["name", "invite_team_size", "invite_code", "invite_depth"]
        self.assertReadInOneGo(members, names, self.sales)
