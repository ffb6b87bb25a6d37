from odoo.tools import SQL, sql


def migrate(cr, version):
    """Rewards know what was taken back of them; leads that wait get a day."""
    if not version:
        return
    if not sql.column_exists(cr, "referral_commission", "reversed_amount"):
        sql.create_column(cr, "referral_commission", "reversed_amount", "numeric")
        cr.execute(
            SQL(
                "UPDATE referral_commission SET reversed_amount ="
                " CASE WHEN state = 'reversed' THEN amount ELSE 0 END"
            )
        )
    # Else the ORM would compute it for every lead there is, all of them at once.
    if not sql.column_exists(cr, "crm_lead", "referral_review_deadline"):
        sql.create_column(cr, "crm_lead", "referral_review_deadline", "timestamp")
        cr.execute(
            SQL(
                "UPDATE crm_lead SET referral_review_deadline ="
                " (now() AT TIME ZONE 'UTC') + interval '24 hours'"
                " WHERE referral_validity = 'to_review' AND referrer_id IS NOT NULL"
            )
        )
