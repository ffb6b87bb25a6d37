"""From contract to money: ours beside OCA's commission addons, in one run.

On one PostgreSQL server it makes our database and the peer's, with clones written by
``generate_series``: approved commissions of as many people, and for the peer as many
posted invoices with a commission each. Then it settles: ours by the job, the peer by
its wizard, and the same rows as ours by two bare SQL statements that follow no rule.
In between it confirms orders, lets finance confirm many, and simulates a plan over
all contracts. Prints a table and writes ``benchmarks/results/settlement.json``;
``--quick`` and other sizes are for trying the program and write
``settlement.local.json``.
"""

import argparse
import json
import os
import statistics
import sys
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO / "tools"))

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
    "large": 1_000_000,
    "peer_people": 1_000,
    "orders": 1_000,
    "confirmations": 60,
    "rounds": 3,
}
QUICK = {
    "lines": 2_000,
    "people": 200,
    "large": 10_000,
    "peer_people": 100,
    "orders": 50,
    "confirmations": 12,
    "rounds": 1,
}
CONDITIONS = {
    "ours": "all due commissions settled by the job; median of the rounds, each on a"
    " fresh copy of the database",
    "bare": "the same rows by two bare SQL statements; takes turns with ours",
    "peer": "OCA commission 19.0, its wizard for `peer_people` of the agents; the world"
    " has all of them",
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
    house, load = House(Venv(odoo.find())), os.getloadavg()[0]
    bench = Bench(house)
    try:
        house.databases.create(EMPTY, replace=True)
        found = {
            **_settle(bench, options),
            **_ask_orders(bench, options),
            **_settle_large(bench, options),
            **_ask_peer(bench, options),
        }
    finally:
        if not options.keep:
            for database in (EMPTY, WORLD, TURN, PEER, BARE):
                house.databases.drop(database)
    return {
        "conditions": {**CONDITIONS, **_sizes(options)},
        "load_before_and_after": [round(load, 1), round(os.getloadavg()[0], 1)],
        "targets": _judge(found),
        **found,
    }


class Bench:
    """Runs the functions of the benchmark's modules in databases."""

    def __init__(self, house):
        self.house, self.peers = house, Peers(house)

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

    def make_world(self, lines, people):
        """Fill a copy of the empty database; return what is in it."""
        self.house.databases.copy(EMPTY, WORLD)
        with step(f"Making {lines:,} commissions of {people:,} people"):
            made = self.run(WORLD, f"settlement_world.seed(env, {lines}, {people})")
            self.house.server.query("VACUUM ANALYZE", database=WORLD)
        return made


def _settle(bench, options):
    """Settle by our job and by bare statements in turn; return both figures."""
    made = bench.make_world(options.lines, options.people)
    turns = {"settle": [], "settle_bare": []}
    for _round in range(options.rounds):
        for name, found in turns.items():
            found.append(bench.settle_again(name))
    ours, bare = (_get_median(found) for found in turns.values())
    return {"world": made, "settling": ours, "settling_by_bare_statements": bare}


def _get_median(turns):
    """Return the figures of the turn with the median time."""
    middle = statistics.median_low(turn["seconds"] for turn in turns)
    return next(turn for turn in turns if turn["seconds"] == middle)


def _ask_orders(bench, options):
    """Confirm orders and simulate, in the world that is there."""
    count = options.confirmations
    with step("Confirming orders"):
        bench.peers.create(BARE)
        bare = bench.run_peer(BARE, f"settlement_orders.confirm_bare(env, {count})")
        ours = bench.run(WORLD, f"settlement_orders.confirm(env, {count})")
    with step(f"Finance confirms {options.orders:,} contracts"):
        call = f"settlement_orders.confirm_rewards(env, {options.orders})"
        rewards = bench.run(WORLD, call)
    with step("Simulating"):
        simulation = bench.run(WORLD, "settlement_orders.simulate(env)")
    return {
        "confirming_an_order": {**bare, **ours},
        "finance_confirms_many": rewards,
        "simulation": simulation,
    }


def _settle_large(bench, options):
    bench.make_world(options.large, options.people)
    with step("Settling"):
        large = bench.run(WORLD, "settlement_world.settle(env)")
    return {"settling_many": large}


def _ask_peer(bench, options):
    """Let the peer settle for some people of a world as large as ours."""
    bench.peers.create(PEER, PEERS)
    with step("Making the peer's invoices"):
        call = f"settlement_peer.seed(env, {options.lines}, {options.people})"
        bench.run_peer(PEER, call)
        bench.house.server.query("VACUUM ANALYZE", database=PEER)
    with step(f"The peer settles for {options.peer_people:,} people"):
        call = f"settlement_peer.settle(env, {options.peer_people})"
        return {"settling_by_the_peer": bench.run_peer(PEER, call)}


def _judge(found):
    """Return ``{target: [what was measured, what it should be, whether it is]}``."""
    ours, large = found["settling"], found["settling_many"]
    peer, bare = found["settling_by_the_peer"], found["settling_by_bare_statements"]
    orders = found["confirming_an_order"]
    more = (
        orders["of_a_new_customer"]["p50_ms"] - orders["without_our_addons"]["p50_ms"]
    )
    many_queries = orders["of_a_customer_with_many"]["queries"]
    few_queries = orders["of_a_customer_with_few"]["queries"]
    times_bare = ours["seconds"] / bare["seconds"]
    times_peer = ours["lines_a_second"] / peer["lines_a_second"]
    cost = large["microseconds_a_line"] / ours["microseconds_a_line"]
    memory = large["megabytes_more"] - ours["megabytes_more"]
    measured = {
        "settling: times the peer's lines/s": (times_peer, ">=", 100),
        "settling: times the bare SQL's time": (times_bare, "<=", 3),
        "settling many: times the cost a line": (cost, "<=", 1.1),
        "settling many: MB more than for fewer": (memory, "<=", 20),
        "order with referrer: ms more": (more, "<=", 30),
        "order of a regular: queries more": (many_queries - few_queries, "<=", 0),
        "finance confirms many: seconds": (
            found["finance_confirms_many"]["seconds"], "<=", 30,
        ),
        "simulation: seconds": (found["simulation"]["seconds"], "<=", 60),
        "lines not settled, or sums that differ": (_count_wrong(found), "<=", 0),
    }  # fmt: skip
    return {
        name: [
            round(value, 2),
            f"{sign} {goal}",
            value >= goal if sign == ">=" else value <= goal,
        ]
        for name, (value, sign, goal) in measured.items()
    }


def _count_wrong(found):
    return sum(
        wanted - part["lines"] + (not part["adds_up"])
        for part, wanted in (
            (found["settling"], found["world"]["lines"]),
            (found["settling_by_bare_statements"], found["world"]["lines"]),
        )
    )


def _sizes(options):
    return {name: getattr(options, name) for name in FULL}


def print_table(results):
    """Print what a reader compares."""
    keys = ("lines", "seconds", "lines_a_second", "queries", "megabytes_more")
    print(f"\n{'':<32}" + "".join(f"{key:>16}" for key in keys))
    for name in (
        "settling",
        "settling_by_bare_statements",
        "settling_many",
        "settling_by_the_peer",
        "finance_confirms_many",
        "simulation",
    ):
        cells = "".join(f"{results[name][key]:>16,}" for key in keys)
        print(f"{name.replace('_', ' '):<32}{cells}")
    print(f"\n{'confirming an order':<32}{'p50 ms':>10}{'p95 ms':>10}{'queries':>10}")
    for name, row in results["confirming_an_order"].items():
        cells = f"{row['p50_ms']:>10,}{row['p95_ms']:>10,}{row['queries']:>10,}"
        print(f"{name.replace('_', ' '):<32}{cells}")
    print()
    for name, (value, goal, met) in results["targets"].items():
        print(f"{name:<44}{value:>11,}  {goal:<8}{'met' if met else 'MISSED'}")


def parse(arguments):
    """Return the options, and whether they are those that results are kept of."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=bench_settlement")
    for name in FULL:
        parser.add_argument(f"--{name.replace('_', '-')}", type=int)
    parser.add_argument("--quick", action="store_true", help="small sizes")
    parser.add_argument("--keep", action="store_true", help="keep the databases")
    options = parser.parse_args(arguments)
    for name, value in (QUICK if options.quick else FULL).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    return options, _sizes(options) == FULL


if __name__ == "__main__":
    chosen, kept = parse(sys.argv[1:])
    found = main(chosen)
    name = "settlement.json" if kept else "settlement.local.json"
    target = REPO / "benchmarks" / "results" / name
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(found, indent=2) + "\n")
    print_table(found)
