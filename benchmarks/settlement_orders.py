"""What bench_settlement asks of contracts: confirming them, and a simulation.

Runs inside `odoo shell` of a scratch database.
"""

import statistics
import time
from datetime import timedelta

from clones import at, clone
from settlement_clock import Clock
from settlement_world import make_orders

from odoo import Command, fields

CUSTOMER_WITH = {"many": "Customer 1", "few": "Customer 2"}  # see settlement_world


def confirm_bare(env, count):
    """Confirm orders where our addons are not installed."""
    return {"without_our_addons": _confirm(env, [make_orders(env, count)])[0]}


def confirm(env, count):
    """Confirm orders nobody brought, of new customers, and of some with contracts.

    They take turns, so that what else the machine does meets all of them.
    """
    partners = env["res.partner"]
    member = partners.search([("name", "=", "Member 1")])
    kinds = {
        "nobody_brought_it": make_orders(env, count),
        "of_a_new_customer": make_orders(env, count, member),
    }
    earlier = {}
    for name in ("few", "many"):
        customer = partners.search([("name", "=", CUSTOMER_WITH[name])])
        orders = kinds[f"of_a_customer_with_{name}"] = make_orders(env, count, member)
        orders.partner_id = customer
        orders.referrer_id = member
        domain = [("partner_id", "=", customer.id), ("project_phase", ">", 0)]
        earlier[name] = env["sale.order"].search_count(domain)
    found = dict(zip(kinds, _confirm(env, kinds.values()), strict=True))
    for name, contracts in earlier.items():
        found[f"of_a_customer_with_{name}"]["contracts"] = contracts
    return found


def _confirm(env, kinds, warm=3):
    """Confirm each order in a transaction of its own; return figures a kind."""
    env.flush_all()
    env.cr.commit()
    kinds = list(kinds)
    found = [([], []) for _kind in kinds]
    for turn in zip(*kinds, strict=True):
        for order, (times, queries) in zip(turn, found, strict=True):
            env.invalidate_all()
            before, began = env.cr.sql_log_count, time.perf_counter()
            order.browse(order.id).action_confirm()  # the others are not read along
            env.flush_all()
            queries.append(env.cr.sql_log_count - before)
            env.cr.commit()
            times.append((time.perf_counter() - began) * 1000)
    return [
        {
            "p50_ms": round(statistics.median(times[warm:]), 1),
            "p95_ms": round(statistics.quantiles(times[warm:], n=20)[-1], 1),
            "queries": round(statistics.median(queries[warm:])),
            "runs": len(times) - warm,
        }
        for times, queries in found
    ]


def confirm_rewards(env, count):
    """Finance confirms many contracts at once, all of them paid in full."""
    finance = env["res.users"].create(
        {
            "name": "Bench",
            "login": "bench_finance",
            "group_ids": [
                Command.link(env.ref("base.group_user").id),
                Command.link(env.ref("referral_distribution.group_finance").id),
            ],
        }
    )
    orders = _clone_paid_orders(env, count)
    with Clock(env) as clock:
        orders.with_user(finance).action_referral_confirm()
        env.flush_all()
        env.cr.commit()
    states = set(orders.mapped("referral_state"))
    assert states == {"confirmed"}, states
    rewards = len(orders.sudo().referral_commission_ids)
    return {**clock.report(count), "rewards": rewards}


def _clone_paid_orders(env, count):
    """Return contracts of different members, each invoiced and paid."""
    member = env["res.partner"].search([("name", "=", "Member 1")])
    order = make_orders(env, 1, member)
    order.action_confirm()
    invoice = order._create_invoices()
    invoice.action_post()
    paying = {"active_model": "account.move", "active_ids": invoice.ids}
    payments = env["account.payment.register"].with_context(**paying)
    payments.create({})._create_payments()
    assert order.referral_state == "to_confirm", order.referral_state
    orders = clone(
        env, order, count, name="'PAID' || n", referrer_id=f"{member.id} + n % 100"
    )
    lines = clone(env, order.order_line, count, order_id=at(orders, "n - 1"))
    invoices = clone(
        env, invoice, count, name="'PAID/' || n", sequence_number="100000 + n"
    )
    for item in invoice.line_ids:
        items = clone(env, item, count, move_id=at(invoices, "n - 1"))
        if item.sale_line_ids:
            env.cr.execute(
                "INSERT INTO sale_order_line_invoice_rel"
                " (invoice_line_id, order_line_id) SELECT %s + n, %s + n"
                " FROM generate_series(0, %s) n",
                (items[0], lines[0], count - 1),
            )
    env.cr.execute("ANALYZE sale_order_line_invoice_rel")
    env.cr.commit()
    return env["sale.order"].browse(orders)


def simulate(env):
    """Let a draft of the plan measure all confirmed contracts, batch by batch."""
    plan = env["referral.plan"].search([("name", "=", "Bench")])
    today = fields.Date.today()
    with Clock(env) as clock:
        simulation = env["referral.simulation"].create(
            {
                "plan_id": plan.copy().id,
                "date_from": today - timedelta(days=365),
                "date_to": today + timedelta(days=1),
            }
        )
        simulation.action_start()
        env.cr.commit()
        while simulation.state == "running":
            env["referral.simulation"]._cron_simulate()
    assert simulation.state == "done", simulation.state
    figures = clock.report(simulation.done_count)
    return {**figures, "left_out": simulation.skipped_count}
