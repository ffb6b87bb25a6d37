"""Screens over a million leads: the timeline, the pool, a member's own leads.

Makes a database of its own with ``--leads`` leads (1,000,000), ``--entries`` trail
entries each (5), written by ``generate_series``; one member brought 10,000 of them, and
one trail has 300 entries. Then it opens the screens as the clients do, in one process.
Prints the results and writes ``benchmarks/results/leads.json``; a smaller world writes
``leads.local.json``.
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
FULL = 1_000_000
SCRIPT = """
import json, sys
sys.path.insert(0, {folder!r})
import lead_world
print("ANSWER", json.dumps(lead_world.{call}))
"""


def main(arguments):
    """Measure; return the results as written to the file."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=bench_leads")
    parser.add_argument("--leads", type=int, default=FULL)
    parser.add_argument("--entries", type=int, default=5)
    parser.add_argument("--keep", action="store_true", help="keep the database")
    options = parser.parse_args(arguments)
    house = House(Venv(odoo.find()))
    house.databases.create(DATABASE, replace=True)
    world = _run(house, f"seed(env, {options.leads}, {options.entries})")
    for table in ("crm_lead", "referral_trail_entry"):
        house.server.query(f"VACUUM ANALYZE {table}", database=DATABASE)
    load = os.getloadavg()[0]
    results = {
        **world,
        "screens": {
            **_run(house, f"read_forms(env, {world['first']}, {options.leads})"),
            **_run(house, "search_pool(env)"),
            **_run(house, "open_pages(env)"),
        },
        "load_before_and_after": [round(load, 1), round(os.getloadavg()[0], 1)],
    }
    del results["first"]
    if not options.keep:
        house.databases.drop(DATABASE)
    return results


def _run(house, call):
    """Run a function of lead_world on the database; return what it returns."""
    text = SCRIPT.format(folder=str(REPO / "benchmarks"), call=call)
    printed = house.runner.script(DATABASE, text)
    [line] = [line for line in printed.splitlines() if line.startswith("ANSWER ")]
    return json.loads(line.removeprefix("ANSWER "))


if __name__ == "__main__":
    found = main(sys.argv[1:])
    name = "leads" if found["leads"] >= FULL else "leads.local"
    target = REPO / "benchmarks" / "results" / f"{name}.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found, indent=2))
