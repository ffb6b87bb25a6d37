import re

from odoo import api, fields, models
from odoo.tools.misc import formatLang

# What a member is told of its rewards is rendered with this key in the context, also
# where staff or a job does it.
TO_MEMBER = "referral_to_member"
# Amounts that are the company's own affair.
SECRET = re.compile(r"\bmargin\b")


class ReferralCommission(models.Model):
    """The sentence that tells how an amount came about (rule C8).

    Told in the reader's language from what is kept with the reward: ``explanation``
    holds the rule's figures and the engine's notes, as text. The figures themselves,
    and the documents a reward is for, are read by staff: a member reads the sentence of
    its own rewards, which tells nothing of what the company earns (threats P1, P9).
    """

    _inherit = "referral.commission"

    explanation_text = fields.Char(
        string="Explanation",
        compute="_compute_explanation_text",
        compute_sudo=True,  # who reads a reward reads how it came about
    )

    @api.depends("explanation", "amount")
    @api.depends_context("lang", "uid", TO_MEMBER)
    def _compute_explanation_text(self):
        for line in self:
            line.explanation_text = line._get_explanation()

    def _get_explanation(self):
        """Return the figure's sentence in the user's language. A hook."""
        self.ensure_one()
        amount = self._format_paid(self.amount)
        if not self.sudo().rule_id:
            return self.env._(
                "%(amount)s, granted by hand: %(reason)s",
                amount=amount,
                reason=(self.explanation or {}).get("reason", ""),
            )
        formula, where = self._get_formula(), self._get_where()
        if not formula:
            text = self.env._("%(amount)s (%(where)s)", amount=amount, where=where)
        else:
            text = self.env._(
                "%(formula)s = %(amount)s (%(where)s)",
                formula=formula,
                amount=amount,
                where=where,
            )
        return "; ".join([text, *self._get_remarks()])

    def _get_where(self):
        """Return by what: plan and version, rule, and the contract's phase."""
        # who sees a commission may read its plan's name, without any right on plans
        rule = self.sudo().rule_id
        names = {"plan": rule.plan_id.display_name, "rule": rule.name}
        phase = (self.explanation or {}).get("phase")
        if not (self.order_id and phase):
            return self.env._("%(plan)s, %(rule)s", **names)
        return self.env._("%(plan)s, %(rule)s, phase %(phase)s", **names, phase=phase)

    def _tells_base(self):
        """Tell whether the reader may learn what the amount is a share of."""
        rule = self.sudo().rule_id
        asked = (rule.expression or "") if rule.rate_type == "expression" else ""
        if not SECRET.search(f"{rule.base} {asked}"):
            return True
        return self.env.user._is_internal() and not self.env.context.get(TO_MEMBER)

    def _get_formula(self):
        """Return what equals the amount, such as "120,000.00 × 0.5 %"; "" if it is
        simply given. A hook."""
        self.ensure_one()
        notes = self.explanation or {}
        kind, rate = notes.get("rate_type"), notes.get("rate")
        if kind == "fixed" or not self._tells_base():
            return ""
        base = self._format_money(self.base_amount, self.base_currency_id)
        if kind == "bracket":
            text = self._get_bracket_formula(base, notes)
        elif kind == "expression":
            text = self.env._("%(base)s by the rule's formula", base=base)
        elif self.sudo()._is_share():
            text = self._get_share_formula(base, rate)
        else:
            text = self.env._("%(base)s × %(rate)s %%", base=base, rate=rate)
        text += self._get_factor_text()
        if float(notes.get("below") or 0):
            text += self.env._(
                " − %(below)s given below", below=self._format_paid(notes["below"])
            )
        return text

    def _get_share_formula(self, base, rate):
        """Return whose share of the reward of who brought it this is."""
        if self.sudo().rule_id.beneficiary == "member":
            return self.env._(
                "inviter level %(level)s: %(rate)s %% of %(base)s",
                level=self.level,
                rate=rate,
                base=base,
            )
        return self.env._("%(rate)s %% of %(base)s", rate=rate, base=base)

    def _get_bracket_formula(self, base, notes):
        if not float(notes.get("earlier") or 0):
            return self.env._("%(base)s by brackets", base=base)
        earlier = self._format_money(notes["earlier"], self.base_currency_id)
        return self.env._(
            "%(base)s by brackets, after %(earlier)s before", base=base, earlier=earlier
        )

    def _get_factor_text(self):
        """Return how what is in one currency is paid in another; "" if it is not."""
        factor = (self.explanation or {}).get("factor", "1")
        if self.base_currency_id == self.currency_id or float(factor) == 1:
            return ""
        return f" × {factor}"

    def _get_remarks(self):
        """Return what else made the amount what it is, a few words each. A hook."""
        notes = self.explanation or {}
        remarks = []
        if notes.get("own_rate"):
            remarks.append(self.env._("a rate agreed with this person"))
        if notes.get("cap"):
            uncapped = self._format_paid(notes.get("uncapped"))
            remarks.append(self.env._("limited from %(uncapped)s", uncapped=uncapped))
        if float(notes.get("given_up") or 0):
            shared = self._format_paid(notes["given_up"])
            remarks.append(
                self.env._("%(shared)s of it went to inviters", shared=shared)
            )
        return remarks

    def _format_paid(self, amount):
        """Return an amount, perhaps kept as text, in what the reward is paid in."""
        return self._format_money(amount, self.currency_id)

    def _format_money(self, amount, currency):
        """Return an amount, perhaps kept as text, in a currency. A hook."""
        return formatLang(self.env, float(amount or 0), currency_obj=currency)
