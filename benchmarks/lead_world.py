"""Leads and trails by the million for ``bench_leads``, and the questions asked of them.

Runs inside `odoo shell` of a scratch database.
"""

import random
import time

from werkzeug.test import Client

from odoo import http
from odoo.tools import SQL

MEMBERS = 1_000
HEAVY = 10_000  # leads of one member
LONG = 300  # entries of one lead
NODES = ("shared", "clicked", "created", "assigned", "stage_changed")

_ENTRIES = """
INSERT INTO referral_trail_entry (lead_id, sequence, node, occurred_at, actor_id,
    document, content, prev_hash, hash)
SELECT lead.id, n, (%(nodes)s::varchar[])[1 + (n - 1) %% 5],
    lead.create_date + n * interval '1 hour', %(user)s, 'crm.lead,' || lead.id,
    jsonb_build_object('who', lead.referrer_id, 'channel', 'Bench', 'from', 'New',
        'to', 'Qualified'),
    repeat('0', 64), md5(lead.id::text || n) || md5(n::text)
FROM crm_lead lead CROSS JOIN generate_series(1, %(count)s) n
WHERE lead.id BETWEEN %(first)s AND %(last)s
"""


def seed(env, count, entries):
    """Make the members, ``count`` leads like one of the ORM's, and their trails."""
    env["res.company"].search([]).partner_id.tz = "Asia/Shanghai"
    channel = env["referral.channel"].search([("kind", "=", "own")], limit=1)
    members = env["res.partner"].create(
        [{"name": f"Bench {n}", "member_state": "active"} for n in range(MEMBERS)]
    )
    link = env["referral.link"]._obtain(members[0], channel, "/shop")
    lead = env["crm.lead"].create({"name": "Bench", "referral_link_id": link.id})
    for login, group, partner in (
        ("bench_sales", "referral_distribution.group_sales", None),
        ("bench_member", "base.group_portal", members[0]),
    ):
        values = {"name": login, "login": login, "group_ids": [env.ref(group).id]}
        if partner:
            values["partner_id"] = partner.id
        env["res.users"].create(values)
    env.flush_all()
    first = _copy_leads(env, lead, members, count)
    values = {"nodes": list(NODES), "user": env.uid, "first": first}
    last = first + count - 1
    env.cr.execute(_ENTRIES, {**values, "last": last, "count": entries})
    env.cr.execute(
        _ENTRIES.replace("generate_series(1,", f"generate_series({entries + 1},"),
        {**values, "last": first, "count": LONG},
    )
    env.cr.commit()
    return {"first": first, "leads": count, "entries": count * entries + LONG - entries}


def _copy_leads(env, lead, members, count):
    """Insert rows like ``lead``'s; return the first id."""
    env.cr.execute(
        "SELECT column_name FROM information_schema.columns"
        " WHERE is_generated = 'NEVER' AND table_name = 'crm_lead'"
        " AND table_schema = current_schema"
    )
    names = [name for [name] in env.cr.fetchall()]
    first = lead.id + 1
    own = {
        "id": f"{lead.id} + n",
        "name": "'Lead ' || n",
        "partner_name": "'Company ' || n",
        "email_from": "'lead' || n || '@bench.example'",
        "email_normalized": "'lead' || n || '@bench.example'",
        "phone": "'+86138' || n",
        "referrer_id": f"{members[0].id} + CASE WHEN n <= {HEAVY} THEN 0"
        f" ELSE 1 + n % {MEMBERS - 1} END",
        "referral_validity": "CASE WHEN n % 10 = 0 THEN 'to_review'"
        " WHEN n % 10 < 7 THEN 'valid' ELSE 'invalid' END",
        "create_date": "now() - n * interval '30 seconds'",
        "write_date": "now() - n * interval '20 seconds'",
    }
    columns = ", ".join(f'"{name}"' for name in names)
    values = ", ".join(own.get(name, f'lead."{name}"') for name in names)
    env.cr.execute(
        f"INSERT INTO crm_lead ({columns}) SELECT {values} FROM crm_lead lead,"
        f" generate_series(1, {count}) n WHERE lead.id = {lead.id}"
    )
    env.cr.execute("SELECT setval('crm_lead_id_seq', (SELECT max(id) FROM crm_lead))")
    return first


def read_forms(env, first, count, times=100):
    """Open the form's timeline of single leads; the long one apart."""
    leads = env["crm.lead"].with_user(_get_user(env, "bench_sales"))
    chosen = random.Random(7).sample(range(first + 1, first + count), times)

    def read(lead_id):
        env.invalidate_all()
        lead = leads.browse(lead_id)
        lead.web_read({"name": {}, "referral_validity": {}, "referral_timeline": {}})

    return {
        "timeline_of_a_lead": _measure(read, chosen),
        "timeline_of_300_entries": _measure(read, [first] * 20),
    }


def search_pool(env, times=20):
    """Open the pool's list as the web client does."""
    leads = env["crm.lead"].with_user(_get_user(env, "bench_sales"))
    action = env.ref("referral_distribution.crm_lead_action_referral").sudo()
    view = leads.get_views([(action.view_ids[:1].view_id.id or False, "list")])
    names = view["models"]["crm.lead"]["fields"]
    shown = view["views"]["list"]["arch"]
    wanted = {name: {} for name in names if f'name="{name}"' in shown}
    domain = [("referrer_id", "!=", False)]
    waiting = [*domain, ("referral_validity", "=", "to_review")]

    def search(searched):
        env.invalidate_all()
        leads.web_search_read(searched, wanted, limit=80, count_limit=10001)

    return {
        "pool_all": _measure(search, [domain] * times),
        "pool_to_review": _measure(search, [waiting] * times),
    }


def open_pages(env, times=20):
    """Open the pages of a member with 10,000 leads, as its browser does."""
    user = _get_user(env, "bench_member")
    session = http.root.session_store.new()
    session.update(http.get_default_session(), db=env.cr.dbname)
    session.uid, session.login = user.id, user.login
    session.context = dict(env["res.users"].with_user(user).context_get())
    session.session_token = user._compute_session_token(session.sid)
    http.root.session_store.save(session)
    client = Client(http.root)
    client.set_cookie("session_id", session.sid)

    def open_page(path):
        answer = client.get(path)
        assert answer.status_code == 200, answer.status_code

    [[lead_id]] = env.execute_query(_first_of(user.partner_id.id))
    pages = {
        "members_leads": "/my/referral/leads",
        "members_leads_page_400": "/my/referral/leads/page/400",
        "members_leads_latest_change": "/my/referral/leads?sortby=changed",
        "members_leads_signed": "/my/referral/leads?filterby=signed",
        "members_lead": f"/my/referral/leads/{lead_id}",
    }
    return {name: _measure(open_page, [path] * times) for name, path in pages.items()}


def _first_of(partner_id):

    return SQL("SELECT min(id) FROM crm_lead WHERE referrer_id = %s", partner_id)


def _get_user(env, login):
    return env["res.users"].search([("login", "=", login)])


def _measure(function, arguments):
    """Return p50 and p95 in milliseconds, after two runs that count nothing."""
    for argument in arguments[:2]:
        function(argument)
    times = []
    for argument in arguments:
        start = time.perf_counter()
        function(argument)
        times.append((time.perf_counter() - start) * 1000)
    times.sort()
    return {
        "p50_ms": round(times[len(times) // 2], 1),
        "p95_ms": round(times[min(int(len(times) * 0.95), len(times) - 1)], 1),
        "runs": len(times),
    }
