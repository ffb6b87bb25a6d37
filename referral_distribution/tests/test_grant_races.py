from uuid import uuid4

from odoo.tests import new_test_user

from .common import ROLE
from .test_concurrency import AGAIN, DONE, REFUSED, TwoConnectionsCase


class TestGrantRaces(TwoConnectionsCase):
    """Two people of finance at one manual commission (threats F1, F3)."""

    def setUp(self):
        super().setUp()
        self.addCleanup(self._erase_grants)
        with self.committed() as env:
            env["crm.lead"].browse(self.lead).action_referral_validate()
            login = f"rd_race_asks_{uuid4().hex}"
            asking = new_test_user(env, login, groups=f"{ROLE}finance")
            self._keep(asking)
            self._keep(asking.partner_id)
            self.asking = asking.id
            grant = env["referral.commission.grant"].create(
                {
                    "partner_id": self.member,
                    "lead_id": self.lead,
                    "amount": 500,
                    "reason": "Helped",
                }
            )
            grant.with_user(asking).action_submit()
            self.grant = grant.id

    def _erase_grants(self):
        with self.registry.cursor() as cr:
            cr.execute(
                "DELETE FROM referral_commission WHERE lead_id = %s", (self.lead,)
            )
            toggle = "ALTER TABLE referral_commission_grant %s TRIGGER USER"
            cr.execute(toggle % "DISABLE")
            cr.execute(
                "DELETE FROM referral_commission_grant WHERE lead_id = %s", (self.lead,)
            )
            cr.execute(toggle % "ENABLE")

    def browse(self, env):
        return env["referral.commission.grant"].browse(self.grant)

    def approve(self, env):
        self.browse(env).action_approve()

    def refuse(self, env):
        self.browse(env).action_refuse("No")

    def reset(self, env):
        self.browse(env).action_reset()

    def assertGiven(self, *amounts):
        with self.committed() as env:
            found = self.browse(env).commission_ids.mapped("amount")
            self.assertEqual(found, list(amounts))

    def test_two_approvers_at_once_give_one_commission(self):
        """Threat F1."""
        outcome = self.race(self.approve, self.approve, uids=self.users)
        self.assertEqual(outcome, [DONE, AGAIN])
        self.assertGiven(500.0)

    def test_who_approves_while_another_refuses_gives_nothing(self):
        outcome = self.race(self.refuse, self.approve, uids=self.users)
        self.assertEqual(outcome, [DONE, REFUSED])
        self.assertGiven()

    def test_who_refuses_while_another_approves_changes_nothing(self):
        outcome = self.race(self.approve, self.refuse, uids=self.users)
        self.assertEqual(outcome, [DONE, REFUSED])
        self.assertGiven(500.0)

    def test_what_is_taken_back_to_draft_meanwhile_is_not_approved(self):
        uids = [self.asking, self.users[0]]
        outcome = self.race(self.reset, self.approve, uids=uids)
        self.assertEqual(outcome, [DONE, REFUSED])
        self.assertGiven()

    def test_the_member_leaves_while_it_is_approved(self):
        """Rule M4: whichever comes first, nobody who takes no part is rewarded."""

        def leave(env):
            env["res.partner"].browse(self.member).accepts_commission = False

        uids = [1, self.users[0]]
        outcome = self.race(leave, self.approve, uids=uids)
        self.assertIn(outcome, ([DONE, DONE], [DONE, REFUSED]))
