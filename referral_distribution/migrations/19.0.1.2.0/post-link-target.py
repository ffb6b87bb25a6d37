from odoo import SUPERUSER_ID, api
from odoo.tools import SQL

from odoo.addons.referral_distribution.engine.target import normalize_target


def migrate(cr, version):
    """Spell the pages of links as new ones are spelled, so that each is found again.

    What would be a second link to a page keeps its spelling; it works as before.
    """
    if not version:
        return
    env = api.Environment(cr, SUPERUSER_ID, {})
    for (old,) in env.execute_query(
        SQL("SELECT DISTINCT target_url FROM referral_link")
    ):
        try:
            new = normalize_target(old)
        except ValueError:  # a page nobody could share today
            continue
        if new != old:
            env.execute_query(_query_respell(old, new))


def _query_respell(old, new):
    return SQL(
        "UPDATE referral_link link SET target_url = %(new)s WHERE target_url = %(old)s"
        " AND NOT EXISTS (SELECT FROM referral_link other WHERE NOT other.merged"
        "  AND other.target_url = %(new)s AND other.company_id = link.company_id"
        "  AND other.partner_id = link.partner_id"
        "  AND other.channel_id = link.channel_id) RETURNING id",
        old=old,
        new=new,
    )
