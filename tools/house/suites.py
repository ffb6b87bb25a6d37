"""Odoo's own tests of its apps, beside the addons of this repository or without them.

They want Odoo's demo data, so they run in a database of their own: the apps and all
our addons build on, with demo data, is made once and kept; each run gets a copy.
"""

import json
import re
import socket
from collections import Counter

from psycopg2 import sql

from .report import Failed, Problem, run, say, step
from .settings import REPO, digest, find_addons

APPS = "referral_suites_apps"
DATABASE = "referral_suites"
STARTED = re.compile(r" odoo\.addons\.(\w+)\.tests\.\S+: Starting (\S+) \.\.\.")
FAILED = re.compile(r" odoo\.addons\.(\w+)\.tests\.\S+: ((?:FAIL|ERROR): .+)$")
CLOSING = re.compile(r" odoo\.tests\.result: (\d+ failed, \d+ error.*)$")


def run_suites(house, apps, bare=False):
    """Run Odoo's tests of the apps; return the exit code.

    :param bare: without our addons, to see what fails by itself.
    """
    unknown = [app for app in apps if not _has_tests(house, app)]
    if unknown or not apps:
        raise Problem(
            f"Odoo has no tests of {', '.join(unknown) or 'nothing'}.",
            'name its apps: make test-odoo ARGS="crm sale_crm website_crm"',
        )
    _provide_apps(house, apps)
    house.databases.copy(APPS, DATABASE)
    if not bare:
        _install_addons(house)
    log = house.checkout.logs / f"suites{'-bare' * bare}.log"
    log.write_text("")
    title = f"Odoo's tests of {', '.join(apps)}{' without our addons' * bare}"
    with step(title):
        _run(house, apps, log)
    return _report(log)


def _has_tests(house, app):
    folder = house.venv.odoo_home / "odoo" / "addons" / app / "tests"
    return (folder / "__init__.py").exists()


def _provide_apps(house, apps):
    """Make the database of the apps and their demo data, unless it is there."""
    addons = find_addons()
    needed = {name for one in addons.values() for name in one.get("depends", ())}
    modules = sorted({*apps, *needed} - set(addons))
    key = digest(house.venv.odoo_home, *modules)
    if (house.databases.state(APPS) or {}).get("suites") == key:
        return
    with step(f"Installing {', '.join(modules)} with demo data (3-5 minutes)"):
        house.databases.drop(APPS)
        _odoo(house, APPS, "-i", ",".join(modules), "--with-demo")
        # what is installed from now on comes without demo data: our story is another
        statement = "UPDATE ir_module_module SET demo = false"
        house.server.query(statement, database=APPS)
        mark = json.dumps({"checkout": house.checkout.root.name, "suites": key})
        statement = sql.SQL("COMMENT ON DATABASE {} IS %s").format(sql.Identifier(APPS))
        house.server.query(statement, [mark])


def _install_addons(house):
    with step("Installing our addons"):
        _odoo(house, DATABASE, "-i", ",".join(sorted(find_addons())))


def _odoo(house, name, *arguments):
    arguments = ("-d", name, *arguments, "--stop-after-init", "--no-http")
    house.runner.run(*arguments, log="suites-install.log")


def _run(house, apps, log):
    options = house.runner.command(
        f"--database={DATABASE}",
        "--test-tags=" + ",".join(f"/{app}" for app in apps),
        "--stop-after-init",
        "--max-cron-threads=0",
        f"--http-port={_free_port()}",
        f"--gevent-port={_free_port()}",
    )
    argv = [house.venv.python, REPO / "tools" / "odoo_together.py", *options[1:]]
    try:
        run(argv, log=log, env=house.server.environment(), cwd=REPO)
    except Failed:
        say("Some failed.")  # the report says which


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _report(log):
    lines = log.read_text(errors="replace").splitlines()
    ran = Counter(found[1] for found in map(STARTED.search, lines) if found)
    failed = [found for found in map(FAILED.search, lines) if found]
    for app, count in sorted(ran.items()):
        wrong = sum(found[1] == app for found in failed)
        print(f"  {app:<26}{count:>6} ran{wrong:>6} failed")
    print("".join(f"\n  {found[1]}: {found[2]}" for found in failed))
    closing = [found[1] for found in map(CLOSING.search, lines) if found]
    print(closing[-1] if closing else f"The run broke off, see {log}.", flush=True)
    return 1 if failed or not closing else 0
