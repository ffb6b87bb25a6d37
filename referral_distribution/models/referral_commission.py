from decimal import Decimal

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools.misc import formatLang

from . import gate
from .referral_calculation import Inputs

# A reward becomes "reversed" together with what is taken back of it; see ``_reverse``.
MOVES = {
    "pending": {"approved"},
    "approved": {"settled"},
    "settled": {"approved"},  # its payment was undone
    "reversed": set(),
}
# What may change of a reward, by this addon's own methods.
MOVING = {"state", "settlement_id", "due_date", "settlement_problem"}
# what a reward stands on
SOURCES = ("order_id", "order_line_id", "lead_id", "share_id")
# Read by staff. A member's own rewards must not name other members' leads or customers,
# nor what the company earns (threats P1, P9).
STAFF = "base.group_user"
# what a reward is given for once; see the unique index
KEY = ("trigger", "rule_id", "partner_id", "level", *SOURCES, "instalment")


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

    # Few indexes: each one is written again when a settlement takes the line.
    company_id = fields.Many2one("res.company", required=True)
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
    lead_id = fields.Many2one(
        "crm.lead", index="btree_not_null", ondelete="restrict", groups=STAFF
    )
    order_id = fields.Many2one(
        "sale.order",
        string="Contract",
        index="btree_not_null",
        ondelete="restrict",
        check_company=True,
        groups=STAFF,
    )
    order_line_id = fields.Many2one(
        "sale.order.line",
        string="Order line",
        index="btree_not_null",
        ondelete="restrict",
        check_company=True,
        groups=STAFF,
        help="Of a reward for one line of the contract.",
    )
    share_id = fields.Many2one(
        "referral.share", index="btree_not_null", ondelete="restrict", groups=STAFF
    )
    instalment = fields.Integer(
        string="Part",
        required=True,
        default=0,
        help="Number of the part, of a reward that is given in parts as the money"
        " comes in; 0: given in whole.",
    )
    rule_id = fields.Many2one(
        "referral.plan.rule",
        ondelete="restrict",
        help="Empty: granted by hand, for a reason.",
    )
    plan_id = fields.Many2one(related="rule_id.plan_id", store=True)
    level = fields.Integer(required=True)
    base_amount = fields.Monetary(currency_field="base_currency_id", groups=STAFF)
    base_currency_id = fields.Many2one(
        "res.currency", ondelete="restrict", groups=STAFF
    )
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
    )
    settlement_id = fields.Many2one(
        "referral.settlement", index="btree_not_null", ondelete="restrict"
    )
    explanation = fields.Json(
        string="Figures",
        required=True,
        groups=STAFF,
        help="The figures the amount was computed from, as text.",
    )

    _natural_key = models.UniqueIndex(
        "(trigger, rule_id, partner_id, level, COALESCE(order_id, 0),"
        " COALESCE(order_line_id, 0), COALESCE(lead_id, 0), COALESCE(share_id, 0),"
        " instalment) WHERE reverses_id IS NULL AND state <> 'reversed'",
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
        " WHEN 'payment' THEN order_id IS NOT NULL"
        " WHEN 'order_line' THEN order_id IS NOT NULL AND order_line_id IS NOT NULL"
        " WHEN 'manual' THEN order_id IS NOT NULL OR lead_id IS NOT NULL"
        " WHEN 'share' THEN share_id IS NOT NULL ELSE FALSE END)",
        "A reward comes from a valid lead, a contract or a share: recruiting alone"
        " earns nothing.",
    )
    # What is granted by hand under no rule is kept from coming twice by its grant.
    _rule_or_manual = models.Constraint(
        "CHECK (rule_id IS NOT NULL OR trigger = 'manual')",
        "A reward follows from a rule, or is granted by hand.",
    )
    _instalment_range = models.Constraint(
        "CHECK (instalment >= 0)", "The parts of a reward are counted from 0."
    )

    @api.depends("partner_id", "amount", "currency_id")
    def _compute_display_name(self):
        for line in self:
            amount = formatLang(self.env, line.amount, currency_obj=line.currency_id)
            line.display_name = f"{line.partner_id.name} {amount}"

    def write(self, vals):
        if vals.keys() - MOVING or not gate.is_open(self.env):
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
        :raises UserError: when nothing is due yet, or not more than is owed.
        """
        self.env.user._referral_require("group_finance")
        self.check_access("read")
        settlements = self.env["referral.settlement"]._collect(self)
        if not settlements:
            self._explain_waiting()
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
        sources = sources.sudo()._pass_over_held()
        lines = self.sudo()._give(trigger, sources)  # without default_ keys
        if trigger == "contract":
            lines += self.sudo()._give("order_line", sources._get_referral_lines())
        lines._approve()
        return lines

    @api.model
    def _give(self, trigger, sources):
        """Write what the plan gives for each source; see ``_accrue``.

        In one go, but for rules with limits: what one source is given counts for the
        next (rule C4).
        """
        lines, together = self.browse(), []
        for source in sources:
            rules = source._get_referral_plan().rule_ids
            if not rules.filtered(lambda rule: rule.trigger == trigger):
                continue
            inputs, found, problems = self._compute_lines(trigger, source, rules)
            source._tell_reward_problems(problems)
            vals_list = [
                {
                    **self._prepare_commission_vals(source, inputs.facts, line),
                    "inputs": inputs,
                }
                for line in found
            ]
            if rules._looks_back() or rules._reaches_further():
                lines += self._create_missing(vals_list)
            else:
                together += vals_list
        return lines + self._create_missing(together)

    @api.model
    def _compute_lines(self, trigger, source, rules):
        """Return ``(engine inputs, engine lines, problems)`` of one source."""
        facts = source._prepare_referral_facts(trigger, rules)
        if rules._looks_back():
            rules._query_lock_past(source, facts)
        inputs = Inputs(facts, rules._to_engine())
        return inputs, *rules._compute(*inputs)

    @api.model
    def _create_missing(self, vals_list):
        """Create what is not there yet by its natural key."""
        if not vals_list:
            return self.browse()
        domain = Domain("reverses_id", "=", False) & Domain("state", "!=", "reversed")
        for name in ("trigger", "rule_id", *SOURCES):
            domain &= Domain(name, "in", list({vals[name] for vals in vals_list}))
        standing = {
            tuple(line[name] for name in KEY)
            for line in self.search(domain).read(KEY, load="")
        }
        found = {tuple(vals[name] for name in KEY): vals for vals in vals_list}
        return self.create([vals for key, vals in found.items() if key not in standing])

    @api.model
    def _prepare_commission_vals(self, source, facts, line):
        rule = self.env["referral.plan.rule"].sudo().browse(line.rule)
        company = source._get_referral_company()
        own_base = not rule._is_share()
        return {
            **dict.fromkeys(SOURCES, False),
            **source._prepare_commission_source_vals(),
            "instalment": 0,
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
                **line.notes,
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
        told = {
            line: line.lead_id or line.order_id.referral_lead_id for line in self.sudo()
        }
        self.env["referral.trail.entry"]._append_each(
            [
                lead._prepare_step("rewarded", line._prepare_trail_content(), line)
                for line, lead in told.items()
                if lead
            ]
        )

    def _prepare_trail_content(self):
        """Return what the trail tells about this line; people as ids. A hook."""
        self.ensure_one()
        return {
            "who": self.partner_id.id,
            "amount": f"{self.amount:.2f} {self.currency_id.name}",
        }

    def _settle_at_once(self):
        """Pay approved lines the moment they are approved. A hook.

        An override pays what it is able to pay, adds those lines to what ``super()``
        returns, and returns them; the caller moves them to "settled". A negative line
        takes back what was paid. Here nothing is paid at once: money waits for a
        settlement (rule C6).
        """
        return self.browse()
