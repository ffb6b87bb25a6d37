from decimal import Decimal

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..engine import commission


class ReferralPlanRule(models.Model):
    """One formula: trigger x who x condition x base x rate (rule C4).

    Level 0 is who brought the lead, level 1 the inviter, level 2 the inviter's inviter.
    A rule pays in its currency: points where that is the points currency, else money.
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
    bracket_ids = fields.One2many("referral.plan.bracket", "rule_id", copy=True)

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

    @api.constrains(
        "trigger", "beneficiary", "level", "base", "rate_type", "bracket_ids"
    )
    def _check_formula(self):
        for rule in self:
            by_amount = rule.rate_type in ("percent", "bracket")
            if rule.trigger == "lead_valid" and by_amount:
                raise ValidationError(
                    self.env._(
                        "A valid lead has no amount: reward it with a fixed one, or the"
                        " channel partner as agreed with the channel."
                    )
                )
            if rule.trigger == "share" and (
                rule.rate_type != "fixed" or rule.beneficiary != "member"
            ):
                raise ValidationError(
                    self.env._(
                        "A share is the member's: reward it with a fixed amount."
                    )
                )
            if rule.base == "member_reward" and not rule.level:
                raise ValidationError(
                    self.env._("Only an inviter's rule can take a share of a reward.")
                )
            if rule.rate_type == "bracket" and (
                min(rule.bracket_ids.mapped("amount_from"), default=1) != 0
            ):
                raise ValidationError(self.env._("The first bracket starts from 0."))

    @api.model_create_multi
    def create(self, vals_list):
        rules = super().create(vals_list)
        rules.plan_id._check_is_draft()
        return rules

    def write(self, vals):
        self.plan_id._check_is_draft()
        result = super().write(vals)
        self.plan_id._check_is_draft()  # where it was moved to
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_except_in_force(self):
        self.plan_id._check_is_draft()

    def _to_engine(self):
        """Return these rules as the engine reads them."""
        return [
            commission.Rule(
                id=rule.id,
                trigger=rule.trigger,
                beneficiary=rule.beneficiary,
                level=rule.level,
                phase=rule.phase,
                base=rule.base,
                rate_type=rule.rate_type,
                rate=Decimal(repr(rule.rate)),
                amount=Decimal(repr(rule.amount)),
                brackets=tuple(
                    (Decimal(repr(step.amount_from)), Decimal(repr(step.rate)))
                    for step in rule.bracket_ids.sorted("amount_from")
                ),
                currency=rule.currency_id.name,
            )
            for rule in self
        ]

    def _get_engine_currencies(self, company, date):
        """Return ``{currency name: engine Currency}`` for what these rules pay in.

        :param company: res.company whose currency the facts are in.
        :param date: day of the rate.
        """
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
