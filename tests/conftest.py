"""Fixtures of the black-box tests: a live Odoo server with two workers.

``server``   session-wide, on a fresh database with the demo data; `.url`, `.db`,
             `.log_path`, `.rpc(login, password)`
``db``       psycopg2 connection to that database, in autocommit mode
``browser``  Chromium, driven by Playwright

The server's log is part of the test: a warning in it fails the session.
"""

import subprocess
import sys
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

DATABASE = "referral_live"
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
    (r"odoo\.http: \S+ is at “Awaiting payment”", "a refusal the tests provoke"),
    (r"odoo\.http: Uh-oh! .* top-secret records", "a refusal the tests provoke"),
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

    @property
    def db(self):
        return self.database

    def rpc(self, login, password):
        """Return an `Rpc` for a user; `RpcError` when the login is refused."""
        return Rpc(self.url, self.database, login, password)

    def complaints(self):
        """Return the warnings and errors logged so far, but for the allowed ones."""
        lines = self.log_path.read_text(errors="replace").splitlines()
        return runner.complaints(lines, ALLOWED_IN_LOG)


@pytest.fixture(scope="session")
def house():
    """The set-up of this checkout: its server, runner and databases."""
    return House(Venv(odoo.find()))


@pytest.fixture(scope="session")
def server(house):
    """A live server on a fresh database with the demo data."""
    house.databases.create(DATABASE, demo=True, replace=True)
    live = Server(house.runner, DATABASE, log="black-box-tests.log")
    try:
        live.start()
        yield live
    finally:
        live.stop()
    found = live.complaints()
    assert not found, "the server complained:\n" + "\n".join(found)


@pytest.fixture
def db(server, house):
    """A connection to the live server's database, in autocommit mode."""
    connection = house.server.connect(server.db)
    yield connection
    connection.close()


@pytest.fixture(scope="session")
def browser():
    """Chromium; open a page with `browser.new_context(...)` or `browser.new_page()`."""
    path = machine.find_chromium()
    assert path, "Chromium is missing: apt-get install chromium"
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-dev-shm-usage"]
        chromium = playwright.chromium.launch(executable_path=path, args=arguments)
        yield chromium
        chromium.close()


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
