from odoo.tools import SQL


def migrate(cr, version):
    """Versions of plans get their days, as far as they can be told.

    A version was archived in the moment the next one came into force, which is the last
    that was written of it.
    """
    if not version:
        return
    cr.execute(
        SQL(
            """
            WITH ends AS (
                SELECT id, company_id, state, version,
                    CASE WHEN state = 'archived' THEN write_date::date - 1 END AS last
                FROM referral_plan WHERE state <> 'draft'),
            days AS (
                SELECT id, last, LAG(last) OVER (
                    PARTITION BY company_id ORDER BY version) + 1 AS first
                FROM ends)
            UPDATE referral_plan plan
            SET date_from = days.first,
                date_to = CASE WHEN days.last < days.first THEN days.first - 1
                    ELSE days.last END
            FROM days WHERE days.id = plan.id
                AND plan.date_from IS NULL AND plan.date_to IS NULL
            """
        )
    )
