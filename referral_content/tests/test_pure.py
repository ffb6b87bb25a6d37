import doctest

from odoo.tests import BaseCase, tagged

from .. import article_path, reading


@tagged("post_install", "-at_install")
class TestPure(BaseCase):
    def _assert_examples_hold(self, module):
        result = doctest.testmod(module)
        self.assertGreater(result.attempted, 0)
        self.assertEqual(result.failed, 0)

    def test_the_examples_of_reading_time_hold(self):  # rule T2
        self._assert_examples_hold(reading)

    def test_the_examples_of_article_paths_hold(self):
        self._assert_examples_hold(article_path)
