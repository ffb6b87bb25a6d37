from odoo import api, fields, models
from odoo.tools import float_repr, format_date
from odoo.tools.misc import formatLang

from .referral_plan_rule_formula import CAPS


class ReferralPlanRule(models.Model):
    """A rule says in a sentence what it does, for who writes and reads plans (C8)."""

    _inherit = "referral.plan.rule"

    sentence = fields.Char(string="What it does", compute="_compute_sentence")

    @api.depends(
        "trigger",
        "beneficiary",
        "level",
        "role",
        "partner_id",
        "rate_type",
        "rate",
        "amount",
        "base",
        "currency_id",
        "sharing",
        "bracket_ids.amount_from",
        "bracket_ids.rate",
        "bracket_period",
        "expression",
        "phase",
        "phase_from",
        "phase_to",
        "tier_ids",
        "category_ids",
        "category_use",
        "channel_kind",
        "territory",
        "territory_agent_ids",
        "fulfilment",
        "amount_from",
        "amount_to",
        "date_from",
        "date_to",
        "times_per_customer",
        "domain",
        *CAPS.values(),
    )
    @api.depends_context("lang")
    def _compute_sentence(self):
        for rule in self:
            rule.sentence = rule._get_sentence()

    def _get_sentence(self):
        """Return the rule in words of the user's language."""
        self.ensure_one()
        told = {
            "when": self._get_label("trigger"),
            "who": self._describe_who(),
            "what": self._describe_what(),
        }
        text = (
            self.env._("%(when)s: %(who)s gets %(what)s.", **told)
            if self.rate_type == "fixed"  # an amount that names its currency
            else self.env._(
                "%(when)s: %(who)s gets %(what)s in %(currency)s.",
                **told,
                currency=self.currency_id.name or "",
            )
        )
        conditions = self._describe_conditions()
        if conditions:
            text = self.env._(
                "%(sentence)s Only %(conditions)s.",
                sentence=text,
                conditions="; ".join(conditions),
            )
        limits = self._describe_limits()
        if limits:
            text = self.env._(
                "%(sentence)s At most %(limits)s.",
                sentence=text,
                limits="; ".join(limits),
            )
        return text

    def _get_label(self, name):
        labels = dict(self._fields[name]._description_selection(self.env))
        return labels.get(self[name], "")

    def _describe_who(self):
        if self.beneficiary == "member":
            return {
                0: self.env._("who brought it"),
                1: self.env._("the inviter"),
                2: self.env._("the inviter's inviter"),
            }.get(self.level, "")
        return {
            "role": self.env._(
                "the nearest of the role “%(role)s”, from who brought it upwards",
                role=self._get_label("role"),
            ),
            "territory": self.env._("the agent of the territory"),
            "channel_partner": self.env._("the channel partner"),
            "contact": self.partner_id.display_name or "",
        }.get(self.beneficiary, "")

    def _describe_what(self):
        base, rate = self._describe_base(), _percent(self.rate)
        if self.rate_type == "percent" and self._is_share():
            paid = self._get_label("sharing")
            return self.env._(
                "%(rate)s %% of %(base)s (%(paid)s)", rate=rate, base=base, paid=paid
            )
        return {
            "fixed": self._format_money(self.amount),
            "percent": self.env._("%(rate)s %% of %(base)s", rate=rate, base=base),
            "differential": self.env._(
                "%(rate)s %% of %(base)s, less what those below get",
                rate=rate,
                base=base,
            ),
            "bracket": self._describe_brackets(base),
            "expression": self.env._(
                "what “%(formula)s” gives", formula=self.expression or ""
            ),
            "terms": self.env._("what is agreed with the channel"),
        }.get(self.rate_type, "")

    def _describe_base(self):
        base = {
            "untaxed": self.env._("the untaxed amount"),
            "total": self.env._("the amount with taxes"),
            "margin": self.env._("the margin"),
            "member_reward": self.env._("the reward of who brought it"),
        }.get(self.base, self._get_label("base"))
        if self.category_ids and self.category_use == "lines" and not self._is_share():
            names = ", ".join(self.category_ids.mapped("display_name"))
            base = self.env._("%(base)s of %(categories)s", base=base, categories=names)
        return base

    def _describe_brackets(self, base):
        steps = [
            self.env._(
                "%(rate)s %% from %(amount)s",
                rate=_percent(step.rate),
                amount=self._format_money(step.amount_from, self.company_currency_id),
            )
            for step in self.bracket_ids.sorted("amount_from")
        ]
        return self.env._(
            "of %(base)s: %(steps)s (%(period)s)",
            base=base,
            steps=", ".join(steps),
            period=self._get_label("bracket_period"),
        )

    def _describe_conditions(self):
        """Return the conditions that are set, each in a few words."""
        return [
            *self._describe_phase(),
            *self._describe_people(),
            *self._describe_amounts(),
            *self._describe_days(),
        ]

    def _describe_phase(self):
        if self.phase == "range":
            last = self.phase_to
            yield (
                self.env._(
                    "phases %(first)s to %(last)s", first=self.phase_from, last=last
                )
                if last
                else self.env._("from phase %(first)s on", first=self.phase_from)
            )
        elif self.phase != "any":
            yield self._get_label("phase")
        if self.times_per_customer:
            yield self.env._(
                "%(times)s times per customer", times=self.times_per_customer
            )

    def _describe_people(self):
        if self.tier_ids:
            yield self.env._(
                "tiers: %(names)s", names=", ".join(self.tier_ids.mapped("name"))
            )
        if self.channel_kind != "any":
            yield self._get_label("channel_kind")
        if self.territory == "chosen":
            names = ", ".join(self.territory_agent_ids.mapped("name"))
            yield self.env._("territories of %(names)s", names=names)
        elif self.territory != "any":
            yield self._get_label("territory")
        if self.fulfilment != "any":
            yield self._get_label("fulfilment")
        if self.domain and self.domain != "[]":
            yield self.env._("what meets the further condition")

    def _describe_amounts(self):
        if self.category_ids and self.category_use == "contract":
            names = ", ".join(self.category_ids.mapped("display_name"))
            yield self.env._("contracts with %(categories)s", categories=names)
        currency = self.company_currency_id
        if self.amount_from:
            amount = self._format_money(self.amount_from, currency)
            yield self.env._("contracts from %(amount)s", amount=amount)
        if self.amount_to:
            amount = self._format_money(self.amount_to, currency)
            yield self.env._("contracts below %(amount)s", amount=amount)

    def _describe_days(self):
        if self.date_from:
            yield self.env._("from %(day)s", day=format_date(self.env, self.date_from))
        if self.date_to:
            yield self.env._("until %(day)s", day=format_date(self.env, self.date_to))

    def _describe_limits(self):
        labels = {
            name: self._fields[name]._description_string(self.env)
            for name in CAPS.values()
        }
        return [
            self.env._(
                "%(amount)s %(per)s",
                amount=self._format_money(self[name]),
                per=labels[name].lower(),
            )
            for name in CAPS.values()
            if self[name]
        ]

    def _format_money(self, amount, currency=None):
        currency = currency or self.currency_id
        return formatLang(self.env, amount, currency_obj=currency)


def _percent(rate):
    return float_repr(rate, 6).rstrip("0").rstrip(".")
