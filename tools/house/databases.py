"""Databases with the addons of this repository, copied from the template."""

import json
import re
import shutil

from psycopg2 import sql

from .report import Problem, say, step
from .runner import complaints
from .settings import find_addons, fingerprint, require_space
from .template import Template

NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
# A copy gets identifiers of its own and keeps new attachments in files.
OWN_IDENTITY = """
UPDATE ir_config_parameter SET value = gen_random_uuid()
WHERE key IN ('database.uuid', 'database.secret');
DELETE FROM ir_config_parameter WHERE key = 'ir_attachment.location';
"""
ALLOWED = ()  # (regular expression, why it is harmless)


class Databases:
    """Makes, updates and knows the databases of this checkout.

    A database is finished when its comment says so; the comment also holds the
    fingerprints of the addons as they were installed.
    """

    def __init__(self, runner):
        self.runner, self.server = runner, runner.server

    def state(self, name):
        """Return None (no such database), {} (unfinished) or what was recorded."""
        rows = self.server.query(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE "
            "datname = %s",
            [name],
        )
        if not rows:
            return None
        try:
            return json.loads(rows[0][0] or "{}")
        except ValueError:
            return {}

    def create(self, name, demo=False, replace=False, only=()):
        """Make a database with every addon of the repository, or `only` some."""
        if not NAME.fullmatch(name):
            raise Problem(
                f"{name!r} is no name for a database.",
                "use small letters, digits and underscores: make db NAME=my_db",
            )
        if self.state(name) and not replace:
            raise Problem(
                f"The database {name} exists already.",
                f"take another name, or replace it: make db NAME={name} FORCE=1",
            )
        require_space(self.runner.checkout.data, 1)
        template = Template(self.runner)
        template.ensure()
        with step(f"Making the database {name}{' with demo data' if demo else ''}"):
            self.drop(name)
            self._copy(template.name, name)
            self._install(name, demo, only)
            self._record(name, demo)

    def provide(self, name, demo=False):
        """Make a database unless it is there and as new as the addons."""
        state = self.state(name)
        if not state or state["addons"] != self._fingerprints():
            self.create(name, demo=demo, replace=True)

    def update(self, name):
        """Update the addons whose files changed since they were installed."""
        state = self.state(name)
        current = self._fingerprints()
        changed = sorted(
            addon for addon in current if state["addons"].get(addon) != current[addon]
        )
        if not changed:
            return
        new = [addon for addon in changed if addon not in state["addons"]]
        old = [addon for addon in changed if addon in state["addons"]]
        with step(f"Updating {', '.join(changed)} in {name}"):
            arguments = [f"-i{','.join(new)}"] * bool(new) + [
                f"-u{','.join(old)}"
            ] * bool(old)
            self._odoo(name, *arguments)
            self._record(name, state.get("demo", False))

    def copy(self, source, name):
        """Make a database like another one that nobody is connected to."""
        with step(f"Copying {source} to {name}"):
            self.drop(name)
            self._copy(source, name)
            filestores = self.runner.checkout.data / "filestore"
            if (filestores / source).is_dir():
                shutil.copytree(filestores / source, filestores / name)
            self._record(name, self.state(source).get("demo", False))

    def drop(self, name):
        """Drop a database and its filestore."""
        self.server.drop(name)
        shutil.rmtree(
            self.runner.checkout.data / "filestore" / name, ignore_errors=True
        )

    def drop_own(self):
        """Drop every database that this checkout has made on the server."""
        for name in sorted(self.server.databases()):
            if (self.state(name) or {}).get(
                "checkout"
            ) == self.runner.checkout.root.name:
                self.drop(name)

    def _copy(self, template, name):
        copy = sql.SQL(
            "CREATE DATABASE {} TEMPLATE {}"
            + " STRATEGY file_copy" * (self.server.major() >= 15)
        )
        self.server.query(copy.format(sql.Identifier(name), sql.Identifier(template)))
        self.server.query(OWN_IDENTITY, database=name)

    def _install(self, name, demo, only=()):
        addons = sorted(only or find_addons(self.runner.checkout.repo))
        if not addons:
            say(
                "  the repository has no addon yet: the database holds the "
                "dependencies only"
            )
            return
        if demo:  # Odoo loads demo data only where all dependencies have theirs
            self._flag_demo(name, True, addons)
        self._odoo(name, "-i", ",".join(addons), *["--with-demo"] * demo)
        if demo:
            self._flag_demo(name, False, addons)
            self._check_demo(name, addons)

    def _flag_demo(self, name, value, addons):
        statement = """
            UPDATE ir_module_module SET demo = %s
            WHERE state = 'installed' AND name != ALL(%s)
        """
        self.server.query(statement, [value, addons], database=name)

    def _check_demo(self, name, addons):
        with_demo = [
            addon
            for addon in addons
            if find_addons(self.runner.checkout.repo)[addon].get("demo")
        ]
        statement = (
            "SELECT name FROM ir_module_module WHERE name = ANY(%s) AND NOT demo"
        )
        lacking = self.server.query(statement, [with_demo], database=name)
        if lacking:
            raise Problem(
                f"The demo data of {', '.join(row[0] for row in lacking)} did not "
                "load.",
                f"read {self.runner.checkout.logs / (name + '.log')}.",
            )

    def _odoo(self, name, *arguments):
        lines = self.runner.run(
            "-d", name, *arguments, "--stop-after-init", "--no-http", log=f"{name}.log"
        )
        found = complaints(lines, ALLOWED)
        if found:
            raise Problem(
                f"Odoo complained while working on {name}:\n" + "\n".join(found[:10]),
                f"read {self.runner.checkout.logs / (name + '.log')}.",
            )

    def _fingerprints(self):
        repo = self.runner.checkout.repo
        return {addon: fingerprint(repo / addon) for addon in find_addons(repo)}

    def _record(self, name, demo):
        text = json.dumps(
            {
                "checkout": self.runner.checkout.root.name,
                "demo": demo,
                "addons": self._fingerprints(),
            }
        )
        self.server.query(
            sql.SQL("COMMENT ON DATABASE {} IS %s").format(sql.Identifier(name)), [text]
        )
