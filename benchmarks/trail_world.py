"""What bench_trail runs inside Odoo: a world of trails, and the measurements."""

import io
import json
import resource
import statistics
import time
from datetime import datetime, timedelta

from odoo.addons.referral_distribution.engine import chain

NODES = ("stage_changed", "assigned", "quoted", "invoiced", "paid", "rewarded")
START = datetime(2026, 1, 1)
TIMES = 300


def seed(env, leads, each):
    """Write ``leads`` leads with ``each`` entries; the triggers watch the heads only.

    Entries are chained here and copied in, in the form in which ``_append`` writes.
    """
    member = env["res.partner"].create({"name": "Bench", "member_state": "active"})
    channel = env["referral.channel"].create({"name": "Bench"})
    link = env["referral.link"]._obtain(member, channel, "/bench")
    model = env["crm.lead"].create({"name": "Bench", "referral_link_id": link.id})
    env.flush_all()
    ids = _copy_leads(env.cr, model, leads)
    env.cr.execute("ALTER TABLE referral_trail_head DISABLE TRIGGER USER")
    began = time.monotonic()
    for start in range(0, leads, 5_000):
        _copy_trails(env, ids[start : start + 5_000], each)
    env.cr.execute("ALTER TABLE referral_trail_head ENABLE TRIGGER USER")
    env.cr.commit()
    return {
        "leads": leads,
        "entries": leads * each,
        "seconds_to_make": round(time.monotonic() - began, 1),
    }


def _copy_leads(cr, model, count):
    """Clone a lead by SQL; return the ids of the clones."""
    cr.execute(
        "SELECT quote_ident(attname) FROM pg_attribute"
        " WHERE attrelid = 'crm_lead'::regclass AND attnum > 0 AND NOT attisdropped"
        " AND attgenerated = '' AND attname <> 'id'"
    )
    columns = ", ".join(name for [name] in cr.fetchall())
    cr.execute(
        f"INSERT INTO crm_lead ({columns}) SELECT {columns} FROM crm_lead,"
        " generate_series(1, %s) WHERE id = %s RETURNING id",
        (count, model.id),
    )
    return [lead_id for [lead_id] in cr.fetchall()]


def _copy_trails(env, ids, each):
    entries, heads = io.StringIO(), io.StringIO()
    for lead_id in ids:
        before = chain.START
        for sequence in range(1, each + 1):
            entry = {
                "lead_id": lead_id,
                "sequence": sequence,
                "node": NODES[sequence % len(NODES)],
                "occurred_at": str(START + timedelta(hours=sequence)),
                "actor_id": env.uid,
                "document": f"crm.lead,{lead_id}",
                "content": {"from_id": sequence, "to_id": lead_id},
                "partner_id": None,
                "version": 2,
            }
            own = chain.digest(before, entry)
            cells = {**entry, "content": json.dumps(entry["content"])}
            cells["partner_id"] = r"\N"
            row = (*cells.values(), before, own)
            entries.write("\t".join(map(str, row)) + "\n")
            before = own
        heads.write(f"{lead_id}\t{each}\t{before}\n")
    names = (*entry, "prev_hash", "hash")
    for table, columns, text in (
        ("referral_trail_entry", names, entries),
        ("referral_trail_head", ("lead_id", "entry_count", "hash"), heads),
    ):
        text.seek(0)
        env.cr._obj.copy_from(text, table, columns=columns)


