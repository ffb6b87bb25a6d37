"""Odoo's program, but for when it runs tests: all of them when all addons are there.

Odoo runs most tests of an app while that app is installed, before anything that builds
on it exists. Whether an addon breaks an app shows only when the app's tests run beside
it. Called like Odoo's own script; the runner, its tags and its report are Odoo's.
"""

from odoo import cli
from odoo.tests import loader
from odoo.tests.suite import OdooSuite
from odoo.tools import config

make_suite = loader.make_suite


def make_whole_suite(module_names, position="at_install"):
    """Return no test while addons are installed, and after that all of them."""
    if position == "at_install":
        return OdooSuite()
    tags = config["test_tags"].split(",")
    asked = {tag.strip("/").partition(":")[0] for tag in tags}
    names = [name for name in module_names if name in asked]
    positions = ("at_install", "post_install")
    return OdooSuite(test for one in positions for test in make_suite(names, one))


if __name__ == "__main__":
    loader.make_suite = make_whole_suite
    cli.main()
