"""PostgreSQL: a server the user names, or a private cluster of this checkout.

The private cluster listens on a unix socket in a folder only its owner enters, so
it needs no port and no password. PostgreSQL refuses to run as root: it then runs
as the system user `postgres`.
"""

import os
import pwd
import re
import shutil
import subprocess
from contextlib import closing
from urllib.parse import unquote, urlsplit

import psycopg2
from psycopg2 import sql

from .pgprograms import as_owner, check_reachable, find_binaries, stop_cluster
from .report import Problem, run, step
from .settings import IS_ROOT, locked, require_space, writable_folder

OLDEST_MAJOR = 13  # of Odoo 19
ROLE = "odoo"
PORT = "5432"
VARIABLES = (
    "PGHOST",
    "PGPORT",
    "PGUSER",
    "PGPASSWORD",
    "PGDATABASE",
    "PGSERVICE",
    "PGOPTIONS",
    "PGHOSTADDR",
)
# Durability stays on: the tests of the ledger kill servers and count what is left.
TUNING = """
listen_addresses = ''
max_connections = 200
shared_buffers = 256MB
work_mem = 16MB
maintenance_work_mem = 256MB
max_wal_size = 2GB
checkpoint_timeout = 15min
random_page_cost = 1.1
jit = off
timezone = 'UTC'
"""


