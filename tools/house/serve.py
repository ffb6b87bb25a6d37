"""A live Odoo with several workers, for the demo and for the tests."""

import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request

from .front import Front, free_port, is_free
from .report import Problem, say, step
from .runner import server_wide_modules
from .settings import DEMO_DATABASE, REPO, find_addons

LOGINS = REPO / "tools" / "logins.json"
WORKERS = 2


class LiveServer:
    """One Odoo server on a loopback port, with `url`, `database` and `log_path`."""

    # A page that shows that the server is ready.
    ready_page = "/web/login"

    def __init__(self, runner, database, port=None, log="server.log", options=()):
        self.runner, self.database = runner, database
        self.port = port or free_port()
        self.pages, self.websockets = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log_path = runner.checkout.logs / log
        self.options = options
        self.process = self.front = None

    def start(self):
        """Start the server and wait until it shows a page."""
        argv = self.runner.command(
            f"--database={self.database}",
            f"--workers={WORKERS}",
            "--max-cron-threads=1",
            # a new database has every job due: the limit counts them all together
            "--limit-time-real-cron=600",
            f"--http-port={self.pages}",
            f"--gevent-port={self.websockets}",
            "--no-database-list",
            f"--load={server_wide_modules(find_addons(self.runner.checkout.repo))}",
            *self.options,
        )
        with self.log_path.open("w") as log:
            self.process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.runner.server.environment(),
                cwd=self.runner.checkout.repo,
                start_new_session=True,
            )
        self._mark().touch()
        self.front = Front(self.port, self.pages, self.websockets)
        self.front.start()
        self._wait()

    def _wait(self, patience=120):
        deadline = time.time() + patience
        while time.time() < deadline:
            if self.process.poll() is not None:
                raise Problem(
                    f"Odoo ended while starting, see {self.log_path}:\n{self._tail()}",
                    "read its log.",
                )
            try:
                page = self.url + self.ready_page
                with urllib.request.urlopen(page, timeout=60) as answer:
                    if answer.status == 200:
                        return
            except (OSError, urllib.error.HTTPError):
                time.sleep(0.2)
        raise Problem(
            f"Odoo does not answer after {patience} s:\n{self._tail()}",
            f"read {self.log_path}.",
        )

    def _tail(self):
        lines = self.log_path.read_text(errors="replace").splitlines()[-10:]
        return "\n".join(f"    {line}" for line in lines)

    def _mark(self):
        return self.runner.checkout.folder("servers") / str(self.process.pid)

    def stop(self):
        """Stop the server, gently at first."""
        if self.process:
            for order, patience in ((signal.SIGTERM, 15), (signal.SIGKILL, 5)):
                try:
                    os.killpg(self.process.pid, order)
                    self.process.wait(patience)
                except ProcessLookupError:
                    break
                except subprocess.TimeoutExpired:
                    continue
                break
            self._mark().unlink(missing_ok=True)
        if self.front:
            self.front.stop()


def require_port(port):
    """Raise `Problem` when something listens on the port already."""
    if is_free(port):
        return
    raise Problem(
        f"Port {port} is taken{_occupant(port)}.",
        f"stop that program, or take another port: make run PORT={port + 1}",
    )


def _occupant(port):
    import psutil

    try:
        connections = psutil.net_connections("tcp")
    except psutil.AccessDenied:
        return ""
    for connection in connections:
        if (
            connection.laddr
            and connection.laddr.port == port
            and connection.status == psutil.CONN_LISTEN
            and connection.pid
        ):
            name = psutil.Process(connection.pid).name()
            return f" by {name} (process {connection.pid})"
    return ""


def serve_demo(house, port):
    """Serve the demo database until interrupted; return the exit code."""
    require_port(port)
    databases = house.databases
    if databases.state(DEMO_DATABASE):
        databases.update(DEMO_DATABASE)
    else:
        databases.create(DEMO_DATABASE, demo=True, replace=True)
    server = LiveServer(house.runner, DEMO_DATABASE, port)
    try:
        with step("Starting the server"):
            server.start()
        print(welcome(server), flush=True)
        code = server.process.wait()
        say(f"Odoo ended with code {code}, see {server.log_path}")
        return code
    except KeyboardInterrupt:
        say("Stopping the server; the demo data stay")
        return 0
    finally:
        server.stop()


def welcome(server):
    """Return the text that tells a visitor where to go and how to log in."""
    logins = json.loads(LOGINS.read_text(encoding="utf-8"))
    rows = [
        (
            f"{row['role_en']} {row['role_zh']}",
            row["login"],
            row["password"],
            row["page"],
        )
        for row in logins
    ]
    widths = [max(_width(row[column]) for row in rows) for column in range(3)]
    lines = ["", f"  The demo is ready: {server.url}", ""]
    for row in rows:
        cells = [
            cell + " " * (width - _width(cell))
            for cell, width in zip(row, widths, strict=False)
        ]
        lines.append(f"  {'   '.join(cells)}   {server.url}{row[3]}")
    return "\n".join(
        [*lines, "", f"  Log: {server.log_path}", "  Ctrl-C stops it.", ""]
    )


def _width(text):
    """Return the columns a text takes on a terminal: Chinese letters take two."""
    return sum(2 if ord(letter) > 0x2E7F else 1 for letter in text)
