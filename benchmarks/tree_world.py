"""The invite tree that ``bench_tree.py`` asks: a million members from a fixed seed.

Runs inside ``odoo shell``. Four groups share the table, each spread over all of it, as
people join in no order: a chain (depth 1,000), a fan (one inviter of a tenth of all), a
team to be moved (a tenth of all), and the rest, a random tree with many roots.
"""

import io
import random
import time

SEED = 20190
ROOTS = 0.01  # of the rest come by themselves, the others by somebody who is there
BATCH = 100_000
GROUPS = ("chain", "fan", "moved", "rest")


def shape(count):
    """Return ``(inviters, marks)``: positions of the inviters, -1 for a root.

    :return: list with the inviter's position for each of ``count`` positions, and a
        dict with the positions of ``chain`` (top, last), ``fan`` and ``moved``.
    """
    generator = random.Random(SEED)
    sizes = {
        "chain": min(1001, count // 10),
        "fan": count // 10 + 1,
        "moved": count // 10,
    }
    groups = ["rest"] * count
    places = generator.sample(range(count), sum(sizes.values()))
    for name, size in sizes.items():
        for place in places[:size]:
            groups[place] = name
        del places[:size]
    members = {name: [] for name in GROUPS}
    inviters = []
    for place, group in enumerate(groups):
        earlier = members[group]
        inviters.append(_choose(generator, group, earlier))
        earlier.append(place)
    return inviters, {
        "chain": (members["chain"][0], members["chain"][-1]),
        "fan": members["fan"][0],
        "moved": members["moved"][0],
    }


def _choose(generator, group, earlier):
    if not earlier or (group == "rest" and generator.random() < ROOTS):
        return -1
    if group == "chain":
        return earlier[-1]
    if group == "fan":
        return earlier[0]
    return generator.choice(earlier)


def seed(env, count):
    """Make the members and their places; return the marks, as ids, and the seconds."""
    inviters, marks = shape(count)
    env.cr.execute("SELECT max(id) + 1 FROM res_partner")
    [(first,)] = env.cr.fetchall()
    started = time.monotonic()
    _insert_partners(env, inviters, first)
    env.cr.commit()
    placed = time.monotonic()
    nodes = env["referral.invite.node"]
    for start in range(first, first + count, BATCH):
        ids = range(start, min(start + BATCH, first + count))
        nodes._place(env["res.partner"].browse(ids))
        env.invalidate_all()
    env.cr.commit()
    finished = time.monotonic()
    return {
        "first": first,
        "count": count,
        "chain": [first + place for place in marks["chain"]],
        "fan": first + marks["fan"],
        "moved": first + marks["moved"],
        "contacts_seconds": round(placed - started, 1),
        "places_seconds": round(finished - placed, 1),
        "wrong": check(env),
    }


def _insert_partners(env, inviters, first):
    """Insert contacts as they are stored by the ORM, in one statement."""
    cr = env.cr
    cr.execute("CREATE TEMP TABLE newcomer (id integer, inviter_id integer)")
    rows = (
        f"{first + place}\t{first + inviter if inviter >= 0 else chr(92) + 'N'}\n"
        for place, inviter in enumerate(inviters)
    )
    cr.copy_expert("COPY newcomer FROM STDIN", io.StringIO("".join(rows)))
    cr.execute(
        "INSERT INTO res_partner (id, inviter_id, name, complete_name, lang, type,"
        "  active, member_state, member_since, commercial_partner_id, autopost_bills,"
        "  color, is_company, partner_share, accepts_commission, customer_rank,"
        "  supplier_rank, message_bounce, create_date, write_date, create_uid,"
        "  write_uid)"
        " SELECT id, inviter_id, 'Member ' || id, 'Member ' || id, 'en_US', 'contact',"
        "  TRUE, 'active', now(), id, 'ask', 0, FALSE, TRUE, TRUE, 0, 0, 0, now(),"
        "  now(), 1, 1 FROM newcomer ORDER BY id"
    )
    cr.execute("SELECT setval('res_partner_id_seq', max(id)) FROM res_partner")
    cr.execute("DROP TABLE newcomer")


def check(env):
    """Return how many places do not agree with who invited whom: 0 is right."""
    env.cr.execute(
        "SELECT count(*) FROM res_partner partner"
        " LEFT JOIN referral_invite_node node ON node.partner_id = partner.id"
        " LEFT JOIN referral_invite_node above ON above.partner_id = partner.inviter_id"
        " WHERE partner.member_state IS NOT NULL AND (node.path, node.depth)"
        "  IS DISTINCT FROM (COALESCE(above.path, '') || partner.id || '/',"
        "  COALESCE(above.depth + 1, 0))"
    )
    return env.cr.fetchone()[0]
