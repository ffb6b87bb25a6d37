from odoo import api, fields, models
from odoo.exceptions import UserError

from . import gate


class ReferralPlan(models.Model):
    """A version of the formulas that reward people (rule C4).

    A draft is edited; activating it archives the company's version in force. Active and
    archived versions never change: contracts keep the one they were signed under.
    """

    _name = "referral.plan"
    _description = "Referral Plan"
    _order = "company_id, version desc"

    name = fields.Char(required=True, translate=True)
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
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
    _one_active_per_company = models.UniqueIndex(
        "(company_id) WHERE state = 'active'",
        "A company has one active plan at a time.",
    )

    @api.depends("name", "version")
    def _compute_display_name(self):
        for plan in self:
            plan.display_name = f"{plan.name} v{plan.version}"

    @api.model_create_multi
    def create(self, vals_list):
        newest = {}
        for vals in vals_list:
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
    def _get_active(self, company):
        """Return the company's plan in force (empty if none)."""
        return self.search([("company_id", "=", company.id), ("state", "=", "active")])

    def action_activate(self):
        """Put this draft in force and archive the version before it."""
        self.env.user._referral_require("group_manager")
        self._activate()
        return True

    def action_new_version(self):
        """Return a form on a new draft with the same rules."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": self._name,
            "res_id": self.copy().id,
            "views": [(False, "form")],
        }

    def _activate(self):
        for plan in self:
            plan._check_is_draft()
            if not plan.rule_ids:
                raise UserError(self.env._("Add at least one rule to the plan first."))
            plan.rule_ids._check_formula()
            self._get_active(plan.company_id)._set_state("archived")
            plan._set_state("active")

    def _set_state(self, state):
        gate.opened(self).write({"state": state})
        self.flush_recordset(["state"])
