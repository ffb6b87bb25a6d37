"""Start the pinned Odoo: its configuration, and the commands that use it."""

import re
import subprocess

from .odoo import addons_folders
from .report import Failed, Problem, run
from .settings import DEMO_DATABASE, find_addons

LOADING = re.compile(r"(?:Loading module|Loading) (?:module )?(\S+) \((\d+)/(\d+)\)")
SIGNS = re.compile(r" (WARNING|ERROR|CRITICAL) ")


def server_wide_modules(addons):
    """Return what a server loads before any database: our addons that hook in too.

    It is not in odoo.conf: Odoo uninstalls no addon that is loaded server-wide.
    """
    own = [name for name, manifest in addons.items() if manifest.get("post_load")]
    return ",".join(["base", "web", "rpc", *own])


class Runner:
    """The pinned Odoo of this checkout on one server."""

    def __init__(self, checkout, venv, server):
        self.checkout, self.venv, self.server = checkout, venv, server

    def write_config(self):
        """Write odoo.conf (without any secret) and return its path."""
        addons = find_addons(self.checkout.repo)
        folders = [self.checkout.repo] * bool(addons) + addons_folders(
            self.venv.odoo_home
        )
        lines = {
            "addons_path": ",".join(map(str, folders)),
            "data_dir": self.checkout.data,
            "db_host": self.server.host,
            "db_port": self.server.port,
            "db_user": self.server.user,
            "db_name": DEMO_DATABASE,
            "dbfilter": "",
            "http_interface": "127.0.0.1",
        }
        text = "[options]\n" + "".join(
            f"{name} = {value}\n" for name, value in lines.items()
        )
        path = self.checkout.config
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
        return path

    def command(self, *arguments):
        """Return the command line of Odoo; a subcommand such as `shell` comes first."""
        arguments = list(map(str, arguments))
        first = (
            [arguments.pop(0)] if arguments and not arguments[0].startswith("-") else []
        )
        return [str(self.venv.odoo), *first, "-c", str(self.write_config()), *arguments]

    def run(self, *arguments, log, remedy="read the log named above."):
        """Run Odoo to its end with progress; return its log lines.

        An error, a warning included, is the caller's to judge by `complaints`.
        """
        path = self.checkout.logs / log
        path.write_text("")
        try:
            return run(
                self.command(*arguments),
                log=path,
                watch=Progress(),
                env=self.server.environment(),
                cwd=self.checkout.repo,
            )
        except Failed as error:
            raise Problem(
                f"Odoo ended with an error, see {path}:\n{error.tail}", remedy
            ) from error

    def script(self, database, text, options=()):
        """Run Python text in `odoo shell` on a database; return what it printed.

        :param options: more options of Odoo's command line.
        """
        done = subprocess.run(
            self.command(
                "shell",
                "-d",
                database,
                "--log-level=warn",
                "--shell-interface=python",
                "--no-http",
                *options,
            ),
            input=text,
            text=True,
            capture_output=True,
            env=self.server.environment(),
            cwd=self.checkout.repo,
            check=False,
        )
        if done.returncode or "Traceback" in done.stderr:
            raise Problem(
                f"A script failed on {database}:\n{done.stderr[-3000:]}",
                "read the error above.",
            )
        return done.stdout


class Progress:
    """Turns Odoo's log into short progress notes, at most one every few modules."""

    def __init__(self):
        self.last = None

    def __call__(self, line):
        found = LOADING.search(line)
        if not found:
            return None
        name, number, total = found[1], int(found[2]), int(found[3])
        tenth = number * 10 // max(total, 1)
        if (total, tenth) == self.last or total < 10:
            return None
        self.last = (total, tenth)
        return f"module {number}/{total}: {name}"


def complaints(lines, allowed=()):
    """Return the log lines that warn of something, but for the allowed ones.

    `allowed` holds pairs (regular expression, why it is harmless).
    """
    patterns = [re.compile(pattern) for pattern, _why in allowed]
    found = [line for line in lines if SIGNS.search(line)]
    return [
        line for line in found if not any(pattern.search(line) for pattern in patterns)
    ]
