from datetime import date
from decimal import Decimal

import pytz

from odoo import fields, models
from odoo.tools import SQL

from ..engine.commission import Past
from ..engine.period import days_ago

PERIODS = ("month", "year")


class ReferralPlanRule(models.Model):
    """What a rule has given before, which its limits and brackets go by (rule C4).

    All versions of a rule count together. Rewards that were taken back do not count, in
    whole or in part. A plan without limits costs no query.
    """

    _inherit = "referral.plan.rule"

    def _get_past_scopes(self):
        """Return over what the rule looks back: words of the engine's ``Past``."""
        self.ensure_one()
        scopes = {scope for scope, _amount in self._prepare_engine_vals()["caps"]}
        if self.times_per_customer:
            scopes.add("customer")
        if self.rate_type == "bracket" and self.bracket_period in PERIODS:
            scopes.add(self.bracket_period)
        return scopes

    def _looks_back(self):
        """Return those of these rules that depend on what was given before."""
        return self.filtered(lambda rule: rule._get_past_scopes())

    def _find_past(self, document, facts):
        """Return what these rules gave before they rewarded ``document``.

        :param document: see ``referral.reward.source``.
        :param facts: engine.commission.Facts; of its people the past is read.
        """
        rules = self.filtered(lambda rule: rule.trigger == facts.trigger)
        wanted = {rule: rule._get_past_scopes() for rule in rules}
        rules = self.browse(rule.id for rule in rules if wanted[rule])
        if not rules:
            return ()
        people = [*facts.people, *facts.chain, *facts.contacts]
        people += [one for one in (facts.territory_agent, facts.channel_partner) if one]
        before = rules._query_first_reward(document)
        past = []
        for scope in sorted(set().union(*wanted.values())):
            some = rules.filtered(lambda rule, scope=scope: scope in wanted[rule])
            where = self._get_past_where(
                scope, document, sorted({one.id for one in people}), before[1]
            )
            if where:
                past += some._query_past(scope, where, before[0])
        return tuple(past)

    def _query_lock_past(self, document, facts):
        """Let what depends on the same people's or customer's past be given in turn.

        Of two at once, the second gets a serialization failure, is tried again by Odoo,
        and then counts what the first has given.
        """
        people = {one.id for one in (*facts.people, *facts.chain, *facts.contacts)}
        people |= set(document._get_referral_customer().ids)
        self.env.cr.execute(
            SQL(
                "UPDATE res_partner SET write_date = write_date WHERE id IN"
                " (SELECT id FROM res_partner WHERE id = ANY(%s) ORDER BY id"
                " FOR NO KEY UPDATE)",
                sorted(people),
            )
        )

    def _get_lineage(self):
        """Return ``{id of any version: rule of these}``."""
        origins = {(rule.origin_id or rule).id: rule for rule in self}
        versions = self.sudo().search(
            ["|", ("id", "in", list(origins)), ("origin_id", "in", list(origins))]
        )
        return {one.id: origins[(one.origin_id or one).id] for one in versions}

    def _query_first_reward(self, document):
        """Return ``(id, create_date)`` of the document's first reward by these rules.

        What was given later does not count when it is computed once more.
        """
        self.env["referral.commission"].flush_model()
        own = document._prepare_commission_source_vals()
        if not any(own.values()):
            return None, None
        match = SQL(" AND ").join(
            SQL("%s = %s", SQL.identifier(name), value)
            for name, value in own.items()
            if value
        )
        rows = self.env.execute_query(
            SQL(
                "SELECT id, create_date FROM referral_commission WHERE %s"
                " AND reverses_id IS NULL AND rule_id = ANY(%s) ORDER BY id LIMIT 1",
                match,
                self.ids,
            )
        )
        return rows[0] if rows else (None, None)

    def _get_past_where(self, scope, document, people, moment):
        """Return the condition on ``referral_commission line`` of a scope, or None.

        :param moment: when it is or was given, in UTC; None: now.
        """
        if scope == "order":
            order_id = document._prepare_commission_source_vals().get("order_id")
            return SQL("line.order_id = %s", order_id) if order_id else None
        if scope == "customer":
            customer = document._get_referral_customer()
            return customer and SQL(
                "COALESCE((SELECT partner_id FROM sale_order o WHERE o.id ="
                " line.order_id), (SELECT partner_id FROM crm_lead l WHERE l.id ="
                " line.lead_id)) IN (SELECT id FROM res_partner"
                " WHERE commercial_partner_id = %s)",
                customer.id,
            )
        mine = SQL("line.partner_id = ANY(%s)", people)
        if scope == "person":
            return mine
        start = self._get_period_start(
            document._get_referral_company(), scope, moment or fields.Datetime.now()
        )
        return SQL("%s AND line.create_date >= %s", mine, start)

    def _get_period_start(self, company, period, moment):
        """Return when the month or year of ``moment`` began at the company's place."""
        zone = company._referral_tz()
        day = pytz.utc.localize(moment).astimezone(pytz.timezone(zone)).date()
        first = day.replace(day=1) if period == "month" else date(day.year, 1, 1)
        return days_ago(moment, zone, (day - first).days)

    def _query_past(self, scope, where, before):
        """Return one engine ``Past`` per rule, and per person where that counts.

        :param before: id of the reward before which to look; None: all.
        """
        lineage = self._get_lineage()
        shared = scope in ("order", "customer")
        rows = self.env.execute_query(
            SQL(
                """
                SELECT line.rule_id, %(person)s,
                    SUM(line.amount - line.reversed_amount)::text,
                    ROUND(SUM(line.base_amount * (line.amount - line.reversed_amount)
                        / line.amount), 6)::text,
                    COUNT(DISTINCT COALESCE(line.order_id, line.lead_id, line.id))
                FROM referral_commission line
                WHERE line.rule_id = ANY(%(rules)s) AND line.reverses_id IS NULL
                    AND line.state <> 'reversed' AND (%(where)s)
                    AND (%(before)s::int IS NULL OR line.id < %(before)s)
                GROUP BY 1, 2 ORDER BY 1, 2
                """,
                person=SQL("0") if shared else SQL("line.partner_id"),
                rules=list(lineage),
                where=where,
                before=before,
            )
        )
        return [
            Past(
                lineage[rule_id].id,
                scope,
                person,
                Decimal(amount),
                Decimal(base or 0).normalize() + 0,
                times,
            )
            for rule_id, person, amount, base, times in rows
        ]
