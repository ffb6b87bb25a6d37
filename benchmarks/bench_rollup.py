"""The roll-up of clicks into daily figures: how long a million clicks take.

Makes a database of its own with ``--clicks`` clicks (1,000,000) on 2,000 links over
three days, written by ``generate_series``: a tenth of them on one hot link, and more
visitors that come back than new ones. Then it rolls them all up, as after an outage;
then a minute's worth more, on top of the million; then compares every figure with a
plain count of the clicks. Prints the results and writes
``benchmarks/results/rollup.json``; a smaller world writes ``rollup.local.json``.
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
MINUTE = 5_000
SCRIPT = """
import json, sys
sys.path.insert(0, {folder!r})
import rollup_world
print("ANSWER", json.dumps(rollup_world.{call}))
"""


def main(arguments):
    """Measure; return the results as written to the file."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=bench_rollup")
    parser.add_argument("--clicks", type=int, default=FULL)
    parser.add_argument("--keep", action="store_true", help="keep the database")
    options = parser.parse_args(arguments)
    house = House(Venv(odoo.find()))
    house.databases.create(DATABASE, replace=True)
    _run(house, f"seed(env, {options.clicks})")
    house.server.query("VACUUM ANALYZE referral_click", database=DATABASE)
    load = os.getloadavg()[0]
    everything = _run(house, "roll_up(env)")
    _run(house, f"add(env, {options.clicks}, {MINUTE})")
    minute = _run(house, "roll_up(env)")
    results = {
        "clicks": options.clicks,
        "load_before_and_after": [round(load, 1), round(os.getloadavg()[0], 1)],
        "all_at_once": everything,
        "one_minute_more": minute,
        "figures_that_do_not_agree": _run(house, "compare(env)"),
    }
    if not options.keep:
        house.databases.drop(DATABASE)
    return results


def _run(house, call):
    """Run a function of rollup_world on the database; return what it returns."""
    text = SCRIPT.format(folder=str(REPO / "benchmarks"), call=call)
    printed = house.runner.script(DATABASE, text)
    [line] = [line for line in printed.splitlines() if line.startswith("ANSWER ")]
    return json.loads(line.removeprefix("ANSWER "))


if __name__ == "__main__":
    found = main(sys.argv[1:])
    name = "rollup" if found["clicks"] >= FULL else "rollup.local"
    target = REPO / "benchmarks" / "results" / f"{name}.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found, indent=2))
