KEYS = ("referral_trail_entry_lead_id_fkey", "referral_trail_head_lead_id_fkey")


def migrate(cr, version):
    """A trail outlives its lead: nothing in the database ties the two any more."""
    for name in KEYS:
        table = name.removesuffix("_lead_id_fkey")
        cr.execute(f"ALTER TABLE IF EXISTS {table} DROP CONSTRAINT IF EXISTS {name}")
    cr.execute("DELETE FROM ir_model_constraint WHERE name IN %s", (KEYS,))
