"""PostgreSQL's programs on this machine, and the system user they run as."""

import pwd
import shutil
import subprocess
from pathlib import Path

from . import machine
from .report import Failed, Problem, run, say
from .settings import IS_ROOT


def as_owner():
    """Return what to put before a command to run it as the owner of the cluster."""
    if not IS_ROOT:
        return []
    if shutil.which("setpriv"):
        return ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
    return ["runuser", "-u", "postgres", "--"]


def check_reachable(folder):
    """Raise `Problem` when the user postgres cannot enter a folder root has made."""
    if not IS_ROOT:
        return
    done = subprocess.run(
        [*as_owner(), "test", "-w", str(folder)], cwd="/", check=False
    )
    if done.returncode:
        raise Problem(
            f"PostgreSQL runs as the user postgres, who cannot enter {folder}.",
            "run this as an ordinary user, or name an open folder: "
            "REFERRAL_CACHE=/var/cache/referral make run",
        )


def find_binaries():
    """Return the folder of PostgreSQL's programs, installing them when missing."""
    found = search_binaries()
    if not found:
        machine.install(["postgresql"], "the database server")
        found = search_binaries()
    if not found:
        raise Problem(
            "PostgreSQL's programs (initdb, pg_ctl) were not found.",
            "install PostgreSQL 13 or newer, or name a server: PGHOST=host "
            "PGUSER=odoo make run",
        )
    if IS_ROOT:
        _require_postgres_user()
    return found


def search_binaries():
    folders = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"),
        key=lambda path: int(path.parent.name) if path.parent.name.isdigit() else 0,
        reverse=True,
    )
    on_path = shutil.which("initdb")
    if on_path:
        folders.append(Path(on_path).resolve().parent)
    return next(
        (
            path
            for path in folders
            if (path / "initdb").exists() and (path / "pg_ctl").exists()
        ),
        None,
    )


def _require_postgres_user():
    try:
        pwd.getpwnam("postgres")
    except KeyError as error:
        raise Problem(
            "PostgreSQL refuses to run as root, and this machine has no user postgres.",
            "add it (useradd --system postgres), or run this as an ordinary user.",
        ) from error


def stop_cluster(data):
    """Stop the cluster of a data folder if it runs."""
    if not (data / "postmaster.pid").exists():
        return
    try:
        run(
            [
                *as_owner(),
                find_binaries() / "pg_ctl",
                "stop",
                "-D",
                data,
                "-m",
                "fast",
                "-w",
            ],
            cwd="/",
        )
    except Failed as error:
        say(f"PostgreSQL did not stop by itself:\n{error.tail}")


def find_client(name):
    """Return the path of one of PostgreSQL's client programs, or None."""
    folder = search_binaries()
    return folder / name if folder and (folder / name).exists() else shutil.which(name)
