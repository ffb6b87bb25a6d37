import doctest

from odoo.tests import BaseCase, tagged

from ..models import ir_http


@tagged("post_install", "-at_install")
class TestPure(BaseCase):
    def test_the_examples_of_consent_hold(self):
        result = doctest.testmod(ir_http)
        self.assertGreater(result.attempted, 0)
        self.assertEqual(result.failed, 0)
