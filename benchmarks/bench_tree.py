"""The invite tree at a million members: sizes, pages, payouts, joining and moving.

Makes a database of its own with ``--members`` people (1,000,000) from a fixed seed.
Each question is asked of a freshly started PostgreSQL ("first") and once more
("again"), and team sizes also the way Odoo does without a stored path (``child_of``).
Prints a table and writes ``benchmarks/results/tree.json``; a smaller world is for
trying the program and writes ``tree.local.json``.
"""

import argparse
import json
import os
import sys
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO / "tools"))

from house import odoo, pgprograms
from house.cli import House
from house.venv import Venv

DATABASE = "referral_bench"
FULL = 1_000_000
SCRIPT = """
import json, sys
sys.path.insert(0, {folder!r})
import {module}
print("ANSWER", json.dumps({module}.{call}))
"""


def main(arguments):
    """Measure; return the results as written to the file."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=bench_tree")
    parser.add_argument("--members", type=int, default=FULL)
    parser.add_argument("--keep", action="store_true", help="keep the database")
    options = parser.parse_args(arguments)
    house = House(Venv(odoo.find()))
    house.databases.create(DATABASE, replace=True)
    world = _run(house, "tree_world", f"seed(env, {options.members})")
    for table in ("res_partner", "referral_invite_node"):
        house.server.query(f"VACUUM ANALYZE {table}", database=DATABASE)
    if house.server.is_private:
        pgprograms.stop_cluster(house.server.data)
        house.server.ensure()
    load = os.getloadavg()[0]
    answers = _run(house, "tree_questions", f"ask(env, {world!r})")
    results = {
        "members": options.members,
        "load_before_and_after": [round(load, 1), round(os.getloadavg()[0], 1)],
        "places_a_second": round(options.members / world["places_seconds"]),
        "places_that_do_not_agree": world["wrong"],
        **answers,
    }
    if not options.keep:
        house.databases.drop(DATABASE)
    return results


def _run(house, module, call):
    """Run a function of a module of this folder on the database; return its answer."""
    folder = str(Path(__file__).parent)
    script = SCRIPT.format(folder=folder, module=module, call=call)
    printed = house.runner.script(DATABASE, script)
    [line] = [line for line in printed.splitlines() if "ANSWER" in line]
    return json.loads(line.partition("ANSWER")[2])


def print_table(results):
    """Print what a reader compares: milliseconds, and the target where there is one."""
    print(f"\n{'milliseconds':<44}{'first p50':>10}{'p95':>9}", end="")
    print(f"{'again p50':>11}{'p95':>9}{'target':>8}")
    for name, row in results["questions"].items():
        cells = [*row["first"], *row["again"]]
        widths = (10, 9, 11, 9)
        figures = "".join(f"{c:>{w}}" for c, w in zip(cells, widths, strict=True))
        print(f"{name:<44}{figures}{row['target'] or '':>8}")
    for name in ("join", "move", "peer", "import_members"):
        print(f"\n{name}: {json.dumps(results[name])}")


if __name__ == "__main__":
    found = main(sys.argv[1:])
    full = found["members"] == FULL
    target = "tree.json" if full else "tree.local.json"
    target = REPO / "benchmarks" / "results" / target
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(found, indent=2) + "\n")
    print_table(found)
