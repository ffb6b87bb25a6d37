"""The commands: what `make` and bin/odoo call."""

import argparse
import os
import signal
import sys

from . import clean, machine, odoo
from .report import Problem
from .settings import REPO, Checkout, cache_root, writable_folder
from .venv import Venv


class House:
    """Everything a command may need, made at first use."""

    def __init__(self, venv):
        from . import postgres
        from .runner import Runner

        self.checkout, self.venv = Checkout(), venv
        self.server = postgres.find_server(self.checkout)
        self.runner = Runner(self.checkout, venv, self.server)

    @property
    def databases(self):
        from .databases import Databases

        return Databases(self.runner)


def main(arguments):
    """Run one command; return its exit code."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # ends children, too
    try:
        return _dispatch(arguments) or 0
    except Problem as problem:
        print(f"\n{problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. The same command resumes where it was.", file=sys.stderr)
        return 130


def _dispatch(arguments):
    if not arguments or arguments[0] not in COMMANDS:
        names = ", ".join(COMMANDS)
        raise Problem(
            f"Unknown command {' '.join(arguments[:1])!r}.", f"use one of: {names}"
        )
    command, *rest = arguments
    function, requirements = COMMANDS[command]
    if requirements is None:
        return function(rest)
    writable_folder(cache_root())
    venv = Venv(odoo.find())
    venv.ensure()
    if requirements != "requirements":
        venv.ensure(requirements)
    if not venv.is_current():
        venv.enter(arguments)
    return function(rest, venv)


def run_odoo(arguments, venv):
    """Become Odoo with the given arguments."""
    house = House(venv)
    argv = house.runner.command(*arguments)
    os.execve(argv[0], argv, house.server.environment())


def make_database(arguments, venv):
    """Make a database with every addon installed."""
    parser = argparse.ArgumentParser(prog="make db")
    parser.add_argument("name", nargs="?")
    parser.add_argument("--demo", action="store_true")
    parser.add_argument(
        "--addons", default="", help="comma-separated; all when left out"
    )
    parser.add_argument("--force", action="store_true")
    options = parser.parse_args(arguments)
    if not options.name:
        raise Problem(
            "The new database has no name.",
            "give one: make db NAME=my_db, DEMO=1 for demo data",
        )
    only = [name for name in options.addons.split(",") if name]
    House(venv).databases.create(options.name, options.demo, options.force, only)
    print(f"bin/odoo shell -d {options.name}")


def run_demo(arguments, venv):
    """Serve the demo."""
    from .serve import require_port, serve_demo

    parser = argparse.ArgumentParser(prog="make run")
    parser.add_argument("--port", type=int, default=8069)
    options = parser.parse_args(arguments)
    require_port(options.port)
    machine.install_extras()
    return serve_demo(House(venv), options.port)


def set_up(_arguments, venv):
    """Set everything up, serve nothing."""
    from .template import Template

    machine.install_extras()
    Template(House(venv).runner).ensure()


def stop(_arguments):
    """Stop the private PostgreSQL of this checkout."""
    checkout = Checkout()
    clean.refuse_while_serving(checkout.root)
    clean.stop_checkout(checkout)


def clean_up(arguments):
    """Remove what this checkout made; with --all the shared cache too."""
    checkout = Checkout()
    clean.refuse_while_serving(checkout.root)
    if os.environ.get("PGHOST") or os.environ.get("DATABASE_URL"):
        _drop_databases("--all" in arguments)
    if "--all" in arguments:
        clean.clean_cache(checkout)
    else:
        clean.clean_checkout(checkout)


def _drop_databases(everything):
    """Drop what was made on a server that is not ours: in a process of its own."""
    import subprocess

    venv = Venv(odoo.find())
    if venv.has("requirements"):
        main = os.path.join(
            os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "main.py"
        )
        subprocess.run(
            [sys.executable, main, "drop", *["--all"] * everything], check=True
        )


def drop_databases(arguments, venv):
    """Drop what this checkout made on the server; with --all the templates too."""
    house = House(venv)
    house.databases.drop_own()
    if "--all" in arguments:
        for name in house.server.databases():
            if name.startswith(("referral_template_", "referral_half_")):
                house.server.drop(name)


def check_style(_arguments, venv):
    """Run every check of the lint."""
    from .quality import lint

    failed = lint(venv)
    print(f"lint: {', '.join(failed)} failed" if failed else "lint: clean")
    return 1 if failed else 0


def run_tests(arguments, venv):
    """Run lint and every test, or what the arguments select."""
    from .testing import run_all

    position = arguments.index("--") if "--" in arguments else len(arguments)
    own, selection = arguments[:position], arguments[position + 1 :]
    machine.install_extras(for_tests=True)
    return run_all(House(venv), selection, with_lint="--no-lint" not in own)


def run_suites(arguments, venv):
    """Run Odoo's own tests of the apps that are named, beside our addons."""
    from .suites import run_suites as run_all_suites

    machine.install_extras(for_tests=True)
    apps = [one for one in arguments if not one.startswith("-")]
    return run_all_suites(House(venv), apps, bare="--bare" in arguments)


def run_benchmarks(arguments, venv):
    """Run every program of benchmarks/, or those that are named."""
    import subprocess

    arguments = [argument for argument in arguments if argument != "--"]
    programs = sorted((REPO / "benchmarks").glob("bench_*.py"))
    named = [path for path in programs if {path.stem, path.name} & set(arguments)]
    if not programs:
        raise Problem(
            "There is no benchmark: benchmarks/ holds no bench_*.py.",
            "add one; it is run with the pinned Odoo's Python.",
        )
    options = [one for one in arguments if not {one} & {p.stem for p in programs}]
    options = [one for one in options if not one.endswith(".py")]
    codes = [
        subprocess.call([venv.python, path, *options]) for path in named or programs
    ]
    return max(codes)


def refresh_terms(_arguments, venv):
    """Write the term lists and merge them into the translations."""
    from . import po
    from .settings import TEST_DATABASE, find_addons

    house = House(venv)
    house.databases.provide(TEST_DATABASE)
    po.refresh(house.runner, TEST_DATABASE, sorted(find_addons()))


# {command: (function, requirements file it needs, or None to run without any set-up)}
COMMANDS = {
    "run": (run_demo, "requirements"),
    "setup": (set_up, "requirements"),
    "odoo": (run_odoo, "requirements"),
    "db": (make_database, "requirements"),
    "test": (run_tests, "requirements-test"),
    "test-odoo": (run_suites, "requirements-test"),
    "bench": (run_benchmarks, "requirements-test"),
    "lint": (check_style, "requirements-test"),
    "pot": (refresh_terms, "requirements-test"),
    "drop": (drop_databases, "requirements"),
    "stop": (stop, None),
    "clean": (clean_up, None),
}
