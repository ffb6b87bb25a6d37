from odoo import api, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from .references import find_keepers


class ResUsers(models.Model):
    """Closing a person's login for good (threat M3)."""

    _inherit = "res.users"

    @api.ondelete(at_uninstall=False)
    def _unlink_except_in_ledger(self):
        for user in self:
            keepers = find_keepers(user)
            if keepers:
                raise UserError(
                    self.env._(
                        "“%(name)s” cannot be deleted: %(records)s keep who did what."
                        " Archive the user instead.",
                        name=user.name,
                        records=", ".join(keepers),
                    )
                )

    def _deactivate_portal_user(self, **post):
        """Closing one's account waits until no money is owed any more.

        Odoo archives the user at once and queues its deletion; a member's data is then
        erased instead, see ``res.users.deletion``.
        """
        for user in self:
            obstacles = user.partner_id.sudo()._get_erasure_obstacles()
            if obstacles:
                raise UserError(
                    " ".join(
                        [
                            self.env._("Your account cannot be closed yet."),
                            *obstacles,
                            self.env._("Please contact us."),
                        ]
                    )
                )
        return super()._deactivate_portal_user(**post)

    def _query_erase_logins(self):
        """Mask the logins and empty what else the users' rows hold.

        Without password and with another login, every session ends. Columns are asked
        of the database: that of the password is no field of its own.

        :return: set of "model:field" that held something.
        """
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                "SELECT column_name FROM information_schema.columns"
                " WHERE table_schema = current_schema AND table_name = 'res_users'"
                " AND is_nullable = 'YES'"
                " AND data_type IN ('character varying', 'text', 'jsonb', 'bytea')"
            )
        )
        fields = self._fields
        names = [
            name
            for (name,) in rows
            if name not in fields or fields[name].type != "selection"
        ]
        self.env.cr.execute(
            SQL(
                "UPDATE res_users SET login = '__erased_user_' || id,"
                " active = false, %s WHERE id = ANY(%s)",
                SQL(", ").join(SQL("%s = NULL", SQL.identifier(n)) for n in names),
                self.ids,
            )
        )
        self.invalidate_recordset(flush=False)
        self.env.registry.clear_cache()
        return {"res.users:login", "res.users:password"}

    def _query_erase_belongings(self):
        """Delete what Odoo would delete with the user: keys, devices, settings.

        Groups and companies stay: those tables only relate and have no id.
        """
        rows = self.env.execute_query(
            SQL(
                "SELECT c.conrelid::regclass::text, a.attname FROM pg_constraint c"
                " JOIN pg_attribute a ON a.attrelid = c.conrelid"
                " AND a.attnum = c.conkey[1]"
                " WHERE c.contype = 'f' AND c.confdeltype = 'c'"
                " AND c.confrelid = 'res_users'::regclass"
                " AND EXISTS (SELECT 1 FROM pg_attribute i"
                " WHERE i.attrelid = c.conrelid AND i.attname = 'id')"
            )
        )
        self.env.flush_all()
        for table, column in [*rows, ("res_device_log", "user_id")]:
            self.env.cr.execute(
                SQL(
                    "DELETE FROM %s WHERE %s = ANY(%s)",
                    SQL.identifier(table),
                    SQL.identifier(column),
                    self.ids,
                )
            )
        self.env.invalidate_all(flush=False)
