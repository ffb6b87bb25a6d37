from odoo.exceptions import UserError
from odoo.tests import tagged

from .common import PointsCommon


@tagged("post_install", "-at_install")
class TestPointsPrivacy(PointsCommon):
    """Points are personal data too: exported, and settled before an erasure."""

    def erase(self):
        return self.member.with_user(self.manager)._referral_erase("By letter")

    def test_points_redemptions_and_privileges_are_exported(self):
        self._open_wallet(500)
        request = self._request(self._create_reward())
        request.action_submit()
        request.with_user(self.finance).action_approve()
        request.with_user(self.cashier).action_done()
        data = self.member._prepare_personal_data()
        (wallet,) = data["points"]
        self.assertEqual(wallet["balance"], "400.00")
        self.assertEqual(len(wallet["entries"]), 3)
        self.assertEqual(data["redemptions"][0]["state"], "done")
        self.assertEqual(data["privileges"][0]["privilege"], "Reward privilege")

    def test_nobody_elses_points_are_exported(self):
        # threat P1
        other = self._create_member("Other")
        self._open_wallet(70, other)
        self.assertEqual(self.member._prepare_personal_data()["points"], [])

    def test_a_redemption_under_way_comes_first(self):
        self._open_wallet(500)
        request = self._request(self._create_reward())
        request.action_submit()
        with self.assertRaisesRegex(UserError, "Redemptions under way"):
            self.erase()
        request.action_cancel()
        self.erase()

    def test_points_owed_come_first(self):
        wallet = self._open_wallet(10)
        wallet._post("reverse", 30, "test:clawback")
        with self.assertRaisesRegex(UserError, "Points owed"):
            self.erase()

    def test_points_left_are_named_and_stay_in_the_ledger(self):
        # threat M3
        wallet = self._open_wallet(120)
        (notice,) = self.member._get_erasure_notices()
        self.assertIn("120", notice)
        self.erase()
        wallet.invalidate_recordset()
        self.assertSums(wallet, 120.0)
        self.assertEqual(wallet.partner_id, self.member)

    def test_a_user_the_ledger_names_is_not_deleted(self):
        request = self._request(self._create_reward(points=1), user=self.sales)
        self._open_wallet(5)
        request.action_submit()
        with self.assertRaisesRegex(UserError, "Wallet Entry"):
            self.sales.unlink()

    def test_a_contact_with_a_wallet_is_not_deleted(self):
        nobody = self.env["res.partner"].create({"name": "Once here"})
        self._open_wallet(5, nobody)
        with self.assertRaisesRegex(UserError, "Points Wallet"):
            nobody.unlink()
