from odoo import SUPERUSER_ID, api
from odoo.tools import SQL


def migrate(cr, version):
    """Versions of plans get their days, as far as they can be told.

    A version was archived in the moment the next one came into force, which is the last
    that was written of it.
    """
    if not version:
        return
    env = api.Environment(cr, SUPERUSER_ID, {})
    for company in env["res.company"].with_context(active_test=False).search([]):
        cr.execute(_sql_days(company))
    env.invalidate_all()


def _sql_days(company):
    """Return SQL that follows the versions in the order they came to an end."""
    return SQL(
        """
        WITH ends AS (
            SELECT id, version, CASE WHEN state = 'archived' THEN
                (write_date AT TIME ZONE 'UTC' AT TIME ZONE %(tz)s)::date - 1
                END AS last
            FROM referral_plan WHERE state <> 'draft' AND company_id = %(company)s),
        days AS (
            SELECT id, last, LAG(last) OVER (ORDER BY last NULLS LAST, version) + 1
                AS first
            FROM ends)
        UPDATE referral_plan plan
        SET date_from = days.first,
            date_to = CASE WHEN days.last < days.first THEN days.first - 1
                ELSE days.last END
        FROM days WHERE days.id = plan.id
            AND plan.date_from IS NULL AND plan.date_to IS NULL
        """,
        tz=company._referral_tz(),
        company=company.id,
    )
