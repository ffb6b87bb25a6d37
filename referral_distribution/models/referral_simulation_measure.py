import logging
from collections import namedtuple
from dataclasses import replace
from decimal import Decimal

import pytz

from odoo import models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..engine import commission as engine
from ..engine.commission import MAX_LEVELS
from ..engine.own_past import Event, OwnPast, get_key, get_people
from .referral_simulation import NOTHING, TRIGGERS

# One contract to measure: the facts of its documents.
Case = namedtuple("Case", "order event facts")

_logger = logging.getLogger(__name__)


class ReferralSimulation(models.Model):
    """How a batch of contracts is measured (rule C8).

    Contracts come in the order they were signed. A plan's limits and the brackets of a
    period go by what the plan itself would have given so far, and by what its earlier
    versions really gave for contracts signed before the period: as they would if it had
    been in force. Whatever the plan, a batch takes the same number of queries.
    """

    _inherit = "referral.simulation"

    def _measure(self, orders):
        """Measure a batch, and count it for the next one.

        :return: ``({(partner id, currency id): [contracts, simulated, paid]}, ids of
            measured orders)`` with nothing paid yet.
        """
        rules = self.plan_id.sudo().rule_ids
        currencies = {currency.name: currency.id for currency in rules.currency_id}
        measured = rules._to_engine()
        orders = orders.with_env(rules.env)
        orders.referrer_id._warm_up_chains(MAX_LEVELS)
        cases = self._prepare_cases(orders, rules)
        own = self._get_own_past(rules, cases)
        sums, done = {}, []
        for case in cases:
            try:
                lines = _measure_case(case, measured, own)
            except (ValueError, ArithmeticError) as error:
                _logger.info("%s is not measured: %s", case.order.name, error)
                continue
            done.append(case.order.id)
            earned = set()
            for line in lines:
                key = (line.person, currencies[line.currency])
                total = sums.setdefault(key, list(NOTHING))
                total[0] += key not in earned
                total[1] += line.amount
                earned.add(key)
        self.env["referral.simulation.past"]._query_add(self, own.added)
        return sums, done

    def _prepare_cases(self, orders, rules):
        """Return the facts of each contract that the plan can be applied to."""
        triggers = sorted(set(rules.mapped("trigger")).intersection(TRIGGERS))
        zone = pytz.timezone(self.company_id._referral_tz())
        cases = []
        for order in orders:
            signed = pytz.utc.localize(order.date_order).astimezone(zone)
            event = Event(order._get_referral_customer().id, signed.date())
            try:
                facts = [
                    facts
                    for trigger in triggers
                    for facts in order._get_facts_to_measure(trigger, rules)
                ]
            except (UserError, ValueError, ArithmeticError) as error:
                _logger.info("%s is not measured: %s", order.name, error)
                continue
            cases.append(Case(order, event, facts))
        return cases

    def _get_own_past(self, rules, cases):
        """Return what the plan has given so far to whom these contracts concern."""
        limited = rules.filtered(lambda rule: rule.trigger in TRIGGERS)._looks_back()
        own = OwnPast({rule.id: rule._get_past_scopes() for rule in limited})
        if limited:
            customers = {case.event.customer for case in cases}
            people = {
                one.id
                for case in cases
                for facts in case.facts
                for one in get_people(facts)
            }
            sums = self.env["referral.simulation.past"]
            for found in sums._query_load(self, people, customers):
                own.load(*found)
            self._load_given_before(own, limited, people, customers)
        return own

    def _load_given_before(self, own, rules, people, customers):
        """Count what earlier versions of the rules gave before the period."""
        scopes = set().union(*own.scopes.values())
        wanted = []
        if scopes - {"order", "customer"}:
            wanted.append(SQL("line.partner_id = ANY(%s)", sorted(people)))
        if "customer" in scopes:
            wanted.append(
                SQL(
                    "line.order_id IN (SELECT o.id FROM sale_order o"
                    " JOIN res_partner p ON p.id = o.partner_id"
                    " WHERE p.commercial_partner_id = ANY(%s))",
                    sorted(customers),
                )
            )
        lineage = rules._get_lineage() if wanted else {}
        for part, where in enumerate(wanted):
            of_people = part == 0 and len(scopes - {"order", "customer"}) > 0
            for row in self._query_given_before(where, list(lineage)):
                rule_id, person, customer, month, *sums = row
                rule, event = lineage[rule_id], Event(customer, month)
                for scope in own.scopes[rule.id]:
                    if scope != "order" and of_people == (scope != "customer"):
                        own.load(get_key(rule.id, scope, person, event), *sums)

    def _query_given_before(self, where, rule_ids):
        """Return rows of rule, person, customer, month, amount, base, contracts."""
        self.env["referral.commission"].flush_model()
        start, _end = self._get_moments()
        before = SQL(
            "%s AND line.order_id IN (SELECT id FROM sale_order WHERE date_order < %s)",
            where,
            start,
        )
        rows = self.env.execute_query(
            SQL(
                """
                SELECT reward.rule_id, reward.partner_id,
                    customer.commercial_partner_id,
                    date_trunc('month', contract.date_order AT TIME ZONE 'UTC'
                        AT TIME ZONE %(zone)s)::date,
                    SUM(CASE WHEN reward.currency_id = rule.currency_id
                        THEN reward.counted ELSE 0 END)::text,
                    ROUND(SUM(reward.base * reward.counted / reward.whole), 6)::text,
                    COUNT(DISTINCT reward.order_id)
                FROM (%(rewards)s) reward
                JOIN referral_plan_rule rule ON rule.id = reward.rule_id
                JOIN sale_order contract ON contract.id = reward.order_id
                JOIN res_partner customer ON customer.id = contract.partner_id
                GROUP BY 1, 2, 3, 4
                """,
                zone=self.company_id._referral_tz(),
                rewards=self.env["referral.plan.rule"]._get_rewards_query(
                    rule_ids, before, None
                ),
            )
        )
        return [
            (*row[:4], Decimal(row[4]), Decimal(row[5] or 0), row[6]) for row in rows
        ]


def _measure_case(case, rules, own):
    """Return the engine's lines of one contract; what fails leaves nothing behind."""
    lines, paid = [], set()
    in_chain = {rule.id for rule in rules if rule.in_chain}
    own.drop()
    for facts in case.facts:
        past = own.get(facts, case.event)
        told = replace(facts, past=past, paid=tuple(sorted(paid)))
        given = engine.compute(told, rules, failed=[])
        own.add(given, case.event)
        paid |= {line.person for line in given if line.rule in in_chain}
        lines += given
    own.keep()
    return lines