def _sample(env):
    """Return some leads of the world, not next to each other."""
    leads = env["crm.lead"].search([("name", "=", "Bench")], order="id")
    return leads[1 :: max(1, len(leads) // TIMES)][:TIMES]


def append(env):
    """Measure what an entry costs: in its step's transaction, and in one of its own."""
    leads = _sample(env)
    entries = env["referral.trail.entry"]
    within = _time_appends(env, leads, begun=True)
    alone = _time_appends(env, leads, begun=False)
    began = time.perf_counter()
    entries._append(leads, "assigned", content={"from_id": 1, "to_id": 2})
    together = (time.perf_counter() - began) * 1000 / len(leads)
    env.cr.commit()
    steps = {}
    for kind in ("with", "without"):
        steps[kind] = _time_steps(env, leads, kind == "with")
    return {
        "milliseconds_within_a_step_p50": round(statistics.median(within), 3),
        "milliseconds_within_a_step_p95": _get_p95(within),
        "milliseconds_alone_p50": round(statistics.median(alone), 3),
        "milliseconds_alone_p95": _get_p95(alone),
        f"milliseconds_each_of_{len(leads)}_at_once": round(together, 3),
        "milliseconds_of_a_step_with_its_entry_p50": steps["with"],
        "milliseconds_of_a_step_without_p50": steps["without"],
    }


def _get_p95(times):
    return round(statistics.quantiles(times, n=20)[-1], 3)


def _time_appends(env, leads, begun):
    """Return the milliseconds of an entry for each lead, each committed.

    :param bool begun: whether the transaction has done something before, as a step
        has that tells of itself.
    """
    found = []
    for lead in leads:
        lead.company_id, env.user._is_portal()  # what every step has at hand
        if begun:
            env.cr.execute("SELECT id FROM crm_lead WHERE id = %s", (lead.id,))
        began = time.perf_counter()
        env["referral.trail.entry"]._append(
            lead, "assigned", content={"from_id": 1, "to_id": 2}
        )
        found.append((time.perf_counter() - began) * 1000)
        env.cr.commit()
    return found


def _time_steps(env, leads, told):
    """Return the median of moving a lead to another stage, in milliseconds."""
    stages = env["crm.stage"].search([], limit=2)
    found = []
    for lead in leads:
        if not told:
            lead = lead._referral_told("stage_changed")
        stage = (stages - lead.stage_id)[:1]
        lead.won_status  # noqa: B018
        began = time.perf_counter()
        lead.stage_id = stage
        env.flush_all()
        found.append((time.perf_counter() - began) * 1000)
        env.cr.commit()
    return round(statistics.median(found), 3)


def seal(env):
    """Measure the seals of the first day, of a day with few new entries, of none."""
    seals, found = env["referral.trail.seal"], {}
    for name in ("all", "some", "none"):
        if name == "some":
            env["referral.trail.entry"]._append(_sample(env), "assigned")
            env.cr.commit()
        began = time.monotonic()
        made = seals._seal(env.company)
        env.flush_all()
        env.cr.commit()
        found[name] = {
            "trails": sum(made.mapped("lead_count")),
            "seals": len(made),
            "seconds": round(time.monotonic() - began, 2),
        }
    return found


def verify(env):
    """Measure verifying one lead, and the company with its seals."""
    lead = _sample(env)[0]
    began = time.perf_counter()
    assert env["referral.trail.entry"]._verify(lead) == []
    one = (time.perf_counter() - began) * 1000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    check, seconds = _check(env)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert check.state == "intact"
    return {
        "one_lead_milliseconds": round(one, 1),
        "entries": check.entry_count,
        "trails": check.lead_count,
        "seals": check.seal_count,
        "seconds": round(seconds, 1),
        "megabytes_more": round((after - before) / 1024),
    }


def _check(env):
    began = time.monotonic()
    check = env["referral.trail.check"]._start(env.company)
    while check.state == "running":
        env["referral.trail.check"]._cron_check()
    return check, time.monotonic() - began


def tamper(env):
    """Edit one entry and cut one tail with its head, in the middle of the world."""
    leads = _sample(env)
    edited, cut = leads[len(leads) // 3].id, leads[len(leads) // 2].id
    tables = ("referral_trail_entry", "referral_trail_head")
    for table in tables:
        env.cr.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    env.cr.execute(
        "UPDATE referral_trail_entry SET node = 'lost'"
        " WHERE lead_id = %s AND sequence = 5",
        (edited,),
    )
    env.cr.execute(
        "WITH gone AS (DELETE FROM referral_trail_entry WHERE lead_id = %(lead)s"
        "  AND sequence > 7)"
        " UPDATE referral_trail_head head SET entry_count = 7, hash = entry.hash"
        " FROM referral_trail_entry entry WHERE head.lead_id = %(lead)s"
        "  AND entry.lead_id = head.lead_id AND entry.sequence = 7",
        {"lead": cut},
    )
    for table in tables:
        env.cr.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
    env.cr.commit()
    check, _seconds = _check(env)
    kinds = {(kind, lead) for kind, lead, _entry, _seal in check.problems}
    return {
        "edit": ("content", edited) in kinds,
        "tail_with_its_head": ("sealed", cut) in kinds,
        "others_blamed": len(kinds) - 2,
    }
