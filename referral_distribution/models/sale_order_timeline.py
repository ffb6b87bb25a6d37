from odoo import api, fields, models
from odoo.tools.misc import formatLang

from .referral_territory_owner import ROLES

OVER = ("confirmed", "refused")


class SaleOrder(models.Model):
    """An order's history, from the share that brought it, and what comes next (G4)."""

    _inherit = "sale.order"

    referral_timeline = fields.Html(
        string="Timeline",
        compute="_compute_referral_timeline",
        sanitize=False,  # a template of ours, which escapes what it is given
        groups=ROLES,
    )

    @api.depends("referral_lead_id", "opportunity_id", "referral_state")
    @api.depends_context("lang", "tz", "uid")
    def _compute_referral_timeline(self):
        orders = self._origin
        events = orders._get_timeline_events()
        steps = orders._get_referral_next_steps()
        for order in self:
            origin = order._origin
            order.referral_timeline = bool(events.get(origin)) and self.env[
                "ir.qweb"
            ]._render(
                "referral_distribution.referral_timeline",
                {"events": events[origin], "next_step": steps[origin]},
            )

    def _get_timeline_lead(self):
        """Return the lead that an order's history is told by."""
        self.ensure_one()
        return self.env["crm.lead"].browse(
            self.sudo().referral_lead_id.id or self.sudo().opportunity_id.id
        )

    def _get_timeline_events(self, member=None):
        """Return ``{order: events}``: its lead's, without those of other orders.

        The number of queries does not depend on the number of orders.

        :param member: see ``referral.trail.timeline._get_events``.
        """
        timeline = self.env["referral.trail.timeline"]
        leads = {order: order._get_timeline_lead() for order in self}
        told = self.env["crm.lead"].union(*leads.values())
        events = timeline._get_events(told, member)
        documents = {
            event["document"]
            for lead in told
            for event in events[lead]
            if event["document"]
        }
        owners = self.sudo()._read_owners(documents)
        return {
            order: [
                event
                for event in events.get(lead, [])
                if order.id in owners.get(event["document"], {order.id})
            ]
            for order, lead in leads.items()
        }

    @api.model
    def _read_owners(self, documents):
        """Return ``{"account.move,7": ids of the orders that it is about}``.

        What is about a lead or link is about all its orders, and not in there.
        """
        ids = {}
        for document in documents:
            model, _comma, res_id = document.partition(",")
            ids.setdefault(model, []).append(int(res_id))
        owners = {
            f"sale.order,{res_id}": {res_id} for res_id in ids.get("sale.order", ())
        }
        moves = self.env["account.move"].browse(ids.get("account.move", ())).exists()
        for move in moves:
            owners[f"account.move,{move.id}"] = set(
                move.line_ids.sale_line_ids.order_id.ids
            )
        lines = self.env["referral.commission"]
        lines = lines.browse(ids.get("referral.commission", ())).exists()
        for line in lines.filtered("order_id"):
            owners[f"referral.commission,{line.id}"] = {line.order_id.id}
        return owners

    def _is_referral_over(self):
        """Tell whether nothing is left to wait for but the payout."""
        self.ensure_one()
        return self.referral_state in OVER

    def _get_referral_next_steps(self, member=None):
        """Return ``{order: what it waits for}``, a plain sentence or "" (rule G4).

        One query for all of them; who asks may read the orders.

        :param member: res.partner the sentence is for; None: somebody of the company.
        """
        confirmed = self.filtered(lambda order: order.referral_state == "confirmed")
        rewards = self.env["referral.commission"].sudo()
        domain = [("order_id", "in", confirmed.ids)]
        if member is not None:
            domain.append(("partner_id", "=", member.id))
        rewards = rewards.search(domain).grouped("order_id") if confirmed else {}
        none = self.env["referral.commission"].sudo()
        return {
            order: order._get_next_step(rewards.get(order, none), member)
            for order in self
        }

    def _get_next_step(self, rewards, member):
        self.ensure_one()
        state = self.referral_state
        if state == "confirmed":
            return self._get_payout_step(rewards, member)
        if self.state in ("draft", "sent"):
            return self.env._(
                "Quotation %(order)s waits for the customer's answer.", order=self.name
            )
        if self.state == "cancel":
            return self.env._("%(order)s is cancelled.", order=self.name)
        return {
            "contracted": self.env._(
                "Signed. Next, the work is delivered and invoiced."
            ),
            "awaiting_completion": self.env._(
                "In progress: not everything is delivered yet."
            ),
            "awaiting_payment": self._get_payment_step(member),
            "to_confirm": self.env._("Paid in full. Waiting for finance to confirm."),
            "refused": self.env._(
                "Finance did not confirm a reward: %(reason)s",
                reason=self.referral_reason or "–",
            ),
        }.get(state, "")

    def _get_payment_step(self, member):
        """Return what of the money is waited for; the company's own people see more."""
        missing = self.referral_missing_amount
        if member is not None:
            return self.env._("Completed. Waiting for the final payment.")
        if self.currency_id.is_zero(missing):
            return self.env._(
                "Nothing is missing, but an invoice or credit note is still open."
            )
        return self.env._(
            "Completed. %(amount)s has not arrived yet.",
            amount=formatLang(self.env, missing, currency_obj=self.currency_id),
        )

    def _get_payout_step(self, rewards, member):
        """Return where the rewards of a confirmed contract are."""
        standing = rewards.filtered(lambda line: line.state in ("pending", "approved"))
        if member is None:
            if standing:
                return self.env._("Rewards are approved and wait for the next payout.")
            return self.env._("Nothing more: confirmed, and all rewards are given.")
        if standing:
            return self.env._(
                "Your reward is approved and goes out with the next payout."
            )
        if rewards:
            return self.env._("Nothing more: you have your reward.")
        return self.env._(
            "Confirmed. No reward was due to you under the plan in force."
        )
