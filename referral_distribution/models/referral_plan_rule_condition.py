import ast
from decimal import Decimal

from odoo import api, fields, models
from odoo.exceptions import AccessError, ValidationError
from odoo.fields import Domain

# What a domain fails by when its field, record or module is gone.
NOT_THERE = (AttributeError, LookupError, SyntaxError, TypeError, ValueError)


class ReferralPlanRule(models.Model):
    """When a rule applies (rule C4). What is left empty is no condition."""

    _inherit = "referral.plan.rule"

    phase_from = fields.Integer(string="From phase")
    phase_to = fields.Integer(string="To phase", help="0: without end.")
    tier_ids = fields.Many2many(
        "res.partner.grade",
        string="Tiers",
        ondelete="restrict",  # or a rule for some would be for all
        help="Only who is of one of these tiers earns by the rule.",
    )
    category_ids = fields.Many2many(
        "product.category",
        string="Product categories",
        ondelete="restrict",
        help="With all that lie in them.",
    )
    category_use = fields.Selection(
        [
            ("lines", "Only their amounts count"),
            ("contract", "The whole contract counts"),
        ],
        string="Of these",
        required=True,
        default="lines",
    )
    channel_kind = fields.Selection(
        [
            ("any", "Any channel"),
            ("own", "Own channels"),
            ("partner", "Partner channels"),
        ],
        string="Channel",
        required=True,
        default="any",
    )
    territory = fields.Selection(
        [
            ("any", "Anywhere"),
            ("held", "In an agent's territory"),
            ("free", "Outside all territories"),
            ("chosen", "In the territory of one of these"),
        ],
        required=True,
        default="any",
    )
    territory_agent_ids = fields.Many2many(
        "res.partner",
        "referral_plan_rule_agent_rel",
        string="Agents",
        ondelete="restrict",
    )
    fulfilment = fields.Selection(
        [
            ("any", "Any delivery"),
            ("direct", "Direct sale"),
            ("prepaid", "From prepaid stock"),
        ],
        required=True,
        default="any",
    )
    amount_from = fields.Monetary(
        string="Contract from",
        currency_field="company_currency_id",
        help="Untaxed amount of the contract.",
    )
    amount_to = fields.Monetary(
        string="Contract below",
        currency_field="company_currency_id",
        help="Untaxed amount of the contract. 0: without limit.",
    )
    date_from = fields.Date(string="Signed from")
    date_to = fields.Date(string="Signed until")
    times_per_customer = fields.Integer(
        string="Times per customer",
        help="The rule pays at most so often for the contracts of one customer, over"
        " all versions of the plan. 0: without limit.",
    )
    domain = fields.Char(
        string="Further condition",
        help="What the contract or lead has to meet besides.",
    )
    domain_model = fields.Char(compute="_compute_domain_model")

    _phases_range = models.Constraint(
        "CHECK (COALESCE(phase_from, 0) >= 0 AND COALESCE(phase_to, 0) >= 0"
        " AND COALESCE(times_per_customer, 0) >= 0)",
        "Phases and times are counted from 1; 0 means without limit.",
    )
    _amounts_range = models.Constraint(
        "CHECK (COALESCE(amount_from, 0) >= 0 AND COALESCE(amount_from, 0) < 1e15"
        " AND (COALESCE(amount_to, 0) = 0"
        " OR (amount_to > COALESCE(amount_from, 0) AND amount_to < 1e15)))",
        "The contract's amounts go from zero or more up to a larger amount.",
    )
    _period_order = models.Constraint(
        "CHECK (date_from <= date_to)", "The last day lies before the first."
    )

    @api.depends("trigger")
    def _compute_domain_model(self):
        triggers = self._get_triggers()
        for rule in self:
            known = triggers.get(rule.trigger)
            rule.domain_model = known.model if known else False

    def _check_complete(self):
        result = super()._check_complete()
        self._check_conditions()
        return result

    @api.constrains(
        "trigger",
        "phase",
        "phase_from",
        "phase_to",
        "category_ids",
        "territory",
        "territory_agent_ids",
        "domain",
    )
    def _check_conditions(self):
        triggers = self._get_triggers()
        for rule in self:
            rule._check_phases()
            if rule.category_ids and not triggers[rule.trigger].amount:
                raise ValidationError(
                    self.env._(
                        "%(rule)s: only contracts have product categories.",
                        rule=rule.name,
                    )
                )
            if rule.territory == "chosen" and not rule.territory_agent_ids:
                raise ValidationError(
                    self.env._(
                        "%(rule)s: say whose territories it is about.", rule=rule.name
                    )
                )
            rule._check_domain(triggers[rule.trigger].model)

    def _check_phases(self):
        self.ensure_one()
        if self.phase == "range" and (
            not self.phase_from or 0 < self.phase_to < self.phase_from
        ):
            raise ValidationError(
                self.env._(
                    "%(rule)s: give the first phase, and a last one that is not before"
                    " it.",
                    rule=self.name,
                )
            )

    def _check_domain(self, model):
        """Refuse a condition that does not work, with the author's rights."""
        self.ensure_one()
        if not self.domain:
            return
        try:
            documents = self.env[model].sudo(False)  # constraints run as superuser
            documents.search(self._get_domain(), limit=1)
        except AccessError:
            raise
        except Exception as error:  # a domain fails in many ways
            raise ValidationError(
                self.env._(
                    "%(rule)s: “%(domain)s” is no condition. %(error)s",
                    rule=self.name,
                    domain=self.domain,
                    error=error,
                )
            ) from error

    def _get_domain(self):
        self.ensure_one()
        return Domain(ast.literal_eval(self.domain or "[]"))

    def _has_domain(self):
        self.ensure_one()
        return bool(self.domain) and not self._get_domain().is_true()

    def _get_matching(self, document):
        """Return the ids of the rules whose further condition ``document`` meets, and
        of those whose condition does not work any more, say for a removed field."""
        matching, unclear = [], []
        for rule in self.filtered("domain"):
            try:
                domain = rule._get_domain()
                if not domain.is_true() and document._meets_referral_domain(domain):
                    matching.append(rule.id)
            except NOT_THERE:
                unclear.append(rule.id)
        return tuple(matching), tuple(unclear)

    def _prepare_engine_vals(self):
        return {
            **super()._prepare_engine_vals(),
            "phase_from": self.phase_from,
            "phase_to": self.phase_to,
            "tiers": tuple(sorted(self.tier_ids.ids)),
            "categories": tuple(sorted(self.category_ids.ids)),
            "category_use": self.category_use,
            "channel_kind": self.channel_kind,
            "territory": self.territory,
            "agents": tuple(sorted(self.territory_agent_ids.ids)),
            "fulfilment": self.fulfilment,
            "amount_from": Decimal(repr(self.amount_from)),
            "amount_to": Decimal(repr(self.amount_to)),
            "date_from": self.date_from or None,
            "date_to": self.date_to or None,
            "times": self.times_per_customer,
            "has_domain": self._has_domain(),
        }
