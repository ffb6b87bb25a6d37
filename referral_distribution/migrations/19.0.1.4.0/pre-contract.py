from odoo.tools import SQL, sql

COLUMNS = {
    "referral_received_amount": "numeric",
    "referral_missing_amount": "numeric",
    "referral_paid_in_full": "boolean",
    "referral_salesperson_id": "int4",
}


def migrate(cr, version):
    """Only contracts have figures of their own: the ORM would compute every order.

    What finance has decided about was paid in full then; who sold it is who has it now.
    """
    if not version:
        return
    for column, kind in COLUMNS.items():
        if not sql.column_exists(cr, "sale_order", column):
            sql.create_column(cr, "sale_order", column, kind)
    decided = SQL("referral_decision IS NOT NULL AND state = 'sale'")
    cr.execute(
        SQL(
            "UPDATE sale_order SET referral_salesperson_id = user_id,"
            " referral_paid_in_full = %(decided)s, referral_missing_amount = 0,"
            " referral_received_amount = CASE WHEN %(decided)s THEN amount_total"
            "  ELSE 0 END"
            " WHERE project_phase > 0 AND referral_received_amount IS NULL",
            decided=decided,
        )
    )
