"""Old clicks by the million, as a busy site has them after some months."""

from contextlib import closing

MONTHS, LINKS = 12, 1000
MAKE_PARTITIONS = f"""
from dateutil.relativedelta import relativedelta
from odoo import fields
first = fields.Date.today() - relativedelta(months={MONTHS})
env["referral.click"]._make_partitions(first, {MONTHS} + 1)
env.cr.commit()
"""
ADD_LINKS = """
INSERT INTO referral_link (code, active, merged, company_id, partner_id, channel_id,
    target_url)
SELECT 'bench-' || number, true, false, company_id, partner_id, channel_id,
    '/blog?page=' || number
FROM referral_link, generate_series(1, %s) number WHERE code = %s
"""
# The hot link is clicked ten times as often as any other.
ADD_CLICKS = """
INSERT INTO referral_click (link_id, clicked_at, clicked_hour, visitor_hash, ip_hash,
    device, referrer_host, counted)
SELECT links[CASE WHEN number %% 100 = 0 THEN 1 ELSE 1 + number %% %(links)s END],
    moment, date_trunc('hour', moment), left(md5('v' || number), 16),
    left(md5('a' || number / 2), 16), 'mobile', 'weixin.qq.com', true
FROM generate_series(%(first)s, %(last)s) number,
    LATERAL (SELECT date_trunc('second', now() AT TIME ZONE 'UTC' - interval '2 hours'
        - (%(rows)s - number) * (interval '1 month' * %(months)s / %(rows)s))
        AS moment) moment,
    (SELECT array_agg(id ORDER BY code LIKE 'bench-%%', id) AS links
     FROM referral_link) links
"""
# Checking ten million rows at once is many times faster than one by one.
FOREIGN_KEY = """
SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE conrelid = 'referral_click'::regclass AND contype = 'f'
"""
BATCH = 500_000


def fill(house, database, code, rows):
    """Spread that many clicks over the past months and over links beside ``code``."""
    house.runner.script(database, MAKE_PARTITIONS)
    with closing(house.server.connect(database)) as connection:
        cursor = connection.cursor()
        cursor.execute(ADD_LINKS, [LINKS, code])
        cursor.execute(FOREIGN_KEY)
        [(name, definition)] = cursor.fetchall()
        change = "ALTER TABLE referral_click {} CONSTRAINT {} {}"
        cursor.execute(change.format("DROP", name, ""))
        cursor.execute("SET synchronous_commit = off")
        for first in range(1, rows + 1, BATCH):
            last = min(rows, first + BATCH - 1)
            values = {"first": first, "last": last, "rows": rows}
            cursor.execute(ADD_CLICKS, {**values, "links": LINKS, "months": MONTHS})
        cursor.execute(change.format("ADD", name, definition))
        cursor.execute("VACUUM ANALYZE referral_click")
