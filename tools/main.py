"""Entry of every command of this repository: python3 tools/main.py COMMAND.

This file alone has to run on any Python, even one that is too old for the
rest: it picks an interpreter that Odoo 19 supports, or says which one is needed.
"""

import os
import subprocess
import sys

OLDEST = (3, 10)
NEWEST = (3, 13)


def is_supported(version):
    """True when Odoo 19 runs on this (major, minor, ...) version."""
    return OLDEST <= tuple(version[:2]) <= NEWEST


def find_python():
    """Return a supported interpreter of this machine's PATH, or None."""
    probe = "import sys; sys.exit(not %r <= sys.version_info[:2] <= %r)" % (
        OLDEST,
        NEWEST,
    )
    with open(os.devnull, "w") as nowhere:
        for minor in (11, 12, 13, 10):
            name = "python3.%d" % minor
            try:
                if (
                    subprocess.call([name, "-c", probe], stdout=nowhere, stderr=nowhere)
                    == 0
                ):
                    return name
            except OSError:
                continue
    return None


def start(arguments):
    """Run one command on a supported Python; return its exit code."""
    if not is_supported(sys.version_info):
        other = find_python()
        if other is None:
            sys.stderr.write(
                "Wrong Python: this is %d.%d, Odoo 19 runs on 3.10 to 3.13.\n"
                "  What to do: install one of them (Debian: apt-get install python3 "
                "python3-venv),\n"
                "  or name it: make PYTHON=/path/to/python3.11 run\n"
                % sys.version_info[:2]
            )
            return 2
        os.execvp(other, [other, os.path.abspath(__file__)] + arguments)
    here = os.path.dirname(os.path.abspath(__file__))
    if here not in sys.path:
        sys.path.insert(0, here)
    from house import cli

    return cli.main(arguments)


if __name__ == "__main__":
    sys.exit(start(sys.argv[1:]))
