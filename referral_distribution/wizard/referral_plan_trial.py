from decimal import Decimal

from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools.misc import formatLang

from ..engine import commission as engine

TRIALS = ("contract", "lead_valid", "share", "payment", "order_line")


class ReferralPlanTrial(models.TransientModel):
    """Tries a plan on a contract that does not exist (rules C4, C8).

    Nothing is written: the window shows who would earn how much, and why. A further
    condition of a rule counts as met, since there is no document to look at.
    """

    _name = "referral.plan.trial"
    _description = "Try a Plan"
    _inherit = ("referral.reward.source",)

    plan_id = fields.Many2one("referral.plan", required=True, ondelete="cascade")
    company_id = fields.Many2one(related="plan_id.company_id")
    currency_id = fields.Many2one(related="plan_id.company_id.currency_id")
    trigger = fields.Selection(
        selection=lambda self: [
            (name, label)
            for name, label in self.env["referral.plan.rule"]
            ._fields["trigger"]
            ._description_selection(self.env)
            if name in TRIALS
        ],
        required=True,
        default="contract",
    )
    amount = fields.Monetary(string="Untaxed amount", default=120000.0)
    tax_amount = fields.Monetary(string="Taxes")
    phase = fields.Integer(default=1)
    referrer_id = fields.Many2one(
        "res.partner",
        string="Who brought it",
        domain="[('member_state', '=', 'active')]",
        default=lambda self: self._default_referrer_id(),
    )
    customer_id = fields.Many2one("res.partner")
    channel_id = fields.Many2one("referral.channel")
    category_id = fields.Many2one("product.category", string="Product category")
    territory_agent_id = fields.Many2one(
        "res.partner",
        string="Territory of",
        domain="[('referral_role', '=', 'agent')]",
    )
    fulfilment = fields.Selection(
        [("direct", "Direct sale"), ("prepaid", "From prepaid stock")],
        required=True,
        default="direct",
    )
    day = fields.Date(default=lambda self: self.env.company._referral_today())
    result = fields.Html(compute="_compute_result", sanitize=False)

    @api.model
    def _default_referrer_id(self):
        """Return a member who was invited, so that inviters' shares show."""
        members = self.env["res.partner"]
        active = [("member_state", "=", "active"), ("inviter_id", "!=", False)]
        return members.search(active, order="id desc", limit=1)

    @api.depends(
        "plan_id",
        "trigger",
        "amount",
        "tax_amount",
        "phase",
        "referrer_id",
        "customer_id",
        "channel_id",
        "category_id",
        "territory_agent_id",
        "fulfilment",
        "day",
    )
    @api.depends_context("lang")
    def _compute_result(self):
        for trial in self:
            trial.result = trial._render()

    def _render(self):
        """Return what the plan gives, as a table."""
        self.ensure_one()
        if not self.referrer_id:
            return self._note(self.env._("Choose who brought it."))
        rules = self.sudo().plan_id.rule_ids
        try:
            facts = self.sudo()._prepare_referral_facts(self.trigger, rules)
            lines, problems = rules._compute(facts)
        except UserError as error:  # a currency without rate
            return self._note(error.args[0])
        failures = Markup("").join(map(self._note, problems))
        if failures:
            return self._render_lines(facts, lines) + failures
        if not lines:
            return self._note(
                self.env._("Nobody would earn anything: no rule applies to this.")
            )
        return self._render_lines(facts, lines)

    def _render_lines(self, facts, lines):
        if not lines:
            return Markup("")
        head = (
            self.env._("Who"),
            self.env._("Rule"),
            self.env._("How it comes about"),
            self.env._("Amount"),
        )
        rows = Markup("").join(
            Markup(
                "<tr><td>{}</td><td>{}</td><td>{}</td><td class='text-end'>{}</td></tr>"
            ).format(*row)
            for row in self._describe_lines(facts, lines)
        )
        return Markup(
            "<table class='table table-sm'><thead><tr><th>{}</th><th>{}</th><th>{}</th>"
            "<th class='text-end'>{}</th></tr></thead><tbody>{}</tbody></table>"
        ).format(*head, rows)

    def _describe_lines(self, facts, lines):
        """Return ``(who, rule, explanation, amount)`` of each line, in words."""
        commissions = self.env["referral.commission"].sudo()
        for line in lines:
            vals = commissions._prepare_commission_vals(self.sudo(), facts, line)
            shown = commissions.new(vals)
            yield (
                shown.partner_id.display_name,
                shown.rule_id.name,
                shown._get_explanation(),
                formatLang(self.env, shown.amount, currency_obj=shown.currency_id),
            )

    def _note(self, text):
        return Markup("<p class='text-muted'>{}</p>").format(text)

    # ---------------------------------------------- what ``_complete_facts`` asks

    def _get_referral_company(self):
        return self.plan_id.company_id

    def _get_referral_day(self):
        return self.day or self._get_referral_company()._referral_today()

    def _get_referral_person(self):
        return self.referrer_id

    def _get_referral_source_channel(self):
        return self.channel_id

    def _get_referral_customer(self):
        return self.customer_id.commercial_partner_id

    def _get_referral_fulfilment(self):
        return self.fulfilment

    def _get_referral_parts(self):
        return [(self.category_id, self._get_bases())]

    def _meets_referral_domain(self, domain):
        return True

    def _prepare_commission_source_vals(self):
        return {}

    def _get_referral_rewarded_lines(self, rule):
        return self.env["sale.order.line"]

    def _get_bases(self):
        untaxed = Decimal(repr(self.amount))
        total = untaxed + Decimal(repr(self.tax_amount))
        return {"untaxed": untaxed, "total": total, "margin": untaxed}

    def _prepare_referral_facts(self, trigger, rules):
        """Return the facts of what was typed in, in company currency."""
        company = self._get_referral_company()
        facts = engine.Facts(
            trigger=trigger,
            phase=self.phase,
            bases=self._get_bases(),
            currencies=rules._get_engine_currencies(company, self._get_referral_day()),
            terms=engine.Terms(
                lead_fee=Decimal(repr(self.channel_id.lead_fee)),
                deal_share=Decimal(repr(self.channel_id.deal_share)),
            ),
            **self.referrer_id._prepare_referral_people(company, self.channel_id),
        )
        return rules._complete_facts(self, facts)
