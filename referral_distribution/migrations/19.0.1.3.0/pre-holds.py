from odoo.addons.referral_distribution.engine.identity_sql import make_functions


def migrate(cr, version):
    """Leads are found by functions of the database; no lead is held at first.

    The column's default fills a million leads without writing to one of them; new
    leads get their state from the rules.
    """
    make_functions(cr)
    cr.execute(
        "ALTER TABLE crm_lead ADD COLUMN IF NOT EXISTS referral_hold_state varchar"
        " DEFAULT 'none'"
    )
    cr.execute("ALTER TABLE crm_lead ALTER COLUMN referral_hold_state DROP DEFAULT")
