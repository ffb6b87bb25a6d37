def migrate(cr, version):
    """Shares of before say when they were made; none of them is rewarded later."""
    if not version:
        return
    cr.execute(
        "ALTER TABLE referral_share ADD COLUMN IF NOT EXISTS shared_at timestamp"
    )
    cr.execute(
        "UPDATE referral_share SET shared_at = create_date WHERE shared_at IS NULL"
    )
