from odoo.tools import sql

OLD = "referral_click_before_partitions"


def migrate(cr, version):
    """Set the old table of clicks aside, so that the partitioned one can be made."""
    if sql.table_kind(cr, "referral_click") == sql.TableKind.Regular:
        cr.execute(f"ALTER TABLE referral_click RENAME TO {OLD}")
        cr.execute(f"ALTER INDEX referral_click_pkey RENAME TO {OLD}_pkey")
        cr.execute(f"ALTER SEQUENCE referral_click_id_seq RENAME TO {OLD}_id_seq")
