"""Every test, one summary.

Addon tests run in one Odoo process through pytest-odoo, with its HTTP server and
Chromium, on a fresh database without demo data; `tests/` runs against a live server
with several workers. What the servers log counts too: a warning is a failure, but
for the lines of `ALLOWED`.
"""

import os
import re
import subprocess
import time
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

from . import po, quality
from .report import say, step
from .runner import complaints
from .settings import REPO, TEST_DATABASE, find_addons

NOTHING_COLLECTED = 5
LOCK_PATIENCE = 60
BLACK_BOX = "tests/"
# (regular expression, why the line is harmless)
ALLOWED = ()


class Outcome:
    """What one part of the run has shown."""

    def __init__(self, name):
        self.name, self.seconds = name, 0.0
        self.counts, self.problems = Counter(), []

    def row(self):
        counts = [self.counts[kind] for kind in ("passed", "failed", "skipped")]
        cells = "".join(f"{count:>9}" for count in counts)
        return f"  {self.name:<26}{cells}{self.seconds:>9.0f} s"


def run_all(house, arguments, with_lint=True):
    """Run lint and the tests the arguments select; return the exit code."""
    selection = Selection(arguments)
    outcomes = []
    if with_lint and not selection.narrowed:
        outcomes.append(_timed("lint", lambda part: _lint(house, part)))
    if selection.addon_paths:
        outcomes += _run_addons(house, selection)
    if selection.black_box_paths:
        outcomes += _run_black_box(house, selection)
    return summarise(outcomes)


class Selection:
    """Splits ARGS into paths of addons, paths of `tests/`, and options for both."""

    def __init__(self, arguments, repo=REPO):
        self.options, self.addon_paths, self.black_box_paths = [], [], []
        for argument in arguments:
            path = argument.partition("::")[0]
            if not (path and (repo / path).exists()) or argument.startswith("-"):
                self.options.append(argument)
            elif Path(path).parts[0] == "tests":
                self.black_box_paths.append(argument)
            else:
                self.addon_paths.append(argument)
        self.narrowed = bool(arguments)
        if not (self.addon_paths or self.black_box_paths):
            self.addon_paths = default_addon_paths(repo)
            self.black_box_paths = [BLACK_BOX] * any(repo.glob("tests/test_*.py"))


def default_addon_paths(repo=REPO):
    """Return the test folders of all addons and the modules that hold doctests."""
    paths = []
    for addon in sorted(find_addons(repo)):
        if (repo / addon / "tests").is_dir():
            paths.append(f"{addon}/tests")
        for module in sorted((repo / addon).rglob("*.py")):
            inside = module.relative_to(repo)
            if inside.parts[1] != "tests" and ">>> " in module.read_text("utf-8"):
                paths.append(str(inside))
    return paths


def _timed(name, action):
    part = Outcome(name)
    begin = time.time()
    action(part)
    part.seconds = time.time() - begin
    return part


def _lint(house, part):
    with step("Lint"):
        part.problems = [f"lint: {name}" for name in quality.lint(house.venv)]


def _run_addons(house, selection):
    databases, parts = house.databases, []
    if selection.narrowed:
        databases.provide(TEST_DATABASE)
    else:
        databases.create(TEST_DATABASE, replace=True)
        parts.append(_timed("term lists", lambda part: _check_terms(house, part)))
    log = house.checkout.logs / "addon-tests.log"
    log.unlink(missing_ok=True)
    options = [
        f"--odoo-config={house.runner.write_config()}",
        f"--odoo-database={TEST_DATABASE}",
        "--odoo-http",
        "--odoo-log-level=info",
        f"--odoo-extra=logfile={log}",
        "--doctest-modules",
    ]
    say("Addon tests (pytest-odoo, with Chromium)")
    report = house.checkout.logs / "addon-tests.xml"
    environment = {
        **house.server.environment(),
        # a test that waits for its own lock ends with an error instead of never
        "PGOPTIONS": f"-c lock_timeout={LOCK_PATIENCE}s",
    }
    arguments = [*options, *selection.options, *selection.addon_paths]
    code = _pytest(house, report, arguments, environment)
    parts += read_report(report)
    parts.append(_judge_run("server log of addon tests", code, log))
    return parts


def _check_terms(house, part):
    addons = sorted(find_addons())
    with step("Comparing the term lists with the database"):
        part.problems = po.stale_terms(house.runner, TEST_DATABASE, addons)


def _run_black_box(house, selection):
    say("Tests against a live server with two workers")
    report = house.checkout.logs / "black-box-tests.xml"
    arguments = ["-p", "no:odoo", *selection.options, *selection.black_box_paths]
    # its fixtures find Odoo and the server the way every command does
    environment = {**os.environ, "ODOO_HOME": str(house.venv.odoo_home)}
    code = _pytest(house, report, arguments, environment)
    return [*read_report(report), _judge_run("run of tests/", code, None)]


def _pytest(house, report, arguments, environment):
    report.unlink(missing_ok=True)
    argv = [house.venv.python, "-m", "pytest", f"--junit-xml={report}", *arguments]
    done = subprocess.run(
        [str(part) for part in argv],
        cwd=REPO,
        stdin=subprocess.DEVNULL,
        env=environment,
        check=False,
    )
    return done.returncode


def read_report(path):
    """Return an outcome per addon (and one for `tests/`) of a junit file."""
    parts = {}
    if not path.exists():
        return []
    for case in ElementTree.fromstring(path.read_bytes()).iter("testcase"):
        name = re.search(r"referral_\w+", case.get("classname", ""))
        name = name[0] if name else BLACK_BOX
        part = parts.setdefault(name, Outcome(name))
        kinds = {child.tag for child in case}
        if kinds & {"failure", "error"}:
            part.counts["failed"] += 1
            part.problems.append(f"{case.get('classname')}::{case.get('name')}")
        elif "skipped" in kinds:
            part.counts["skipped"] += 1
        else:
            part.counts["passed"] += 1
        part.seconds += float(case.get("time") or 0)
    return list(parts.values())


def _judge_run(name, code, log):
    """Return an outcome that fails on a broken run or on warnings in a server log."""
    part = Outcome(name)
    if code not in (0, 1, NOTHING_COLLECTED):
        part.problems.append(f"pytest ended with code {code}")
    if log and log.exists():
        lines = log.read_text(errors="replace").splitlines()
        part.problems += [f"logged: {line}" for line in complaints(lines, ALLOWED)[:20]]
    part.counts["failed"] = len(part.problems)
    return part


def summarise(outcomes):
    """Print the summary and its closing line; return the exit code."""
    total, problems = Counter(), []
    print(f"\n  {'':<26}{'passed':>9}{'failed':>9}{'skipped':>9}{'time':>11}")
    for part in outcomes:
        if not part.counts["failed"]:
            part.counts["failed"] = len(part.problems)
        print(part.row())
        total.update(part.counts)
        problems += part.problems
    print("".join(f"\n  failed: {problem}" for problem in problems))
    ran = total["passed"] + total["failed"]
    if not ran:
        print("  Nothing ran: no test matches.")
    closing = (f"{total[kind]} {kind}" for kind in ("passed", "failed", "skipped"))
    print(", ".join(closing), flush=True)
    return 1 if total["failed"] or not ran else 0
