import hashlib
import logging
import time
from datetime import datetime, timedelta
from decimal import Decimal

import psycopg2
import pytz

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import SQL
from odoo.tools.misc import formatLang

from ..engine import canonical
from . import gate
from .memo import tried

BATCH = 1_000  # contracts at a time
PATIENCE = 3  # seconds that who asks waits; the job does the rest
TRIGGERS = ("contract", "order_line", "payment")  # what contracts earn by
NOTHING = (0, Decimal(0), Decimal(0))
STEERED = {
    "state",
    "problem",
    "position",
    "position_at",
    "rules_digest",
    "contract_count",
    "done_count",
    "skipped_count",
    "started_at",
    "finished_at",
}

_logger = logging.getLogger(__name__)


class ReferralSimulation(models.Model):
    """A plan, draft or not, over past contracts, against what was given (rule C8).

    Each contract is measured anew with its own amounts, phase, channel and the rates
    of its day, and with people as they are today; every contract is taken as paid in
    full on the day it was signed. Limits and brackets of a period see what this plan
    itself would have given until then. Nothing is given and no contract is touched. It
    goes on in the background, a batch of contracts a transaction, in the order they
    were signed. When the plan is edited meanwhile it stops: results of two plans would
    be mixed.
    """

    _name = "referral.simulation"
    _description = "Simulation of a Plan"
    _order = "id desc"
    _check_company_auto = True

    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    plan_id = fields.Many2one(
        "referral.plan",
        required=True,
        ondelete="cascade",
        index=True,
        check_company=True,
    )
    date_from = fields.Date(
        string="Signed from",
        required=True,
        default=lambda self: self.env.company._referral_today().replace(month=1, day=1),
    )
    date_to = fields.Date(
        string="Signed to",
        required=True,
        default=lambda self: self.env.company._referral_today(),
    )
    scope = fields.Selection(
        [
            ("confirmed", "Contracts that finance has confirmed"),
            ("signed", "All contracts that were not refused"),
        ],
        string="Contracts",
        required=True,
        default="confirmed",
    )
    state = fields.Selection(
        [
            ("draft", "Draft"),
            ("running", "Running"),
            ("done", "Done"),
            ("stopped", "Stopped"),
        ],
        required=True,
        readonly=True,
        default="draft",
        copy=False,
        index=True,
    )
    problem = fields.Char(string="Why it stopped", readonly=True, copy=False)
    position = fields.Integer(readonly=True, copy=False, help="Last contract's id.")
    position_at = fields.Char(
        readonly=True, copy=False, help="When it was signed, to the microsecond."
    )
    rules_digest = fields.Char(
        readonly=True, copy=False, help="The plan's rules when it started, hashed."
    )
    contract_count = fields.Integer(string="Contracts found", readonly=True, copy=False)
    done_count = fields.Integer(string="Measured", readonly=True, copy=False)
    skipped_count = fields.Integer(
        string="Left out",
        readonly=True,
        copy=False,
        help="Contracts that the plan cannot be applied to, such as one in a currency"
        " without rate.",
    )
    progress = fields.Float(compute="_compute_progress")
    started_at = fields.Datetime(string="Started", readonly=True, copy=False)
    finished_at = fields.Datetime(string="Finished", readonly=True, copy=False)
    line_ids = fields.One2many(
        "referral.simulation.line", "simulation_id", string="By person", readonly=True
    )
    totals = fields.Html(compute="_compute_totals", sanitize=False)

    _period_order = models.Constraint(
        "CHECK (date_from <= date_to)", "The period ends before it starts."
    )

    @api.depends("plan_id", "date_from", "date_to")
    @api.depends_context("lang")
    def _compute_display_name(self):
        for simulation in self:
            simulation.display_name = simulation.plan_id and self.env._(
                "%(plan)s, %(from)s to %(to)s",
                plan=simulation.plan_id.display_name,
                **{"from": simulation.date_from or "", "to": simulation.date_to or ""},
            )

    @api.depends("contract_count", "done_count", "skipped_count", "state")
    def _compute_progress(self):
        for simulation in self:
            done = simulation.done_count + simulation.skipped_count
            whole = max(simulation.contract_count, done)
            simulation.progress = (
                100.0 * done / whole if whole else 100.0 * (simulation.state == "done")
            )

    @api.depends("line_ids.simulated", "line_ids.paid")
    @api.depends_context("lang")
    def _compute_totals(self):
        sums = self._get_sums()
        for simulation in self:
            simulation.totals = simulation.id in sums and self.env["ir.qweb"]._render(
                "referral_distribution.simulation_totals",
                {"rows": sums[simulation.id]},
            )

    def _get_sums(self):
        """Return ``{simulation id: [row of texts per currency]}``."""
        found = {}
        for simulation, currency, people, *amounts in self.env[
            "referral.simulation.line"
        ]._read_group(
            [("simulation_id", "in", self.ids)],
            ["simulation_id", "currency_id"],
            ["__count", "simulated:sum", "paid:sum", "difference:sum"],
        ):
            texts = [
                formatLang(self.env, sum_, currency_obj=currency) for sum_ in amounts
            ]
            row = {"currency": currency.name, "people": f"{people:,}", "amounts": texts}
            found.setdefault(simulation.id, []).append(row)
        return found

    # ------------------------------------------------------------------- writing

    def write(self, vals):
        if not gate.is_open(self.env):
            if STEERED & vals.keys():
                raise UserError(self.env._("A simulation runs by its buttons only."))
            if any(simulation.state != "draft" for simulation in self):
                raise UserError(
                    self.env._("It has run as it is. Duplicate it to change something.")
                )
        return super().write(vals)

    @api.model_create_multi
    def create(self, vals_list):
        if any(STEERED & vals.keys() for vals in vals_list):
            raise UserError(self.env._("A simulation runs by its buttons only."))
        return super().create(vals_list)

    @api.model
    def default_get(self, fields):
        """A caller's ``default_`` keys steer nothing."""
        guarded = {f"default_{name}" for name in STEERED}
        context = {k: v for k, v in self.env.context.items() if k not in guarded}
        # keys are taken out, which keyword arguments cannot
        clean = self.with_context(context)  # pylint: disable=context-overridden
        return super(ReferralSimulation, clean).default_get(fields)

    # ------------------------------------------------------------------- buttons

    def action_start(self):
        """Measure the contracts: the first ones at once, the rest in the background.

        :raises AccessError: unless the user is a manager.
        :raises UserError: when the plan has no rule for contracts.
        """
        self.env.user._referral_require("group_manager")
        self.check_access("write")
        for simulation in self.filtered(lambda s: s.state == "draft"):
            rules = simulation.plan_id.rule_ids
            if not rules.filtered(lambda rule: rule.trigger in TRIGGERS):
                raise UserError(
                    self.env._(
                        "%(plan)s has no rule for contracts: there is nothing to"
                        " measure.",
                        plan=simulation.plan_id.display_name,
                    )
                )
            gate.opened(simulation).write(
                {
                    "state": "running",
                    "started_at": fields.Datetime.now(),
                    "rules_digest": simulation._get_rules_digest(),
                    "contract_count": simulation._query_count(),
                }
            )
            simulation._run_for_who_waits()
        return True

    def action_stop(self):
        """Stop; what was measured so far stays to be seen.

        :raises AccessError: unless the user is a manager.
        """
        self.env.user._referral_require("group_manager")
        self.check_access("write")
        running = self.filtered(lambda simulation: simulation.state == "running")
        gate.opened(running)._finish("stopped")
        return True

    def action_show_lines(self):
        """Return the action that shows who would have got what.

        :raises AccessError: unless the user is a manager or finance.
        """
        self.ensure_one()
        self.env.user._referral_require("group_manager", "group_finance")
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "referral_distribution.referral_simulation_line_action"
        )
        return {**action, "domain": [("simulation_id", "=", self.id)]}

    def action_download(self):
        """Return the action that downloads the results as a table (threat L3).

        :raises AccessError: unless the user is a manager or finance.
        """
        self.ensure_one()
        self.env.user._referral_require("group_manager", "group_finance")
        header = [
            self.env._("Person"),
            self.env._("Currency"),
            self.env._("Contracts"),
            self.env._("Simulated"),
            self.env._("Really given"),
            self.env._("Difference"),
        ]
        self.line_ids.partner_id.fetch(["display_name"])
        rows = [
            [
                line.partner_id.display_name,
                line.currency_id.name,
                line.contract_count,
                *map(line._format_plain, (line.simulated, line.paid, line.difference)),
            ]
            for line in self.line_ids
        ]
        name = f"simulation-{self.id}"
        return self.env["referral.csv.download"]._offer(name, header, rows)

    # ------------------------------------------------------------------- running

    def _run_for_who_waits(self):
        """Work for as long as somebody waits, and leave the rest to the job."""
        self.ensure_one()
        deadline = time.monotonic() + PATIENCE
        simulation = tried(gate.opened(self.sudo()))
        while simulation._measure_next():
            if time.monotonic() > deadline:
                cron = self.env.ref("referral_distribution.ir_cron_simulation")
                cron.sudo()._trigger()
                break

    @api.model
    def _cron_simulate(self):
        """Go on with simulations that were too long to wait for."""
        progress = self.env["ir.cron"]
        running = self.search([("state", "=", "running")], order="id")
        progress._commit_progress(remaining=sum(running.mapped("contract_count")))
        for simulation in tried(gate.opened(running)):
            before = simulation.done_count + simulation.skipped_count
            while simulation._measure_safely():
                now = simulation.done_count + simulation.skipped_count
                if not progress._commit_progress(now - before):
                    return
                before = now
            progress._commit_progress()

    def _measure_safely(self):
        """Measure the next batch; what breaks stops this simulation, no other one."""
        try:
            with self.env.cr.savepoint():
                return self._measure_next()
        except psycopg2.OperationalError:
            raise  # somebody stopped it meanwhile, or the like: the job tries again
        except Exception:
            _logger.exception("simulation %s stops", self.id)
            problem = self.env._("It failed. The log says more.")
            self._finish("stopped", problem=problem)
            return False

    def _measure_next(self):
        """Measure the next batch; return whether there is more to do.

        Its row is the claim: who comes second leaves it to who works on it.
        """
        if not self.try_lock_for_update():
            return False
        if self.state == "running" and self.rules_digest != self._get_rules_digest():
            problem = self.env._("The plan was changed meanwhile. Duplicate it.")
            self._finish("stopped", problem=problem)
        rows = self.state == "running" and self._query_next()
        if not rows:
            self._finish("done")
            return False
        ids = [id_ for id_, _moment in rows]
        sums, measured = self._measure(self.env["sale.order"].sudo().browse(ids))
        for partner_id, currency_id, paid in self._query_paid(measured):
            key = (partner_id, currency_id)
            sums.setdefault(key, list(NOTHING))[2] += Decimal(paid)
        self.env["referral.simulation.line"]._query_add(self, sums)
        self.write(
            {
                "position": ids[-1],
                "position_at": rows[-1][1],
                "done_count": self.done_count + len(measured),
                "skipped_count": self.skipped_count + len(ids) - len(measured),
            }
        )
        self.env.flush_all()
        self.env.invalidate_all()  # memory stays flat over any number of batches
        return True

    def _finish(self, state, **vals):
        todo = self.filtered(lambda simulation: simulation.state == "running")
        todo.write({"state": state, "finished_at": fields.Datetime.now(), **vals})
        self.env["referral.simulation.past"].sudo()._query_forget(todo)

    def _get_rules_digest(self):
        """Return what tells whether the plan's rules are what they were."""
        rules = self.plan_id.sudo().rule_ids.sorted("id")
        told = canonical.write(tuple(rules._to_engine()))
        domains = "\n".join(f"{rule.id} {rule.domain or ''}" for rule in rules)
        return hashlib.sha256(f"{told}\n{domains}".encode()).hexdigest()

    # ------------------------------------------------------------------ contracts

    def _get_contract_domain(self):
        """Return which contracts are measured."""
        self.ensure_one()
        start, end = self._get_moments()
        domain = Domain("company_id", "=", self.company_id.id)
        domain &= Domain("project_phase", ">", 0) & Domain("state", "=", "sale")
        domain &= Domain("date_order", ">=", start) & Domain("date_order", "<", end)
        if self.scope == "confirmed":
            return domain & Domain("referral_state", "=", "confirmed")
        return domain & Domain("referral_state", "not in", ("none", "refused"))

    def _get_moments(self):
        """Return the period's first moment and the one after it, in UTC."""
        zone = pytz.timezone(self.company_id._referral_tz())
        midnights = (
            zone.localize(datetime.combine(day, datetime.min.time()))
            for day in (self.date_from, self.date_to + timedelta(days=1))
        )
        return [day.astimezone(pytz.utc).replace(tzinfo=None) for day in midnights]

    def _query_count(self):
        return self.env["sale.order"].sudo().search_count(self._get_contract_domain())

    def _query_next(self):
        """Return ids of the next contracts, as they were signed, and when that was."""
        orders = self.env["sale.order"].sudo()
        query = orders._search(
            self._get_contract_domain(), order="date_order, id", limit=BATCH
        )
        if self.position_at:
            query.add_where(
                SQL(
                    "(sale_order.date_order, sale_order.id) > (%s::timestamp, %s)",
                    self.position_at,
                    self.position,
                )
            )
        columns = [SQL("sale_order.id"), SQL("sale_order.date_order::text")]
        return self.env.execute_query(query.select(*columns))

    def _query_paid(self, order_ids):
        """Return ``[(partner id, currency id, amount)]`` of what contracts gave."""
        self.env["referral.commission"].flush_model()
        return self.env.execute_query(
            SQL(
                "SELECT partner_id, currency_id, sum(amount)::text"
                " FROM referral_commission"
                " WHERE order_id = ANY(%s) AND trigger = ANY(%s) GROUP BY 1, 2",
                list(order_ids),
                list(TRIGGERS),
            )
        )
