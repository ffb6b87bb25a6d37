from odoo.tools import SQL, sql

COLUMNS = {
    "referral_received_amount": "numeric",
    "referral_missing_amount": "numeric",
    "referral_paid_in_full": "boolean",
    "referral_salesperson_id": "int4",
}


def migrate(cr, version):
    """Only contracts have figures of their own: the ORM would compute every order.

    What finance has confirmed was paid in full then; who sold it is who has it now.
    """
    if not version:
        return
    for column, kind in COLUMNS.items():
        if not sql.column_exists(cr, "sale_order", column):
            sql.create_column(cr, "sale_order", column, kind)
    cr.execute(
        SQL(
            "UPDATE sale_order SET referral_salesperson_id = user_id,"
            " referral_paid_in_full = TRUE,"
            " referral_received_amount = CASE WHEN referral_decision = 'confirmed'"
            "  THEN amount_total END"
            " WHERE project_phase > 0 AND referral_salesperson_id IS NULL"
        )
    )
