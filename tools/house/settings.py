"""Where things are kept, and the keys that say what they depend on.

The cache is shared by all checkouts of one user; `Checkout` is what belongs to
this one alone, so that two clones never meet. Everything in both can be made
again: `make clean` removes the checkout's part, `make distclean` the rest.
"""

import ast
import fcntl
import hashlib
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

from .report import Problem, say

REPO = Path(__file__).resolve().parents[2]
SERIES = "19.0"
DEMO_DATABASE = "referral_demo"
TEST_DATABASE = "referral_test"
SOCKET_LIMIT = 107 - len("/.s.PGSQL.5432.lock")
IS_ROOT = os.geteuid() == 0


def digest(*parts):
    """Return 12 hexadecimal digits that change when any of the parts does."""
    whole = "\0".join(str(part) for part in parts)
    return hashlib.sha256(whole.encode()).hexdigest()[:12]


def cache_root():
    """Return the folder that all checkouts share."""
    if os.environ.get("REFERRAL_CACHE"):
        return Path(os.environ["REFERRAL_CACHE"]).expanduser().resolve()
    if IS_ROOT:
        return Path("/var/cache/referral-distribution")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "referral-distribution"


class Checkout:
    """The folders of this checkout; made on demand."""

    def __init__(self, repo=REPO):
        self.repo = repo
        self.root = cache_root() / "checkouts" / digest(repo)

    def folder(self, name):
        path = self.root / name
        if not path.is_dir():
            path.mkdir(parents=True, exist_ok=True)
            (self.root / "path").write_text(f"{self.repo}\n")
        return path

    @property
    def cluster(self):
        return self.root / "postgres"

    @property
    def data(self):
        """Odoo's data folder: filestore and sessions."""
        return self.folder("data")

    @property
    def logs(self):
        return self.folder("logs")

    @property
    def config(self):
        return self.folder("conf") / "odoo.conf"

    @property
    def socket(self):
        """Folder of the PostgreSQL socket; a short one when the cache lies deep."""
        path = self.root / "run"
        if len(str(path)) > SOCKET_LIMIT:
            path = (
                Path(tempfile.gettempdir())
                / f"referral-{os.geteuid()}-{self.root.name}"
            )
        return path


def find_addons(repo=REPO):
    """Return {name: manifest} of the installable addons of this repository."""
    addons = {}
    for path in sorted(repo.glob("*/__manifest__.py")):
        manifest = ast.literal_eval(path.read_text(encoding="utf-8"))
        if manifest.get("installable", True):
            addons[path.parent.name] = manifest
    return addons


def fingerprint(folder):
    """Return a key over the content of a folder, caches and tests left out."""
    parts = []
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder).parts
        if path.is_file() and "__pycache__" not in inside and inside[0] != "tests":
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            parts.append(f"{'/'.join(inside)} {content}")
    return digest(*parts)


def require_space(folder, gigabytes):
    """Raise `Problem` when the disk of `folder` has less room than a step needs."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(existing).free / 1e9
    if free < gigabytes:
        raise Problem(
            f"The disk is full: {existing} has {free:.1f} GB free, this step needs "
            f"{gigabytes} GB.",
            "free some space, or put the cache elsewhere: "
            "REFERRAL_CACHE=/another/disk/referral make run",
        )


def writable_folder(path):
    """Make a folder of the cache; raise `Problem` when that is not allowed."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Problem(
            f"The cache folder {path} cannot be made: {error.strerror}.",
            "name a folder you may write to: REFERRAL_CACHE=/another/folder make run",
        ) from error
    return path


@contextmanager
def locked(name):
    """Hold the cache's lock `name`: two checkouts never build one thing twice."""
    path = writable_folder(cache_root() / "locks") / name
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"Waiting for another command that is preparing {name} ...")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextmanager
def built(target, gigabytes=1):
    """Build a folder of the cache all or nothing.

    Yields a folder to fill, which gets its name only after success; None when the
    folder is there already. What an interrupted build left behind is removed.
    """
    if target.exists():
        yield None
        return
    with locked(target.name):
        if target.exists():
            yield None
            return
        half = target.with_name(target.name + ".half")
        if half.exists():
            say(f"Removing what an interrupted set-up left: {half.name}")
            shutil.rmtree(half)
        require_space(target, gigabytes)
        writable_folder(half)
        yield half
        half.rename(target)
