import logging
import time
from typing import NamedTuple

import psycopg2

from odoo import SUPERUSER_ID, api, models
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import SQL

CHUNK = 200_000  # ids a transaction
PATIENCE = 5.0  # seconds
TRIES = 3
LOOKUPS = 50  # rows read in the time it takes to look one visitor's day up

_logger = logging.getLogger(__name__)


class Chunk(NamedTuple):
    """What one transaction has counted: ``left`` ids are still to be looked at."""

    clicks: int
    ids: int
    left: int


class ReferralClickFigure(models.Model):
    """How clicks become figures: in order of their ids, each exactly once (rule S2).

    A click is never touched for it, and no click waits.
    """

    _inherit = "referral.click.figure"

    @api.model
    def _cron_roll_up(self):
        """Each minute: count the clicks that have come since."""
        progress = self.env["ir.cron"]
        for chunk in self._roll_up_in_chunks():
            if not progress._commit_progress(chunk.ids, remaining=chunk.left):
                break

    @api.model
    def _roll_up(self):
        """Count the clicks that have come since the last time, each exactly once.

        Works in transactions of its own, whatever the caller's sees, and never makes a
        click wait. What a transaction has counted stays counted when the next one is
        killed. While another roll-up works, this one gives way.

        :return: how many clicks were counted.
        """
        return sum(chunk.clicks for chunk in self._roll_up_in_chunks())

    @api.model
    def _roll_up_here(self):
        """Count the clicks this transaction sees, in this transaction.

        For where nobody else writes clicks: a test's own data, the demo's story.
        """
        figures = self.with_user(SUPERUSER_ID)
        self.env.flush_all()
        upto = figures._query_last_id()
        while (chunk := figures._count_chunk(upto)) and chunk.left:
            pass
        self.env["referral.link.burst"].with_user(SUPERUSER_ID)._tell()
        self.env.invalidate_all()

    @api.model
    def _roll_up_in_chunks(self):
        upto = self._wait_for_writers()
        while chunk := self._in_own_transaction(lambda new: new._count_chunk(upto)):
            yield chunk
            if not chunk.left:
                break
        self._in_own_transaction(lambda new: new.env["referral.link.burst"]._tell())

    @api.model
    def _in_own_transaction(self, action):
        """Run ``action`` in a new transaction; again when it met another one."""
        for attempt in range(1, TRIES + 1):
            try:
                with self.pool.cursor() as cr:
                    return action(self.with_env(self.env(cr=cr, user=SUPERUSER_ID)))
            except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
                if attempt == TRIES:
                    raise
                time.sleep(0.1 * attempt)

    @api.model
    def _wait_for_writers(self):
        """Return the last id that is safe to count up to.

        Ids come in order, commits do not: a click may appear after one with a higher
        id. Who takes an id has locked the table before (an INSERT does), so once all
        who hold such a lock now have ended, every id up to the last one taken now is
        either there or never will be. Nobody waits for us.
        """
        deadline = time.monotonic() + PATIENCE
        with self.pool.cursor() as cr:
            figures = self.with_env(self.env(cr=cr, user=SUPERUSER_ID))
            upto = figures._query_last_id()
            before = figures._query_writers()
            while before & figures._query_writers():
                if time.monotonic() > deadline:
                    _logger.warning(
                        "clicks are not rolled up: a transaction that writes clicks has"
                        " been open for more than %s seconds; trying again later",
                        PATIENCE,
                    )
                    return figures.env["referral.click.mark"]._query_read()
                time.sleep(0.02)
        return upto

    @api.model
    def _query_last_id(self):
        """Return the last id a click was given, seen by this transaction or not."""
        query = SQL(
            "SELECT COALESCE(pg_sequence_last_value("
            "pg_get_serial_sequence('referral_click', 'id')::regclass), 0)"
        )
        return self.env.execute_query(query)[0][0]

    @api.model
    def _query_writers(self):
        """Return the transactions, but our own, that may be writing clicks now."""
        query = SQL(
            "SELECT DISTINCT pid, virtualtransaction FROM pg_locks"
            " WHERE locktype = 'relation' AND mode = 'RowExclusiveLock' AND granted"
            " AND pid <> pg_backend_pid()"
            " AND database = (SELECT oid FROM pg_database"
            "   WHERE datname = current_database())"
            " AND relation IN (SELECT relid FROM pg_partition_tree('referral_click'))"
        )
        return set(self.env.execute_query(query))

    # ------------------------------------------------------------- one chunk

    @api.model
    def _count_chunk(self, upto):
        """Count the next clicks, those up to the id ``upto`` at the most.

        Figures and mark change in one transaction, so that no click is counted twice.

        :return: a Chunk, or None while another transaction counts.
        """
        mark = self.env["referral.click.mark"]
        first = mark._query_claim()
        if first is None:
            return None
        last = max(first, min(upto, first + CHUNK))
        clicks = 0
        if last > first:
            clicks = self._query_count(first, last)
            self.env["referral.link.burst"]._query_find(first, last)
            mark._query_move(last)
        return Chunk(clicks, last - first, max(0, upto - last))

    @api.model
    def _query_count(self, first, last):
        """Add the clicks with ids after ``first``, up to ``last``, to their days."""
        query = SQL(
            """
            WITH %(fresh)s, visitor AS (
                SELECT link_id, day, tz, visitor_hash, count(*) AS clicks
                FROM fresh GROUP BY link_id, day, tz, visitor_hash
            ), known AS MATERIALIZED (
                SELECT link_id, day, tz, visitor_hash FROM visitor
                WHERE EXISTS (SELECT FROM referral_click_figure f
                    WHERE f.link_id = visitor.link_id AND f.day = visitor.day)
            ), %(days)s, seen AS (%(seen)s), counted AS (
                INSERT INTO referral_click_figure AS f (
                    link_id, day, clicks, visitors, partner_id, channel_id, company_id)
                SELECT l.id, visitor.day, sum(visitor.clicks),
                    count(*) FILTER (WHERE seen.link_id IS NULL),
                    l.partner_id, l.channel_id, l.company_id
                FROM visitor JOIN referral_link l ON l.id = visitor.link_id
                LEFT JOIN seen USING (link_id, day, visitor_hash)
                GROUP BY l.id, visitor.day
                ON CONFLICT (link_id, day) DO UPDATE SET
                    clicks = f.clicks + EXCLUDED.clicks,
                    visitors = f.visitors + EXCLUDED.visitors)
            SELECT count(*) FROM fresh
            """,
            fresh=self._query_fresh(first, last),
            days=self._query_days(),
            seen=self._query_seen(first, last),
        )
        return self.env.execute_query(query)[0][0]

    @api.model
    def _query_fresh(self, first, last):
        """Return the clicks to count, each with its day where its company is."""
        return SQL(
            """
            %(zones)s, fresh AS MATERIALIZED (
                SELECT c.link_id, c.visitor_hash, zone.tz,
                    (c.clicked_at AT TIME ZONE 'UTC' AT TIME ZONE zone.tz)::date AS day
                FROM referral_click c JOIN referral_link l ON l.id = c.link_id
                JOIN zone USING (company_id)
                WHERE c.id > %(first)s AND c.id <= %(last)s AND c.counted)
            """,
            zones=self._query_zones(),
            first=first,
            last=last,
        )

    @api.model
    def _query_zones(self):
        """Return the time zone of each company, an archived one's too, as ``zone``."""
        companies = self.env["res.company"].sudo().with_context(active_test=False)
        rows = [
            SQL("(%s, %s)", company.id, self._get_zone(company._referral_tz()))
            for company in companies.search([])
        ]
        return SQL("zone (company_id, tz) AS (VALUES %s)", SQL(", ").join(rows))

    @api.model
    def _get_zone(self, name):
        """Return ``name``, or UTC when this PostgreSQL knows no such time zone."""
        try:
            with self.env.cr.savepoint(flush=False):
                query = SQL("SELECT now() AT TIME ZONE %s", name)
                self.env.cr.execute(query, log_exceptions=False)
        except psycopg2.errors.InvalidParameterValue:
            return "UTC"
        return name

    @api.model
    def _query_days(self):
        """Return the days that have figures already, as moments: [since, until)."""
        midnight = (
            "date_trunc('hour', (%s)::timestamp AT TIME ZONE tz AT TIME ZONE 'UTC')"
        )
        return SQL(
            """
            local_day AS (
                SELECT day, tz, %s AS since, %s + interval '1 hour' AS until
                FROM (SELECT DISTINCT day, tz FROM known) known)
            """,
            SQL(midnight % "day"),
            SQL(midnight % "day + 1"),
        )

    @api.model
    def _query_seen(self, first, last):
        """Return which visitors of ``known`` were counted for that link and day before.

        A few are looked up one by one, in each hour of their day: the unique index
        begins with the hour. For many it is faster to read those days once.
        """
        same_day = SQL(
            "(old.clicked_at AT TIME ZONE 'UTC' AT TIME ZONE local_day.tz)::date = day"
        )
        if self._is_few(first, last):
            return SQL(
                """
                SELECT link_id, day, visitor_hash FROM known
                JOIN (SELECT day, tz, array_agg(hour) AS hours FROM local_day,
                    generate_series(since, until, '1 hour') hour
                    GROUP BY day, tz) local_day USING (day, tz)
                WHERE EXISTS (SELECT FROM referral_click old
                    WHERE old.clicked_hour = ANY (hours)
                    AND old.link_id = known.link_id
                    AND old.visitor_hash = known.visitor_hash
                    AND old.counted AND old.id <= %s AND %s)
                """,
                first,
                same_day,
            )
        return SQL(
            """
            SELECT DISTINCT old.link_id, day, old.visitor_hash
            FROM referral_click old JOIN referral_link l ON l.id = old.link_id
            JOIN zone USING (company_id) JOIN local_day USING (tz)
            WHERE old.counted AND old.id <= %s AND %s
                AND old.clicked_hour >= (SELECT min(since) FROM local_day)
                AND old.clicked_hour <= (SELECT max(until) FROM local_day)
            """,
            first,
            same_day,
        )

    @api.model
    def _is_few(self, first, last):
        """Tell whether looking visitors up takes less than reading their days."""
        query = SQL(
            """
            SELECT fresh.clicks * %s <= COALESCE(sum(f.clicks), 0)
            FROM (SELECT count(*) AS clicks, min(clicked_hour)::date - 1 AS since
                FROM referral_click WHERE id > %s AND id <= %s AND counted) fresh
            LEFT JOIN referral_click_figure f ON f.day >= fresh.since
            GROUP BY fresh.clicks
            """,
            LOOKUPS,
            first,
            last,
        )
        return self.env.execute_query(query)[0][0]
