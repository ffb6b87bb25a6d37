from collections import defaultdict

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools.misc import formatLang

from .memo import remembered
from .referral_territory_owner import ROLES

REFUSED_LEADS = ("invalid", "duplicate")


class SaleOrder(models.Model):
    """What an order is expected to bring to whom, from the quotation on (rule C8).

    Computed with the facts of now and, from the signature on, the contract's own plan:
    nothing is stored and nobody is promised anything. After finance's decision the
    rewards themselves tell.
    """

    _inherit = "sale.order"

    referral_forecast = fields.Html(
        string="Expected rewards",
        compute="_compute_referral_forecast",
        sanitize=False,  # a template of ours, which escapes what it is given
        groups=ROLES,
    )
    referral_forecast_text = fields.Char(
        string="Expected reward",
        compute="_compute_referral_forecast",
        groups=ROLES,
        help="What all people together are expected to get.",
    )

    @api.depends(
        "state",
        "referrer_id",
        "referral_state",
        "project_phase",
        "amount_untaxed",
        "amount_total",
        "currency_id",
        "date_order",
    )
    @api.depends_context("lang")
    def _compute_referral_forecast(self):
        told = defaultdict(list)
        forecasts = self._origin._get_referral_forecast(problems=told)
        for order in self:
            lines = forecasts.get(order._origin, [])
            problems = told[order._origin.id]
            order.referral_forecast_text = self._format_forecast(lines)
            order.referral_forecast = bool(lines or problems) and self.env[
                "ir.qweb"
            ]._render(
                "referral_distribution.referral_forecast",
                {"lines": lines, "problems": problems},
            )

    def _get_referral_forecast(self, member=None, problems=None):
        """Return ``{order: [expected reward]}``, best known now.

        Each a dict with ``partner``, ``level``, ``rule`` (records), ``amount`` and
        ``currency``. Orders that are decided, cancelled or nobody's have none, nor have
        those of a lead that does not count.

        :param member: res.partner: only what this one is to get.
        :param problems: a defaultdict that gets, by order id, a list of texts: which
            rules cannot be computed, and why.
        """
        open_orders = self.sudo().filtered(
            lambda order: (
                order.referrer_id
                and order.state in ("draft", "sent", "sale")
                and (order.state != "sale" or order.project_phase)
                and not order.referral_decision
                and order.referral_lead_id.referral_validity not in REFUSED_LEADS
            )
        )
        open_orders._fetch_referral_people()
        return {
            order.with_env(self.env): order._forecast_rewards(
                member, [] if problems is None else problems[order.id]
            )
            for order in remembered(open_orders)
        }

    def _forecast_rewards(self, member, problems):
        self.ensure_one()
        plan_id = self._get_signature_vals()["referral_plan_id"]
        rules = self.env["referral.plan"].browse(plan_id).rule_ids
        by_id = {rule.id: rule for rule in rules}
        lines, found = self._forecast_lines(rules)
        problems += found
        return [
            {
                "partner": self.env["res.partner"].browse(line.person),
                "level": line.level,
                "rule": by_id[line.rule],
                "amount": float(line.amount),
                "currency": by_id[line.rule].currency_id,
            }
            for line in lines
            if member is None or line.person == member.id
        ]

    def _forecast_lines(self, rules):
        """Return ``(engine lines, problems)``; who only looks meets no error."""
        found, problems, measured = [], [], rules._to_engine()
        triggers = set(rules.mapped("trigger"))

        def measure(facts):
            lines, failed = rules._compute(facts, measured)
            found.extend(lines)
            problems.extend(one for one in failed if one not in problems)

        try:
            for trigger in ("contract", "payment"):
                if trigger in triggers:
                    facts = self._prepare_referral_facts(trigger, rules)
                    measure(facts)
            if "order_line" in triggers:
                for line in self._get_referral_lines():
                    measure(line._prepare_referral_facts("order_line", rules))
        except UserError as error:
            return [], [error.args[0]]
        return found, problems

    @api.model
    def _format_forecast(self, lines):
        """Return the sums of expected rewards, as "¥ 660.00, 10.00 PTS"; "" if none."""
        sums = defaultdict(float)
        for line in lines:
            sums[line["currency"]] += line["amount"]
        return ", ".join(
            formatLang(self.env, amount, currency_obj=currency)
            for currency, amount in sums.items()
        )

    def _get_referral_people(self):
        people = super()._get_referral_people()
        for line in self._get_referral_forecast().get(self, ()):
            people |= line["partner"]
        return people
