from odoo.fields import Command
from odoo.tests import new_test_user, tagged

from .common import ROLE
from .test_concurrency import DONE, TwoConnectionsCase


@tagged("post_install", "-at_install")
class TestAssignmentRace(TwoConnectionsCase):
    """Leads that are born at the same moment (rules M5, L2)."""

    def setUp(self):
        super().setUp()
        with self.committed() as env:
            people = self.hire(env)
            team = env["crm.team"].create({"name": "Race"})
            team.crm_team_member_ids = [
                Command.create({"user_id": user.id}) for user in people
            ]
            env.company.referral_team_id = team
            self.people, self.team = people.ids, team.id
        self.addCleanup(self.dissolve)

    def hire(self, env):
        people = env["res.users"]
        for number in (1, 2, 3):
            login = f"rd_turn_{number}_{self.lead}"
            user = new_test_user(env, login, groups=f"{ROLE}sales")
            self._keep(user)
            self._keep(user.partner_id)
            people += user
        return people

    def dissolve(self):
        with self.committed() as env:
            env.company.referral_team_id = False
            team = env["crm.team"].browse(self.team)
            env.cr.execute(
                "UPDATE crm_lead SET team_id = NULL WHERE team_id = %s", (self.team,)
            )
            team.invalidate_recordset()
            team.unlink()

    def bear(self, env):
        """Make a lead, as a request would."""
        vals = {"name": "Race", "referral_link_id": self.link}
        lead = env["crm.lead"].create(vals)
        self._keep(lead)
        self.born.append(lead.user_id.id)

    def test_leads_born_at_once_go_to_different_members_and_wait_for_nobody(self):
        self.born = []
        outcomes = self.race(self.bear, self.bear, self.bear)
        self.assertEqual(outcomes, [DONE] * 3)
        self.assertEqual(sorted(self.born), sorted(self.people))

    def test_a_birth_does_not_wait_for_one_that_is_not_finished(self):
        """With its transaction open; a lock would end in a timeout here."""
        self.born = []
        with self.committed() as env:
            self.bear(env)
            env.flush_all()
            with self.committed() as other:
                other.cr.execute("SET LOCAL lock_timeout = '2s'")
                self.bear(other)
        self.assertEqual(len(set(self.born)), 2)

    def test_a_member_who_is_paused_meanwhile_stops_nothing(self):
        self.born = []

        def pause(env):
            env["crm.team"].browse(self.team).crm_team_member_ids.write(
                {"assignment_optout": True}
            )

        self.assertEqual(self.race(pause, self.bear), [DONE, DONE])
        self.assertIn(self.born[0], self.people)
