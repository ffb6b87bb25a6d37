import time
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from . import gate
from .referral_commission_replay import WRONG

ACTIVITY = "referral_distribution.mail_activity_type_replay"
BATCH = 2_000  # rewards a transaction
PATIENCE = 3  # seconds that who asks waits; the job does the rest
# What is given right now may be written, but not committed yet: it waits for the next
# night, so that no id below the position appears later.
SETTLING = timedelta(hours=1)
ALL_AGAIN = timedelta(days=30)


class ReferralReplay(models.Model):
    """A company's rewards computed again at night, and which of them differ (rule C8).

    Each night those that are new since the last time, and once a month all of them: so
    an amount that was changed in the database, and a new version of the software that
    computes otherwise, come to light without anybody looking. What differs is listed,
    and finance is told once.
    """

    _name = "referral.replay"
    _description = "Rewards Computed Again"
    _inherit = ("mail.thread", "mail.activity.mixin")
    _order = "id desc"
    _mail_post_access = "read"  # who is told says that it is done

    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, ondelete="cascade"
    )
    scope = fields.Selection(
        [("new", "Since the last time"), ("all", "All rewards")],
        required=True,
        readonly=True,
    )
    state = fields.Selection(
        [("running", "Running"), ("done", "Done")],
        required=True,
        readonly=True,
        default="running",
        index=True,
    )
    position = fields.Integer(
        required=True, readonly=True, help="Id of the last reward that is checked."
    )
    last = fields.Integer(
        required=True, readonly=True, help="Id of the last reward to check."
    )
    same_count = fields.Integer(string="The same", readonly=True)
    none_count = fields.Integer(
        string="Nothing to compute",
        readonly=True,
        help="Granted by hand, taken back, or from before inputs were kept.",
    )
    wrong_count = fields.Integer(string="Differ or cannot be read", readonly=True)
    new_count = fields.Integer(
        string="Found for the first time", readonly=True, help="Finance is told."
    )
    finished_at = fields.Datetime(string="Finished", readonly=True)
    line_ids = fields.One2many("referral.replay.line", "replay_id", readonly=True)

    # of two that start at once, one starts
    _one_running = models.UniqueIndex(
        "(company_id) WHERE state = 'running'",
        "The rewards of this company are being computed again already.",
    )

    @api.depends("create_date")
    @api.depends_context("lang", "tz")
    def _compute_display_name(self):
        for replay in self:
            moment = replay.create_date or fields.Datetime.now()
            day = fields.Datetime.context_timestamp(replay, moment)
            replay.display_name = self.env._(
                "Computed again on %(day)s", day=day.strftime("%Y-%m-%d %H:%M")
            )

    @api.model_create_multi
    def create(self, vals_list):
        self._check_gate()
        return super().create(vals_list)

    def write(self, vals):
        if not vals.keys() <= self._get_thread_fields():
            self._check_gate()
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_always(self):
        raise UserError(self.env._("A check is kept: the next one goes on from it."))

    def _check_gate(self):
        if not gate.is_open(self.env):
            raise UserError(
                self.env._("Rewards are computed again by the system only.")
            )

    @api.model
    def _get_thread_fields(self):
        """Return what activities and messages write."""
        return {n for n in self._fields if n.startswith(("activity_", "message_"))}

    def action_compute_all(self):
        """Compute all rewards of the user's company again, from the first one on.

        What takes longer goes on in the background.

        :return: window action on the check.
        :raises AccessError: unless the user has the finance or manager role.
        """
        self.env.user._referral_require("group_finance", "group_manager")
        replay = gate.opened(self.sudo())._start(self.env.company, "all")
        deadline = time.monotonic() + PATIENCE
        while replay._compute_next():
            if time.monotonic() > deadline:
                cron = self.env.ref("referral_distribution.ir_cron_replay")
                cron.sudo()._trigger()
                break
        return {
            "type": "ir.actions.act_window",
            "res_model": self._name,
            "res_id": replay.id,
            "view_mode": "form",
        }

    # ------------------------------------------------------------------- running

    @api.model
    def _cron_replay(self):
        """Check what is new of each company, and once a month everything.

        A batch a transaction; what is committed is not done again.
        """
        progress = self.env["ir.cron"]
        progress._commit_progress(remaining=1)
        replays = gate.opened(self)
        for company in self.env["res.company"].search([], order="id"):
            replay = replays._start(company)
            while replay and replay._compute_next():
                if not progress._commit_progress(1, remaining=1):
                    return
            if not progress._commit_progress(1, remaining=1):
                return
        progress._commit_progress(remaining=0)

    @api.model
    def _start(self, company, scope=None):
        """Return the company's check that runs, or a new one; nothing when nothing is
        new since the last one."""
        running = self.search(
            [("company_id", "=", company.id), ("state", "=", "running")]
        )
        if running:
            return running
        past = self.search([("company_id", "=", company.id)], limit=1)
        if not scope:
            month = fields.Datetime.now() - ALL_AGAIN
            whole = self.search_count(
                [
                    ("company_id", "=", company.id),
                    ("scope", "=", "all"),
                    ("create_date", ">", month),
                ],
                limit=1,
            )
            scope = "new" if whole else "all"
        position = past.last if scope == "new" else 0
        last = self._query_last(company, position)
        if last <= position and scope == "new":
            return self
        return self.create(
            {
                "company_id": company.id,
                "scope": scope,
                "position": position,
                "last": last,
            }
        )

    @api.model
    def _query_last(self, company, after):
        """Return the id of the last reward that is surely committed, with all before;
        ``after`` when there is none beyond it."""
        self.env["referral.commission"].flush_model()
        [[last]] = self.env.execute_query(
            SQL(
                "SELECT max(id) FROM referral_commission WHERE id > %s"
                " AND company_id = %s AND create_date < %s",
                after,
                company.id,
                fields.Datetime.now() - SETTLING,
            )
        )
        return last or after

    def _compute_next(self):
        """Compute the next batch again; return whether there is more to do.

        Its row is the claim: who comes second leaves it to who works on it.
        """
        self.ensure_one()
        if not self.try_lock_for_update():
            return False
        first = self.position + 1
        ids = self.state == "running" and self._query_next_ids()
        if not ids:
            self._finish()
            return False
        rewards = self.env["referral.commission"]
        found = rewards._query_replay(SQL("line.id = ANY(%s)", ids))
        states = [state for state, _amount in found.values()]
        wrong = {id_: told for id_, told in found.items() if told[0] in WRONG}
        lines = self.env["referral.replay.line"]
        new = lines._query_note(self, wrong, first, ids[-1])
        self.write(
            {
                "position": ids[-1],
                "same_count": self.same_count + states.count("same"),
                "none_count": self.none_count + states.count("none"),
                "wrong_count": self.wrong_count + len(wrong),
                "new_count": self.new_count + new,
            }
        )
        self.env.flush_all()
        self.env.invalidate_all()  # memory stays flat over any number of batches
        return True

    def _query_next_ids(self):
        rows = self.env.execute_query(
            SQL(
                "SELECT id FROM referral_commission WHERE id > %s AND id <= %s"
                " AND company_id = %s ORDER BY id LIMIT %s",
                self.position,
                self.last,
                self.company_id.id,
                BATCH,
            )
        )
        return [id_ for [id_] in rows]

    def _finish(self):
        if self.state == "done":
            return
        self.write({"state": "done", "finished_at": fields.Datetime.now()})
        if self.new_count:
            self._tell_finance()

    def _tell_finance(self):
        """Put a to-do on finance's desk for what was not known yet."""
        group = "referral_distribution.group_finance"
        colleague = self.company_id._referral_find_colleague(group)
        if not colleague:
            return
        told = self.with_context(lang=colleague.lang, mail_activity_quick_update=True)
        told.activity_schedule(
            ACTIVITY,
            user_id=colleague.id,
            note=told.env._(
                "%(count)s rewards come out differently, or cannot be computed, from"
                " what was kept with them. See which, and find out why, before they are"
                " paid.",
                count=self.new_count,
            ),
        )
