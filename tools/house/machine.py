"""The machine's package manager: system packages, and downloads of Debian packages.

Nothing here names a mirror: the one the machine is configured with is used.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from .report import Failed, Problem, run, say, step
from .settings import IS_ROOT

ONE_LINE = re.compile(
    r"^deb\s+(?:\[(?P<options>[^\]]*)\]\s+)?"
    r"(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<components>.*)$",
    re.MULTILINE,
)
NO_CLUSTER = Path("/etc/postgresql-common/createcluster.d/referral.conf")


class Source:
    """A Debian mirror as apt is configured with: where, which suite, signed by whom."""

    def __init__(self, uri, suite, signed_by=""):
        self.uri, self.suite, self.signed_by = uri, suite, signed_by

    def line(self, suite=None):
        """Return the one-line form for a suite of this mirror."""
        option = f" [signed-by={self.signed_by}]" if self.signed_by else ""
        return f"deb{option} {self.uri} {suite or self.suite} main"


def parse_deb822(text):
    """Yield the sources of a `.sources` file, disabled ones left out."""
    for stanza in re.split(r"\n\s*\n", text):
        fields = {}
        for line in stanza.splitlines():
            name, colon, value = line.partition(":")
            if colon and not line.startswith(("#", " ", "\t")):
                fields[name.strip().lower()] = value.strip()
        if (
            "deb" not in fields.get("types", "").split()
            or fields.get("enabled") == "no"
        ):
            continue
        if "main" in fields.get("components", "").split():
            for uri in fields.get("uris", "").split()[:1]:
                for suite in fields.get("suites", "").split():
                    yield Source(uri, suite, fields.get("signed-by", ""))


def parse_one_line(text):
    """Yield the sources of a `.list` file."""
    for match in ONE_LINE.finditer(text):
        if "main" in match["components"].split():
            signed = re.search(r"signed-by=(\S+)", match["options"] or "")
            yield Source(match["uri"], match["suite"], signed[1] if signed else "")


def debian_source(apt=Path("/etc/apt"), release=Path("/etc/os-release")):
    """Return the machine's own Debian suite, or None on another system."""
    facts = (
        dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', release.read_text(), re.MULTILINE))
        if release.exists()
        else {}
    )
    if facts.get("ID") != "debian":
        return None
    wanted = {
        facts.get("VERSION_CODENAME", ""),
        "stable",
        "oldstable",
        "testing",
        "sid",
        "unstable",
    } - {""}
    for path in sorted(apt.glob("sources.list.d/*.sources")):
        for source in parse_deb822(path.read_text()):
            if source.suite in wanted:
                return source
    for path in [apt / "sources.list", *sorted(apt.glob("sources.list.d/*.list"))]:
        for source in parse_one_line(path.read_text() if path.exists() else ""):
            if source.suite in wanted:
                return source
    return None


class Downloader:
    """Downloads packages of the machine's suite and of sid, leaving its apt alone."""

    def __init__(self, source, folder):
        self.source, self.folder = source, folder
        for name in ("lists/partial", "cache/archives/partial", "packages"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        self.packages = folder / "packages"
        (folder / "sources.list").write_text(f"{source.line()}\n{source.line('sid')}\n")
        self.options = [
            f"-oDir::Etc::SourceList={folder / 'sources.list'}",
            "-oDir::Etc::SourceParts=-",
            f"-oDir::State::Lists={folder / 'lists'}",
            f"-oDir::Cache={folder / 'cache'}",
            "-oAPT::Sandbox::User=",
            "-oAPT::Get::List-Cleanup=false",
        ]

    def update(self):
        try:
            run(["apt-get", *self.options, "--error-on=any", "update"])
        except Failed as error:
            raise Problem(
                f"The package mirror of this machine does not answer:\n{error.tail}",
                "check the network; or unpack Odoo 19 yourself and name it: "
                "ODOO_HOME=/path/to/odoo make run",
            ) from error

    def download(self, package, suite=None):
        """Return the path of a package of the suite, or None when it has none."""
        before = set(self.packages.glob("*.deb"))
        try:
            run(
                [
                    "apt-get",
                    *self.options,
                    "download",
                    f"{package}/{suite or self.source.suite}",
                ],
                cwd=self.packages,
            )
        except Failed:
            return None
        return next(iter(set(self.packages.glob("*.deb")) - before), None)


def privilege():
    """Return what to put before a command to run it as root, or None."""
    if IS_ROOT:
        return []
    if (
        shutil.which("sudo")
        and subprocess.run(
            ["sudo", "-n", "true"], capture_output=True, check=False
        ).returncode
        == 0
    ):
        return ["sudo", "-n"]
    return None


def install(packages, why, mandatory=True):
    """Install system packages; return True when they are there afterwards.

    Raises `Problem` with the exact command when a mandatory one cannot be installed.
    """
    if not packages:
        return True
    command = f"apt-get install -y --no-install-recommends {' '.join(packages)}"
    remedy = f"run this once as root: {command}"
    front = privilege() if shutil.which("apt-get") else None
    if front is None:
        reason = "this user may not install packages"
    else:
        try:
            with step(f"Installing {', '.join(packages)} ({why})"):
                _install(front, command.split())
            return True
        except Failed as error:
            reason = f"apt could not install it:\n{error.tail}"
    if mandatory:
        raise Problem(f"{', '.join(packages)} is missing ({why}) and {reason}.", remedy)
    say(f"Note: without {', '.join(packages)} there is no {why}; to have it, {remedy}")
    return False


def _install(front, command):
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    postgres = "postgresql" in command and not NO_CLUSTER.exists()
    if postgres:  # the project makes its own cluster: the package need not make one
        run([*front, "mkdir", "-p", NO_CLUSTER.parent])
        run([*front, "sh", "-c", f"echo 'create_main_cluster = false' > {NO_CLUSTER}"])
    try:
        try:
            run([*front, *command], env=quiet)
        except Failed:  # most often the package lists are old or absent
            try:
                run([*front, "apt-get", "update"], env=quiet)
            except Failed:
                say("  some package lists could not be refreshed")
            run([*front, *command], env=quiet)
    finally:
        if postgres:
            run([*front, "rm", "-f", NO_CLUSTER])


def has_chinese_font():
    """True when fontconfig, or Debian's folder, knows a font for Chinese."""
    if Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc").exists():
        return True
    if not shutil.which("fc-list"):
        return False
    found = subprocess.run(
        ["fc-list", ":lang=zh-cn", "file"], capture_output=True, check=False
    )
    return bool(found.stdout.strip())


def find_chromium():
    """Return the browser for the tests, or None."""
    names = ("google-chrome", "chromium", "chromium-browser", "google-chrome-stable")
    return next(filter(None, map(shutil.which, names)), None)


def install_extras(for_tests=False):
    """Install what completes the house: PDF, Chinese letters, a browser for tests."""
    if sys.platform != "linux":
        return
    if not shutil.which("wkhtmltopdf"):
        install(["wkhtmltopdf"], "printing of PDF documents", mandatory=False)
    if not has_chinese_font():
        install(
            ["fonts-noto-cjk"],
            "Chinese text on posters and in the browser of the tests",
            mandatory=False,
        )
    if for_tests and not find_chromium():
        install(["chromium"], "browser tests")
