import json
from contextlib import closing

from odoo import api, fields, models
from odoo.tools import SQL

from . import gate
from .crm_lead import ROLES

# Columns of a member's row that differ from member to member, with their types. All
# others are the prototype's.
_OWN_COLUMNS = {
    "id": "int",
    "name": "text",
    "complete_name": "text",
    "email": "text",
    "email_normalized": "text",
    "phone": "text",
    "phone_sanitized": "text",
    "inviter_id": "int",
    "commercial_partner_id": "int",
}
_AT_ONCE = 20000
_MANY = 1000


class ResPartner(models.Model):
    """Many members at once, set-based: the ORM makes fewer than a thousand a second.

    One prototype for each tier is made through the ORM, so that every default and
    every stored computed column of every addon is in its row, and rolled back; then
    the rows of all members are cloned from it. What is bypassed:

    - other addons' ``create`` and ``write`` overrides run once for the prototype, not
      for each member: what they keep outside ``res_partner`` is missing;
    - no "contact created" message, no followers, no automation rules, no mails.

    A test compares an imported member with one made through the ORM, column by column.
    """

    _inherit = "res.partner"

    # Who has this address or number already is asked for each who joins.
    _email_normalized_index = models.Index(
        "(email_normalized) WHERE email_normalized IS NOT NULL"
    )
    _phone_sanitized_index = models.Index(
        "(phone_sanitized) WHERE phone_sanitized IS NOT NULL"
    )

    referral_external_ref_ids = fields.One2many(
        "referral.external.ref",
        "partner_id",
        string="External references",
        groups=ROLES,
    )

    @api.model
    def _import_members(self, lines, company, state="active"):
        """Make members of checked lines, in few statements (rules M1-M3).

        :param lines: list of ``engine.member_file.Line``, everything found out.
        :param company: res.company they join.
        :param str state: "active" or "candidate".
        :return: list of the new contacts' ids, in the order of ``lines``.
        :raises UserError: if the inviters form a loop.
        """
        if not lines:
            return []
        self.env.flush_all()
        ids = self._query_new_ids(len(lines))
        prototypes = {
            grade_id: self._get_prototype(grade_id, state)
            for grade_id in {line.grade_id for line in lines}
        }
        for start in range(0, len(lines), _AT_ONCE):
            part = range(start, min(start + _AT_ONCE, len(lines)))
            for grade_id, prototype in prototypes.items():
                places = [i for i in part if lines[i].grade_id == grade_id]
                if places:
                    self.env.cr.execute(
                        self._query_clone(prototype, lines, places, ids)
                    )
        self.env.invalidate_all(flush=False)
        if len(lines) > _MANY:
            self._refresh_statistics()
        self._complete_import(lines, ids, company, state)
        return ids

    def _complete_import(self, lines, ids, company, state):
        """Give new members their place, codes and references."""
        members = self.browse(ids)
        self.env["referral.invite.node"]._place(members)
        if state == "active":
            self.env["referral.invite.code"]._ensure_personal(members)
        refs = {
            member: line.external_ref
            for member, line in zip(ids, lines, strict=True)
            if line.external_ref
        }
        if refs:
            self.env["referral.external.ref"]._add(refs, company)
        used = {
            line.code_id: member
            for member, line in zip(ids, lines, strict=True)
            if line.code_id
        }
        if used:
            self.env["referral.invite.code"]._claim_many(used)
        self.env.invalidate_all(flush=False)

    def _refresh_statistics(self):
        """Tell PostgreSQL how large the tables have become.

        It would plan the next statements for as many rows as it counted last, which can
        be a handful, and then take minutes instead of seconds.
        """
        self.env.cr.execute("ANALYZE res_partner")
        self.env.cr.execute("ANALYZE referral_invite_node")

    def _query_new_ids(self, count):
        rows = self.env.execute_query(
            SQL(
                "SELECT nextval('res_partner_id_seq') FROM generate_series(1, %s)",
                count,
            )
        )
        return [row[0] for row in rows]

    def _get_prototype(self, grade_id, state):
        """Return the row, as JSON text, that the ORM makes of a member of a tier."""
        partners = gate.opened(self.sudo()).with_context(
            tracking_disable=True, mail_create_nosubscribe=True
        )
        with closing(self.env.cr.savepoint()):  # rolled back: it leaves no trace
            partner = partners.create({"name": "Prototype"})
            partner.write({"grade_id": grade_id, "member_state": state})
            self.env.flush_all()
            [(row,)] = self.env.execute_query(
                SQL(
                    "SELECT to_jsonb(partner)::text FROM res_partner partner"
                    " WHERE id = %s",
                    partner.id,
                )
            )
        return json.dumps(
            {
                key: value
                for key, value in json.loads(row).items()
                if key not in _OWN_COLUMNS
            }
        )

    def _query_clone(self, prototype, lines, places, ids):
        """Return the INSERT of some lines' rows, cloned from a tier's prototype."""
        columns = self._query_columns()
        own = [SQL.identifier(name) for name in _OWN_COLUMNS]
        rest = [SQL.identifier(name) for name in columns if name not in _OWN_COLUMNS]
        values = zip(
            *(self._prepare_own_columns(lines[i], ids[i], ids) for i in places),
            strict=True,
        )
        arrays = [
            SQL("%s::" + kind + "[]", list(column))
            for column, kind in zip(values, _OWN_COLUMNS.values(), strict=True)
        ]
        return SQL(
            "INSERT INTO res_partner (%s, %s) SELECT %s, %s"
            " FROM unnest(%s) AS own(%s), LATERAL"
            " jsonb_populate_record(NULL::res_partner, %s::jsonb) AS prototype",
            SQL(", ").join(own),
            SQL(", ").join(rest),
            SQL(", ").join(SQL("own.%s", name) for name in own),
            SQL(", ").join(SQL("prototype.%s", name) for name in rest),
            SQL(", ").join(arrays),
            SQL(", ").join(own),
            prototype,
        )

    def _query_columns(self):
        rows = self.env.execute_query(
            SQL(
                "SELECT attname FROM pg_attribute"
                " WHERE attrelid = 'res_partner'::regclass AND attnum > 0"
                " AND NOT attisdropped AND attgenerated = ''"
            )
        )
        return [row[0] for row in rows]

    def _prepare_own_columns(self, line, partner_id, ids):
        """Return the values of ``_OWN_COLUMNS`` for a line."""
        inviter_id = line.inviter_id
        if line.inviter_line is not None:
            inviter_id = ids[line.inviter_line]
        return (
            partner_id,
            line.name,
            line.name,
            line.email or None,
            line.mail or None,
            line.phone or None,
            line.number_dialled or None,
            inviter_id,
            partner_id,
        )
