from odoo.exceptions import UserError
from odoo.tests import tagged

from .two_connections import TwoConnectionsCase


@tagged("post_install", "-at_install")
class TestWalletTwoConnections(TwoConnectionsCase):
    def test_two_spend_the_whole_balance_and_one_gets_it(self):
        # threat W1
        self._fund(100)
        self._open_snapshots()
        first, second = self._wallet(self.one), self._wallet(self.two)
        first._post("hold", 100, self._key("one"))
        self.assertSecondWaitsAndFails(
            lambda: second._post("hold", 100, self._key("two"))
        )
        with self.assertRaisesRegex(UserError, "Not enough points"):  # Odoo's retry
            second._post("hold", 100, self._key("two"))
        self.assertEqual((second.balance, second.held), (100, 100))
        self.assertEqual(second._verify(), [])

    def test_the_same_key_at_once_is_one_entry(self):
        # threat W4
        self._fund(100)
        self._open_snapshots()
        first, second = self._wallet(self.one), self._wallet(self.two)
        entry = first._post("hold", 10, self._key("key"))
        self.assertSecondWaitsAndFails(
            lambda: second._post("hold", 10, self._key("key"))
        )
        self.assertEqual(second._post("hold", 10, self._key("key")).id, entry.id)
        self.assertEqual(second.held, 10)

    def test_release_and_redeem_at_once_have_one_outcome(self):
        # threat W12
        self._fund(100)
        hold = self._wallet(self.one)._post("hold", 100, self._key("hold"))
        self.one.cr.commit()
        self._open_snapshots()
        first, second = self._wallet(self.one), self._wallet(self.two)
        first._post("release", 100, self._key("release"), hold=hold)
        held = hold.with_env(self.two)
        self.assertSecondWaitsAndFails(
            lambda: second._post("redeem", 100, self._key("redeem"), hold=held)
        )
        with self.assertRaisesRegex(UserError, "no longer held"):
            second._post("redeem", 100, self._key("redeem"), hold=held)
        self.assertEqual((second.balance, second.held), (100, 0))

    def test_a_wallet_opened_at_once_is_one_wallet(self):
        self._open_snapshots()
        wallet = self._wallet(self.one)
        self.assertSecondWaitsAndFails(lambda: self._wallet(self.two))
        self.assertEqual(self._wallet(self.two).id, wallet.id)
