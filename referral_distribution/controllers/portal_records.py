from odoo.fields import Domain
from odoo.http import request, route
from odoo.tools import format_date

from ..engine.identity import masked
from .portal import ReferralPortal

PAGE_SIZE = 20
# How many of the five steps a contract has behind it, by its referral state.
STEPS_DONE = {
    "contracted": 1,
    "awaiting_completion": 1,
    "awaiting_payment": 2,
    "to_confirm": 3,
    "confirmed": 4,
    "refused": 3,
}


class ReferralRecordsPortal(ReferralPortal):
    """What a member's leads became: contracts and rewards (rules G4, X1)."""

    @route(
        ["/my/referral/contracts", "/my/referral/contracts/page/<page>"],
        type="http",
        auth="user",
        website=True,
        readonly=True,
    )
    def portal_referral_contracts(self, page="1", **_unknown):
        """List the contracts of the member's customers and what each earned (C8)."""
        member = self._get_member()
        values = self._prepare_referral_layout_values("contracts")
        if not member:
            return self._render_non_member(values)
        values |= self._prepare_contract_list_values(member, page)
        return request.render("referral_distribution.portal_referral_contracts", values)

    @route(
        ["/my/referral/earnings", "/my/referral/earnings/page/<page>"],
        type="http",
        auth="user",
        website=True,
        readonly=True,
    )
    def portal_referral_earnings(self, page="1", **_unknown):
        """List every reward behind the member's "earned", with its figures (C8)."""
        member = self._get_member()
        values = self._prepare_referral_layout_values("earnings")
        if not member:
            return self._render_non_member(values)
        values |= self._prepare_earning_list_values(member, page)
        return request.render("referral_distribution.portal_referral_earnings", values)

    def _prepare_contract_list_values(self, member, page):
        orders = request.env["sale.order"].sudo()
        domain = self._get_contract_list_domain(member)
        pages = self._get_pager(
            "/my/referral/contracts", orders.search_count(domain), page, PAGE_SIZE
        )
        orders = orders.search(
            domain,
            order="date_order desc, id desc",
            offset=pages["offset"],
            limit=PAGE_SIZE,
        )
        rewards = self._get_own_rewards(member, orders)
        expected = self._get_expected_rewards(member, orders)
        hints = orders._get_referral_next_steps(member)
        events = orders._get_timeline_events(member)
        return {
            "contracts": [
                {
                    **self._prepare_contract_card(order, rewards.get(order)),
                    "expected": expected.get(order, ""),
                    "hint": hints[order],
                    "events": events[order],
                }
                for order in orders
            ],
            "pager": pages,
            "steps": [
                request.env._("Signed"),
                request.env._("Completed"),
                request.env._("Paid"),
                request.env._("Confirmed"),
                request.env._("Rewarded"),
            ],
        }

    def _get_contract_list_domain(self, member):
        """Contracts and, where members see what to expect, quotations they are in."""
        domain = self._get_contract_domain(member)
        if not request.env.company.referral_forecast_portal:
            return domain
        return domain | (
            Domain("referrer_id", "=", member.id)
            & Domain("company_id", "=", request.env.company.id)
            & Domain("state", "=", "sent")
        )

    def _get_expected_rewards(self, member, orders):
        """Return ``{order: what the member is likely to get}`` as text (rule C8)."""
        if not request.env.company.referral_forecast_portal:
            return {}
        return {
            order: orders._format_forecast(lines)
            for order, lines in orders._get_referral_forecast(member).items()
        }

    def _get_own_rewards(self, member, orders):
        """Return ``{order: the member's own commissions on it}``."""
        commissions = request.env["referral.commission"].sudo()
        return commissions.search(
            self._get_commission_domain(member) & Domain("order_id", "in", orders.ids),
            order="id",
        ).grouped("order_id")

    def _prepare_contract_card(self, order, rewards):
        """Return what a member may know of a contract, amounts in its currency."""
        customer = order.partner_id.commercial_partner_id
        rewards = rewards or request.env["referral.commission"].sudo()
        rewarded = bool(rewards) and all(
            reward.state in ("settled", "reversed") for reward in rewards
        )
        return {
            "name": order.name,
            "customer": self._get_customer_name(customer),
            "phase": order.project_phase,
            "date": order.date_order,
            "amount": order.amount_untaxed,
            "currency": order.currency_id,
            "refused": order.referral_state == "refused",
            "done": STEPS_DONE.get(order.referral_state, 0) + rewarded,
            "rewards": [self._prepare_reward_card(reward) for reward in rewards],
        }

    def _prepare_earning_list_values(self, member, page):
        rewards = request.env["referral.commission"].sudo()
        domain = self._get_commission_domain(member)
        pages = self._get_pager(
            "/my/referral/earnings", rewards.search_count(domain), page, PAGE_SIZE
        )
        rewards = rewards.search(
            domain, order="id desc", offset=pages["offset"], limit=PAGE_SIZE
        )
        labels = self._get_selection(rewards, "trigger")
        return {
            "earnings": [
                {
                    "what": labels[reward.trigger],
                    "date": reward.create_date,
                    "source": self._get_reward_source(member, reward),
                    **self._prepare_reward_card(reward),
                }
                for reward in rewards
            ],
            "earned": self._get_earned(member),
            "pager": pages,
        }

    def _get_reward_source(self, member, reward):
        """Return whom a reward came from, as far as the member may know."""
        referrer = (
            reward.order_id.referrer_id
            or reward.lead_id.referrer_id
            or reward.share_id.partner_id
        )
        if referrer and referrer != member:
            return request.env._("Through %(name)s", name=masked(referrer.name))
        if reward.order_id:
            customer = reward.order_id.partner_id.commercial_partner_id
            return f"{reward.order_id.name}, {self._get_customer_name(customer)}"
        if reward.share_id:
            return format_date(request.env, reward.share_id.share_date)
        return self._get_lead_name(reward.lead_id)

    def _prepare_reward_card(self, reward):
        return {
            "amount": reward.amount,
            "currency": reward.currency_id,
            "explanation": reward.explanation_text,
            "reversed": reward.state == "reversed",
        }

    def _get_customer_name(self, customer):
        return customer._get_masked_customer_name(request.env.company)
