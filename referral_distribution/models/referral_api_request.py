import hashlib
import json

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..engine.immutable import protect
from ..engine.plain_text import fault

KEY_LIMIT = 128
KEPT_DAYS = 90


class ReferralApiRequest(models.Model):
    """What an outside site asked to be written, and the answer it got (rule X3).

    A site that does not know whether its request arrived sends it again with the same
    key and gets the same answer; the work is done once (threats W4, W5). The row is
    claimed before the work, in the same transaction: of requests at the same moment,
    one works and the others start again and find its answer. A request that is refused
    leaves no row, so that it may be corrected and sent again.

    The database refuses every change of a row for 90 days. After that a key may be
    forgotten: housekeeping deletes the row. Answers hold ids and codes, no names.
    """

    _name = "referral.api.request"
    _description = "API Request"
    _rec_name = "key"
    _order = "id desc"
    _log_access = False

    key = fields.Char(string="Idempotency key", required=True, readonly=True)
    method = fields.Char(required=True, readonly=True)
    user_id = fields.Many2one(
        "res.users", required=True, readonly=True, ondelete="restrict"
    )
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, ondelete="restrict"
    )
    input_hash = fields.Char(
        required=True, readonly=True, help="SHA-256 of method, company and arguments."
    )
    response = fields.Json(string="Answer", readonly=True)
    answer = fields.Text(compute="_compute_answer", string="Answer as text")
    requested_at = fields.Datetime(required=True, readonly=True)

    _key_unique = models.UniqueIndex("(user_id, key)")
    _requested_at_index = models.Index("(requested_at)")

    def init(self):
        protect(
            self.env.cr,
            self._table,
            when="OLD.response IS NOT NULL AND OLD.requested_at >"
            f" (now() AT TIME ZONE 'UTC') - interval '{KEPT_DAYS} days'",
        )

    @api.depends("response")
    def _compute_answer(self):
        for request in self:
            request.answer = json.dumps(
                request.response, ensure_ascii=False, indent=2, sort_keys=True
            )

    @api.model
    def _answer_once(self, key, method, values, work):
        """Return the answer to a request: an earlier one, or what ``work`` returns.

        :param str key: the caller's idempotency key.
        :param str method: what is asked for.
        :param dict values: the arguments as they came, JSON-safe.
        :param work: function without arguments that returns a JSON-safe dict.
        :raises UserError: without a proper key, or if it came with other arguments.
        """
        if fault(key, KEY_LIMIT) or not key.strip():
            raise UserError(
                self.env._(
                    "Send an idempotency_key: text of 1 to %(limit)s characters, a new"
                    " one for each request and the same one when you repeat it.",
                    limit=KEY_LIMIT,
                )
            )
        digest = self._hash(method, values)
        request_id = self._claim(key, method, digest)
        if not request_id:
            return self._get_answer(key, digest)
        answer = work()
        self.env.cr.execute(
            SQL(
                "UPDATE referral_api_request SET response = %s WHERE id = %s",
                json.dumps(answer, allow_nan=False),
                request_id,
            )
        )
        self.invalidate_model(["response", "answer"])
        return answer

    def _hash(self, method, values):
        content = [method, self.env.company.id, values]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def _claim(self, key, method, digest):
        """Return the id of a new row, or None if the key was used before.

        If another transaction claimed the key after our snapshot was taken, PostgreSQL
        makes us start again.
        """
        self.env.cr.execute(
            SQL(
                "INSERT INTO referral_api_request"
                " (key, method, user_id, company_id, input_hash, requested_at)"
                " VALUES (%s, %s, %s, %s, %s, now() AT TIME ZONE 'UTC')"
                " ON CONFLICT (user_id, key) DO NOTHING RETURNING id",
                key,
                method,
                self.env.uid,
                self.env.company.id,
                digest,
            ),
            log_exceptions=False,  # starting again is no error
        )
        row = self.env.cr.fetchone()
        return row[0] if row else None

    def _get_answer(self, key, digest):
        [(known, answer)] = self.env.execute_query(
            SQL(
                "SELECT input_hash, response FROM referral_api_request"
                " WHERE user_id = %s AND key = %s",
                self.env.uid,
                key,
            )
        )
        if known != digest:
            raise UserError(
                self.env._(
                    "This idempotency_key came before with other content. Send a new"
                    " key for a new request."
                )
            )
        return answer

    @api.autovacuum
    def _gc_requests(self, limit=10000):
        """Forget keys older than 90 days."""
        self.env.cr.execute(
            SQL(
                "DELETE FROM referral_api_request WHERE id IN ("
                " SELECT id FROM referral_api_request WHERE requested_at"
                "  <= (now() AT TIME ZONE 'UTC') - %s * interval '1 day' LIMIT %s)",
                KEPT_DAYS,
                limit,
            )
        )
        return self.env.cr.rowcount, self.env.cr.rowcount == limit
