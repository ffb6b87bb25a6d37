"""Find Odoo 19, or unpack Debian's package of it into the cache.

Order: the folder named by ODOO_HOME, an `odoo` that this Python can import,
Debian's package from sid.
"""

import os
import re
import shutil
import sys
from pathlib import Path

from . import machine
from .report import Failed, Problem, run, say, step
from .settings import SERIES, built, cache_root

RECIPE = 1  # raise it when what is made of the package changes
PACKAGE = "odoo-19"
COMPANIONS = (
    "fonts-font-awesome",
    "fonts-glyphicons-halflings",
    "fonts-inconsolata",
    "fonts-montserrat",
    "fonts-ocr-b",
    "fonts-roboto-unhinted",
    "libjs-jquery",
    "libjs-jquery-form",
    "libjs-underscore",
)
FONTS = {".ttf", ".otf", ".woff", ".woff2", ".eot", ".svg"}
DEBIAN_FOLDER = Path("usr/lib/python3/dist-packages")
SEGMENTATION = Path(
    "odoo/addons/mail/static/lib/selfie_segmentation/selfie_segmentation.js"
)


def find():
    """Return the folder that holds the `odoo` package, unpacking it when need be."""
    if os.environ.get("ODOO_HOME"):
        return _from_environment(Path(os.environ["ODOO_HOME"]).expanduser().resolve())
    return _importable() or _from_debian().resolve()


def addons_folders(home):
    """Return Odoo's own addons folders for a folder found by `find`."""
    return [
        path
        for path in (home / "odoo" / "addons", home / "addons")
        if (path / "base").is_dir() or (path / "web").is_dir()
    ]


def read_series(home):
    """Return the series, such as "19.0", of the Odoo below a folder, or None."""
    release = home / "odoo" / "release.py"
    if not release.is_file():
        return None
    found = re.search(
        r"^version_info = \((\d+), (\d+)",
        release.read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    return f"{found[1]}.{found[2]}" if found else "unknown"


def _from_environment(home):
    for folder in (home, home / DEBIAN_FOLDER, home.parent):
        series = read_series(folder)
        if series == SERIES:
            return folder
        if series:
            raise Problem(
                f"ODOO_HOME={home} holds Odoo {series}, this project needs {SERIES}.",
                "name a folder with Odoo 19.0, or unset ODOO_HOME to have it fetched.",
            )
    raise Problem(
        f"ODOO_HOME={home} holds no Odoo: there is no odoo/release.py in it.",
        "name the folder that holds odoo-bin and the odoo package, or unset "
        "ODOO_HOME to have it fetched.",
    )


def _importable():
    """Return the folder of an Odoo 19 this Python imports, or None.

    `odoo` is a namespace package: any folder of that name would answer an import,
    so only one with Odoo's own release.py counts.
    """
    for entry in filter(None, sys.path):
        folder = Path(entry).resolve()
        series = read_series(folder)
        if series == SERIES:
            return folder
        if series:
            say(f"Odoo {series} of this Python is not used: the project needs {SERIES}")
    return None


def _from_debian():
    target = cache_root() / f"odoo-{SERIES}-r{RECIPE}"
    with built(target, gigabytes=3) as half:
        if half is not None:
            with step("Getting Odoo 19 (a Debian package of 120 MB)"):
                _unpack(half)
    return target / DEBIAN_FOLDER


def _unpack(root):
    source = machine.debian_source() if shutil.which("apt-get") else None
    if source is None:
        raise Problem(
            "This system has no Debian mirror to fetch Odoo 19 from.",
            "unpack Odoo 19 yourself and name its folder: ODOO_HOME=/path/to/odoo "
            "make run",
        )
    work = root / "apt"
    downloader = machine.Downloader(source, work)
    downloader.update()
    package = downloader.download(PACKAGE, "sid")
    if package is None:
        raise Problem(
            f"The package mirror of this machine has no {PACKAGE} in sid.",
            "unpack Odoo 19 yourself and name its folder: ODOO_HOME=/path/to/odoo "
            "make run",
        )
    extract(package, root)
    _resolve_links(downloader, root)
    _repair(root / DEBIAN_FOLDER)
    shutil.rmtree(work)


def extract(package, root):
    """Unpack a Debian package below a folder; raise `Problem` when that fails."""
    try:
        run(["dpkg-deb", "-x", package, root])
    except Failed as error:
        raise Problem(
            f"{package.name} could not be unpacked:\n{error.tail}",
            "check the free space of the disk, then run the command again.",
        ) from error


def dangling_links(root):
    """Return the symbolic links below a folder that lead nowhere."""
    found = []
    for folder, folders, files in os.walk(root):
        paths = (Path(folder, name) for name in folders + files)
        found += [path for path in paths if path.is_symlink() and not path.exists()]
    return found


def _resolve_links(downloader, root):
    """Unpack the packages Odoo's links lead into: the machine's suite, else sid."""
    dangling = dangling_links(root)
    for package in COMPANIONS:
        for suite in (downloader.source.suite, "sid"):
            path = downloader.download(package, suite)
            if path is None:
                continue
            extract(path, root)
            left = dangling_links(root)
            resolved = len(left) < len(dangling)
            dangling = left
            if resolved:
                break
    for link in dangling:
        if link.suffix not in FONTS:
            raise Problem(
                f"Odoo's package lacks a file: {link.relative_to(root)}.",
                "unpack Odoo 19 yourself and name its folder: "
                "ODOO_HOME=/path/to/odoo make run",
            )
        link.unlink()
    if dangling:
        say(f"  {len(dangling)} font files are not available; the browser takes others")


def _repair(home):
    """Put a stub where Debian left a script out that the web client asks for."""
    script = home / SEGMENTATION
    if not script.exists():
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_text(
            "// Background blur in calls: Debian's package leaves this library out.\n"
        )
