import json
from typing import NamedTuple

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..engine import canonical
from ..engine import commission as engine
from ..engine.immutable import protect
from . import gate

# Where a number is a contact's.
PEOPLE = (
    *("people", "chain", "channel_partner", "contacts", "territory_agent"),
    *("past", "rates"),
)


def outline(data, tell, depth=0, above=""):
    """Yield ``(depth, label, value)`` for each line of what JSON holds.

    :param tell: function from what stands above, the name and the value (None: further
        lines follow) to label and text.

    >>> told = {"phase": 1, "bases": {"total": "5"}}
    >>> list(outline(told, lambda above, name, value: (name.title(), str(value or ""))))
    [(0, 'Phase', '1'), (0, 'Bases', ''), (1, 'Total', '5')]
    """
    if isinstance(data, list):
        data = {str(number): value for number, value in enumerate(data, 1)}
    for name, value in data.items():
        more = isinstance(value, dict | list)
        yield depth, *tell(above, name, None if more else value)
        if more:
            yield from outline(
                value, tell, depth + 1, above if name.isdigit() else name
            )


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
    _log_access = False  # a row outlives the user who gave the reward

    company_id = fields.Many2one("res.company", required=True, ondelete="restrict")
    kept_at = fields.Datetime(
        string="Kept on", required=True, default=lambda self: self.env.cr.now()
    )
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
        tell = self._get_teller()
        for calculation in self:
            for name in ("facts", "rules"):
                rows = list(outline(json.loads(calculation[name] or "[]"), tell))
                calculation[f"{name}_table"] = self.env["ir.qweb"]._render(
                    "referral_distribution.calculation_inputs", {"rows": rows}
                )

    def _get_teller(self):
        """Return the function that tells a line in the reader's language.

        What rules are made of is called as on the plan, with its choices.
        """
        known = self.env["referral.plan.rule"].sudo().fields_get()
        labels = {name: field["string"] for name, field in known.items()}
        labels |= dict(known["base"]["selection"]) | self._get_labels()
        choices = {
            n: dict(f["selection"]) for n, f in known.items() if "selection" in f
        }
        partners = self.env["res.partner"].sudo()

        def tell(above, name, value):
            if name in ("id", "person") and above in PEOPLE:
                who = partners.browse(value).exists().display_name
                return labels["person"], f"{who or self.env._('Gone')} ({value})"
            label = labels.get(name, name)
            if isinstance(value, bool):
                return label, self.env._("Yes") if value else self.env._("No")
            text = choices.get(name, {}).get(value, value)
            return label, "" if value is None else str(text)

        return tell

    @api.model
    def _get_labels(self):
        """Return what the engine's facts are called in the reader's language. A hook.

        What has no label here or on the plan's rules is shown by its own name.
        """
        return {
            "bases": self.env._("Amounts of the contract"),
            "brackets": self.env._("Brackets"),
            "categories": self.env._("Product categories"),
            "chain": self.env._("Nearest of each role"),
            "channel_partner": self.env._("Channel partner"),
            "contacts": self.env._("Named contacts"),
            "currencies": self.env._("Currencies"),
            "currency": self.env._("Paid in"),
            "day": self.env._("Day"),
            "deal_share": self.env._("Share of the deal (%)"),
            "earns": self.env._("Earns"),
            "factor": self.env._("For one of the company's currency"),
            "for_customer": self.env._("For this customer alone"),
            "id": self.env._("Number"),
            "lead_fee": self.env._("Fee per lead"),
            "matching": self.env._("Rules whose condition is met"),
            "members_earn": self.env._("Members earn"),
            "parts": self.env._("By product category"),
            "past": self.env._("Given before"),
            "paying_levels": self.env._("Paying levels"),
            "people": self.env._("Referrer and inviters"),
            "person": self.env._("Person"),
            "place": self.env._("Levels above the referrer"),
            "rates": self.env._("Rates of their own"),
            "rounding": self.env._("Rounded to"),
            "terms": self.env._("Agreed with the channel"),
            "territory_agent": self.env._("Agent of the territory"),
            "tier": self.env._("Tier"),
            "unclear": self.env._("Rules whose condition does not work"),
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
    def _keep(self, computed):
        """Keep what was computed, in one go, and return a row for each.

        :param computed: list of ``(id of the company, Inputs)``.
        """
        return gate.opened(self.sudo()).create(
            [
                {
                    "company_id": company_id,
                    "facts": canonical.write(inputs.facts),
                    "rules": canonical.write(tuple(inputs.rules)),
                }
                for company_id, inputs in computed
            ]
        )
