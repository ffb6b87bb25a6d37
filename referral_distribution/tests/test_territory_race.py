from odoo import SUPERUSER_ID, api
from odoo.exceptions import ValidationError
from odoo.service.model import retrying
from odoo.tests import tagged
from odoo.tools import mute_logger

from .test_concurrency import TwoConnectionsCase


@tagged("post_install", "-at_install")
class TestTerritoryRace(TwoConnectionsCase):
    """Two managers give one territory away at once (rule M5)."""

    def setUp(self):
        super().setUp()
        with self.committed() as env:
            grade = env.ref("referral_distribution.res_partner_grade_agent")
            # past the ORM, whose log of tier changes outlives the test
            env.cr.execute(
                "UPDATE res_partner SET grade_id = %s WHERE id IN %s",
                (grade.id, (self.member, self.inviter)),
            )
        self.addCleanup(self.erase_territories)

    def erase_territories(self):
        with self.committed() as env:
            env["referral.territory"].with_context(active_test=False).search(
                [("agent_id", "in", [self.member, self.inviter])]
            ).unlink()

    def give(self, agent_id):
        def create(env):
            env["referral.territory"].create(
                {
                    "agent_id": agent_id,
                    "country_id": env.ref("base.aq").id,
                    "date_from": "2026-01-01",
                }
            )

        return create

    def test_one_gets_it_and_the_other_a_clear_message(self):
        """On a snapshot from before, as an RPC call would run it."""
        with self.registry.cursor() as early, self.registry.cursor() as late:
            late.execute("SELECT 1")
            env = api.Environment(early, SUPERUSER_ID, {})
            retrying(lambda: self.give(self.member)(env), env)
            # two real connections are what this test is about
            early.commit()  # pylint: disable=invalid-commit
            env = api.Environment(late, SUPERUSER_ID, {})
            with (
                mute_logger("odoo.sql_db"),
                self.assertRaisesRegex(ValidationError, "was given this territory"),
            ):
                retrying(lambda: self.give(self.inviter)(env), env)
        with self.committed() as env:
            antarctica = [("country_id", "=", env.ref("base.aq").id)]
            [territory] = env["referral.territory"].search(antarctica)
            self.assertEqual(territory.agent_id.id, self.member)
