import logging
import time

import psycopg2
from dateutil.relativedelta import relativedelta

from odoo import api, fields, models
from odoo.tools import SQL

KEPT_MONTHS = "referral_distribution.click_months"
DEFAULT_MONTHS = 24
MONTHS_AHEAD = 3
PATIENCE = "300ms"  # visitors wait behind us: shorter than they would
ATTEMPTS = 5

_logger = logging.getLogger(__name__)


class ReferralClick(models.Model):
    """Single clicks are kept for a time; the daily figures stay (rule S2)."""

    _inherit = "referral.click"

    @api.model
    def _cron_keep_house(self):
        """Each day: make the next months ready, let go of those kept long enough."""
        self._make_partitions(fields.Date.today(), 1 + MONTHS_AHEAD)
        old = self._get_outdated_partitions()
        progress = self.env["ir.cron"]
        progress._commit_progress(remaining=len(old))
        for table in old:
            self._let_go(table)
            if not progress._commit_progress(1):
                break

    @api.model
    def _get_kept_months(self):
        """Return for how many whole months single clicks are kept; 0: for ever."""
        value = self.env["ir.config_parameter"].sudo().get_param(KEPT_MONTHS)
        try:
            return max(0, int(value or DEFAULT_MONTHS))
        except ValueError:  # rather too long than too short
            return 0

    @api.model
    def _get_outdated_partitions(self):
        """Return the tables of the months before those that are kept, oldest first."""
        months = self._get_kept_months()
        if not months:
            return []
        kept_from = fields.Date.today().replace(day=1) - relativedelta(months=months)
        found = self._query_partitions()
        return [found[month] for month in sorted(found) if month < kept_from]

    @api.model
    def _let_go(self, table):
        """Drop one month in a transaction of its own; not now if somebody reads it."""
        for attempt in range(ATTEMPTS):
            try:
                with self.pool.cursor() as cr:
                    return self.with_env(self.env(cr=cr))._query_drop(table)
            except psycopg2.errors.LockNotAvailable:
                time.sleep(0.5 * attempt)
        _logger.info("clicks are being read: %s is dropped another day", table)
        return False

    @api.model
    def _query_drop(self, table):
        """Drop a month whose clicks are all in the figures.

        The locks come first: what is looked at then is all there is. They are taken in
        the order of a click's own, links before clicks, so that neither waits for the
        other for ever; clicks wait behind them, so this gives up soon.

        :return: whether it was dropped.
        """
        cr = self.env.cr
        cr.execute(SQL("SET LOCAL lock_timeout = %s", PATIENCE))
        cr.execute(
            SQL(
                "LOCK TABLE ONLY referral_link, ONLY referral_click"
                " IN ACCESS EXCLUSIVE MODE"
            ),
            log_exceptions=False,
        )
        name = SQL.identifier(table)
        cr.execute(
            SQL(
                "SELECT COALESCE(max(id), 0) <= (SELECT last_id FROM"
                " referral_click_mark) FROM %s",
                name,
            )
        )
        [done] = cr.fetchone()
        if done:
            cr.execute(SQL("DROP TABLE %s", name), log_exceptions=False)
            _logger.info("%s was kept long enough and is dropped", table)
        else:
            _logger.warning("%s has clicks that are not counted yet: kept", table)
        return done
