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
        _ = self.env._
        text = _(
            "%(when)s: %(who)s gets %(what)s in %(currency)s.",
            when=self._get_label("trigger"),
            who=self._describe_who(),
            what=self._describe_what(),
            currency=self.currency_id.name or "",
        )
        conditions = self._describe_conditions()
        if conditions:
            text = _(
                "%(sentence)s Only %(conditions)s.",
                sentence=text,
                conditions="; ".join(conditions),
            )
        limits = self._describe_limits()
        if limits:
            text = _(
                "%(sentence)s At most %(limits)s.",
                sentence=text,
                limits="; ".join(limits),
            )
        return text

    def _get_label(self, name):
        labels = dict(self._fields[name]._description_selection(self.env))
        return labels.get(self[name], "")

    def _describe_who(self):
        _ = self.env._
        if self.beneficiary == "member":
            return {
                0: _("who brought it"),
                1: _("the inviter"),
                2: _("the inviter's inviter"),
            }.get(self.level, "")
        return {
            "role": _(
                "the nearest of the role “%(role)s”, from who brought it upwards",
                role=self._get_label("role"),
            ),
            "territory": _("the agent of the territory"),
            "channel_partner": _("the channel partner"),
            "contact": self.partner_id.display_name or "",
        }.get(self.beneficiary, "")

    def _describe_what(self):
        _ = self.env._
        base, rate = self._describe_base(), _percent(self.rate)
        if self.rate_type == "percent" and self._is_share():
            paid = self._get_label("sharing")
            return _(
                "%(rate)s %% of %(base)s (%(paid)s)", rate=rate, base=base, paid=paid
            )
        return {
            "fixed": self._format_money(self.amount),
            "percent": _("%(rate)s %% of %(base)s", rate=rate, base=base),
            "differential": _(
                "%(rate)s %% of %(base)s, less what those below get",
                rate=rate,
                base=base,
            ),
            "bracket": self._describe_brackets(base),
            "expression": _("what “%(formula)s” gives", formula=self.expression or ""),
            "terms": _("what is agreed with the channel"),
        }.get(self.rate_type, "")

    def _describe_base(self):
        _ = self.env._
        base = {
            "untaxed": _("the untaxed amount"),
            "total": _("the amount with taxes"),
            "margin": _("the margin"),
            "member_reward": _("the reward of who brought it"),
        }.get(self.base, self._get_label("base"))
        if self.category_ids and self.category_use == "lines" and not self._is_share():
            names = ", ".join(self.category_ids.mapped("display_name"))
            base = _("%(base)s of %(categories)s", base=base, categories=names)
        return base

    def _describe_brackets(self, base):
        _ = self.env._
        steps = [
            _(
                "%(rate)s %% from %(amount)s",
                rate=_percent(step.rate),
                amount=self._format_money(step.amount_from, self.company_currency_id),
            )
            for step in self.bracket_ids.sorted("amount_from")
        ]
        return _(
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
        _ = self.env._
        if self.phase == "range":
            last = self.phase_to
            yield (
                _("phases %(first)s to %(last)s", first=self.phase_from, last=last)
                if last
                else _("from phase %(first)s on", first=self.phase_from)
            )
        elif self.phase != "any":
            yield self._get_label("phase")
        if self.times_per_customer:
            yield _("%(times)s times per customer", times=self.times_per_customer)

    def _describe_people(self):
        _ = self.env._
        if self.tier_ids:
            yield _("tiers: %(names)s", names=", ".join(self.tier_ids.mapped("name")))
        if self.channel_kind != "any":
            yield self._get_label("channel_kind")
        if self.territory == "chosen":
            names = ", ".join(self.territory_agent_ids.mapped("name"))
            yield _("territories of %(names)s", names=names)
        elif self.territory != "any":
            yield self._get_label("territory")
        if self.fulfilment != "any":
            yield self._get_label("fulfilment")
        if self.domain and self.domain != "[]":
            yield _("what meets the further condition")

    def _describe_amounts(self):
        _ = self.env._
        if self.category_ids and self.category_use == "contract":
            names = ", ".join(self.category_ids.mapped("display_name"))
            yield _("contracts with %(categories)s", categories=names)
        currency = self.company_currency_id
        if self.amount_from:
            amount = self._format_money(self.amount_from, currency)
            yield _("contracts from %(amount)s", amount=amount)
        if self.amount_to:
            amount = self._format_money(self.amount_to, currency)
            yield _("contracts below %(amount)s", amount=amount)

    def _describe_days(self):
        _ = self.env._
        if self.date_from:
            yield _("from %(day)s", day=format_date(self.env, self.date_from))
        if self.date_to:
            yield _("until %(day)s", day=format_date(self.env, self.date_to))

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
