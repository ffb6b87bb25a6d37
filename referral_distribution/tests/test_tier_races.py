from uuid import uuid4

from odoo.tests import new_test_user, tagged

from .common import ROLE
from .test_concurrency import AGAIN, DONE, REFUSED, TwoConnectionsCase


@tagged("post_install", "-at_install")
class TestTierRaces(TwoConnectionsCase):
    """Two managers at one proposal, on old snapshots (rule M1)."""

    def _make(self, env):
        made = super()._make(env)
        self.managers = []
        for _number in range(2):
            login = f"rd_race_{uuid4().hex}"
            user = new_test_user(env, login, groups=f"{ROLE}manager")
            self._keep(user)
            self._keep(user.partner_id)
            self.managers.append(user.id)
        tier = "referral_distribution.res_partner_grade_"
        self.target = env.ref(f"{tier}distributor").id
        self.other = env.ref(f"{tier}agent").id
        rule = env["referral.tier.rule"].create(
            {"name": "Race", "grade_id": self.target, "min_valid_leads": 1}
        )
        self._keep(rule)
        change = env["referral.tier.change"]._log(
            [
                {
                    "partner_id": self.member,
                    "company_id": env.company.id,
                    "new_grade_id": self.target,
                    "kind": "promotion",
                    "rule_id": rule.id,
                }
            ]
        )
        self.change = change.id
        return made

    def approve(self, env):
        env["referral.tier.change"].browse(self.change).action_approve()

    def refuse(self, env):
        env["referral.tier.change"].browse(self.change).action_refuse("No")

    def assertOutcome(self, state, tier, changes):
        with self.committed() as env:
            log = env["referral.tier.change"].search([("partner_id", "=", self.member)])
            decided = log.browse(self.change)
            self.assertEqual(decided.state, state)
            self.assertEqual(decided.user_id.id, self.managers[0])
            self.assertEqual(decided.partner_id.grade_id.id, tier)
            self.assertEqual(len(log), changes)

    def test_two_managers_approve_at_once_and_the_member_moves_once(self):
        outcomes = self.race(self.approve, self.approve, uids=self.managers)
        self.assertEqual(outcomes, [DONE, AGAIN])
        self.assertOutcome("applied", self.target, 1)

    def test_one_refuses_while_the_other_approves_and_the_first_counts(self):
        outcomes = self.race(self.refuse, self.approve, uids=self.managers)
        self.assertEqual(outcomes, [DONE, REFUSED])
        self.assertOutcome("refused", False, 1)

    def test_a_tier_written_by_hand_at_the_same_moment_is_not_overwritten(self):
        def write(env):
            env["res.partner"].browse(self.member).grade_id = self.other

        outcomes = self.race(write, self.approve, uids=self.managers)
        self.assertEqual(outcomes, [DONE, REFUSED])
        with self.committed() as env:
            member = env["res.partner"].browse(self.member)
            self.assertEqual(member.grade_id.id, self.other)
            self.assertEqual(
                env["referral.tier.change"].browse(self.change).state, "proposed"
            )
