from odoo.tools import SQL, sql


def migrate(cr, version):
    """Rewards know what was taken back of them."""
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
