from odoo import api, fields, models
from odoo.tools.misc import formatLang


class ReferralCommission(models.Model):
    """The sentence that tells how an amount came about (rule C8).

    Told in the reader's language from what is kept with the reward: ``explanation``
    holds the rule's figures and the engine's notes, as text.
    """

    _inherit = "referral.commission"

    explanation_text = fields.Char(
        string="Explanation", compute="_compute_explanation_text"
    )

    @api.depends("explanation", "amount")
    @api.depends_context("lang")
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

    def _get_formula(self):
        """Return what equals the amount, such as "120,000.00 × 0.5 %"; "" if it is
        simply given. A hook."""
        self.ensure_one()
        notes = self.explanation or {}
        kind, rate = notes.get("rate_type"), notes.get("rate")
        base = formatLang(
            self.env, self.base_amount, currency_obj=self.base_currency_id
        )
        if kind == "fixed":
            return ""
        if kind == "bracket":
            text = self._get_bracket_formula(base, notes)
        elif kind == "expression":
            text = self.env._("%(base)s by the rule's formula", base=base)
        elif self.sudo()._is_share():
            return self.env._(
                "inviter level %(level)s: %(rate)s %% of %(base)s",
                level=self.level,
                rate=rate,
                base=base,
            )
        else:
            text = self.env._("%(base)s × %(rate)s %%", base=base, rate=rate)
        text += self._get_factor_text()
        if float(notes.get("below") or 0):
            text += self.env._(
                " − %(below)s given below", below=self._format_paid(notes["below"])
            )
        return text

    def _get_bracket_formula(self, base, notes):
        if not float(notes.get("earlier") or 0):
            return self.env._("%(base)s by brackets", base=base)
        earlier = formatLang(
            self.env, float(notes["earlier"]), currency_obj=self.base_currency_id
        )
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
        return formatLang(self.env, float(amount or 0), currency_obj=self.currency_id)
