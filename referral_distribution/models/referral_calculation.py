import json
from typing import NamedTuple

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..engine import canonical
from ..engine import commission as engine
from ..engine.immutable import protect
from . import gate


def outline(data, labels, depth=0):
    """Yield ``(depth, label, value)`` for each line of what JSON holds.

    >>> list(outline({"phase": 1, "bases": {"total": "5"}}, {"phase": "Phase"}))
    [(0, 'Phase', '1'), (0, 'bases', ''), (1, 'total', '5')]
    """
    named = data.items() if isinstance(data, dict) else enumerate(data, 1)
    for key, value in named:
        label = labels.get(key, str(key))
        if isinstance(value, dict | list):
            yield depth, label, ""
            yield from outline(value, labels, depth + 1)
        else:
            yield depth, label, str(value)


class Inputs(NamedTuple):
    """What the engine is given. As ``inputs`` among the values of a new commission it
    is kept as that one's calculation."""

    facts: engine.Facts
    rules: list[engine.Rule]


class ReferralCalculation(models.Model):
    """What rewards were computed from, word by word (rule C8).

    The facts of one event and the rules it was measured by, as the engine read them.
    Rows are written when a reward is given, and the table refuses every change: from
    them alone the engine gives the same cents again, whatever has become of plan,
    people, contract or exchange rate since.
    """

    _name = "referral.calculation"
    _description = "Calculation"
    _order = "id desc"

    company_id = fields.Many2one("res.company", required=True, ondelete="restrict")
    facts = fields.Text(required=True, help="What happened, as canonical JSON.")
    rules = fields.Text(required=True, help="The rules it was measured by.")
    facts_table = fields.Html(
        string="Facts in words", compute="_compute_tables", sanitize=False
    )
    rules_table = fields.Html(
        string="Rules in words", compute="_compute_tables", sanitize=False
    )
    commission_ids = fields.One2many("referral.commission", "calculation_id")

    def init(self):
        protect(self.env.cr, self._table)

    def _compute_display_name(self):
        for calculation in self:
            calculation.display_name = self.env._(
                "Calculation %(number)s", number=calculation.id or ""
            )

    @api.depends("facts", "rules")
    @api.depends_context("lang")
    def _compute_tables(self):
        labels = self._get_labels()
        for calculation in self:
            for name in ("facts", "rules"):
                rows = list(outline(json.loads(calculation[name] or "[]"), labels))
                calculation[f"{name}_table"] = self.env["ir.qweb"]._render(
                    "referral_distribution.calculation_inputs", {"rows": rows}
                )

    @api.model
    def _get_labels(self):
        """Return what the engine's fields are called in the reader's language. A hook.

        What has no label here is shown by its own name.
        """
        return {
            "amount": self.env._("Amount"),
            "base": self.env._("Base"),
            "bases": self.env._("Amounts of the contract"),
            "beneficiary": self.env._("Beneficiary"),
            "brackets": self.env._("Brackets"),
            "channel_partner": self.env._("Channel partner"),
            "currencies": self.env._("Currencies"),
            "currency": self.env._("Paid in"),
            "deal_share": self.env._("Share of the deal (%)"),
            "earns": self.env._("Earns"),
            "factor": self.env._("For one of the company's currency"),
            "id": self.env._("Number"),
            "lead_fee": self.env._("Fee per lead"),
            "level": self.env._("Level"),
            "members_earn": self.env._("Members earn"),
            "paying_levels": self.env._("Paying levels"),
            "people": self.env._("People"),
            "phase": self.env._("Phase"),
            "rate": self.env._("Rate (%)"),
            "rate_type": self.env._("Formula"),
            "rounding": self.env._("Rounded to"),
            "terms": self.env._("Agreed with the channel"),
            "total": self.env._("With taxes"),
            "trigger": self.env._("Trigger"),
            "untaxed": self.env._("Untaxed"),
        }

    @api.model_create_multi
    def create(self, vals_list):
        self._check_gate()
        return super().create(vals_list)

    def write(self, vals):
        if self:
            raise UserError(
                self.env._("What a reward was computed from is never edited.")
            )
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_always(self):
        raise UserError(self.env._("What a reward was computed from is never deleted."))

    def _check_gate(self):
        if not gate.is_open(self.env):
            raise UserError(self.env._("A calculation is written by the system only."))

    @api.model
    def _keep(self, company, inputs):
        """Keep the ``Inputs`` of a computation, and return the row."""
        return gate.opened(self.sudo()).create(
            {
                "company_id": company.id,
                "facts": canonical.write(inputs.facts),
                "rules": canonical.write(tuple(inputs.rules)),
            }
        )

    def _compute_lines(self):
        """Return the engine's lines from what is kept, and nothing else.

        :raises ValueError: when this version of the engine cannot read it.
        """
        self.ensure_one()
        facts = canonical.read(engine.Facts, self.facts)
        rules = canonical.read(tuple[engine.Rule, ...], self.rules)
        return engine.compute(facts, rules)
