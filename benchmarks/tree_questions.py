"""What ``bench_tree.py`` asks of ``tree_world.py``, inside ``odoo shell``."""

import random
import time
from contextlib import contextmanager

from odoo.addons.referral_distribution.engine.member_file import Line
from odoo.addons.referral_distribution.models import gate

SAMPLE = 1000
PAGE = 20
AGAIN = 20  # how often one and the same large team is asked for
JOINS = 50
IMPORTED = 20_000


def ask(env, world):
    """Return every figure; the database is left as it was but for the moves."""
    count = world["count"]
    generator = random.Random(count)
    ids = range(world["first"], world["first"] + count)
    world["random"] = generator.sample(ids, min(SAMPLE, count // 10))
    world["largest"] = _find_largest(env, world)
    return {
        "questions": _ask_questions(env, world),
        "join": _measure_joins(env, world),
        "peer": _compare(env, world),
        "move": _measure_moves(env, world),
        "import_members": _measure_import(env),
    }


def _find_largest(env, world):
    """Return the 100 largest teams apart from roots and the shapes made on purpose."""
    env.cr.execute(
        "SELECT partner_id FROM referral_invite_node WHERE depth BETWEEN 1 AND 12"
        " AND NOT starts_with(path, %s) AND NOT starts_with(path, %s)",
        [f"{world['moved']}/", f"{world['chain'][0]}/"],
    )
    nodes = env["referral.invite.node"]
    sizes = nodes._query_team_sizes([number for (number,) in env.cr.fetchall()])
    world["sizes"] = sizes
    largest = sorted(sizes, key=sizes.get, reverse=True)[:100]
    return largest


def _ask_questions(env, world):
    top, last = world["chain"]
    tops, lasts = [top] * AGAIN, [last] * AGAIN
    fan, moved = [world["fan"]] * AGAIN, [world["moved"]] * AGAIN
    some, largest = world["random"], world["largest"]
    size, direct, newest, by_name, portal, two, three = _get_calls(env)
    questions = {
        "team size, random members": (size, some, 20),
        "team size, the 100 largest below roots": (size, largest, 20),
        "team size, a tenth of all, direct": (size, fan, 20),
        "team size, a tenth of all, in depth": (size, moved, 20),
        "team size, top of a chain of 1,000": (size, tops, 20),
        "direct page, random members": (direct, some, 20),
        "direct page, a tenth of all": (direct, fan, 20),
        "team page newest first, random members": (newest, some, 20),
        "team page newest first, the 100 largest": (newest, largest, 20),
        "team page newest first, a tenth of all": (newest, fan, 20),
        "team page newest first, chain of 1,000": (newest, tops, 20),
        "team page by name, the 100 largest": (by_name, largest, 20),
        "team page by name, a tenth of all": (by_name, fan, 20),
        "portal's team page, random members": (portal, some, 20),
        "portal's team page, a tenth of all": (portal, fan, 20),
        "payout's ancestors, 2 levels": (two, some, 1),
        "payout's ancestors, 3 levels": (three, some, 1),
        "payout's ancestors, 3 levels, 1,000 deep": (three, lasts, 1),
    }
    return {name: _time(env, *rest) for name, rest in questions.items()}


def _get_calls(env):
    """Return the functions of a member's id that are timed."""
    partners = env["res.partner"]

    def team(number):
        return [("invite_path", "=like", f"{partners.browse(number).invite_path}%")]

    def page(domain, **options):
        return partners.search(domain, limit=PAGE, **options).mapped("name")

    return (
        lambda number: partners.browse(number)._query_team_sizes(),
        lambda number: page([("inviter_id", "=", number)], order="id desc"),
        lambda number: page(team(number), order="id desc"),
        lambda number: page(team(number)),
        lambda number: env["referral.team"]._list(partners.browse(number), env.company),
        lambda number: partners.browse(number)._get_invite_chain(2).ids,
        lambda number: partners.browse(number)._get_invite_chain(3).ids,
    )


def _time(env, call, numbers, target):
    """Return p50 and p95 in milliseconds, of the first time and of the second."""
    rounds = {}
    for name in ("first", "again"):
        samples = []
        for number in numbers:
            env.invalidate_all()
            started = time.perf_counter()
            call(number)
            samples.append(1000 * (time.perf_counter() - started))
        rounds[name] = _percentiles(samples)
    return {**rounds, "target": target, "asked": len(numbers)}


def _percentiles(samples):
    ordered = sorted(samples)
    return [round(ordered[int(len(ordered) * part)], 2) for part in (0.5, 0.95)]


def _measure_joins(env, world):
    """Return the cost of one newcomer by where it joins; nobody else is written."""
    results = {}
    for name, inviter in (
        ("below a random member", world["random"][0]),
        ("below a tenth of all", world["fan"]),
        ("at depth 1,000", world["chain"][1]),
    ):
        samples = []
        before = _count_writes(env)
        for _newcomer in range(JOINS):
            started = time.perf_counter()
            env["res.partner"].create(
                {"name": "N", "member_state": "active", "inviter_id": inviter}
            )
            env.flush_all()
            samples.append(1000 * (time.perf_counter() - started))
        written = [
            now - then for now, then in zip(_count_writes(env), before, strict=True)
        ]
        p50, p95 = _percentiles(samples)
        results[name] = {
            "p50_ms": p50,
            "p95_ms": p95,
            "places_inserted": written[0] / JOINS,
            "places_updated": written[1] / JOINS,
        }
        env.cr.rollback()
    return results


def _count_writes(env):
    """Return the places inserted and updated in this transaction so far."""
    env.cr.execute(
        "SELECT n_tup_ins, n_tup_upd FROM pg_stat_xact_user_tables"
        " WHERE relname = 'referral_invite_node'"
    )
    return env.cr.fetchone()


def _compare(env, world):
    """Ask team sizes as we do and by ``child_of``, in turn; return the ratios."""
    sizes, tenth = world["sizes"], world["count"] // 10
    near = {
        size: min(sizes, key=lambda one, size=size: abs(sizes[one] - size))
        for size in (1000, 10_000)
    }
    teams = {f"team of {sizes[one]}": one for one in near.values()}
    teams[f"team of {tenth}, direct"] = world["fan"]
    teams[f"team of {tenth}, in depth"] = world["moved"]
    return {name: _compare_team(env, number) for name, number in teams.items()}


def _compare_team(env, number):
    calls = {
        "ours_ms": lambda: env["res.partner"].browse(number)._query_team_sizes(),
        "child_of_ms": lambda: _count_child_of(env, number),
    }
    samples = {name: [] for name in calls}
    for _round in range(5):
        for name, call in calls.items():
            env.invalidate_all()
            started = time.perf_counter()
            call()
            samples[name].append(1000 * (time.perf_counter() - started))
    result = {name: _percentiles(found)[0] for name, found in samples.items()}
    return {**result, "ratio": round(result["child_of_ms"] / result["ours_ms"], 1)}


def _count_child_of(env, number):
    """Count a team as Odoo does over a many2one without a stored path."""
    domain = [("inviter_id", "child_of", number), ("id", "!=", number)]
    return env["res.partner"].search_count(domain)


def _measure_moves(env, world):
    """Move the team below a random member, to another one, and to be a root again."""
    member = gate.opened(env["res.partner"].browse(world["moved"]))
    outside = [one for one in world["random"] if one not in _team(env, member)]
    seconds, statements = [], []
    for inviter in (outside[0], outside[1], False):
        with _updates(env) as seen:
            started = time.perf_counter()
            member.inviter_id = inviter
            env.flush_all()
            env.cr.commit()
            seconds.append(round(time.perf_counter() - started, 2))
        statements.append(sum("SET path" in text for text in seen))
    return {
        "people": len(_team(env, member)),
        "seconds": seconds,
        "updates_of_the_tree": statements,
    }


def _team(env, member):
    path = member.invite_path
    return set(env["res.partner"].search([("invite_path", "=like", f"{path}%")]).ids)


@contextmanager
def _updates(env):
    """Collect the statements that update places."""
    seen, execute = [], env.cr.execute

    def collect(query, *rest, **options):
        text = getattr(query, "code", query)
        if "UPDATE referral_invite_node" in text:
            seen.append(text)
        return execute(query, *rest, **options)

    env.cr.execute = collect
    try:
        yield seen
    finally:
        del env.cr.execute


def _measure_import(env):
    """Import members with random inviters among the earlier ones; not committed."""
    generator = random.Random(IMPORTED)
    lines = [
        Line(
            number=n, name=f"I {n}", email=f"i{n}@example.com", mail=f"i{n}@example.com"
        )
        for n in range(IMPORTED)
    ]
    for place, line in enumerate(lines[1:], 1):
        line.inviter_line = generator.randrange(place)
    started = time.perf_counter()
    env["res.partner"]._import_members(lines, env.company)
    seconds = time.perf_counter() - started
    env.cr.rollback()
    return {"members": IMPORTED, "a_second": round(IMPORTED / seconds)}
