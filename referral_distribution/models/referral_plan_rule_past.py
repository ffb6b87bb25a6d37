from datetime import date
from decimal import Decimal

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

from ..engine.commission import Past
from ..engine.period import days_ago, local_day
from .true_up_events import IN_PARTS

PERIODS = ("month", "year")
IN_CHAIN = ("member", "role")


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
        people = self._get_people_looked_at(facts)
        before = rules._query_first_reward(document)
        past = []
        for scope in sorted(set().union(*wanted.values())):
            some = rules.filtered(lambda rule, scope=scope: scope in wanted[rule])
            where = self._get_past_where(scope, document, sorted(people), before[1])
            if where:
                past += some._query_past(scope, where, before[0])
        return tuple(past)

    def _query_lock_past(self, document, facts):
        """Let what depends on the same people's or customer's past be given in turn.

        Of two at once, the second gets a serialization failure, is tried again by Odoo,
        and then counts what the first has given.
        """
        people = self._get_people_looked_at(facts)
        people |= set(document._get_referral_customer().ids)
        self.env.cr.execute(
            SQL(
                "UPDATE res_partner SET write_date = write_date WHERE id IN"
                " (SELECT id FROM res_partner WHERE id = ANY(%s) ORDER BY id"
                " FOR NO KEY UPDATE)",
                sorted(people),
            )
        )

    @api.model
    def _get_people_looked_at(self, facts):
        """Return the ids of all whom a rule may pay."""
        people = [*facts.people, *facts.chain, *facts.contacts]
        people += [one for one in (facts.territory_agent, facts.channel_partner) if one]
        return {one.id for one in people}

    def _get_lineage(self):
        """Return ``{id of any version: rule of these}``."""
        origins = {(rule.origin_id or rule).id: rule for rule in self}
        versions = self.sudo().search(
            ["|", ("id", "in", list(origins)), ("origin_id", "in", list(origins))]
        )
        return {one.id: origins[(one.origin_id or one).id] for one in versions}

    def _query_first_reward(self, document):
        """Return ``(id, create_date)`` of the document's first reward that stands.

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
                " AND reverses_id IS NULL AND state <> 'reversed'"
                " AND rule_id = ANY(%s) ORDER BY id LIMIT 1",
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
        day = local_day(moment, zone)
        first = day.replace(day=1) if period == "month" else date(day.year, 1, 1)
        return days_ago(moment, zone, (day - first).days)

    def _query_past(self, scope, where, before):
        """Return engine ``Past`` values per rule, and per person where that counts.

        Of a reward that is given in parts the whole counts from the first part on, less
        what was taken back: the rest is still to come. What a version of the rule paid
        in another currency is no amount of this one's, but a contract all the same.

        :param before: id of the reward before which to look; None: all.
        """
        lineage = self._get_lineage()
        shared = scope in ("order", "customer")
        rows = self.env.execute_query(
            SQL(
                """
                SELECT rule_id, %(person)s, currency_id, SUM(counted)::text,
                    ROUND(SUM(base * counted / whole), 6)::text,
                    COUNT(DISTINCT COALESCE(order_id, lead_id, id))
                FROM (%(rewards)s) reward
                GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
                """,
                person=SQL("0") if shared else SQL("partner_id"),
                rewards=self._get_rewards_query(list(lineage), where, before),
            )
        )
        past = []
        for rule_id, person, currency_id, amount, base, times in rows:
            rule = lineage[rule_id]
            own = currency_id == rule.currency_id.id
            amount = Decimal(amount if own else 0)
            base = Decimal(base or 0).normalize() + 0
            past.append(Past(rule.id, scope, person, amount, base, times))
        return past

    @api.model
    def _get_rewards_query(self, rule_ids, where, before):
        """Return the query of standing rewards, all parts of one together."""
        return SQL(
            """
            SELECT *, GREATEST(remaining, whole - gone) AS counted
            FROM (
                SELECT MIN(line.id) AS id, line.rule_id, line.partner_id,
                    line.currency_id, line.order_id, line.lead_id,
                    SUM(line.amount - line.reversed_amount) AS remaining,
                    SUM(line.reversed_amount) AS gone,
                    (ARRAY_AGG(COALESCE(NULLIF(line.full_amount, 0), line.amount)
                        ORDER BY line.id DESC))[1] AS whole,
                    (ARRAY_AGG(line.base_amount ORDER BY line.id DESC))[1] AS base
                FROM referral_commission line
                WHERE line.rule_id = ANY(%(rules)s) AND line.reverses_id IS NULL
                    AND line.state <> 'reversed' AND (%(where)s)
                    AND (%(before)s::int IS NULL OR line.id < %(before)s)
                GROUP BY line.rule_id, line.partner_id, line.currency_id,
                    line.order_id, line.order_line_id, line.lead_id, line.share_id,
                    CASE WHEN line.full_amount IS NULL THEN line.id END
            ) part
            """,
            rules=rule_ids,
            where=where,
            before=before,
        )

    # ------------------------------------------------------------ levels in all

    def _reaches_further(self, levels=1):
        """Tell whether these rules can pay more people of one chain for a contract than
        one event of it may (rule M4): by several events, or line by line."""
        chain = self.filtered(
            lambda rule: rule.trigger in IN_PARTS and rule.beneficiary in IN_CHAIN
        )
        places = {(rule.beneficiary, rule.level, rule.role) for rule in chain}
        triggers = set(chain.mapped("trigger"))
        return len(places) > levels and (len(triggers) > 1 or "order_line" in triggers)

    def _find_paid(self, document, facts):
        """Return whom of the chain other rewards of the same contract have paid."""
        order_id = document._prepare_commission_source_vals().get("order_id")
        further = order_id and self._reaches_further(facts.paying_levels)
        if not further or facts.trigger not in IN_PARTS:
            return ()
        line_id = document._prepare_commission_source_vals().get("order_line_id")
        standing = self.env["referral.commission"].search(
            Domain("order_id", "=", order_id)
            & Domain("trigger", "in", IN_PARTS)
            & Domain("rule_id.beneficiary", "in", IN_CHAIN)
            & Domain("reverses_id", "=", False)
            & Domain("state", "!=", "reversed")
        )
        own = standing.filtered(
            lambda line: (
                (line.trigger, line.order_line_id.id)
                == (facts.trigger, line_id or False)
            )
        )
        return tuple(sorted((standing - own).partner_id.ids))
