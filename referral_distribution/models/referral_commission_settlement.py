from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_date

from ..engine.due import get_due_date
from . import gate


class ReferralCommission(models.Model):
    """When a reward is due, and what stands in the way of its settlement (rule C6)."""

    _inherit = "referral.commission"

    due_date = fields.Date(
        readonly=True,
        copy=False,
        help="The company's day from which on a settlement may take it.",
    )
    settlement_problem = fields.Char(
        string="Why it is not settled",
        readonly=True,
        copy=False,
        help="The settlement passes this line over until somebody lets it try again.",
    )

    # What waits for a settlement, person by person: the one thing a run reads.
    _waiting_index = models.Index(
        "(company_id, partner_id) WHERE state = 'approved' AND settlement_id IS NULL"
    )

    def _set_state(self, state):
        todo = super()._set_state(state)
        if state == "approved":
            todo.filtered(lambda line: not line.due_date)._set_due_dates()
        return todo

    def _set_due_dates(self):
        """Say from which day on these may be settled; debts are due at once."""
        groups = self.sudo().grouped(
            lambda line: (line.company_id, *line._get_due_terms())
        )
        for (company, mode, days), lines in groups.items():
            due = get_due_date(company._referral_today(), mode, days)
            gate.opened(lines).write({"due_date": due})

    def _get_due_terms(self):
        """Return how one line is settled, and after how many holding days. A hook."""
        self.ensure_one()
        if self.reverses_id:
            return "at_once", 0
        return self.plan_id.settlement_mode, self.plan_id.holding_days

    def _explain_waiting(self):
        """Say why none of these is settled, if one of them waits."""
        waiting = self.filtered(
            lambda line: (
                line.state == "approved"
                and not line.settlement_id
                and not line.settlement_problem
            )
        )
        later = waiting.filtered(
            lambda line: line.due_date > line.company_id._referral_today()
        )
        if waiting and waiting == later:
            raise UserError(
                self.env._(
                    "Nothing of this is due yet. The first is on %(day)s.",
                    day=format_date(self.env, min(later.mapped("due_date"))),
                )
            )
        if waiting:
            raise UserError(
                self.env._(
                    "%(names)s: what was taken back is as much as what is due, or more."
                    " It waits for later rewards.",
                    names=", ".join(waiting.partner_id.mapped("display_name")),
                )
            )

    def action_settlement_retry(self):
        """Let the next settlement try these lines again.

        :raises AccessError: without the finance role.
        """
        self.env.user._referral_require("group_finance")
        stuck = self.filtered("settlement_problem")
        gate.opened(stuck.sudo()).write({"settlement_problem": False})
        return True

    @api.model
    def _pay_due_elsewhere(self, company, today):
        """Pay what is due and goes out in another way than a settlement. A hook.

        Called by the run for each company, in a transaction of its own, until it
        returns 0. An override pays a batch of what waits for its due date, and returns
        how many lines it was.

        :param company: res.company.
        :param today: the company's day.
        """
        return 0
