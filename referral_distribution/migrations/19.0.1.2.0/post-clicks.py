from odoo import SUPERUSER_ID, api
from odoo.tools import sql

OLD = "referral_click_before_partitions"
HASH_LENGTH = 16


def migrate(cr, version):
    """Bring the clicks into the partitioned table; they keep their ids."""
    if not sql.table_exists(cr, OLD):
        return
    clicks = api.Environment(cr, SUPERUSER_ID, {})["referral.click"]
    cr.execute(f"SELECT DISTINCT date_trunc('month', clicked_at)::date FROM {OLD}")
    for (month,) in cr.fetchall():
        clicks._make_partitions(month, 1)
    cr.execute(
        f"""
        INSERT INTO referral_click (id, link_id, clicked_at, clicked_hour,
            visitor_hash, ip_hash, counted)
        SELECT id, link_id, clicked_at, date_trunc('hour', clicked_at),
            left(visitor_hash, {HASH_LENGTH}), left(ip_hash, {HASH_LENGTH}), TRUE
        FROM {OLD}
        ON CONFLICT DO NOTHING;
        SELECT setval(pg_get_serial_sequence('referral_click', 'id'),
            (SELECT GREATEST(max(id), 1) FROM referral_click));
        DROP TABLE {OLD} CASCADE
        """
    )
