import doctest

from odoo.tests import BaseCase

from .. import ledger


class TestLedger(BaseCase):
    def test_the_rules_hold_as_written(self):
        outcome = doctest.testmod(ledger)
        self.assertTrue(outcome.attempted)
        self.assertFalse(outcome.failed)
