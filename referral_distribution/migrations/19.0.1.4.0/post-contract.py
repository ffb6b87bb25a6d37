from odoo import SUPERUSER_ID, api

BATCH = 1000


def migrate(cr, version):
    """Contracts show what has arrived of them (rule C3).

    Those that finance decided about keep that decision: their figures were looked at
    then, and are computed again the next time a document of theirs changes.
    """
    if not version:
        return
    env = api.Environment(cr, SUPERUSER_ID, {})
    orders = env["sale.order"].search(
        [
            ("project_phase", ">", 0),
            ("state", "=", "sale"),
            ("referral_decision", "=", False),
        ],
        order="id",
    )
    names = (
        "referral_received_amount",
        "referral_missing_amount",
        "referral_paid_in_full",
        "referral_state",  # also where its figures are as they were
    )
    for start in range(0, len(orders), BATCH):
        batch = orders[start : start + BATCH]
        for name in names:
            env.add_to_compute(orders._fields[name], batch)
        env.flush_all()
        env.invalidate_all()
