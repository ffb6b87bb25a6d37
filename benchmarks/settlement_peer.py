"""What bench_settlement runs in the peer's database: its world and its settling.

Runs inside `odoo shell` of a scratch database with OCA's account_commission_oca and
sale_commission_oca, and without our addons.
"""

import time
from datetime import date

from clones import at, clone
from dateutil.relativedelta import relativedelta
from settlement_clock import Clock

from odoo import Command

RATE = 10.0
PORTION = 1_000  # agents a press of the wizard's button


def seed(env, lines, people):
    """Make the agents, and a posted invoice with a commission a line."""
    product = env["product.product"].create({"name": "Bench", "type": "service"})
    commission = env["commission"].create({"name": "Bench", "fix_qty": RATE})
    values = {"agent": True, "settlement": "monthly", "commission_id": commission.id}
    agent = env["res.partner"].create({"name": "Bench", **values})
    earned = {"agent_id": agent.id, "commission_id": commission.id}
    customer = env["res.partner"].create({"name": "Bench customer"})
    invoice = _post_invoice(env, customer, product, earned)
    own = invoice.invoice_line_ids.agent_ids
    names = {"name": "'Agent ' || n", "complete_name": "'Agent ' || n"}
    agents = clone(env, agent, people, commercial_partner_id="own_id", **names)
    invoices = clone(env, invoice, lines, name="'BENCH/' || n", sequence_number="n")
    items = clone(env, own.object_id, lines, move_id=at(invoices, "n - 1"))
    clone(
        env,
        own,
        lines,
        object_id=at(items, "n - 1"),
        invoice_id=at(invoices, "n - 1"),
        agent_id=at(agents, f"n::bigint * 7919 % {people}"),
    )
    env.cr.commit()
    return {"lines": lines, "people": people}


def _post_invoice(env, customer, product, earned):
    """Return an invoice of last month with one commission."""
    day = date.today().replace(day=1) - relativedelta(days=10)
    line = {
        "product_id": product.id,
        "price_unit": 1000,
        "agent_ids": [Command.create(earned)],
    }
    invoice = env["account.move"].create(
        {
            "move_type": "out_invoice",
            "partner_id": customer.id,
            "invoice_date": day,
            "date": day,
            "invoice_line_ids": [Command.create(line)],
        }
    )
    invoice.action_post()
    return invoice


def settle(env, seconds):
    """Settle by the peer's wizard, a portion of the agents a press, until time is up.

    Each portion is committed and forgotten, so that none pays for the one before.

    :param seconds: no portion is begun later than that.
    """
    agents = env["res.partner"].search([("agent", "=", True)])
    spent = []
    env.invalidate_all()
    with Clock(env) as clock:
        for start in range(0, len(agents), PORTION):
            if sum(spent) >= seconds:
                break
            begun = time.perf_counter()
            _press(env, agents[start : start + PORTION])
            spent.append(time.perf_counter() - begun)
    env.cr.execute(_COUNT)
    lines, settlements, wanted, adds_up = env.cr.fetchone()
    return {
        **clock.report(lines),
        "settlements": settlements,
        "lines_in_all": wanted,
        "adds_up": adds_up,
        f"seconds_by_{PORTION}_agents": [round(one, 1) for one in spent],
    }


def _press(env, agents):
    """Fill the wizard in and press its button."""
    wizard = env["commission.make.settle"].create(
        {
            "date_to": date.today(),
            "settlement_type": "sale_invoice",
            "agent_ids": [Command.set(agents.ids)],
        }
    )
    wizard.action_settle()
    env.flush_all()
    env.cr.commit()
    env.invalidate_all()


_COUNT = """
    SELECT count(*), count(DISTINCT settlement_id),
        (SELECT count(*) FROM account_invoice_line_agent),
        COALESCE(sum(settled_amount), 0)
            = (SELECT COALESCE(sum(total), 0) FROM commission_settlement)
    FROM commission_settlement_line
"""
