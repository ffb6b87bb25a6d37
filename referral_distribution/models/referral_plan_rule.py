from collections import namedtuple
from decimal import Decimal

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..engine import commission
from .finite import check_finite

# What a trigger's documents offer. model: name of the documents' model; amount: they
# have amounts to take a share of; for_all: others than members may earn by it.
Trigger = namedtuple("Trigger", "model amount for_all", defaults=(True, True))


class ReferralPlanRule(models.Model):
    """One formula: trigger x who x condition x base x rate (rule C4).

    Level 0 is who brought the lead, level 1 the inviter, level 2 the inviter's inviter.
    A rule pays in its currency: points where that is the points currency, else money.

    Triggers are a registry. An addon adds one by ``trigger =
    fields.Selection(selection_add=[...], ondelete=...)``, an entry in
    ``_get_triggers``, and the constraints ``_trigger_known`` here and
    ``_trigger_has_source`` on ``referral.commission`` with the document it stands on;
    then ``referral.commission._accrue(trigger, documents)`` gives the rewards.
    """

    _name = "referral.plan.rule"
    _description = "Referral Plan Rule"
    _order = "plan_id, sequence, id"

    plan_id = fields.Many2one(
        "referral.plan", required=True, index=True, ondelete="cascade"
    )
    sequence = fields.Integer(default=10)
    name = fields.Char(required=True, translate=True)
    trigger = fields.Selection(
        [
            ("share", "First share of the day"),
            ("lead_valid", "Lead found valid"),
            ("contract", "Contract confirmed"),
            ("payment", "Payment received"),
            ("order_line", "Order line of a confirmed contract"),
            ("manual", "By hand"),
        ],
        required=True,
        default="contract",
    )
    beneficiary = fields.Selection(
        [
            ("member", "Member"),
            ("role", "Nearest above with a role"),
            ("territory", "Agent of the territory"),
            ("channel_partner", "Channel partner"),
            ("contact", "A named contact"),
        ],
        required=True,
        default="member",
    )
    level = fields.Integer(
        help="0: who brought it; 1: the inviter above; 2: the inviter's inviter."
    )
    phase = fields.Selection(
        [
            ("any", "Every contract"),
            ("first", "First contract of a customer"),
            ("repeat", "Second and later contracts"),
            ("range", "From one phase to another"),
        ],
        required=True,
        default="any",
    )
    rate_type = fields.Selection(
        [
            ("fixed", "Fixed amount"),
            ("percent", "Per cent"),
            ("differential", "Per cent, less what those below get"),
            ("bracket", "Marginal brackets"),
            ("expression", "Formula"),
            ("terms", "As agreed with the channel"),
        ],
        required=True,
        default="percent",
    )
    base = fields.Selection(
        [
            ("untaxed", "Untaxed amount"),
            ("total", "Amount with taxes"),
            ("margin", "Margin"),
            ("member_reward", "Reward of who brought it"),
        ],
        default="untaxed",
        required=True,
    )
    rate = fields.Float(string="Rate (%)", digits=(16, 6))
    amount = fields.Monetary()
    currency_id = fields.Many2one(
        "res.currency",
        required=True,
        ondelete="restrict",
        default=lambda self: self.env.company.currency_id,
        help="What the rule pays in.",
    )
    place = fields.Selection(
        [
            ("0", "Who brought it"),
            ("1", "The inviter"),
            ("2", "The inviter's inviter"),
        ],
        string="Which member",
        compute="_compute_place",
        inverse="_inverse_place",
    )
    bracket_ids = fields.One2many("referral.plan.bracket", "rule_id", copy=True)
    company_id = fields.Many2one(related="plan_id.company_id")
    company_currency_id = fields.Many2one(
        related="plan_id.company_id.currency_id", string="Company currency"
    )
    origin_id = fields.Many2one(
        "referral.plan.rule",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
        help="The rule of the first version this one was copied from: limits count over"
        " all versions.",
    )

    _level_range = models.Constraint(
        "CHECK (level BETWEEN 0 AND 2)",
        "No more than three levels are ever paid.",
    )
    # Rule M7; see the same guard on ``referral.commission``.
    _trigger_known = models.Constraint(
        "CHECK (trigger IN ('share', 'lead_valid', 'contract', 'payment', 'order_line',"
        " 'manual'))",
        "A rule rewards shares, valid leads or contracts: recruiting alone earns"
        " nothing.",
    )
    _rate_range = models.Constraint(
        "CHECK (rate IS NULL OR rate BETWEEN 0 AND 100)",
        "A rate lies between 0 and 100 per cent.",
    )
    _amount_finite = models.Constraint(
        "CHECK (amount IS NULL OR (amount >= 0 AND amount < 1e12))",
        "A fixed amount is zero or more.",
    )

    _terms_are_partners = models.Constraint(
        "CHECK (rate_type <> 'terms' OR (beneficiary = 'channel_partner'"
        " AND level = 0 AND base <> 'member_reward'))",
        "Only the channel partner is paid as agreed with the channel: choose it as"
        " beneficiary, at level 0, with an amount of the contract as base.",
    )

    @api.depends("level")
    def _compute_place(self):
        for rule in self:
            rule.place = str(rule.level or 0)

    def _inverse_place(self):
        for rule in self:
            rule.level = int(rule.place or 0)

    @api.onchange("place")
    def _onchange_place(self):
        self.level = int(self.place or 0)

    @api.model
    def _get_triggers(self):
        """Return ``{trigger: Trigger}``. A hook for addons that add one."""
        return {
            "share": Trigger("referral.share", amount=False, for_all=False),
            "lead_valid": Trigger("crm.lead", amount=False),
            "contract": Trigger("sale.order"),
            "payment": Trigger("sale.order"),
            "order_line": Trigger("sale.order"),
            "manual": Trigger("sale.order"),
        }

    @api.constrains("trigger", "beneficiary", "level", "base", "rate_type")
    def _check_formula(self):
        """Refuse formulas that make no sense; see also the other parts of the rule."""
        triggers = self._get_triggers()
        for rule in self:
            rule._check_trigger(triggers[rule.trigger])
            rule._check_share()

    def _check_complete(self):
        """Check everything once more before a plan comes into force. A hook.

        What rules point to may have changed since they were written.
        """
        self._check_formula()
        for company, rules in self.grouped("company_id").items():
            rules.currency_id._referral_check_rate(company)

    def _is_share(self):
        """Tell whether the rule gives a share of what the referrer earns."""
        self.ensure_one()
        return self.base == "member_reward" and self.rate_type != "fixed"

    def _check_trigger(self, trigger):
        self.ensure_one()
        if not trigger.for_all and (
            self.beneficiary != "member"
            or not (self.rate_type == "fixed" or self._is_share())
        ):
            raise ValidationError(
                self.env._("A share is the member's: reward it with a fixed amount.")
            )
        if not (
            trigger.amount or self.rate_type in ("fixed", "terms") or self._is_share()
        ):
            raise ValidationError(
                self.env._(
                    "A valid lead has no amount: reward it with a fixed one, or the"
                    " channel partner as agreed with the channel."
                )
            )

    def _check_share(self):
        self.ensure_one()
        of_oneself = self.beneficiary == "member" and not self.level
        if self.base == "member_reward" and (
            of_oneself or self.beneficiary == "channel_partner"
        ):
            raise ValidationError(
                self.env._("Only an inviter's rule can take a share of a reward.")
            )

    def copy_data(self, default=None):
        """A copy in a new version continues the rule it was copied from."""
        vals_list = super().copy_data(default)
        for rule, vals in zip(self, vals_list, strict=True):
            if self.env.context.get("referral_new_version"):
                vals["origin_id"] = (rule.origin_id or rule).id
        return vals_list

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            check_finite(self, vals)
        rules = super().create(vals_list)
        rules.plan_id._check_is_draft()
        return rules

    def write(self, vals):
        check_finite(self, vals)
        self.plan_id._check_is_draft()
        result = super().write(vals)
        self.plan_id._check_is_draft()  # where it was moved to
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_except_in_force(self):
        self.plan_id._check_is_draft()

    def _to_engine(self):
        """Return these rules as the engine reads them."""
        return [commission.Rule(**rule._prepare_engine_vals()) for rule in self]

    def _prepare_engine_vals(self):
        """Return the values of the engine's ``Rule``. A hook."""
        self.ensure_one()
        return {
            "id": self.id,
            "trigger": self.trigger,
            "beneficiary": self.beneficiary,
            "level": self.level,
            "phase": self.phase,
            # what is chosen behind a fixed amount does not count
            "base": self.base if self.rate_type != "fixed" else "",
            "rate_type": self.rate_type,
            "rate": Decimal(repr(self.rate)),
            "amount": Decimal(repr(self.amount)),
            "brackets": tuple(
                (Decimal(repr(step.amount_from)), Decimal(repr(step.rate)))
                for step in self.bracket_ids.sorted("amount_from")
            ),
            "currency": self.currency_id.name,
        }

    def _get_engine_currencies(self, company, date):
        """Return ``{currency name: engine Currency}`` for what these rules pay in.

        :param company: res.company whose currency the facts are in.
        :param date: day of the rate.
        :raises UserError: for a currency that has no rate.
        """
        self.currency_id._referral_check_rate(company)
        return {
            currency.name: commission.Currency(
                factor=Decimal(
                    repr(
                        currency._get_conversion_rate(
                            company.currency_id, currency, company, date
                        )
                    )
                ),
                rounding=Decimal(repr(currency.rounding)),
            )
            for currency in self.currency_id
        }
