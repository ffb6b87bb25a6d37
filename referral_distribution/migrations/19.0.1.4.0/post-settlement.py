"""Rewards that were approved before had no due date: they are due since that day.

What submitted, approved and not yet paid settlements are paid to is approved as it is.
"""

from odoo import SUPERUSER_ID, api


def migrate(cr, version):
    cr.execute(
        "UPDATE referral_commission SET due_date = create_date::date"
        " WHERE due_date IS NULL AND state <> 'pending'"
    )
    for column in ("company_id", "state"):  # see the fields
        cr.execute(f"DROP INDEX IF EXISTS referral_commission__{column}_index")
    env = api.Environment(cr, SUPERUSER_ID, {})
    approved = env["referral.settlement"].search([("state", "=", "approved")])
    approved._approve_bank()
