import base64
import logging
import time

from psycopg2.errors import UniqueViolation

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import SQL

from ..engine import chain, seal
from ..engine.immutable import protect

SIZE = 50_000  # leads a seal; more that have grown make several seals a day
TRIES = 5
# Two that seal at once meet at the number of the seal.
_AGAIN = (UniqueViolation, *PG_CONCURRENCY_EXCEPTIONS_TO_RETRY)

_logger = logging.getLogger(__name__)


class ReferralTrailSeal(models.Model):
    """How long each trail was on a day, and its last hash (rule L3, threat A1).

    Written once a day by a job for each company, in the order of ``number``, each
    chained to the one before. A line is written for each trail that has grown since it
    was sealed last, whoever sealed it. What is cut off between an entry and the next
    seal shows only when the head was left alone.
    """

    _name = "referral.trail.seal"
    _description = "Trail Seal"
    _order = "company_id, number desc"
    _rec_name = "number"
    _log_access = False

    company_id = fields.Many2one("res.company", required=True, ondelete="restrict")
    number = fields.Integer(required=True)
    day = fields.Date(
        required=True, help="The last whole day in the company's time zone."
    )
    sealed_at = fields.Datetime(required=True)
    lead_count = fields.Integer(string="Leads", required=True)
    line_ids = fields.One2many("referral.trail.seal.line", "seal_id", string="Trails")
    lines_hash = fields.Char(required=True)
    prev_hash = fields.Char(required=True)
    hash = fields.Char(required=True)
    file = fields.Binary(compute="_compute_file")

    _number_unique = models.Constraint(
        "UNIQUE (company_id, number)", "Seals are numbered one by one."
    )

    def init(self):
        protect(self.env.cr, self._table)

    @api.depends("number", "day")
    def _compute_display_name(self):
        for each in self:
            each.display_name = f"{each.number} ({each.day})"

    def _compute_file(self):
        for each in self:
            each.file = base64.b64encode(each._prepare_file())

    @api.model_create_multi
    def create(self, vals_list):
        if vals_list:
            raise UserError(self.env._("Seals are written by the system only."))
        return super().create(vals_list)

    def write(self, vals):
        if self:
            raise UserError(self.env._("A seal is never changed."))
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_always(self):
        raise UserError(self.env._("A seal is never deleted."))

    # ------------------------------------------------------------------ the job

    @api.model
    def _cron_seal(self):
        """Seal the last day of each company that has not been sealed yet.

        A transaction a seal, tried again when it met another one; a company that fails
        stops no other.
        """
        progress = self.env["ir.cron"]
        due = self._query_due()
        progress._commit_progress(remaining=len(due))
        for company in due:
            try:
                self._seal_in_steps(company)
            except Exception:  # the other companies are sealed all the same
                self.env.cr.rollback()
                _logger.exception(
                    "The trails of company %s were not sealed", company.id
                )
            if not progress._commit_progress(1):
                break

    @api.model
    def _seal_in_steps(self, company):
        """Seal in a transaction a seal; again when somebody else was sealing, too."""
        after, tries = 0, 0
        while after is not None:
            try:
                after = self._seal_next(company, after)
                self.env["ir.cron"]._commit_progress()
            except _AGAIN:
                self.env.cr.rollback()
                tries += 1
                if tries == TRIES:
                    raise
                time.sleep(0.1 * tries)
                if not after and company not in self._query_due():
                    return

    @api.model
    def _query_due(self):
        """Return the companies with trails whose last whole day is not sealed."""
        companies = self.env["res.company"].sudo().search([], order="id")
        sealed = dict(self._read_group([], ["company_id"], ["day:max"]))
        main = self._get_main_company()
        rows = self.env.execute_query(
            SQL(
                "SELECT DISTINCT COALESCE(%s, %s) FROM referral_trail_head head"
                " LEFT JOIN crm_lead lead ON lead.id = head.lead_id",
                self._sql_company(),
                main.id,
            )
        )
        told = {company_id for [company_id] in rows} | {c.id for c in sealed}
        return companies.filtered(
            lambda company: (
                company.id in told
                and (
                    company not in sealed
                    or sealed[company] < self._get_last_day(company)
                )
            )
        )

    @api.model
    def _get_last_day(self, company):
        return fields.Date.subtract(company._referral_today(), days=1)

    @api.model
    def _get_main_company(self):
        """Return the company that seals the trails of leads without a company."""
        companies = self.env["res.company"].sudo().with_context(active_test=False)
        return companies.search([], order="id", limit=1)

    @api.model
    def _sql_company(self):
        """Return SQL of a trail's company over ``head`` and ``lead`` (outer joined)."""
        return SQL(
            "CASE WHEN lead.id IS NULL THEN head.company_id ELSE lead.company_id END"
        )

    # ----------------------------------------------------------------- one seal

    @api.model
    def _seal(self, company):
        """Seal what has grown, in this transaction; return the seals made."""
        before = self._get_last(company)
        after = 0
        while after is not None:
            after = self._seal_next(company, after)
        domain = [("company_id", "=", company.id), ("number", ">", before.number)]
        return self.search(domain, order="number")

    @api.model
    def _get_last(self, company):
        domain = [("company_id", "=", company.id)]
        return self.search(domain, order="number desc", limit=1)

    @api.model
    def _seal_next(self, company, after):
        """Write one seal over the next trails that have grown.

        :param int after: id of the last lead that is sealed already.
        :return: the same for the next call, or None when that was all.
        """
        self.env["crm.lead"].flush_model(["company_id"])
        lines = self._query_grown(company, after)
        last = self._get_last(company)
        if after and not lines:
            last._hand_out()
            return None
        facts = {
            "company_id": company.id,
            "number": last.number + 1,
            "day": str(self._get_last_day(company)),
            "sealed_at": fields.Datetime.to_string(fields.Datetime.now()),
            "lead_count": len(lines),
            "lines_hash": seal.digest_lines(lines),
        }
        before = last.hash or chain.START
        written = self._query_insert(
            {**facts, "prev_hash": before, "hash": seal.digest(before, facts)}, lines
        )
        if len(lines) == SIZE:
            return lines[-1][0]
        written._hand_out()
        return None

    @api.model
    def _query_grown(self, company, after):
        """Return ``(lead id, length, hash)`` of trails longer than sealed so far."""
        main = self._get_main_company()
        return self.env.execute_query(
            SQL(
                "SELECT head.lead_id, head.entry_count, head.hash"
                " FROM referral_trail_head head"
                " LEFT JOIN crm_lead lead ON lead.id = head.lead_id"
                " WHERE head.lead_id > %s AND COALESCE(%s, %s) = %s"
                "  AND NOT EXISTS (SELECT FROM referral_trail_seal_line line"
                "   WHERE line.lead_id = head.lead_id"
                "   AND line.entry_count >= head.entry_count)"
                " ORDER BY head.lead_id LIMIT %s",
                after,
                self._sql_company(),
                main.id,
                company.id,
                SIZE,
            )
        )

    @api.model
    def _query_insert(self, vals, lines):
        names = [SQL.identifier(name) for name in vals]
        [[seal_id]] = self.env.execute_query(
            SQL(
                "INSERT INTO referral_trail_seal (%s) VALUES %s RETURNING id",
                SQL(", ").join(names),
                tuple(vals.values()),
            )
        )
        if lines:
            leads, lengths, hashes = zip(*lines, strict=True)
            self.env.cr.execute(
                SQL(
                    "INSERT INTO referral_trail_seal_line"
                    " (seal_id, lead_id, entry_count, hash) SELECT %s, line.*"
                    " FROM unnest(%s::int[], %s::int[], %s::text[]) AS line",
                    seal_id,
                    list(leads),
                    list(lengths),
                    list(hashes),
                )
            )
        self.env["referral.trail.seal.line"].invalidate_model()
        return self.browse(seal_id)

    # ------------------------------------------------------------- handing it out

    def _query_lines(self):
        """Return the seal's lines as they are hashed."""
        self.ensure_one()
        return self.env.execute_query(
            SQL(
                "SELECT lead_id, entry_count, hash FROM referral_trail_seal_line"
                " WHERE seal_id = %s ORDER BY lead_id",
                self.id,
            )
        )

    def _get_facts(self):
        """Return what the seal's hash covers, as it was hashed."""
        self.ensure_one()
        return {
            "company_id": self.company_id.id,
            "number": self.number,
            "day": str(self.day),
            "sealed_at": fields.Datetime.to_string(self.sealed_at),
            "lead_count": self.lead_count,
            "lines_hash": self.lines_hash,
        }

    def _prepare_file(self, with_lines=True):
        """Return the seal as a file's content; ``engine.seal.read_file`` reads it."""
        facts = {
            **self._get_facts(),
            "company": self.sudo().company_id.name,
            "prev_hash": self.prev_hash,
            "hash": self.hash,
        }
        return seal.write_file(facts, self._query_lines() if with_lines else None)

    def _get_file_name(self):
        self.ensure_one()
        return f"trail-seal-{self.company_id.id}-{self.number}.json"

    def action_download(self):
        """Return the action that downloads the seal with its lines, to be kept outside.

        :raises AccessError: without the manager or finance role.
        """
        self.env.user._referral_require("group_manager", "group_finance")
        self.ensure_one()
        return {
            "type": "ir.actions.act_url",
            "target": "download",
            "url": f"/web/content/{self._name}/{self.id}/file/{self._get_file_name()}"
            "?download=true",
        }

    def _hand_out(self):
        """Queue the mail of the seal's head; a mail that fails breaks no seal.

        Odoo sends it from its queue, so only once the seal is committed.
        """
        self.ensure_one()
        company = self.company_id.sudo()
        if not company.referral_seal_email:
            return
        try:
            with self.env.cr.savepoint():
                content = base64.b64encode(self._prepare_file(with_lines=False))
                self.env.ref("referral_distribution.trail_seal_mail").sudo().send_mail(
                    self.id,
                    email_values={"attachments": [(self._get_file_name(), content)]},
                )
        except Exception:  # whatever the template says: the seal stands
            _logger.exception("The seal %s could not be mailed", self.id)
