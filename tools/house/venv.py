"""The pinned virtual environment, with Odoo linked into it.

Its key covers the requirements files, the Python and the place of Odoo, so a
change of any of them makes a new one beside the old one.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from .report import Failed, Problem, run, say, step
from .settings import REPO, SERIES, cache_root, digest, locked, require_space

METADATA = f"""Metadata-Version: 2.1
Name: odoo
Version: {SERIES}
Summary: Odoo Server, linked from elsewhere
"""
SCRIPT = """#!{python}
import odoo.cli

if __name__ == "__main__":
    odoo.cli.main()
"""


class Venv:
    """One virtual environment of the cache."""

    def __init__(self, odoo_home, repo=REPO):
        self.odoo_home, self.repo = odoo_home, repo
        self.path = cache_root() / f"venv-{self._key()}"
        self.python = self.path / "bin" / "python"
        self.odoo = self.path / "bin" / "odoo"

    def _key(self):
        files = sorted(self.repo.glob("requirements*.txt"))
        content = [f"{path.name}\n{path.read_text()}" for path in files]
        return digest(*content, sys.version, sys.base_prefix, self.odoo_home)

    def is_current(self):
        """True when the running Python is this environment's."""
        return Path(sys.prefix).resolve() == self.path.resolve()

    def has(self, name):
        return (self.path / f".{name}").exists()

    def ensure(self, name="requirements"):
        """Install a requirements file, named without its suffix, unless done."""
        if self.has(name):
            return
        with locked(self.path.name):
            if not self.has("created"):
                self._create()
            if not self.has(name):
                self._install(name)

    def _create(self):
        require_space(self.path, 1)
        if self.path.exists():
            say(f"Removing what an interrupted set-up left: {self.path.name}")
            shutil.rmtree(self.path)
        try:
            run([sys.executable, "-m", "venv", self.path])
        except Failed as error:
            raise Problem(
                f"Python's venv module does not work here:\n{error.tail}",
                "install it (Debian: apt-get install "
                f"python{sys.version_info[0]}.{sys.version_info[1]}-venv), "
                "then run the command again.",
            ) from error
        self._link_odoo()
        self._compile_odoo()
        (self.path / ".created").touch()

    def _link_odoo(self):
        """Make `import odoo` work, and tell pip that Odoo is there.

        A path file instead of a link, so that addons installed by pip go into this
        environment and not into the unpacked Odoo that others share.
        """
        query = [
            self.python,
            "-c",
            "import sysconfig; print(sysconfig.get_path('purelib'))",
        ]
        site = Path(
            subprocess.run(
                query, capture_output=True, text=True, check=True
            ).stdout.strip()
        )
        (site / "odoo.pth").write_text(f"{self.odoo_home}\n")
        info = site / f"odoo-{SERIES}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(METADATA)
        (info / "INSTALLER").write_text("referral-distribution\n")
        (info / "RECORD").write_text("")
        self.odoo.write_text(SCRIPT.format(python=self.python))
        self.odoo.chmod(0o755)

    def _compile_odoo(self):
        """Compile the Odoo we unpacked: it starts in half the time.

        Where Python is told to write no bytecode it would compile at every start.
        """
        if cache_root() in Path(self.odoo_home).parents:
            with step("Compiling Odoo"):
                compiling = ["-m", "compileall", "-q", "-j", "0", self.odoo_home]
                subprocess.run([self.python, *compiling], check=False)

    def _install(self, name):
        path = self.repo / f"{name}.txt"
        with step(f"Installing the Python packages of {path.name}"):
            try:
                run(
                    [self.python, "-m", "pip", "install", "--no-input", "-r", path],
                    watch=_watch_pip,
                )
            except Failed as error:
                raise Problem(
                    f"pip could not install {path.name}:\n{error.tail}",
                    "check the network and pip's configuration (pip config list), "
                    "then run the command again.",
                ) from error
        (self.path / f".{name}").touch()

    def enter(self, arguments):
        """Replace this process by the same command on this environment's Python."""
        main = Path(__file__).resolve().parents[1] / "main.py"
        environment = {**os.environ, "ODOO_HOME": str(self.odoo_home)}
        sys.stderr.flush()
        os.execve(self.python, [str(self.python), str(main), *arguments], environment)


def _watch_pip(line):
    return (
        "installing what was downloaded"
        if line.startswith("Installing collected")
        else None
    )
