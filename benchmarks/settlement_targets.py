"""What bench_settlement should reach, and its figures as a table."""


def judge(found):
    """Return ``{target: [what was measured, what it should be, whether it is]}``.

    :param found: the figures by name; those of parts that did not run are missing, and
        so are their targets.
    """
    judged = {}
    for name, (measure, sign, goal) in TARGETS.items():
        try:
            value = measure(found)
        except KeyError:  # of a part that did not run
            continue
        met = value >= goal if sign == ">=" else value <= goal
        judged[name] = [round(value, 2), f"{sign} {goal}", met]
    return judged


def _times_peer(found):
    ours, peer = found["settling"], found["settling_by_the_peer"]
    return ours["lines_a_second"] / peer["lines_a_second"]


def _times_bare(found):
    ours, bare = found["settling"], found["settling_by_bare_statements"]
    return ours["seconds"] / bare["seconds"]


def _times_cost(found):
    cost = "microseconds_a_line"
    return found["settling_many"][cost] / found["settling"][cost]


def _more_memory(found):
    memory = "megabytes_more"
    return found["settling_many"][memory] - found["settling"][memory]


def _more_milliseconds(found):
    orders = found["confirming_an_order"]
    ours, bare = orders["of_a_new_customer"], orders["without_our_addons"]
    return ours["p50_ms"] - bare["p50_ms"]


def _more_queries(found):
    orders = found["confirming_an_order"]
    many, few = (orders[f"of_a_customer_with_{name}"] for name in ("many", "few"))
    return many["queries"] - few["queries"]


def _count_wrong(found):
    lines = found["world"]["lines"]
    parts = [(found[name], lines) for name in SETTLINGS]
    if "settling_many" in found:
        parts.append((found["settling_many"], found["settling_many"]["wanted"]))
    return sum(wanted - part["lines"] + (not part["adds_up"]) for part, wanted in parts)


SETTLINGS = ("settling", "settling_by_bare_statements")
TARGETS = {
    "settling: times the peer's lines/s": (_times_peer, ">=", 100),
    "settling: times the bare SQL's time": (_times_bare, "<=", 3),
    "settling many: times the cost a line": (_times_cost, "<=", 1.1),
    "settling many: MB more than for fewer": (_more_memory, "<=", 20),
    "order with referrer: ms more": (_more_milliseconds, "<=", 30),
    "order of a regular: queries more": (_more_queries, "<=", 0),
    "finance confirms many: seconds": (
        lambda found: found["finance_confirms_many"]["seconds"], "<=", 30,
    ),
    "simulation: seconds": (lambda found: found["simulation"]["seconds"], "<=", 60),
    "lines not settled, or sums that differ": (_count_wrong, "<=", 0),
}  # fmt: skip


def print_table(results):
    """Print what a reader compares, of the parts that ran."""
    keys = ("lines", "seconds", "lines_a_second", "queries", "megabytes_more")
    print(f"\n{'':<32}" + "".join(f"{key:>16}" for key in keys))
    for name, row in _list_rows(results):
        cells = "".join(f"{row[key]:>16,}" for key in keys)
        print(f"{name.replace('_', ' '):<32}{cells}")
    print(f"\n{'confirming an order':<32}{'p50 ms':>10}{'p95 ms':>10}{'queries':>10}")
    for name, row in results.get("confirming_an_order", {}).items():
        cells = f"{row['p50_ms']:>10,}{row['p95_ms']:>10,}{row['queries']:>10,}"
        print(f"{name.replace('_', ' '):<32}{cells}")
    print()
    for name, (value, goal, met) in results["targets"].items():
        print(f"{name:<44}{value:>11,}  {goal:<8}{'met' if met else 'MISSED'}")


def _list_rows(results):
    """Yield ``(name, figures)`` of each piece of work that was clocked."""
    for name, row in results.items():
        for one in row if isinstance(row, list) else [row]:
            if isinstance(one, dict) and "megabytes_more" in one:
                yield name, one
