"""Lint: every check runs, each says what is wrong and how long it took."""

import subprocess
import sys
import time

from . import po
from .odoo import addons_folders
from .report import say
from .settings import REPO, SERIES, find_addons


class Check:
    """A named check: a command line, or a function that returns complaints."""

    def __init__(self, name, action):
        self.name, self.action = name, action

    def run(self):
        """Run the check; print what is wrong; return True when nothing is."""
        begin = time.time()
        if callable(self.action):
            text = "\n".join(self.action())
            good = not text
        else:
            done = subprocess.run(
                self.action,
                cwd=REPO,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
            text, good = done.stdout + done.stderr, done.returncode == 0
        say(f"{self.name}: {'fine' if good else 'wrong'} ({time.time() - begin:.0f} s)")
        if not good:
            print(text.strip(), flush=True)
        return good


def list_checks(venv):
    """Return every check of the lint."""
    program = venv.path / "bin"
    addons = sorted(find_addons())
    checks = [
        Check("ruff check", [program / "ruff", "check", "--no-fix", "."]),
        Check("ruff format", [program / "ruff", "format", "--check", "."]),
        Check("tidy", [sys.executable, REPO / "tools" / "tidy.py"]),
    ]
    if not addons:
        return checks
    pylint = [program / "pylint", "--rcfile=.pylintrc", "--jobs=2", *addons]
    manifestoo = [
        program / "manifestoo",
        f"--select-include={','.join(addons)}",
        f"--addons-path={','.join(map(str, [REPO, *addons_folders(venv.odoo_home)]))}",
        "--no-addons-path-from-import-odoo",
        f"--odoo-series={SERIES}",
    ]
    return [
        *checks,
        Check("pylint-odoo", pylint),
        Check("licences", [*manifestoo, "check-licenses"]),
        Check("development status", [*manifestoo, "check-dev-status"]),
        Check("translations", lambda: po.incomplete_translations(REPO, addons)),
    ]


def lint(venv):
    """Run every check; return the names of those that failed."""
    return [check.name for check in list_checks(venv) if not check.run()]
