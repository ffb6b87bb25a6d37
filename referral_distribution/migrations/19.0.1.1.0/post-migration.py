from odoo import SUPERUSER_ID, api
from odoo.tools import SQL, sql

BATCH = 50_000


def migrate(cr, version):
    """Give everybody a place in the tree's own table; then drop the old columns."""
    if not version:
        return
    env = api.Environment(cr, SUPERUSER_ID, {})
    _fill_places(env)
    # Nobody knows the day any more; the contact was there by then at the latest.
    cr.execute(
        "UPDATE res_partner SET member_since = create_date WHERE member_since IS NULL"
        " AND member_state IN ('active', 'suspended', 'left')"
    )
    for index in (
        "res_partner_invite_path_prefix_index",
        "res_partner__inviter_id_index",
    ):
        sql.drop_index(cr, index, "res_partner")
    for column in ("invite_path", "invite_depth"):
        if sql.column_exists(cr, "res_partner", column):
            cr.execute(
                SQL("ALTER TABLE res_partner DROP COLUMN %s", SQL.identifier(column))
            )


def _fill_places(env):
    """Place all who have an inviter, are members, or stood in the tree."""
    stood = SQL("FALSE")
    if sql.column_exists(env.cr, "res_partner", "invite_path"):
        stood = SQL("invite_path IS NOT NULL")
    rows = env.execute_query(
        SQL(
            "SELECT id FROM res_partner partner WHERE (inviter_id IS NOT NULL"
            "  OR member_state IS NOT NULL OR %s) AND NOT EXISTS (SELECT"
            "  FROM referral_invite_node node WHERE node.partner_id = partner.id)"
            " ORDER BY id",
            stood,
        )
    )
    ids = [number for (number,) in rows]
    for start in range(0, len(ids), BATCH):
        partners = env["res.partner"].browse(ids[start : start + BATCH])
        env["referral.invite.node"]._place(partners)
