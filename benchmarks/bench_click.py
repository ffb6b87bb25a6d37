"""Opening a link: our ``/s/<code>`` beside Odoo's own ``link_tracker``, in one run.

Both doors look a code up, count the click and redirect. The same clients ask them in
turn, on the same two-worker server and database, each request as another visitor
behind a proxy and on a connection of its own. Prints a table and writes
``benchmarks/results/click.json``; a shorter run is for trying the program and writes
``click.local.json``.
"""

import argparse
import json
import os
import re
import sys
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO / "tools"))

import click_rows
from click_site import Door, Site, Strangers, measure_ceiling

from house import odoo
from house.cli import House
from house.report import step
from house.venv import Venv

EMPTY, FULL = "referral_bench", "referral_bench_full"
ORDINARY = "--load=base,web,rpc"  # our addon is not among the server-wide ones
LENGTH = {"rows": 10_000_000, "rounds": 5, "seconds": 4}
FEW, MANY = 4, 50
OURS, PEER, OLD = "referral /s/", "link_tracker /r/", "referral /s/, old clicks"
SET_UP = """
env.company.write({"referral_click_limit_link": 0})
member = env["res.partner"].create({"name": "Bench", "member_state": "active"})
channel = env["referral.channel"].search([("kind", "=", "own")], limit=1)
ours = env["referral.link"]._obtain(member, channel, "/contactus")
peer = env["link.tracker"].create({"url": "/contactus", "title": "Bench"})
env.cr.commit()
print("CODES", ours.code, peer.code)
"""
OUR_ROWS = """
SELECT count(*) FROM referral_click
WHERE clicked_hour >= date_trunc('hour', now() AT TIME ZONE 'UTC' - interval '1 hour')
"""
PEER_ROWS = "SELECT count(*) FROM link_tracker_click"
CONDITIONS = {
    "server": "Odoo, 2 workers, proxy mode; database and clients on the same machine",
    "visitors": "each request another address, 50 browsers, a connection each",
    "figures": "medians of the rounds; the doors take turns",
    "referral_click_limit_link": 0,
    "referral_click_limit_address": 300,
}


def main(options):
    """Measure; return the results as written to the file."""
    house, load = House(Venv(odoo.find())), os.getloadavg()[0]
    codes = _prepare(house, options.rows)
    length = {"rounds": options.rounds, "seconds": options.seconds}
    floor, scenes = _measure(house, codes, **length)
    for database in (EMPTY, FULL):
        house.databases.drop(database)
    return {
        "conditions": {**CONDITIONS, **vars(options)},
        "load_before_and_after": [round(load, 1), round(os.getloadavg()[0], 1)],
        "clients_at_a_server_that_does_nothing": measure_ceiling(FEW),
        "workers_that_do_nothing": floor,
        "targets": _judge(scenes),
        "scenes": scenes,
    }


def _prepare(house, rows):
    """Make a database with both doors and a copy full of old clicks; return codes."""
    databases = house.databases
    databases.create(EMPTY, replace=True)
    install = ("-d", EMPTY, "-i", "link_tracker", "--stop-after-init", "--no-http")
    house.runner.run(*install, log="bench-install.log")
    printed = house.runner.script(EMPTY, SET_UP)
    ours, peer = re.search(r"CODES (\S+) (\S+)", printed).groups()
    databases.copy(EMPTY, FULL)
    with step(f"Adding {rows:,} old clicks"):
        click_rows.fill(house, FULL, ours, rows)
    return ours, peer


def _measure(house, codes, **length):
    """Let strangers open the doors.

    :return: the answers a second of workers that do nothing, and
        ``{scene: {door: figures}}``.
    """

    def doors(site):
        ours, peer = codes
        yield Door(OURS, site, f"/s/{ours}", OUR_ROWS)
        yield Door(PEER, site, f"/r/{peer}", PEER_ROWS)

    strangers, scenes = Strangers(), {}
    compare = strangers.compare
    with Site(house, EMPTY, "ordinary", ORDINARY) as site, step("The ordinary road"):
        scenes["ordinary road"] = compare([*doors(site)], FEW, **length)
    with Site(house, EMPTY, "empty") as site, Site(house, FULL, "full") as full:
        with step(f"One hot link, {FEW} clients"):
            scenes["hot link"] = compare([*doors(site)], FEW, **length)
            floor = strangers.measure_floor(site, FEW, **length)
        with step(f"One hot link, {MANY} clients"):
            scenes["crowd"] = compare([*doors(site)], MANY, **length)
        with step("Old clicks in the table"):
            ours, old = next(doors(site)), next(doors(full))
            turns = [ours, old._replace(name=OLD)]
            scenes["old clicks"] = compare(turns, FEW, **length)
    return floor, scenes


def _judge(scenes):
    """Return ``{target: [what was measured, what it should be, whether it is]}``."""

    def ratio(scene, first=OURS, second=PEER):
        rates = [scenes[scene][x]["requests_per_second"] for x in (first, second)]
        return round(rates[0] / rates[1], 2)

    ours = [figures for scene in scenes.values() for figures in (scene[OURS],)]
    ours.append(scenes["old clicks"][OLD])
    lost = sum(abs(row["answered"] - row["counted"]) for row in ours)
    broken = sum(sum(row["wrong"].values()) for row in ours)
    found = {
        "hot link: times link_tracker": (ratio("hot link"), ">=", 40),
        "hot link: p99 in ms": (scenes["hot link"][OURS]["p99_ms"], "<=", 5),
        "crowd: p95 in ms": (scenes["crowd"][OURS]["p95_ms"], "<=", 150),
        "crowd: serialization failures": (scenes["crowd"][OURS]["collisions"], "<=", 0),
        "clicks answered but not counted, or twice": (lost, "<=", 0),
        "requests without a redirect": (broken, "<=", 0),
        "ordinary road: times link_tracker": (ratio("ordinary road"), ">=", 3),
        "old clicks: rate of the empty table's": (
            ratio("old clicks", OLD, OURS), ">=", 0.9,
        ),
    }  # fmt: skip
    return {
        name: [
            value,
            f"{sign} {goal}",
            value >= goal if sign == ">=" else value <= goal,
        ]
        for name, (value, sign, goal) in found.items()
    }


def print_table(results):
    """Print what a reader compares."""
    heads = ("requests/s", "p50 ms", "p95 ms", "p99 ms", "answered", "counted")
    keys = ("requests_per_second", "p50_ms", "p95_ms", "p99_ms", "answered", "counted")
    print(f"\n{'':<44}" + "".join(f"{head:>11}" for head in heads))
    for scene, doors in results["scenes"].items():
        for door, row in doors.items():
            cells = "".join(f"{row[key]:>11,}" for key in keys)
            print(f"{scene + ': ' + door:<44}{cells}")
    print(f"\nworkers that do nothing: {results['workers_that_do_nothing']:,}/s\n")
    for name, (value, goal, met) in results["targets"].items():
        print(f"{name:<44}{value:>11,}  {goal:<8}{'met' if met else 'MISSED'}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="make bench ARGS=bench_click")
    parser.add_argument("--rows", type=int, default=LENGTH["rows"], help="old clicks")
    parser.add_argument("--rounds", type=int, default=LENGTH["rounds"])
    parser.add_argument("--seconds", type=float, default=LENGTH["seconds"])
    chosen = parser.parse_args()
    found = main(chosen)
    target = "click.json" if vars(chosen) == LENGTH else "click.local.json"
    target = REPO / "benchmarks" / "results" / target
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(found, indent=2) + "\n")
    print_table(found)
