"""Fixtures of the black-box tests: a live Odoo server with two workers.

``server``   session-wide, on a fresh database with the demo data; `.url`, `.db`,
             `.log_path`, `.rpc(login, password)`, `.expects(pattern)`
``ordinary`` another one on the same database, without our addons server-wide
``road``     both in turn, for what has to be the same on both roads to a link
``hosts``    one that serves two databases, each by its name as the host
``db``       psycopg2 connection to that database, in autocommit mode
``browser``  Chromium, driven by Playwright
``chromium`` starts another Chromium on a profile folder of its own

The server's log is part of the test: a warning in it fails the session.
"""

import re
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from playwright.sync_api import sync_playwright

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO / "tools"))

from house import machine, odoo, runner
from house.cli import House
from house.serve import LiveServer
from house.venv import Venv

DATABASE, SECOND_DATABASE = "referral_live", "referral_live_two"
# (regular expression, why the line is harmless)
ALLOWED_IN_LOG = (
    (
        r"odoo\.http: (“.*” (must be a line of text|is no )|Send an idempotency_key)",
        "refusals of the interface the tests provoke",
    ),
    (
        r"odoo\.http: This (idempotency_key|invite code|needs the role)",
        "refusals of the interface the tests provoke",
    ),
    (
        r"odoo\.http: (There is no such lead that you|Name the member by exactly one)",
        "refusals of the interface the tests provoke",
    ),
    (
        r"odoo\.http: “(note|agreed)” (must be text|is true or false)",
        "refusals of the interface the tests provoke",
    ),
    (r"odoo\.http: \S+ is at “Awaiting payment”", "a refusal the tests provoke"),
    (r"odoo\.http: Uh-oh! .* top-secret records", "a refusal the tests provoke"),
    (
        r'odoo\.sql_db: bad query: b.* UPDATE "discuss_channel_member"',
        "the pages of one chat tell at once what was seen; Odoo tries again",
    ),
    (
        r"wkhtmltopdf: The switch .* is not support using unpatched qt",
        "Debian's wkhtmltopdf leaves less room below a page's head",
    ),
)


class RpcError(Exception):
    """An error the server answered: `name` is its class, `message` its text."""

    def __init__(self, error):
        data = error.get("data") or {}
        self.name = data.get("name", "")
        self.message = data.get("message") or error.get("message", "")
        super().__init__(f"{self.name}: {self.message}")


class Rpc:
    """A logged-in user, calling models the way the web client does.

    `rpc("res.partner", "search_count", [("name", "=", "Ann")])` returns 0;
    keyword arguments are passed on, `context` among them.
    """

    def __init__(self, url, database, login, password):
        self.url, self.http = url, requests.Session()
        answer = self.post(
            "/web/session/authenticate",
            {"db": database, "login": login, "password": password},
        )
        self.uid = answer["uid"]

    def __call__(self, model, method, *arguments, **keywords):
        """Call a method of a model; a refused or failed call raises `RpcError`."""
        call = {"model": model, "method": method, "args": arguments, "kwargs": keywords}
        return self.post(f"/web/dataset/call_kw/{model}/{method}", call)

    def post(self, path, parameters):
        """Call a JSON-RPC route with parameters; return its result."""
        body = {"jsonrpc": "2.0", "id": 1, "method": "call", "params": parameters}
        answer = self.http.post(self.url + path, json=body, timeout=120)
        answer.raise_for_status()
        content = answer.json()
        if "error" in content:
            raise RpcError(content["error"])
        return content.get("result")


