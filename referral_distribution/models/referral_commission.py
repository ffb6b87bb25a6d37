from decimal import Decimal

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools.misc import formatLang

from ..engine import commission as engine
from . import gate

# A reward becomes "reversed" together with what is taken back of it; see ``_reverse``.
MOVES = {
    "pending": {"approved"},
    "approved": {"settled"},
    "settled": set(),
    "reversed": set(),
}
SOURCES = ("order_id", "lead_id", "share_id")  # what a reward stands on


class ReferralCommission(models.Model):
    """One accrual: who earns how much, for what, under which rule (rules C1-C8).

    Lines are written by ``_accrue`` and ``_reverse`` alone and never edited: a
    correction is a new line. The natural key keeps a repeated button or a retried
    request from paying twice; what was taken back in whole may be given again.
    """

    _name = "referral.commission"
    _description = "Commission"
    _order = "id desc"
    _check_company_auto = True

    company_id = fields.Many2one("res.company", required=True, index=True)
    partner_id = fields.Many2one(
        "res.partner",
        string="Beneficiary",
        required=True,
        index=True,
        ondelete="restrict",
    )
    trigger = fields.Selection(
        selection=lambda self: (
            self.env["referral.plan.rule"]
            ._fields["trigger"]
            ._description_selection(self.env)
        ),
        required=True,
    )
    lead_id = fields.Many2one("crm.lead", index="btree_not_null", ondelete="restrict")
    order_id = fields.Many2one(
        "sale.order",
        string="Contract",
        index="btree_not_null",
        ondelete="restrict",
        check_company=True,
    )
    share_id = fields.Many2one(
        "referral.share", index="btree_not_null", ondelete="restrict"
    )
    rule_id = fields.Many2one("referral.plan.rule", required=True, ondelete="restrict")
    plan_id = fields.Many2one(related="rule_id.plan_id", store=True)
    level = fields.Integer(required=True)
    base_amount = fields.Monetary(currency_field="base_currency_id")
    base_currency_id = fields.Many2one("res.currency", ondelete="restrict")
    amount = fields.Monetary(required=True)
    currency_id = fields.Many2one("res.currency", required=True, ondelete="restrict")
    state = fields.Selection(
        [
            ("pending", "Pending"),
            ("approved", "Approved"),
            ("settled", "Settled"),
            ("reversed", "Reversed"),
        ],
        required=True,
        default="pending",
        index=True,
    )
    settlement_id = fields.Many2one(
        "referral.settlement", index="btree_not_null", ondelete="restrict"
    )
    explanation = fields.Json(
        string="Figures",
        required=True,
        help="The figures the amount was computed from, as text.",
    )
    explanation_text = fields.Char(
        string="Explanation", compute="_compute_explanation_text"
    )

    _natural_key = models.UniqueIndex(
        "(trigger, rule_id, partner_id, level, COALESCE(order_id, 0),"
        " COALESCE(lead_id, 0), COALESCE(share_id, 0))"
        " WHERE reverses_id IS NULL AND state <> 'reversed'",
        "This reward has been given already.",
    )
    _amount_finite = models.Constraint(
        "CHECK (amount < 1e15 AND amount > -1e15 AND amount <> 0"
        " AND (amount > 0) = (reverses_id IS NULL))",
        "A commission is a positive amount, and what takes one back a negative one.",
    )
    _level_range = models.Constraint(
        "CHECK (level BETWEEN 0 AND 2)",
        "No more than three levels are ever paid.",
    )
    _has_source = models.Constraint(
        "CHECK (lead_id IS NOT NULL OR order_id IS NOT NULL OR share_id IS NOT NULL)",
        "A commission names the lead, contract or share it is for.",
    )
    # Rule M7: no reward for recruiting. A trigger this does not name is refused; an
    # addon that adds one redeclares it with the document the new trigger stands on.
    _trigger_has_source = models.Constraint(
        "CHECK (CASE trigger WHEN 'lead_valid' THEN lead_id IS NOT NULL"
        " WHEN 'contract' THEN order_id IS NOT NULL"
        " WHEN 'share' THEN share_id IS NOT NULL ELSE FALSE END)",
        "A reward comes from a valid lead, a contract or a share: recruiting alone"
        " earns nothing.",
    )

    @api.depends("explanation", "amount")
    @api.depends_context("lang")
    def _compute_explanation_text(self):
        for line in self:
            line.explanation_text = line._get_explanation()

    def _get_explanation(self):
        """Return the figure's sentence in the user's language (rule C8)."""
        self.ensure_one()
        facts = self.explanation or {}
        amount = formatLang(self.env, self.amount, currency_obj=self.currency_id)
        # who sees a commission may read its plan's name, without any right on plans
        rule = self.sudo().rule_id
        source = self.env._(
            "%(plan)s, %(rule)s", plan=rule.plan_id.display_name, rule=rule.name
        )
        if facts.get("rate_type") == "fixed":
            return self.env._("%(amount)s (%(rule)s)", amount=amount, rule=source)
        base = formatLang(
            self.env, self.base_amount, currency_obj=self.base_currency_id
        )
        if facts.get("rate_type") == "bracket":
            return self.env._(
                "%(base)s by brackets = %(amount)s (%(rule)s)",
                base=base,
                amount=amount,
                rule=source,
            )
        return self.env._(
            "%(base)s × %(rate)s %% = %(amount)s (%(rule)s)",
            base=base,
            rate=facts.get("rate"),
            amount=amount,
            rule=source,
        )

    @api.depends("partner_id", "amount", "currency_id")
    def _compute_display_name(self):
        for line in self:
            amount = formatLang(self.env, line.amount, currency_obj=line.currency_id)
            line.display_name = f"{line.partner_id.name} {amount}"

    def write(self, vals):
        if vals.keys() - {"state", "settlement_id"} or not gate.is_open(self.env):
            raise UserError(
                self.env._("A commission is never edited; a correction is a new line.")
            )
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_always(self):
        raise UserError(
            self.env._("A commission is never deleted; a correction is a new line.")
        )

    def _set_state(self, state):
        """Move those that may go to ``state``; those already there are left alone."""
        todo = self.filtered(lambda line: line.state != state)
        wrong = todo.filtered(lambda line: state not in MOVES[line.state])
        if wrong:
            raise UserError(
                self.env._("%(line)s cannot go there.", line=wrong[0].display_name)
            )
        gate.opened(todo.sudo()).write({"state": state})
        return todo

    def action_collect(self):
        """Put the selected approved money commissions into draft settlements.

        What their beneficiaries owe goes with them (rule C7).

        :return: window action that lists the new settlements.
        :raises UserError: when nobody is due more than is owed.
        """
        self.env.user._referral_require("group_finance")
        settlements = self.env["referral.settlement"]._collect(self)
        waiting = self.filtered(
            lambda line: line.state == "approved" and not line.settlement_id
        )
        if waiting and not settlements:
            raise UserError(
                self.env._(
                    "%(names)s: what was taken back is as much as what is due, or more."
                    " It waits for later rewards.",
                    names=", ".join(waiting.partner_id.mapped("display_name")),
                )
            )
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Settlements"),
            "res_model": "referral.settlement",
            "domain": [("id", "in", settlements.ids)],
            "view_mode": "list,form",
        }

    @api.model
    def _accrue(self, trigger, sources):
        """Write and approve what the plan gives for each source, once.

        :param str trigger: a trigger of the rules.
        :param sources: crm.lead, sale.order or referral.share; they answer
            ``_get_referral_plan``, ``_prepare_referral_facts`` and others. Those that
            are held are passed over (rule L5).
        :return: the new commissions; empty for sources that were rewarded before.
        """
        lines = self.sudo()  # without the caller's default_ keys
        for source in sources.sudo()._pass_over_held():
            rules = source._get_referral_plan().rule_ids
            facts = source._prepare_referral_facts(trigger, rules)
            vals_list = [
                self._prepare_commission_vals(source, facts, line)
                for line in engine.compute(facts, rules._to_engine())
            ]
            lines += lines._create_missing(vals_list)
        lines._approve()
        return lines

    @api.model
    def _create_missing(self, vals_list):
        """Create what is not there yet by its natural key."""
        keys = ("trigger", "rule_id", "partner_id", "level", *SOURCES)
        domain = Domain("reverses_id", "=", False) & Domain("state", "!=", "reversed")
        for key in keys:
            domain &= Domain(key, "in", {vals[key] for vals in vals_list})
        standing = {
            tuple(row[key] for key in keys)
            for row in self.search_read(domain, keys, load=None)
        }
        missing = [
            vals
            for vals in vals_list
            if tuple(vals[key] for key in keys) not in standing
        ]
        return self.create(missing)

    @api.model
    def _prepare_commission_vals(self, source, facts, line):
        rule = self.env["referral.plan.rule"].sudo().browse(line.rule)
        company = source._get_referral_company()
        own_base = rule.base != "member_reward"
        return {
            **dict.fromkeys(SOURCES, False),
            **source._prepare_commission_source_vals(),
            "company_id": company.id,
            "partner_id": line.person,
            "trigger": facts.trigger,
            "rule_id": rule.id,
            "level": line.level,
            "base_amount": float(line.base),
            "base_currency_id": (
                company.currency_id if own_base else rule.currency_id
            ).id,
            "amount": float(line.amount),
            "currency_id": rule.currency_id.id,
            "explanation": {
                "plan_version": rule.plan_id.version,
                "rate_type": rule.rate_type,
                "rate": f"{Decimal(repr(rule.rate)).normalize():f}",
                "phase": facts.phase,
                "factor": str(facts.currencies[line.currency].factor),
            },
        }

    def _approve(self):
        """Approve pending lines and pay those that are paid at once."""
        approved = self._set_state("approved")
        approved._settle_at_once()._set_state("settled")
        approved._log_rewards()

    def _log_rewards(self):
        """Write each to its lead's trail, what takes one back with its minus.

        The reward of a share has no lead yet; once its visitor becomes one, the trail
        begins with the share.
        """
        steps = []
        for line in self:
            lead = line.lead_id or line.order_id.referral_lead_id
            amount = f"{line.amount:.2f} {line.currency_id.name}"
            content = {"who": line.partner_id.id, "amount": amount}
            steps += [own._prepare_step("rewarded", content, line) for own in lead]
        self.env["referral.trail.entry"]._append_each(steps)

    def _settle_at_once(self):
        """Pay approved lines the moment they are approved. A hook.

        An override pays what it is able to pay, adds those lines to what ``super()``
        returns, and returns them; the caller moves them to "settled". A negative line
        takes back what was paid. Here nothing is paid at once: money waits for a
        settlement (rule C6).
        """
        return self.browse()
