from .test_concurrency import AGAIN, DONE, TwoConnectionsCase


class TestLinkRaces(TwoConnectionsCase):
    """Many links made by two people at once (rule S2)."""

    def setUp(self):
        super().setUp()
        self.members = [self.member, self.inviter]
        with self.committed() as env:
            for number in range(3):
                vals = {"name": f"R{number}", "member_state": "active"}
                self.members.append(self._keep(env["res.partner"].create(vals)))

    def obtain(self, members, pages):
        def act(env):
            env["referral.link"]._obtain_many(
                env["res.partner"].browse(members),
                env["referral.channel"].browse(self.channel),
                [f"/race/{page}" for page in pages],
            )

        return act

    def find(self, env):
        domain = [
            ("partner_id", "in", self.members),
            ("target_url", "=like", "/race/%"),
        ]
        links = env["referral.link"].search(domain)
        return [(link.partner_id.id, link.target_url) for link in links]

    def test_two_callers_make_each_link_once(self):
        first = self.obtain(self.members[:4], (1, 2, 3))
        second = self.obtain(self.members[::-1], (3, 2))
        self.assertEqual(self.race(first, second), [DONE, AGAIN])
        with self.committed() as env:
            found = self.find(env)
        self.assertEqual(len(found), len(set(found)))
        self.assertEqual(len(found), 4 * 3 + 2)

    def test_one_link_and_many_at_once(self):
        def one(env):
            env["referral.link"]._obtain(
                env["res.partner"].browse(self.member),
                env["referral.channel"].browse(self.channel),
                "/race/1",
            )

        self.assertEqual(
            self.race(one, self.obtain(self.members, (1,)), one), [DONE, AGAIN, AGAIN]
        )
        with self.committed() as env:
            self.assertEqual(len(self.find(env)), 5)

    def test_callers_who_have_nothing_in_common_do_not_wait(self):
        mine = self.obtain(self.members[:2], (1,))
        theirs = self.obtain(self.members[2:], (1,))
        self.assertEqual(self.race(mine, theirs), [DONE, DONE])
