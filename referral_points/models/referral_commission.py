import logging

import psycopg2

from odoo import api, models
from odoo.exceptions import UserError
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY as AGAIN
from odoo.tools import format_date
from odoo.tools.misc import formatLang

from odoo.addons.referral_distribution.engine.identity import masked
from odoo.addons.referral_distribution.models import gate

BATCH = 1000  # rewards a transaction posts

_logger = logging.getLogger(__name__)


class ReferralCommission(models.Model):
    _inherit = "referral.commission"

    def _get_due_terms(self):
        mode, days = super()._get_due_terms()
        points = self.env["ir.model.data"]._xmlid_to_res_id(  # cached, for many lines
            "referral_points.currency_pts"
        )
        if self.currency_id.id == points and not self.plan_id.points_by_period:
            return "at_once", 0
        return mode, days

    def _settle_at_once(self):
        """Points go to the wallet the moment they are approved (rules P1, C6).

        Where the plan says that points wait, they do so until they are due.
        """
        paid = super()._settle_at_once()
        points = self.env.ref("referral_points.currency_pts")
        todo = (self - paid).filtered(
            lambda line: (
                line.currency_id == points
                and (line.reverses_id or not line._waits_for_period())
            )
        )
        todo._post_earnings()
        return paid + todo

    def _waits_for_period(self):
        self.ensure_one()
        return self.due_date and self.due_date > self.company_id._referral_today()

    @api.model
    def _pay_due_elsewhere(self, company, today):
        """Post a batch of the points whose due date has come.

        What was taken back of them in the meantime is posted with them. One that cannot
        be posted is set aside, and the rest goes on (threat J4).
        """
        count = super()._pay_due_elsewhere(company, today)
        rewards = self.sudo().search(
            [
                ("company_id", "=", company.id),
                ("currency_id", "=", self.env.ref("referral_points.currency_pts").id),
                ("state", "=", "approved"),
                ("reverses_id", "=", False),
                ("due_date", "<=", today),
                ("settlement_problem", "=", False),
            ],
            order="id",
            limit=BATCH,
        )
        if rewards._try_to_post():
            for reward in rewards:
                if problem := reward._try_to_post():
                    gate.opened(reward).settlement_problem = problem
                    _logger.error(
                        "Commission %s cannot be paid: %s", reward.id, problem
                    )
        return count + len(rewards)

    def _try_to_post(self):
        """Post these rewards and what was taken back of them, all or none.

        :return: what went wrong, as text; "" when they are posted.
        """
        lines = self | self.reversal_ids.filtered(lambda line: line.state == "approved")
        try:
            with self.env.cr.savepoint():
                lines._set_state("settled")
                lines._post_earnings()
        except AGAIN:
            raise
        except (psycopg2.Error, UserError) as error:
            return str(error).strip().split("\n")[0] or "?"
        return ""

    def _post_earnings(self):
        """Post one entry per commission into its beneficiary's wallet, in a batch.

        What takes a reward back is posted as ``reverse``: points that were spent since
        become a debt, which later earnings pay first (ledger rule 3).
        """
        wallets = self.env["referral.wallet"]._of_many(
            (line.partner_id.id, line.company_id.id) for line in self
        )
        self.env["referral.wallet"]._post_batch(
            [
                {
                    "wallet_id": wallets[line.partner_id.id, line.company_id.id].id,
                    "entry_type": "reverse" if line.reverses_id else "earn",
                    "points": abs(line.amount),
                    "idempotency_key": f"commission:{line.id}",
                    "origin_ref": f"{line._name},{line.id}",
                }
                for line in self
            ]
        )

    def _format_money(self, amount, currency):
        """Points are called so in the reader's language; see the base."""
        points = self.env["ir.model.data"]._xmlid_to_res_id(  # cached, for many lines
            "referral_points.currency_pts"
        )
        if currency.id != points:
            return super()._format_money(amount, currency)
        figure = formatLang(
            self.env, float(amount or 0), digits=currency.decimal_places
        )
        return self.env._("%(figure)s points", figure=figure)

    def _get_wallet_reason(self):
        """Tell the member what the points are for (rule C8)."""
        self.ensure_one()
        if self.reverses_id:
            return self.env._(
                "Taken back: %(reward)s. %(reason)s",
                reward=self.reverses_id._get_wallet_reason(),
                reason=self._get_reason(),
            )
        if self.trigger == "share":
            day = format_date(self.env, self.share_id.share_date)
            return self.env._("First share of the day: %(day)s", day=day)
        if self.trigger == "lead_valid":
            referrer = self.lead_id.referrer_id
            if referrer and referrer != self.partner_id:
                name = masked(referrer.name)  # whose lead it is sees more of it
                return self.env._("Valid lead through %(member)s", member=name)
            name = self.lead_id._get_masked_name()
            return self.env._("Valid lead: %(lead)s", lead=name)
        return self.env._(
            "Contract %(contract)s: %(explanation)s",
            contract=self.order_id.name,
            explanation=self.explanation_text,
        )
