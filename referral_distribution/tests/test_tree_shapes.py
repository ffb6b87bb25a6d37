import random

from odoo.exceptions import UserError
from odoo.tests import tagged

from ..engine.invite_path import SEGMENT
from .common import ReferralCase
from .tree import find_problems, plant, random_inviters

DEEP, WIDE = 1000, 5000


@tagged("post_install", "-at_install")
class TestShapes(ReferralCase):
    """Deep, wide and random trees (rule M3, threat I6)."""

    def plant(self, inviters):
        return plant(self.env, inviters)

    def assertTree(self, ids):
        self.assertEqual(find_problems(self.env, ids), [])

    def team(self, member):
        path = self.env["res.partner"].browse(member).invite_path
        partners = self.env["res.partner"].search(
            [("invite_path", "=like", f"{path}%")]
        )
        return set(partners.ids)

    def test_a_chain_of_a_thousand_is_answered_right_at_every_depth(self):
        chain = self.plant([None, *range(DEEP)])
        self.assertTree(chain)
        for depth in (0, 1, SEGMENT - 1, SEGMENT, SEGMENT + 1, 500, DEEP):
            with self.subTest(depth=depth):
                member = self.env["res.partner"].browse(chain[depth])
                self.assertEqual(member.invite_depth, depth)
                self.assertEqual(member.invite_team_size, DEEP - depth)
                self.assertEqual(self.team(member.id), set(chain[depth:]))
        last = self.env["res.partner"].browse(chain[-1])
        self.assertEqual(last._get_invite_chain(3).ids, chain[:-4:-1])

    def test_below_a_chain_of_a_thousand_one_joins_moves_and_closes_no_loop(self):
        chain = self.plant([None, *range(DEEP)])
        newcomer = self.make_member("Newcomer", inviter_id=chain[-1])
        self.assertEqual(newcomer.invite_depth, DEEP + 1)
        top = self.env["res.partner"].browse(chain[0])
        with self.assertRaisesRegex(UserError, "stands below"):
            top.inviter_id = newcomer
        top.inviter_id = self.member
        self.assertEqual(newcomer.invite_depth, DEEP + 1 + 3)
        self.assertEqual(self.grandparent.invite_team_size, DEEP + 4)
        self.assertTree([*chain, newcomer.id])

    def test_a_team_of_five_thousand_direct_invitees(self):
        fan = self.plant([None] + [0] * WIDE)
        top = self.env["res.partner"].browse(fan[0])
        self.assertEqual((top.invite_team_size, top.invite_direct_size), (WIDE, WIDE))
        top.inviter_id = self.member
        newcomer = self.make_member("Newcomer", inviter_id=top.id)
        self.assertEqual(self.team(top.id), {*fan, newcomer.id})
        self.assertEqual(newcomer.invite_depth, 4)
        self.assertTree([*fan, newcomer.id])

    def test_random_moves_of_deep_teams_keep_the_tree(self):
        """Across anchors, both ways; with a seed."""
        generator = random.Random(6)
        members = self.plant(random_inviters(generator, 600, chain=400))
        people = self.env["res.partner"].browse(members)
        deepest = 0
        for _time in range(20):
            member = people[generator.randrange(200, 600)]
            others = people - people.browse(self.team(member.id))
            inviter = generator.choice([*others, people.browse()])
            self.change_inviter(member, inviter)
            self.assertTree(members)
            deepest = max(deepest, member.invite_depth)
        self.assertGreater(deepest, 2 * SEGMENT)

    def change_inviter(self, member, inviter):
        if member.inviter_id != inviter:
            self.env["referral.inviter.change"].create(
                {
                    "partner_id": member.id,
                    "new_inviter_id": inviter.id,
                    "reason": "A test",
                }
            ).action_apply()

    def test_merging_people_deep_in_the_tree_keeps_the_tree(self):
        """Threat M2, across anchors; with a seed."""
        generator = random.Random(7)
        members = self.plant(random_inviters(generator, 300, chain=220))
        for _time in range(6):
            merged = generator.sample(members, generator.choice([2, 3]))
            stays = self.env["res.partner"].browse(merged[0])
            wizard = self.env["base.partner.merge.automatic.wizard"].create({})
            wizard._merge(merged, stays, extra_checks=False)
            members = [member for member in members if member not in merged[1:]]
            self.assertTree(members)

    def test_many_who_join_at_once_in_any_order_find_their_places(self):
        """An import may name an inviter that comes later in the list."""
        generator = random.Random(8)
        ids = self.plant([None] * 400)
        self.env.cr.execute(
            "DELETE FROM referral_invite_node WHERE partner_id = ANY(%s)", (ids,)
        )
        shuffled = generator.sample(ids, len(ids))
        pairs = [
            (member, shuffled[generator.randrange(max(0, place - 3), place)])
            for place, member in enumerate(shuffled)
            if place
        ]
        self.env.cr.executemany(
            "UPDATE res_partner SET inviter_id = %s WHERE id = %s",
            [(inviter, member) for member, inviter in pairs],
        )
        self.env.invalidate_all()
        some = self.env["res.partner"].browse(shuffled[200:])
        self.env["referral.invite.node"]._place(some)
        self.env["referral.invite.node"]._place(self.env["res.partner"].browse(ids))
        self.assertTree(ids)

    def test_inviters_that_form_a_loop_already_are_refused(self):
        """As data loaded by SQL might."""
        one, two = self.env["res.partner"].create([{"name": "One"}, {"name": "Two"}])
        self.env.cr.execute(
            "UPDATE res_partner SET inviter_id = CASE id WHEN %(one)s THEN %(two)s"
            " ELSE %(one)s END WHERE id IN (%(one)s, %(two)s)",
            {"one": one.id, "two": two.id},
        )
        self.env.invalidate_all()
        with self.assertRaisesRegex(UserError, "form a loop"):
            one.member_state = "candidate"
