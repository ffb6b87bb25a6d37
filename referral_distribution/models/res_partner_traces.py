from odoo import models
from odoo.fields import Domain
from odoo.tools import SQL

from ..engine.traces import Traces

MESSAGE_COLUMNS = (
    "subject",
    "body",
    "email_from",
    "reply_to",
    "incoming_email_to",
    "incoming_email_cc",
    "outgoing_email_to",
)
TRACKING_COLUMNS = (
    "old_value_char",
    "new_value_char",
    "old_value_text",
    "new_value_text",
)
LEAD_COLUMNS = ("name", "description", "email_cc")
LEAD_FIELDS = (
    "contact_name",
    "email_from",
    "phone",
    "function",
    "street",
    "street2",
    "zip",
    "city",
    "website",
    "email_normalized",
    "email_domain_criterion",
    "phone_sanitized",
)
# Where others' texts may quote an address or a number.
COPIES = {
    "mail_message": MESSAGE_COLUMNS,
    "mail_tracking_value": TRACKING_COLUMNS,
    "mail_notification": ("mail_email_address", "failure_reason"),
    "mail_mail": ("body_html", "email_to", "email_cc", "headers", "failure_reason"),
    "mail_activity": ("res_name", "summary", "note"),
}


class ResPartner(models.Model):
    """Where an erased person's name, e-mail and phone stand outside its own contact.

    E-mail and phone are looked for in every message; a name only in messages that are
    the person's, because others have the same name.
    """

    _inherit = "res.partner"

    def _get_traces(self):
        """Return what the person is recognised by, before it is erased."""
        self.ensure_one()
        people = self | self._get_own_addresses()
        users = self.user_ids
        emails = [*people.mapped("email"), *people.mapped("email_normalized")]
        emails += [login for login in users.mapped("login") if "@" in login]
        names = {person.name for person in people if len(person.name or "") > 1}
        return Traces(
            names=tuple(sorted(names - {self._get_masked_name()}, key=len)[::-1]),
            emails=tuple({email.strip() for email in emails if email}),
            phones=tuple(
                {
                    *filter(None, people.mapped("phone")),
                    *filter(None, people.mapped("phone_sanitized")),
                }
            ),
        )

    def _get_traced_domains(self):
        """Return ``{model: domain}`` of documents about the person. A hook."""
        own = Domain("partner_id", "=", self.id)
        brought = Domain("referrer_id", "=", self.id)
        return {
            "crm.lead": own | brought,
            "sale.order": own | brought,
            "account.move": own,
            "account.payment": own,
            "referral.settlement": own,
            "referral.erasure.request": own,
            "res.partner": Domain("inviter_id", "=", self.id),
        }

    def _erase_traces(self, traces):
        """Take the person out of what was written about it.

        :param traces: what it was recognised by, from ``_get_traces``.
        """
        people = self | self._get_own_addresses()
        people.message_ids.unlink()  # with old values and attachments
        people.activity_ids.unlink()
        for model, domain in self._get_erased_domains(people, traces).items():
            self.env[model].search(domain).unlink()
        self.env.flush_all()
        self._erase_own_leads(traces)
        self._query_rename_tracked()
        own = self._query_own_messages()
        self._query_rewrite(
            "mail_message", MESSAGE_COLUMNS, traces, SQL("id = ANY(%s)", own)
        )
        for table in ("mail_tracking_value", "mail_mail"):
            below = SQL("mail_message_id = ANY(%s)", own)
            self._query_rewrite(table, COPIES[table], traces, below)
        for table, columns in COPIES.items():
            self._query_rewrite(table, columns, traces)
        self.env.invalidate_all()

    def _get_erased_domains(self, people, traces):
        """Return ``{model: domain}`` of what is deleted with the data. A hook.

        :param people: the person and its own addresses.
        """
        return {
            "ir.attachment": Domain("res_model", "=", "res.partner")
            & Domain("res_id", "in", people.ids),
            "mail.followers": Domain("partner_id", "in", people.ids),
            "referral.external.ref": Domain("partner_id", "in", people.ids),
            "mail.push.device": Domain("partner_id", "in", people.ids),
            "mail.mail": Domain("recipient_ids", "in", people.ids)
            | Domain.OR(Domain("email_to", "ilike", mail) for mail in traces.emails),
        }

    def _erase_own_leads(self, traces):
        """Mask the leads in which this person is the one who asked."""
        leads = self.env["crm.lead"].search(
            Domain("partner_id", "=", self.id)
            | Domain("email_normalized", "in", traces.emails)
        )
        chosen = SQL("id = ANY(%s)", leads.ids)
        self._query_rewrite("crm_lead", LEAD_COLUMNS, traces, chosen)
        self.env.cr.execute(
            SQL(
                "UPDATE crm_lead SET %s WHERE %s",
                SQL(", ").join(
                    SQL("%s = NULL", SQL.identifier(name)) for name in LEAD_FIELDS
                ),
                chosen,
            )
        )
        leads.invalidate_recordset()

    def _query_rename_tracked(self):
        """Rename old and new values that point to this very person, wherever."""
        for records in (self, self.user_ids):
            for side in ("old", "new"):
                self.env.cr.execute(
                    SQL(
                        "UPDATE mail_tracking_value v SET %s = %s"
                        " FROM ir_model_fields f WHERE f.id = v.field_id"
                        " AND f.ttype = 'many2one' AND f.relation = %s"
                        " AND %s = ANY(%s)",
                        SQL.identifier(f"{side}_value_char"),
                        self._get_masked_name(),
                        records._name,
                        SQL.identifier("v", f"{side}_value_integer"),
                        records.ids,
                    )
                )

    def _query_own_messages(self):
        """Return the ids of messages by, to and about this person."""
        queries = [
            SQL("SELECT id FROM mail_message WHERE author_id = %s", self.id),
            SQL(
                "SELECT mail_message_id FROM mail_notification"
                " WHERE res_partner_id = %s",
                self.id,
            ),
            SQL(
                "SELECT mail_message_id FROM mail_message_res_partner_rel"
                " WHERE res_partner_id = %s",
                self.id,
            ),
        ]
        for model, domain in self._get_traced_domains().items():
            ids = self.env[model].search(domain).ids
            queries.append(
                SQL(
                    "SELECT id FROM mail_message WHERE model = %s AND res_id = ANY(%s)",
                    model,
                    ids,
                )
            )
        rows = self.env.execute_query(SQL(" UNION ").join(queries))
        return [row[0] for row in rows]

    def _query_rewrite(self, table, columns, traces, where=None):
        """Replace the traces in text columns of some rows of a table.

        :param where: which rows are this person's; there the name goes too. Without
            it, e-mail and phone are looked for in the whole table.
        """
        cr = self.env.cr
        names = where is not None
        if not names:
            marks = [*traces.emails, *traces.phones]
            where = SQL(" OR ").join(
                SQL("%s ILIKE %s", SQL.identifier(column), f"%{_escape(mark)}%")
                for column in columns
                for mark in marks
            )
            if not marks:
                return
        fields = SQL(", ").join(map(SQL.identifier, columns))
        select = SQL(
            "SELECT id, %s FROM %s WHERE %s", fields, SQL.identifier(table), where
        )
        masked = self._get_masked_name()
        for row_id, *texts in self.env.execute_query(select):
            new = [text and traces.erase(text, masked, names) for text in texts]
            if new != texts:
                cr.execute(
                    SQL(
                        "UPDATE %s SET (%s) = ROW %s WHERE id = %s",
                        SQL.identifier(table),
                        fields,
                        tuple(new),
                        row_id,
                    )
                )


def _escape(text):
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
