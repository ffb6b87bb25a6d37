"""From contract to money: ours beside OCA's commission addons, in one run.

On one PostgreSQL server it makes our database and the peer's, with clones written by
``generate_series``: approved commissions of as many people, and for the peer as many
posted invoices with a commission each. The parts, each also alone by ``--only``:

``settle``    ours by the job, in turn with bare SQL that writes the same rows;
``confirm``   orders are confirmed, and finance confirms many contracts at once;
``simulate``  a draft plan over all contracts;
``million``   the job once more, over ten times the lines of ten times the people;
``peer``      the peer's wizard over as many lines as ours, and over fewer.

Prints a table and writes ``benchmarks/results/settlement.json``; ``--quick``, other
sizes and single parts are for trying the program and write ``settlement.local.json``.
What is compared with what is told in ``benchmarks/README.md``.
"""

import argparse
import json
import os
import statistics
import sys
import time
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO / "tools"))

import settlement_targets

from house import odoo
from house.cli import House
from house.peers import Peers
from house.report import say, step
from house.venv import Venv

EMPTY, WORLD, TURN = "referral_bench", "referral_bench_world", "referral_bench_turn"
PEER, BARE = "referral_bench_peer", "referral_bench_bare"
PEERS = ["account_commission_oca", "sale_commission_oca"]
FULL = {
    "lines": 100_000,
    "people": 10_000,
    "times": 10,
    "orders": 1_000,
    "confirmations": 30,
    "rounds": 3,
    "peer_minutes": 6,
}
QUICK = {
    "lines": 2_000,
    "people": 200,
    "times": 5,
    "orders": 50,
    "confirmations": 12,
    "rounds": 1,
    "peer_minutes": 1,
}
CONDITIONS = {
    "ours": "all due commissions settled by the job; median of the rounds, each on a"
    " fresh copy of the database",
    "bare": "the same rows by two bare SQL statements; takes turns with ours",
    "peer": "OCA commission 19.0, its wizard, 1,000 agents a press; no press is begun"
    " after `peer_minutes`",
    "memory": "megabytes more than before, looked at 20 times a second",
}
SCRIPT = """
import json, sys
sys.path.insert(0, {folder!r})
import {module}
print("ANSWER", json.dumps({module}.{call}, default=str))
"""


def main(options):
    """Measure; return the results as written to the file."""
    house, load, began = House(Venv(odoo.find())), os.getloadavg()[0], time.time()
    bench = Bench(house, options)
    found = {}
    try:
        for part in options.only:
            found |= PARTS[part](bench, options)
    finally:
        if not options.keep:
            for database in (EMPTY, WORLD, TURN, PEER, BARE):
                house.databases.drop(database)
    return {
        "conditions": {**CONDITIONS, **_sizes(options)},
        "machine": _describe_machine(house.server),
        "load_before_and_after": [round(load, 1), round(os.getloadavg()[0], 1)],
        "minutes": round((time.time() - began) / 60, 1),
        "targets": settlement_targets.judge(found),
        **found,
    }


class Bench:
    """Runs the functions of the benchmark's modules in databases."""

    def __init__(self, house, options):
        self.house, self.peers, self.options = house, Peers(house), options
        self.world = self.empty = None

    def run(self, database, call, script=None):
        """Run ``module.function(...)`` on a database; return what it returns."""
        module, _dot, call = call.partition(".")
        folder = str(REPO / "benchmarks")
        text = SCRIPT.format(folder=folder, module=module, call=call)
        printed = (script or self.house.runner.script)(database, text)
        [line] = [line for line in printed.splitlines() if line.startswith("ANSWER ")]
        say(f"  {line.removeprefix('ANSWER ')}")
        return json.loads(line.removeprefix("ANSWER "))

    def run_peer(self, database, call):
        return self.run(database, call, self.peers.script)

    def settle_again(self, name):
        """Return what settling a fresh copy of the world takes."""
        self.house.databases.copy(WORLD, TURN)
        with step(f"Settling ({name})"):
            return self.run(TURN, f"settlement_world.{name}(env)")

    def provide_world(self):
        """Make the world that several parts share; return what is in it."""
        if not self.world:
            options = self.options
            self.world = self.make_world(WORLD, options.lines, options.people)
        return self.world

    def make_world(self, database, lines, people):
        """Fill a copy of the empty database; return what is in it."""
        if not self.empty:
            self.house.databases.create(EMPTY, replace=True)
            self.empty = EMPTY
        self.house.databases.copy(self.empty, database)
        with step(f"Making {lines:,} commissions of {people:,} people"):
            made = self.run(database, f"settlement_world.seed(env, {lines}, {people})")
            self.house.server.query("VACUUM ANALYZE", database=database)
        return made


