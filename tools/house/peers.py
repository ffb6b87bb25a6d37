"""Other people's addons that the benchmarks measure ours against.

They come from the package index by `benchmarks/peers.txt`, into a folder of the cache
of their own: Odoo installs what installs itself from any folder it knows.
"""

from .odoo import addons_folders
from .report import Failed, Problem, run, step
from .settings import REPO, built, cache_root, digest
from .template import Template

PINS = REPO / "benchmarks" / "peers.txt"


class Peers:
    """The addons of the pins, and databases with them and without ours."""

    def __init__(self, house):
        self.house = house
        key = digest(PINS.read_text(), house.venv.path)
        self.folder = cache_root() / f"peers-{key}"

    @property
    def options(self):
        """Return the options of Odoo that know the peers and not our addons."""
        folders = [self.folder / "odoo" / "addons"]
        folders += addons_folders(self.house.venv.odoo_home)
        return ["--addons-path", ",".join(map(str, folders))]

    def create(self, name, addons=()):
        """Make a database with Odoo's apps and some of the peers' addons."""
        self._fetch()
        template = Template(self.house.runner)
        template.ensure()
        self.house.databases.copy(template.name, name)
        if addons:
            with step(f"Installing {', '.join(addons)} in {name}"):
                self.house.runner.run(
                    *("-d", name, "-i", ",".join(addons), *self.options),
                    *("--stop-after-init", "--no-http"),
                    log=f"{name}.log",
                )

    def script(self, name, text):
        """Run Python text in `odoo shell` on such a database; return what it printed.

        Like `Runner.script`, where our own addons are unknown.
        """
        return self.house.runner.script(name, text, self.options)

    def _fetch(self):
        with built(self.folder) as half:
            if half is None:
                return
            with step("Getting the peers' addons"):
                try:
                    run(
                        [self.house.venv.python, "-m", "pip", "install", "--no-deps"]
                        + ["--no-input", "--target", half, "-r", PINS]
                    )
                except Failed as error:
                    raise Problem(
                        f"pip could not get the peers:\n{error.tail}",
                        "check the network and pip's configuration (pip config list), "
                        "then run the command again.",
                    ) from error
