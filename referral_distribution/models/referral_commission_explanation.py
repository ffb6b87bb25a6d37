from odoo import api, fields, models
from odoo.tools.misc import formatLang


class ReferralCommission(models.Model):
    """The sentence that tells how an amount came about (rule C8).

    Told from what is kept with the reward, in the reader's language.
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
        amount = formatLang(self.env, self.amount, currency_obj=self.currency_id)
        if not self.sudo().rule_id:
            return self.env._(
                "%(amount)s, granted by hand: %(reason)s",
                amount=amount,
                reason=(self.explanation or {}).get("reason", ""),
            )
        formula, where = self._get_formula(), self._get_where()
        if not formula:
            return self.env._("%(amount)s (%(where)s)", amount=amount, where=where)
        return self.env._(
            "%(formula)s = %(amount)s (%(where)s)",
            formula=formula,
            amount=amount,
            where=where,
        )

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
        facts = self.explanation or {}
        kind, rate = facts.get("rate_type"), facts.get("rate")
        if kind == "fixed":
            return ""
        base = formatLang(
            self.env, self.base_amount, currency_obj=self.base_currency_id
        )
        if kind == "bracket":
            text = self.env._("%(base)s by brackets", base=base)
        elif self.sudo()._is_share():
            return self.env._(
                "inviter level %(level)s: %(rate)s %% of %(base)s",
                level=self.level,
                rate=rate,
                base=base,
            )
        else:
            text = self.env._("%(base)s × %(rate)s %%", base=base, rate=rate)
        return text + self._get_factor_text()

    def _get_factor_text(self):
        """Return how what is in one currency is paid in another; "" if it is not."""
        factor = (self.explanation or {}).get("factor", "1")
        if self.base_currency_id == self.currency_id or float(factor) == 1:
            return ""
        return f" × {factor}"
