"""Remove what the commands have made, and only that."""

import os
import shutil

from .pgprograms import stop_cluster
from .report import Problem, say
from .settings import cache_root

SHARED = ("odoo-*", "venv-*", "templates", "locks", "checkouts")


def running_servers(root):
    """Return the process numbers of the Odoo servers a checkout runs."""
    running = []
    for mark in (root / "servers").glob("*"):
        try:
            os.kill(int(mark.name), 0)
            running.append(int(mark.name))
        except (ProcessLookupError, ValueError):
            mark.unlink()
        except PermissionError:
            running.append(int(mark.name))
    return running


def refuse_while_serving(root):
    """Raise `Problem` when an Odoo server of a checkout runs."""
    running = running_servers(root)
    if running:
        place = (
            (root / "path").read_text().strip() if (root / "path").exists() else root
        )
        raise Problem(
            f"An Odoo server of {place} is running (process {running[0]}).",
            f"stop it first: Ctrl-C in its terminal, or kill {running[0]}",
        )


def stop_checkout(checkout):
    """Stop the private PostgreSQL of a checkout."""
    stop_cluster(checkout.cluster)


def clean_checkout(checkout):
    """Remove the databases, files and logs of one checkout."""
    refuse_while_serving(checkout.root)
    stop_cluster(checkout.cluster)
    for folder in (checkout.root, checkout.socket):
        if folder.exists():
            shutil.rmtree(folder)
            say(f"Removed {folder}")


def clean_cache(checkout):
    """Remove the shared cache; refused while any checkout runs a server."""
    root = cache_root()
    roots = list((root / "checkouts").glob("*"))
    for other in roots:
        refuse_while_serving(other)
    for other in roots:
        stop_cluster(other / "postgres")
    clean_checkout(checkout)
    for pattern in SHARED:
        for path in root.glob(pattern):
            shutil.rmtree(path)
            say(f"Removed {path}")
    if root.exists() and not any(root.iterdir()):
        root.rmdir()
