"""The trail of leads: what an entry costs, and how long a million takes to verify.

Makes a database of its own with ``--leads`` leads (50,000) of ``--each`` entries (20),
chained in Python and copied into the tables. Then it measures what ``_append`` costs
beyond the step it belongs to (for one lead at a time and for many at once), how long
sealing a day takes (all leads at once, then those that have grown), and how long
verifying takes for one lead and for the company with all its seals; and that an edit
and a tail cut together with its head are found in it. Prints the results and writes
``benchmarks/results/trail.json``; a smaller world writes ``trail.local.json``.
"""

import argparse
import json
import os
import sys
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO / "tools"))

from house import odoo
from house.cli import House
from house.venv import Venv

DATABASE = "referral_bench"
LEADS, EACH = 50_000, 20
SCRIPT = """
import json, sys
sys.path.insert(0, {folder!r})
import trail_world
print("ANSWER", json.dumps(trail_world.{call}))
"""


def main(arguments):
    """Measure; return the results as written to the file."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=bench_trail")
    parser.add_argument("--leads", type=int, default=LEADS)
    parser.add_argument("--each", type=int, default=EACH, help="entries a lead")
    parser.add_argument("--keep", action="store_true", help="keep the database")
    options = parser.parse_args(arguments)
    house = House(Venv(odoo.find()))
    house.databases.create(DATABASE, replace=True)
    made = _run(house, f"seed(env, {options.leads}, {options.each})")
    for table in ("crm_lead", "referral_trail_entry", "referral_trail_head"):
        house.server.query(f"VACUUM ANALYZE {table}", database=DATABASE)
    load = os.getloadavg()[0]
    results = {
        **made,
        "append": _run(house, "append(env)"),
        "seal": _run(house, "seal(env)"),
        "verify": _run(house, "verify(env)"),
        "found": _run(house, "tamper(env)"),
        "load_before_and_after": [round(load, 1), round(os.getloadavg()[0], 1)],
    }
    if not options.keep:
        house.databases.drop(DATABASE)
    return results


def _run(house, call):
    """Run a function of trail_world on the database; return what it returns."""
    text = SCRIPT.format(folder=str(REPO / "benchmarks"), call=call)
    printed = house.runner.script(DATABASE, text)
    [line] = [line for line in printed.splitlines() if line.startswith("ANSWER ")]
    return json.loads(line.removeprefix("ANSWER "))


if __name__ == "__main__":
    found = main(sys.argv[1:])
    name = "trail" if found["entries"] >= LEADS * EACH else "trail.local"
    target = REPO / "benchmarks" / "results" / f"{name}.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found, indent=2))
