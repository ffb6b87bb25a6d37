import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import SQL

from . import gate
from .true_up_events import Event

ACTIVITY = "referral_distribution.mail_activity_type_true_up"
FIRST_WAIT = timedelta(minutes=5)
LONGEST_WAIT = timedelta(hours=12)

_logger = logging.getLogger(__name__)


class ReferralTrueUp(models.Model):
    """Contracts whose rewards could not follow their money at once (rule C7).

    A submitted settlement holds a reward, a wallet is closed, somebody else works on
    the same contract: bookkeeping goes on, the contract waits here, and a job tries
    again until it succeeds. Finance is told about what does not come right by itself.
    """

    _name = "referral.true.up"
    _description = "Rewards to Correct"
    _order = "id desc"
    _rec_name = "order_id"

    order_id = fields.Many2one(
        "sale.order",
        string="Contract",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, ondelete="cascade"
    )
    event = fields.Char(required=True, readonly=True)
    document = fields.Char(readonly=True)
    event_text = fields.Char(string="What happened", compute="_compute_event_text")
    state = fields.Selection(
        [("waiting", "Waiting"), ("done", "Done")],
        required=True,
        readonly=True,
        default="waiting",
    )
    attempts = fields.Integer(readonly=True, help="How often the job has tried.")
    next_attempt = fields.Datetime(readonly=True)
    problem = fields.Char(
        readonly=True, help="Why it did not work the last time, and what helps."
    )

    _waiting_index = models.Index("(next_attempt, id) WHERE state = 'waiting'")

    @api.depends("event", "document")
    @api.depends_context("lang")
    def _compute_event_text(self):
        orders = self.env["sale.order"]
        for task in self:
            happened = Event(task.event, task.document or "")
            task.event_text = orders._get_event_text(happened)

    @api.model_create_multi
    def create(self, vals_list):
        self._check_gate()
        return super().create(vals_list)

    def write(self, vals):
        self._check_gate()
        return super().write(vals)

    def _check_gate(self):
        if not gate.is_open(self.env):
            raise UserError(self.env._("Contracts are put in line by themselves."))

    @api.model
    def _queue(self, order, event):
        """Put ``order`` in line, in the running transaction, and wake the job."""
        task = gate.opened(self.sudo()).create(
            {
                "order_id": order.id,
                "company_id": order.company_id.id,
                "event": event.kind,
                "document": event.document,
                "next_attempt": fields.Datetime.now(),
            }
        )
        self.env.ref("referral_distribution.ir_cron_true_up")._trigger()
        return task

    @api.model
    def _wake(self, settlements):
        """Let the job try again at once what waits for rewards in ``settlements``.

        Not what waits for finance alone, which has no next attempt.
        """
        self.flush_model()
        rows = self.env.execute_query(
            SQL(
                "UPDATE referral_true_up SET next_attempt = %s WHERE state = 'waiting'"
                " AND next_attempt IS NOT NULL AND order_id IN (SELECT order_id"
                "  FROM referral_commission WHERE settlement_id = ANY(%s))"
                " RETURNING id",
                fields.Datetime.now(),
                settlements.ids,
            )
        )
        if rows:
            self.invalidate_model(["next_attempt"], flush=False)
            self.env.ref("referral_distribution.ir_cron_true_up").sudo()._trigger()

    def action_retry(self):
        """Try the selected contracts again now.

        :return: True; what still does not work says why.
        :raises AccessError: without the finance role.
        """
        self.env.user._referral_require("group_finance")
        self.check_access("read")
        for task in self.filtered(lambda task: task.state == "waiting").sorted("id"):
            task.sudo()._attempt()
        return True

    @api.model
    def _cron_retry(self):
        """Try what is due, each in a transaction of its own; the oldest first.

        A task is claimed by locking its row: others pass it over, and when the process
        dies, the lock goes with it.
        """
        cron = self.env["ir.cron"]
        cron._commit_progress(remaining=self.search_count(self._get_due_domain()))
        last_id = 0
        while task := self._claim(last_id):
            last_id = task.id
            # what is told is kept, so it is told in the language of who reads it
            lang = task._get_colleague().lang
            task.with_context(lang=lang or self.env.lang)._attempt()
            if not cron._commit_progress(1):
                return

    @api.model
    def _get_due_domain(self):
        return Domain("state", "=", "waiting") & Domain(
            "next_attempt", "<=", fields.Datetime.now()
        )

    @api.model
    def _claim(self, after_id):
        """Return the next task that is due and that nobody else works on."""
        rows = self.env.execute_query(
            SQL(
                "SELECT id FROM referral_true_up WHERE state = 'waiting'"
                " AND next_attempt <= %s AND id > %s"
                " ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED",
                fields.Datetime.now(),
                after_id,
            )
        )
        return self.browse(row[0] for row in rows)

    def _attempt(self):
        """True the contract up; tell finance when that does not work."""
        self.ensure_one()
        try:
            with self.env.cr.savepoint():
                self.order_id._referral_true_up(Event(self.event, self.document or ""))
        except Exception as error:
            _logger.info("rewards of %s wait on", self.order_id, exc_info=True)
            self._fail(error)
        else:
            gate.opened(self).write({"state": "done", "problem": False})
            self._find_todos().unlink()

    def _fail(self, error):
        told = isinstance(error, UserError)
        problem = str(error) if told else self.env._("The job tries again by itself.")
        wait = min(FIRST_WAIT * 2 ** min(self.attempts, 10), LONGEST_WAIT)
        gate.opened(self).write(
            {
                "attempts": self.attempts + 1,
                "next_attempt": fields.Datetime.now() + wait,
                "problem": problem,
            }
        )
        if told or self.attempts > 1:
            self._tell_finance(problem)

    def _tell_finance(self, problem):
        """Put a to-do on finance's desk, once a contract."""
        if self._find_todos():
            return
        colleague = self._get_colleague()
        if colleague:
            self.order_id.with_context(
                mail_activity_quick_update=True
            ).activity_schedule(ACTIVITY, user_id=colleague.id, note=problem)

    def _find_todos(self):
        return self.order_id.sudo().activity_search([ACTIVITY], only_automated=False)

    def _get_colleague(self):
        """Return who of finance is told."""
        group = "referral_distribution.group_finance"
        return self.company_id._referral_find_colleague(group)
