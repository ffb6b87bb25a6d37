from odoo import SUPERUSER_ID, api
from odoo.exceptions import UserError
from odoo.tests import tagged

from .two_connections import TwoConnectionsCase


@tagged("post_install", "-at_install")
class TestRedemptionTwoConnections(TwoConnectionsCase):
    """Two people press buttons of one request at the same moment (threat F1)."""

    def setUp(self):
        self.addCleanup(
            self._remove_reward
        )  # last: the request that names it goes first
        super().setUp()
        self._fund(100)
        with self.registry.cursor() as cr:
            # Asked for by somebody else than who decides: the superuser.
            asker = api.Environment(cr, SUPERUSER_ID, {}).ref("base.user_admin").id
            env = api.Environment(cr, asker, {}, su=True)
            product = env["product.product"].create({"name": "Race", "type": "service"})
            reward = env["referral.reward"].create(
                {
                    "name": "Race",
                    "product_id": product.id,
                    "kind": "privilege",
                    "points": 60,
                }
            )
            redemption = env["referral.redemption"].create(
                {"partner_id": self.member_id, "reward_id": reward.id}
            )
            redemption.action_submit()
            self.redemption_id, self.reward_id = redemption.id, reward.id

    def _remove_reward(self):
        with self.registry.cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {})
            env["mail.message"].search(
                [
                    ("model", "=", "referral.redemption"),
                    ("res_id", "=", self.redemption_id),
                ]
            ).unlink()
            reward = env["referral.reward"].browse(self.reward_id)
            template = reward.product_id.product_tmpl_id
            reward.unlink()
            template.unlink()

    def _redemption(self, env):
        return env["referral.redemption"].browse(self.redemption_id)

    def test_handed_over_twice_at_once_is_handed_over_once(self):
        self._redemption(self.one).action_approve()
        self.one.cr.commit()
        self._open_snapshots()
        first, second = self._redemption(self.one), self._redemption(self.two)
        first.action_done()
        self.assertSecondWaitsAndFails(second.action_done)
        second.action_done()
        self.assertEqual(len(second.privilege_ids), 1)
        wallet = self._wallet(self.two)
        self.assertEqual((wallet.balance, wallet.held), (40, 0))
        self.assertEqual(wallet._verify(), [])

    def test_approved_and_refused_at_once_has_one_outcome(self):
        self._open_snapshots()
        first, second = self._redemption(self.one), self._redemption(self.two)
        first.action_refuse("Sold out")
        self.assertSecondWaitsAndFails(second.action_approve)
        with self.assertRaisesRegex(UserError, "cannot become"):
            second.action_approve()
        wallet = self._wallet(self.two)
        self.assertEqual((wallet.balance, wallet.held), (100, 0))
