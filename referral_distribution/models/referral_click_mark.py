from odoo import api, fields, models
from odoo.tools import SQL, sql


class ReferralClickMark(models.Model):
    """Up to which click the daily figures count: one row, written each minute.

    It is no system parameter: writing one empties the caches of every worker.
    """

    _name = "referral.click.mark"
    _description = "Counted Clicks"
    _log_access = False
    _auto = False  # ids of clicks need more than the 32 bits of Odoo's integers

    last_id = fields.Integer(string="Last click", readonly=True)

    def init(self):
        if not sql.table_exists(self.env.cr, self._table):
            self.env.cr.execute(
                """
                CREATE TABLE referral_click_mark (
                    id integer PRIMARY KEY CHECK (id = 1),
                    last_id bigint NOT NULL
                );
                INSERT INTO referral_click_mark VALUES (1, 0)
                """
            )

    @api.model
    def _query_claim(self):
        """Return the mark and keep it to this transaction; None when another has it.

        Two at the same moment: one works, the other gives way. One after the other on
        an old snapshot: PostgreSQL stops the second, which may start again.
        """
        rows = self.env.execute_query(
            SQL("SELECT last_id FROM referral_click_mark FOR UPDATE SKIP LOCKED")
        )
        return rows[0][0] if rows else None

    @api.model
    def _query_read(self):
        """Return the mark as this transaction sees it."""
        return self.env.execute_query(SQL("SELECT last_id FROM referral_click_mark"))[
            0
        ][0]

    @api.model
    def _query_move(self, last_id):
        """Say that all clicks up to ``last_id`` are counted."""
        self.env.cr.execute(SQL("UPDATE referral_click_mark SET last_id = %s", last_id))
