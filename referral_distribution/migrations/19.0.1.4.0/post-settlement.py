"""What was approved before gets what approval notes now (rule C6).

Rewards that were approved had no due date: they are due since that day. Who made the
bill of a settlement had approved it, and does not pay it now; what it is paid to is
approved as it is. Where the bill was cancelled or reversed, the settlement is a draft
again, as it would be today.
"""

from odoo import SUPERUSER_ID, api
from odoo.tools import SQL


def migrate(cr, version):
    cr.execute(
        "UPDATE referral_commission SET due_date = create_date::date"
        " WHERE due_date IS NULL AND state <> 'pending'"
    )
    for column in ("company_id", "state"):  # see the fields
        cr.execute(f"DROP INDEX IF EXISTS referral_commission__{column}_index")
    cr.execute(
        "UPDATE referral_settlement settlement"
        " SET approved_by_id = bill.create_uid, approved_total = bill.amount_total"
        " FROM account_move bill WHERE bill.id = settlement.bill_id"
        "  AND settlement.state IN ('approved', 'paid')"
        "  AND settlement.approved_by_id IS NULL"
    )
    env = api.Environment(cr, SUPERUSER_ID, {})
    approved = env["referral.settlement"].search([("state", "=", "approved")])
    cancelled = approved.filtered(lambda one: one.bill_id.state == "cancel")
    cancelled._give_back("cancelled")
    undone = approved.filtered(lambda one: one.bill_id.payment_state == "reversed")
    undone._give_back("reversed")
    for settlement in approved - cancelled - undone:
        print_of_bank = settlement._get_bank_print()
        cr.execute(
            SQL(
                "UPDATE referral_settlement SET approved_bank = %s WHERE id = %s",
                print_of_bank,
                settlement.id,
            )
        )
    env.invalidate_all()
