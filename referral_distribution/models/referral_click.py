import logging
from datetime import datetime
from typing import NamedTuple

import psycopg2
from dateutil.relativedelta import relativedelta

from odoo import api, fields, models
from odoo.tools import SQL, sql
from odoo.tools.misc import hmac

from ..engine.immutable import protect

HASH_LENGTH = 16  # hexadecimal digits: 64 bits
PATIENCE = "1s"  # a visitor does not wait longer for the visit to be written down
VISIT_TYPES = {
    "code": "varchar",
    "now": "timestamp",
    "hour": "timestamp",
    "visitor": "text",
    "address": "text",
    "device": "text",
    "host": "text",
    "country": "text",
    "user_id": "integer",
}
SLICED_FROM = 500  # clicks an hour: up to here a link's limit is exact
PARTITION_LOCK = 1_919_247_986  # any number of our own

_logger = logging.getLogger(__name__)


class OpenLink(NamedTuple):
    """What the door needs of a link: ``days`` is its company's attribution window."""

    id: int
    code: str
    target_url: str
    days: int


class ReferralClick(models.Model):
    """One visit through a link: an insert-only fact, counted once an hour.

    A click never updates another row, so one hot link has no queue in front of it.
    Visitor and address are kept as keyed hashes only. PostgreSQL partitions the table
    by month; what is kept for reports is in the daily figures.
    """

    _name = "referral.click"
    _description = "Referral Click"
    _order = "id desc"
    _log_access = False
    _auto = False  # Odoo makes no partitioned tables; ``init`` does
    _table_query = SQL("SELECT * FROM referral_click")  # nor does it know them

    link_id = fields.Many2one("referral.link", required=True, ondelete="restrict")
    clicked_at = fields.Datetime(required=True)
    clicked_hour = fields.Datetime(
        string="Hour", required=True, help="The full hour (UTC) of the click."
    )
    visitor_hash = fields.Char(required=True)
    ip_hash = fields.Char(required=True)
    device = fields.Selection(
        [("mobile", "Phone"), ("tablet", "Tablet"), ("computer", "Computer")]
    )
    referrer_host = fields.Char(
        string="Came from", help="The site the visitor was on, as the browser says."
    )
    country_code = fields.Char(string="Country")
    counted = fields.Boolean(
        required=True, help="Not counted: a click of the link's own member."
    )

    def init(self):
        if not sql.table_kind(self.env.cr, self._table):
            self._query_create_table()
            self.pool.post_init(self._query_refer_to_links)
        self._make_partitions(fields.Date.today() - relativedelta(months=1), 4)
        protect(self.env.cr, self._table)

    # --------------------------------------------------------------- a visit

    @api.model
    def _visit(self, code, visit):
        """Find an open link and write the visit down; never fail for the second (S8).

        :param str code: the link's code, as in the address.
        :param Visit visit: what the request says.
        :return: an OpenLink, or None when there is nothing open under this code.
        """
        if not visit.counts:
            return self._find(code)
        try:
            return self._attempt(code, visit)
        except psycopg2.errors.SerializationFailure:  # counted by a parallel request
            return self._find(code)
        except psycopg2.errors.CheckViolation:  # a month nobody made ready
            return self._visit_in_new_month(code, visit)
        except psycopg2.Error:
            _logger.exception("click on a personal link not recorded")
            return self._find(code)

    @api.model
    def _visit_in_new_month(self, code, visit):
        try:
            with self.env.cr.savepoint(flush=False):
                self._make_partitions(fields.Date.today(), 1)
            return self._attempt(code, visit)
        except psycopg2.Error:
            _logger.exception("click on a personal link not recorded")
            return self._find(code)

    @api.model
    def _attempt(self, code, visit):
        """Record; on failure the transaction goes on as if nothing had been tried.

        Savepoint, patience and the statement are one message to the database.
        """
        query = self._query_record(self._prepare_visit(code, visit))
        try:
            return self._fetch(
                SQL(
                    "SAVEPOINT referral_visit; SET LOCAL lock_timeout = %s; %s",
                    PATIENCE,
                    query,
                )
            )
        except psycopg2.Error:
            self.env.cr.execute("ROLLBACK TO SAVEPOINT referral_visit")
            raise

    @api.model
    def _record(self, code, visit):
        """Look a link up and count the visit, in one statement (rule S2).

        A visitor counts once an hour and link. Clicks of the link's own member are
        kept, but do not count. Over a company's limits nothing is kept (threat S5).

        :param str code: the link's code.
        :param Visit visit: a person's visit; address and browser are kept as hashes.
        :return: an OpenLink, or None when there is nothing open under this code.
        """
        return self._fetch(self._query_record(self._prepare_visit(code, visit)))

    @api.model
    def _record_prepared(self, code, visit):
        """Do as ``_record``, with the plan ``_query_prepare`` has made.

        Planning takes several times as long as the statement itself.
        """
        values = self._prepare_visit(code, visit)
        return self._fetch(SQL("EXECUTE referral_visit %s", tuple(values.values())))

    @api.model
    def _query_prepare(self):
        """Make the connection ready for ``_record_prepared``.

        It is patient for a second: a visitor does not wait longer for the visit to be
        written down, nor for the disk: when the database's machine loses its power,
        the clicks of the last half second are forgotten, and nothing else.
        """
        values = {
            name: SQL(f"${number}::{kind}")
            for number, (name, kind) in enumerate(VISIT_TYPES.items(), 1)
        }
        self.env.cr.execute(
            SQL(
                "SET lock_timeout = %s; SET plan_cache_mode = force_generic_plan;"
                " SET synchronous_commit = off; PREPARE referral_visit AS %s",
                PATIENCE,
                self._query_record(values),
            )
        )

    @api.model
    def _prepare_visit(self, code, visit):
        """Return the values of the statement, in the order of ``VISIT_TYPES``."""
        now = fields.Datetime.now()
        return {
            "code": code,
            "now": now,
            "hour": now.replace(minute=0, second=0),
            "visitor": self._hash("visitor", f"{visit.address}\n{visit.agent}"),
            "address": self._hash("address", visit.address),
            "device": visit.device,
            "host": visit.referrer_host,
            "country": visit.country_code,
            "user_id": visit.user_id,
        }

    @api.model
    def _query_record(self, values):
        return SQL(
            """
            WITH link AS (%(link)s), click AS (
                INSERT INTO referral_click (
                    link_id, clicked_at, clicked_hour, visitor_hash, ip_hash,
                    device, referrer_host, country_code, counted)
                SELECT id, %(now)s, %(hour)s, %(visitor)s, %(address)s,
                    %(device)s, %(host)s, %(country)s, NOT EXISTS (
                        SELECT FROM res_users u
                        WHERE u.id = %(user_id)s AND u.partner_id = link.partner_id)
                FROM link WHERE %(within_limits)s
                ON CONFLICT DO NOTHING)
            SELECT id, code, target_url, days FROM link
            """,
            link=self._query_link(values["code"], values["now"]),
            within_limits=self._query_within_limits(**values),
            **values,
        )

    @api.model
    def _find(self, code):
        """Look a link up without counting; same answer as ``_record``."""
        return self._fetch(
            SQL(
                "SELECT id, code, target_url, days FROM (%s) link",
                self._query_link(code, fields.Datetime.now()),
            )
        )

    @api.model
    def _fetch(self, query):
        self.env.cr.execute(query, log_exceptions=False)  # the callers know better
        row = self.env.cr.fetchone()
        return OpenLink(*row) if row else None

    @api.model
    def _hash(self, purpose, text):
        """Return a keyed hash: nobody can try all addresses without the key."""
        env = self.sudo().env
        return hmac(env, f"referral-{purpose}", text)[:HASH_LENGTH]

    @api.model
    def _query_link(self, code, now):
        """Return the query for the open link of a code or alias.

        It says what open means; ``referral.link._search_state`` names the same. Of the
        two looks for the name the second one is taken only if the first finds nothing.
        """
        return SQL(
            """
            SELECT l.id, l.code, l.target_url, l.partner_id,
                c.referral_attribution_days AS days,
                c.referral_click_limit_address AS address_limit,
                c.referral_click_limit_link AS link_limit
            FROM referral_link l
            JOIN res_company c ON c.id = l.company_id
            JOIN res_partner p ON p.id = l.partner_id
            JOIN referral_channel ch ON ch.id = l.channel_id
            WHERE l.id = (
                    SELECT id FROM referral_link WHERE code = %(code)s
                    UNION ALL SELECT id FROM referral_link WHERE alias = %(code)s
                    LIMIT 1)
                AND l.active AND (l.expires_at IS NULL OR l.expires_at > %(now)s)
                AND ch.active AND ch.stage IS DISTINCT FROM 'ended'
                AND p.active AND p.member_state = 'active'
            """,
            code=code,
            now=now,
        )

    @api.model
    def _query_within_limits(self, hour, visitor, address, **_others):
        """Return the condition that this hour's counted clicks are below the limits.

        It reads no further than a limit. Of a link with a high limit it reads the
        visitors whose hash begins like this one's, a 256th of them, against a 256th of
        the limit and three standard deviations more: the same cost however hot it is.
        """
        return SQL(
            """
            (address_limit = 0 OR NOT EXISTS (
                SELECT FROM referral_click k
                WHERE k.clicked_hour = %(hour)s AND k.ip_hash = %(address)s
                    AND k.counted
                OFFSET GREATEST(address_limit, 1) - 1 LIMIT 1))
            AND (link_limit = 0 OR NOT EXISTS (
                SELECT FROM referral_click k
                WHERE k.clicked_hour = %(hour)s AND k.link_id = link.id AND k.counted
                    AND k.visitor_hash >= CASE WHEN %(exact)s THEN '' ELSE %(slice)s END
                    AND k.visitor_hash < CASE WHEN %(exact)s THEN '' ELSE %(slice)s END
                        || 'g'  -- which comes after every hexadecimal digit
                OFFSET CASE WHEN %(exact)s THEN GREATEST(link_limit, 1)
                    ELSE ceil(link_limit / 256.0 + 3 * sqrt(link_limit / 256.0))::int
                    END - 1 LIMIT 1))
            """,
            hour=hour,
            address=address,
            exact=SQL("link_limit <= %s", SLICED_FROM),
            slice=SQL("left(%s, 2)", visitor),
        )

    # ------------------------------------------------------------ the table

    @api.model
    def _query_create_table(self):
        """Make the table.

        The hour leads the indexes, so that writing is always at their end: ten million
        older clicks do not slow a new one down.
        """
        self.env.cr.execute(
            """
            CREATE TABLE referral_click (
                id bigserial NOT NULL,
                link_id integer NOT NULL,
                clicked_at timestamp NOT NULL,
                clicked_hour timestamp NOT NULL,
                visitor_hash text COLLATE "C" NOT NULL,
                ip_hash text COLLATE "C" NOT NULL,
                device text,
                referrer_host text,
                country_code text,
                counted boolean NOT NULL,
                PRIMARY KEY (id, clicked_hour),
                CONSTRAINT referral_click_hour_of_moment CHECK
                    (clicked_hour = date_trunc('hour', clicked_at))
            ) PARTITION BY RANGE (clicked_hour);
            CREATE UNIQUE INDEX referral_click_visitor_link_hour
                ON referral_click (clicked_hour, link_id, visitor_hash);
            CREATE INDEX referral_click_hour_address
                ON referral_click (clicked_hour, ip_hash);
            CREATE INDEX referral_click_link ON referral_click (link_id);
            """
        )

    def _query_refer_to_links(self):
        """Links that were clicked stay; called when their table is there."""
        self.env.cr.execute(
            "ALTER TABLE referral_click ADD CONSTRAINT referral_click_link_id_fkey"
            " FOREIGN KEY (link_id) REFERENCES referral_link (id) ON DELETE RESTRICT"
        )

    @api.model
    def _query_partitions(self):
        """Return ``{first day of the month: table}`` of the partitions there are."""
        rows = self.env.execute_query(
            SQL(
                "SELECT inhrelid::regclass::text FROM pg_inherits"
                " WHERE inhparent = %s::regclass",
                self._table,
            )
        )
        return {datetime.strptime(name[-7:], "%Y_%m").date(): name for (name,) in rows}

    @api.model
    def _make_partitions(self, day, count):
        """Make the partitions of ``count`` months ready, from that of ``day`` on.

        Tables are made beside and attached, which does not stop anybody from clicking.

        :param date day: UTC.
        :return: how many were missing.
        """
        first = day.replace(day=1)
        months = [first + relativedelta(months=number) for number in range(count)]
        self.env.cr.execute(SQL("SELECT pg_advisory_xact_lock(%s)", PARTITION_LOCK))
        missing = [month for month in months if month not in self._query_partitions()]
        for month in missing:
            table = SQL.identifier(f"{self._table}_{month:%Y_%m}")
            parent = SQL.identifier(self._table)
            self.env.cr.execute(
                SQL(
                    "CREATE TABLE %(table)s (LIKE %(parent)s"
                    " INCLUDING DEFAULTS INCLUDING CONSTRAINTS);"
                    " ALTER TABLE %(parent)s ATTACH PARTITION %(table)s"
                    " FOR VALUES FROM (%(start)s) TO (%(end)s)",
                    table=table,
                    parent=parent,
                    start=month,
                    end=month + relativedelta(months=1),
                )
            )
        return len(missing)