class Server:
    """A reachable PostgreSQL server and how to connect to it."""

    def __init__(self, host, port=PORT, user=ROLE, password=None):
        self.host, self.port, self.user, self.password = host, port, user, password

    def connect(self, database="postgres", **options):
        """Return a psycopg2 connection in autocommit mode."""
        connection = psycopg2.connect(
            host=self.host,
            port=self.port,
            user=self.user,
            password=self.password,
            dbname=database,
            **options,
        )
        connection.autocommit = True
        return connection

    def query(self, statement, parameters=None, database="postgres"):
        """Run one statement; return its rows as a list of tuples."""
        with (
            closing(self.connect(database)) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

    def environment(self):
        """Return the environment for programs that use this server."""
        environment = {
            name: value for name, value in os.environ.items() if name not in VARIABLES
        }
        environment.update(
            PGHOST=str(self.host), PGPORT=str(self.port), PGUSER=self.user
        )
        if self.password:
            environment["PGPASSWORD"] = self.password
        return environment

    def major(self):
        return int(self.query("SHOW server_version_num")[0][0]) // 10000

    def databases(self):
        return {name for (name,) in self.query("SELECT datname FROM pg_database")}

    def drop(self, database):
        """Drop a database if it exists, ending its connections."""
        statement = "DROP DATABASE IF EXISTS {} WITH (FORCE)"
        self.query(sql.SQL(statement).format(sql.Identifier(database)))


class ExternalServer(Server):
    """The server named by PGHOST or DATABASE_URL."""

    is_private = False

    @classmethod
    def from_environment(cls):
        """Return the server the environment names, or None."""
        url = os.environ.get("DATABASE_URL")
        if url:
            parts = urlsplit(url)
            return cls(
                parts.hostname or os.environ.get("PGHOST", "localhost"),
                str(parts.port or PORT),
                unquote(parts.username or "") or ROLE,
                unquote(parts.password) if parts.password else None,
            )
        if os.environ.get("PGHOST"):
            user = os.environ.get("PGUSER") or pwd.getpwuid(os.geteuid()).pw_name
            return cls(
                os.environ["PGHOST"],
                os.environ.get("PGPORT", PORT),
                user,
                os.environ.get("PGPASSWORD"),
            )
        return None

    def ensure(self):
        """Raise `Problem` unless the server can be used."""
        place = f"PostgreSQL at {self.host}:{self.port}"
        if self.user == "postgres":
            raise Problem(
                "Odoo refuses to connect to PostgreSQL as the user postgres.",
                "make a role of its own (createuser --createdb odoo) and set "
                "PGUSER=odoo.",
            )
        try:
            major = self.major()
        except psycopg2.OperationalError as error:
            raise Problem(
                f"{place} does not accept the user {self.user}: "
                f"{str(error).strip().splitlines()[-1]}",
                "check PGHOST, PGPORT, PGUSER and PGPASSWORD (or DATABASE_URL); "
                "unset them for a private cluster.",
            ) from error
        if major < OLDEST_MAJOR:
            raise Problem(
                f"{place} is version {major}, Odoo 19 needs {OLDEST_MAJOR} or newer.",
                "name a newer server, or unset PGHOST and DATABASE_URL for a "
                "private cluster.",
            )
        rights = (
            "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"
        )
        if not self.query(rights)[0][0]:
            raise Problem(
                f"The role {self.user} may not create databases on {place}.",
                f'allow it once as an administrator: ALTER ROLE "{self.user}" '
                "CREATEDB;",
            )


class PrivateCluster(Server):
    """The cluster of this checkout."""

    is_private = True

    def __init__(self, checkout):
        self.data = checkout.cluster
        self.socket = checkout.socket
        self.name = f"postgres-{checkout.root.name}"
        super().__init__(self.socket)

    def is_up(self, user=ROLE):
        """True when the cluster runs and knows the user."""
        try:
            Server(self.socket, user=user).connect().close()
        except psycopg2.OperationalError:
            return False
        return True

    def ensure(self):
        """Make and start the cluster unless it runs already."""
        if self.is_up():
            return
        with locked(self.name):
            if self.is_up():
                return
            binaries = find_binaries()
            require_space(self.data, 1)
            if not (self.data / "house.done").exists():
                with step("Making the private PostgreSQL cluster"):
                    self._init(binaries)
            self._start(binaries)

    def _init(self, binaries):
        self._check_version(binaries)
        if self.data.exists():
            stop_cluster(self.data)
            shutil.rmtree(self.data)
        writable_folder(self.data)
        self.data.chmod(0o700)
        self._give(self.data)
        check_reachable(self.data)
        options = [
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        ]
        run([*as_owner(), binaries / "initdb", "-D", self.data, *options], cwd="/")
        with (self.data / "postgresql.conf").open("a") as config:
            config.write(TUNING)
        self._start(binaries)
        administrator = Server(self.socket, user="postgres")
        administrator.query(f"CREATE ROLE {ROLE} LOGIN CREATEDB")
        (self.data / "house.done").touch()
        os.sync()

    def _check_version(self, binaries):
        text = subprocess.run(
            [binaries / "postgres", "--version"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        if int(re.search(r"(\d+)", text)[1]) < OLDEST_MAJOR:
            raise Problem(
                f"The PostgreSQL of this machine is too old ({text.strip()}), Odoo "
                f"19 needs {OLDEST_MAJOR} or newer.",
                "install a newer one, or name a server: PGHOST=host PGUSER=odoo "
                "make run",
            )

    def _start(self, binaries):
        if self.is_up("postgres"):
            return
        writable_folder(self.socket)
        self.socket.chmod(0o700)
        self._give(self.socket)
        log = self.data / "server.log"
        argv = [
            binaries / "pg_ctl",
            "start",
            "-D",
            self.data,
            "-l",
            log,
            "-o",
            f"-k '{self.socket}' -p {PORT}",
            "-w",
        ]
        # pg_ctl's child keeps its output open, so it gets no pipe of ours
        done = subprocess.run(
            [*as_owner(), *map(str, argv)],
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        if done.returncode or not self.is_up("postgres"):
            text = (
                log.read_text(errors="replace").strip().splitlines()[-3:]
                if log.exists()
                else []
            )
            raise Problem(
                "The private PostgreSQL did not start:\n"
                + "\n".join(f"    {line}" for line in text),
                "make clean removes it and the databases in it; make run then makes "
                "a new one.",
            )

    def _give(self, folder):
        if IS_ROOT:
            shutil.chown(folder, "postgres", "postgres")


def find_server(checkout):
    """Return a running server: the one the environment names, else the private."""
    server = ExternalServer.from_environment() or PrivateCluster(checkout)
    server.ensure()
    return server