class Server(LiveServer):
    """The live server as tests see it."""

    def __init__(self, *arguments, **keywords):
        super().__init__(*arguments, **keywords)
        self.expected = []

    @property
    def db(self):
        return self.database

    def rpc(self, login, password):
        """Return an `Rpc` for a user; `RpcError` when the login is refused."""
        return Rpc(self.url, self.database, login, password)

    def complaints(self):
        """Return the warnings and errors logged so far, but for the allowed ones."""
        lines = self.log_path.read_text(errors="replace").splitlines()
        found = runner.complaints(lines, ALLOWED_IN_LOG)
        return [line for line in found if line not in self.expected]

    @contextmanager
    def expects(self, pattern):
        """What is logged meanwhile and matches is no complaint; yields those lines."""
        start, matching = self.log_path.stat().st_size, []
        yield matching
        with self.log_path.open(errors="replace") as log:
            log.seek(start)
            matching += [
                line for line in log.read().splitlines() if re.search(pattern, line)
            ]
        self.expected += matching


@contextmanager
def serving(live):
    """Run a server; what it complained about is an error."""
    try:
        live.start()
        yield live
    finally:
        live.stop()
    found = live.complaints()
    assert not found, "the server complained:\n" + "\n".join(found)


@pytest.fixture(scope="session")
def house():
    """The set-up of this checkout: its server, runner and databases."""
    return House(Venv(odoo.find()))


@pytest.fixture(scope="session")
def databases(house):
    """The names of two fresh databases with the demo data."""
    house.databases.create(DATABASE, demo=True, replace=True)
    house.databases.copy(DATABASE, SECOND_DATABASE)
    return DATABASE, SECOND_DATABASE


@pytest.fixture(scope="session")
def server(house, databases):
    """A live server on a fresh database with the demo data."""
    with serving(Server(house.runner, DATABASE, log="black-box-tests.log")) as live:
        yield live


@pytest.fixture(scope="session")
def ordinary(house, server):
    """A live server on the same database that knows nothing of the road in front."""
    log, options = "black-box-ordinary.log", ["--load=base,web,rpc"]
    with serving(Server(house.runner, DATABASE, log=log, options=options)) as live:
        yield live


@pytest.fixture(params=["in front", "ordinary"])
def road(request, server):
    """A server whose personal links take the road in front, or the ordinary one."""
    if request.param == "in front":
        return server
    return request.getfixturevalue("ordinary")


@pytest.fixture(scope="session")
def hosts(house, databases):
    """A live server behind a proxy, with two databases it tells apart by the host."""
    options = ["--db-filter=^%h$", "--proxy-mode"]
    live = Server(
        house.runner, ",".join(databases), log="black-box-hosts.log", options=options
    )
    live.ready_page = "/web/health"  # the only one without a database
    with serving(live):
        yield live


@pytest.fixture
def db(server, house):
    """A connection to the live server's database, in autocommit mode."""
    connection = house.server.connect(server.db)
    yield connection
    connection.close()


@pytest.fixture(scope="session")
def playwright():
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def program():
    """How to start Chromium: the keyword arguments of Playwright's launchers."""
    path = machine.find_chromium()
    assert path, "Chromium is missing: apt-get install chromium"
    arguments = ["--no-sandbox", "--disable-dev-shm-usage"]
    return {"executable_path": path, "args": arguments}


@pytest.fixture(scope="session")
def browser(playwright, program):
    """Chromium; open a page with `browser.new_context(...)` or `browser.new_page()`."""
    chromium = playwright.chromium.launch(**program)
    yield chromium
    chromium.close()


@pytest.fixture
def chromium(playwright, program):
    """Starts a Chromium of its own on a profile folder; returns its context."""
    launch = playwright.chromium.launch_persistent_context
    return lambda folder, **options: launch(folder, **program, **options)


@pytest.fixture
def repo(tmp_path):
    """A small git repository with one addon."""
    root = tmp_path / "repo"
    tests = root / "referral_x" / "tests"
    tests.mkdir(parents=True)
    (root / "tools").mkdir()
    (root / "referral_x" / "__manifest__.py").write_text('{"depends": ["crm"]}')
    (tests / "__init__.py").write_text("from . import test_used\n")
    (tests / "test_used.py").write_text("")
    subprocess.run(["git", "init", "-q", root], check=True)
    return root
