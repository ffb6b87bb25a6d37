from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain

from . import gate
from .finite import check_finite


class ReferralPlan(models.Model):
    """A version of the formulas that reward people (rule C4).

    A draft is edited; activating it ends the version before it, of its company and
    kind, the day before. Active and archived versions never change: contracts keep the
    one they were signed under. An active version whose first day is still to come waits
    for it; one whose last day is over is archived by a job.
    """

    _name = "referral.plan"
    _description = "Referral Plan"
    _order = "company_id, version desc"

    name = fields.Char(required=True, translate=True)
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    kind = fields.Selection(
        [
            ("standard", "Standard"),
            ("partner", "Partner channels"),
        ],
        required=True,
        default="standard",
        help="A plan for partner channels is for what comes through them; without one,"
        " the standard plan is for them too.",
    )
    date_from = fields.Date(
        string="In force from",
        copy=False,
        help="Empty: from the day it is activated.",
    )
    date_to = fields.Date(
        string="In force until",
        copy=False,
        help="Empty: until another version follows.",
    )
    version = fields.Integer(readonly=True, copy=False)
    state = fields.Selection(
        [("draft", "Draft"), ("active", "Active"), ("archived", "Archived")],
        required=True,
        readonly=True,
        default="draft",
        copy=False,
    )
    rule_ids = fields.One2many("referral.plan.rule", "plan_id", copy=True)

    _company_version_unique = models.Constraint(
        "UNIQUE (company_id, version)", "This version of the plan exists already."
    )
    _one_active_per_day = models.Constraint(
        "EXCLUDE USING gist (company_id WITH =, kind WITH =,"
        " daterange(date_from, date_to, '[]') WITH &&) WHERE (state = 'active')",
        "Another version of this plan is active on these days.",
    )
    # What was replaced on its first day was in force on no day.
    _period_order = models.Constraint(
        "CHECK (date_to >= date_from OR (state = 'archived'"
        " AND date_to = date_from - 1))",
        "The last day lies before the first.",
    )

    @api.depends("name", "version")
    def _compute_display_name(self):
        for plan in self:
            plan.display_name = f"{plan.name} v{plan.version}"

    @api.model_create_multi
    def create(self, vals_list):
        newest = {}
        for vals in vals_list:
            check_finite(self, vals)
            company_id = vals.get("company_id") or self.env.company.id
            if company_id not in newest:
                newest[company_id] = self.search(
                    [("company_id", "=", company_id)], order="version desc", limit=1
                ).version
            newest[company_id] += 1
            vals["version"] = newest[company_id]
            vals["state"] = "draft"
        return super().create(vals_list)

    def write(self, vals):
        check_finite(self, vals)
        if gate.is_open(self.env):
            return super().write(vals)
        if vals.keys() - {"name"}:
            self._check_is_draft()
        if vals.keys() & {"state", "version"}:
            raise UserError(
                self.env._("Activate a plan with its button; its version is given.")
            )
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_in_force(self):
        self._check_is_draft()

    def _check_is_draft(self):
        fixed = self.filtered(lambda plan: plan.state != "draft")
        if fixed:
            raise UserError(
                self.env._(
                    "%(plan)s is not a draft and stays as it is. Make a new version.",
                    plan=fixed[0].display_name,
                )
            )

    @api.model
    def _get_active(self, company, date=None, kind="standard"):
        """Return the company's version in force on a day (empty if none).

        :param date: day of the company's time zone; today by default. Of days gone by,
            what was in force then.
        :param str kind: "standard", or "partner" for what came through a partner
            channel, which falls back to the standard plan.
        """
        day = date or company._referral_today()
        domain = (
            Domain("company_id", "=", company.id)
            & Domain("kind", "in", list({kind, "standard"}))
            & (
                Domain("state", "=", "active")
                | (Domain("state", "=", "archived") & Domain("date_to", "!=", False))
            )
            & (Domain("date_from", "=", False) | Domain("date_from", "<=", day))
            & (Domain("date_to", "=", False) | Domain("date_to", ">=", day))
        )
        plans = self.search_fetch(domain, ["kind", "state", "version"])
        own = plans.filtered(lambda plan: plan.kind == kind) or plans
        return own.sorted(lambda plan: (plan.state == "active", plan.version))[-1:]

    def action_activate(self):
        """Put this draft in force from its first day, and end the version before it.

        :raises AccessError: without the manager role.
        :raises UserError: when it is no draft, has no rules, or a rule makes no sense;
            nothing is changed then.
        """
        self.env.user._referral_require("group_manager")
        self._activate()
        return True

    def action_new_version(self):
        """Return a form on a new draft with the same rules."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": self._name,
            "res_id": self.with_context(referral_new_version=True).copy().id,
            "views": [(False, "form")],
        }

    def action_try(self):
        """Open the window that shows what the plan would give for a contract.

        :raises AccessError: without the manager role.
        """
        self.env.user._referral_require("group_manager")
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Try the Plan"),
            "res_model": "referral.plan.trial",
            "view_mode": "form",
            "target": "new",
            "context": {"default_plan_id": self.id},
        }

    def _activate(self):
        for plan in self:
            plan._check_is_draft()
            plan._check_complete()
            standing = self.search(plan._get_standing_domain())
            vals = {"state": "active"}
            if standing and not plan.date_from:
                vals["date_from"] = plan.company_id._referral_today()
            standing._end(vals.get("date_from") or plan.date_from)
            gate.opened(plan).write(vals)
            plan.flush_recordset(["state"])

    def _check_complete(self):
        """Refuse what must not come into force."""
        self.ensure_one()
        if self.date_to and self.date_to < self.company_id._referral_today():
            raise UserError(
                self.env._(
                    "The last day of %(plan)s is over, so nothing would be in force."
                    " Give a later one, or none.",
                    plan=self.display_name,
                )
            )
        if not self.rule_ids:
            raise UserError(self.env._("Add at least one rule to the plan first."))
        self.rule_ids._check_complete()
        for rules in self.rule_ids.grouped("trigger").values():
            tiered = rules.filtered(lambda rule: rule.rate_type == "differential")
            if len(tiered.currency_id) > 1 or len(set(tiered.mapped("base"))) > 1:
                raise UserError(
                    self.env._(
                        "%(rules)s: rules that pay less what those below get take it of"
                        " the same amount, in the same currency.",
                        rules=", ".join(tiered.mapped("name")),
                    )
                )

    def _get_standing_domain(self):
        """Return the active versions that this one follows."""
        self.ensure_one()
        return (
            Domain("company_id", "=", self.company_id.id)
            & Domain("kind", "=", self.kind)
            & Domain("state", "=", "active")
        )

    def _end(self, following):
        """End these active versions the day before ``following``.

        Those that would have begun later never come into force.
        """
        for plan in self:
            today = plan.company_id._referral_today()
            last = following - timedelta(days=1)
            if plan.date_to and plan.date_to <= last:
                continue  # over by itself before
            if plan.date_from and plan.date_from > last:
                last = plan.date_from - timedelta(days=1)
            over = last < today or (plan.date_from and last < plan.date_from)
            state = "archived" if over else "active"
            gate.opened(plan).write({"date_to": last, "state": state})
        self.flush_recordset(["state", "date_to"])

    @api.model
    def _cron_archive(self):
        """Once a day: archive the versions whose last day is over."""
        for company in self.env["res.company"].search([]):
            self.search(
                Domain("company_id", "=", company.id)
                & Domain("state", "=", "active")
                & Domain("date_to", "<", company._referral_today())
            )._set_state("archived")

    def _set_state(self, state):
        gate.opened(self).write({"state": state})
        self.flush_recordset(["state"])
