"""Clicks by the million for ``bench_rollup``, and the plain count they must agree with.

Runs inside `odoo shell` of a scratch database.
"""

import time
from datetime import timedelta

from odoo import fields

LINKS = 2_000
DAYS = 3

_LINKS = """
INSERT INTO referral_link (company_id, partner_id, channel_id, target_url, code, active,
    merged, create_uid, write_uid, create_date, write_date)
SELECT %(company)s, %(member)s, %(channel)s, '/bench/' || n, 'bench' || n, TRUE,
    FALSE, 1, 1, now(), now()
FROM generate_series(1, %(links)s) n
"""
# Ids go with time. A visitor is one of a third as many as there are clicks; every tenth
# click is on the first link.
_CLICKS = """
INSERT INTO referral_click (link_id, clicked_at, clicked_hour, visitor_hash, ip_hash,
    device, counted)
SELECT link_id, at, date_trunc('hour', at), md5('v' || visitor)::char(16),
    md5('a' || visitor)::char(16), 'mobile', n %% 50 <> 0
FROM (SELECT n,
        %(first)s + (n %% %(links)s) * (n %% 10 <> 0)::int AS link_id,
        %(since)s::timestamp + n * (%(span)s || ' seconds')::interval AS at,
        (n::bigint * 7919) %% (%(whole)s / 3 + 1) AS visitor
    FROM generate_series(%(start)s + 1, %(start)s + %(count)s) n) click
ON CONFLICT DO NOTHING
"""
_WRONG = """
WITH truth AS (
    SELECT link_id, (clicked_at AT TIME ZONE 'UTC' AT TIME ZONE %(tz)s)::date AS day,
        count(*) AS clicks, count(DISTINCT visitor_hash) AS visitors
    FROM referral_click WHERE counted GROUP BY 1, 2)
SELECT count(*) FROM truth FULL JOIN referral_click_figure f USING (link_id, day)
WHERE (truth.clicks, truth.visitors) IS DISTINCT FROM (f.clicks, f.visitors)
"""


def seed(env, count):
    """Make the links and the first ``count`` clicks, evenly over three days."""
    env.company.partner_id.tz = "Asia/Shanghai"
    member = env["res.partner"].create({"name": "Bench", "member_state": "active"})
    channel = env["referral.channel"].search([("kind", "=", "own")], limit=1)
    env.flush_all()
    since = fields.Date.today() - timedelta(days=DAYS)
    env["referral.click"]._make_partitions(since, 2)
    env.cr.execute(
        _LINKS,
        {
            "company": env.company.id,
            "member": member.id,
            "channel": channel.id,
            "links": LINKS,
        },
    )
    return add(env, 0, count, whole=count)


def add(env, start, count, whole=None):
    """Add clicks after the first ``start``; return how many were written."""
    whole = whole or start
    env.cr.execute("SELECT min(id) FROM referral_link WHERE code LIKE 'bench%'")
    [first] = env.cr.fetchone()
    env.cr.execute(
        _CLICKS,
        {
            "first": first,
            "links": LINKS,
            "since": fields.Date.today() - timedelta(days=DAYS),
            "span": DAYS * 86400 / whole,
            "whole": whole,
            "start": start,
            "count": count,
        },
    )
    written = env.cr.rowcount
    env.cr.commit()
    return written


def roll_up(env):
    """Count what is new; return how much and how long it took."""
    begin = time.monotonic()
    clicks = env["referral.click.figure"]._roll_up()
    seconds = time.monotonic() - begin
    return {
        "clicks": clicks,
        "seconds": round(seconds, 2),
        "clicks_a_second": round(clicks / seconds),
    }


def compare(env):
    """Return how many days of links have other figures than their clicks say."""
    env.cr.execute(_WRONG, {"tz": env.company._referral_tz()})
    return env.cr.fetchone()[0]