def _settle(bench, options):
    """Settle by our job and by bare statements in turn; return both figures."""
    made = bench.provide_world()
    turns = {"settle": [], "settle_bare": []}
    for _round in range(options.rounds):
        for name, found in turns.items():
            found.append(bench.settle_again(name))
    ours, bare = (_get_middle(found, "seconds") for found in turns.values())
    return {"world": made, "settling": ours, "settling_by_bare_statements": bare}


def _get_middle(turns, key):
    """Return the figures of the turn with the median of ``key``, and all of them."""
    middle = statistics.median_low(turn[key] for turn in turns)
    found = next(turn for turn in turns if turn[key] == middle)
    return {**found, "rounds": [turn[key] for turn in turns]}


def _confirm(bench, options):
    """Confirm orders with our addons and without in turn; then let finance confirm."""
    count, turns = options.confirmations, []
    bench.provide_world()
    bench.peers.create(BARE)
    with step("Confirming orders"):
        for _round in range(options.rounds):
            bare = bench.run_peer(BARE, f"settlement_orders.confirm_bare(env, {count})")
            ours = bench.run(WORLD, f"settlement_orders.confirm(env, {count})")
            turns.append({**bare, **ours})
    with step(f"Finance confirms {options.orders:,} contracts"):
        call = f"settlement_orders.confirm_rewards(env, {options.orders})"
        rewards = bench.run(WORLD, call)
    orders = {
        name: _get_middle([turn[name] for turn in turns], "p50_ms") for name in turns[0]
    }
    return {"confirming_an_order": orders, "finance_confirms_many": rewards}


def _simulate(bench, _options):
    bench.provide_world()
    with step("Simulating"):
        found = bench.run(WORLD, "settlement_orders.simulate(env)")
    return {"simulation": found}


def _settle_many(bench, options):
    """Settle a world that is larger and otherwise alike."""
    times = options.times
    made = bench.make_world(TURN, times * options.lines, times * options.people)
    with step("Settling"):
        large = bench.run(TURN, "settlement_world.settle(env)")
    bench.house.databases.drop(TURN)
    return {"settling_many": {**large, "wanted": made["lines"]}}


def _ask_peer(bench, options):
    """Let the peer settle a hundredth, a tenth and all of as many lines as ours."""
    bench.peers.create(PEER, PEERS)
    found = {}
    for part in (100, 10, 1):
        lines, people = options.lines // part, max(options.people // part, 1)
        bench.house.databases.copy(PEER, TURN)
        with step(f"Making the peer's {lines:,} invoices"):
            bench.run_peer(TURN, f"settlement_peer.seed(env, {lines}, {people})")
            bench.house.server.query("VACUUM ANALYZE", database=TURN)
        with step("The peer settles"):
            call = f"settlement_peer.settle(env, {60 * options.peer_minutes})"
            found[lines] = bench.run_peer(TURN, call)
    bench.house.databases.drop(TURN)
    return {
        "settling_by_the_peer": found.pop(options.lines),
        "settling_fewer_by_the_peer": list(found.values()),
    }


PARTS = {
    "settle": _settle,
    "confirm": _confirm,
    "simulate": _simulate,
    "million": _settle_many,
    "peer": _ask_peer,
}


def _describe_machine(server):
    """Return what the figures depend on beside the programs."""
    names = ("server_version", "shared_buffers", "work_mem", "max_wal_size", "fsync")
    pages, page = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return {
        "processors": os.cpu_count(),
        "gigabytes": round(pages * page / 2**30),
        "postgresql": {name: server.query(f"SHOW {name}")[0][0] for name in names},
    }


def _sizes(options):
    return {name: getattr(options, name) for name in FULL}


def parse(arguments):
    """Return the options, and whether they are those that results are kept of."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=bench_settlement")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    for name in FULL:
        parser.add_argument(f"--{name.replace('_', '-')}", type=int)
    parser.add_argument("--quick", action="store_true", help="small sizes")
    parser.add_argument("--keep", action="store_true", help="keep the databases")
    options = parser.parse_args(arguments)
    for name, value in (QUICK if options.quick else FULL).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    return options, _sizes(options) == FULL and options.only == list(PARTS)


if __name__ == "__main__":
    chosen, kept = parse(sys.argv[1:])
    found = main(chosen)
    name = "settlement.json" if kept else "settlement.local.json"
    target = REPO / "benchmarks" / "results" / name
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(found, indent=2) + "\n")
    settlement_targets.print_table(found)
