"""What bench_settlement runs in our database: contracts, rewards, and their settling.

Runs inside `odoo shell` of a scratch database.
"""

from clones import at, clone
from settlement_clock import Clock

from odoo import Command
from odoo.tools import SQL

TOP = 100  # members without inviter; the others are below them
CUSTOMERS = 5_000  # a tenth of the contracts are the first one's
RATE = 10.0
# Nobody's rows are neighbours, nor are those of people who are settled together.
SCATTERED = "n::bigint * 7919"


def seed(env, lines, people):
    """Make members, confirmed contracts and approved rewards in money.

    A contract pays its referrer; where there are more lines than contracts, others as
    well, each contract each person once.
    """
    contracts = min(lines, 100_000)
    plan, order = _make_first(env)
    members = _clone_members(env, order.referrer_id, people)
    customers = clone(
        env,
        order.partner_id,
        CUSTOMERS,
        **_own_name("Customer"),
        commercial_partner_id="own_id",
    )
    orders = clone(
        env,
        order,
        contracts,
        name="'BENCH' || n",
        partner_id=at(customers, f"(n % {CUSTOMERS}) * (n % 10 <> 0)::int"),
        referrer_id=at(members, f"{SCATTERED} % {people}"),
        referral_decision="'confirmed'",
        referral_state="'confirmed'",
        date_order="now() - (1 + n % 300) * interval '1 day'",
    )
    clone(env, order.order_line, contracts, order_id=at(orders, "n - 1"))
    [reward] = order.referral_commission_ids.filtered(lambda line: line.level == 0)
    own = {
        "order_id": at(orders, f"(n - 1) % {contracts}"),
        "partner_id": at(members, f"({SCATTERED} + (n - 1) / {contracts}) % {people}"),
        "amount": f"100 + ({SCATTERED} % 10007) / 100.0",
        "due_date": "CURRENT_DATE - 3",
    }
    own = {name: text for name, text in own.items() if name in reward._fields}
    clone(env, reward, lines, **own)
    env.cr.commit()
    return {"lines": lines, "people": people, "contracts": contracts, "plan": plan.id}


def _own_name(name):
    return {"name": f"'{name} ' || n", "complete_name": f"'{name} ' || n"}


def _make_first(env):
    """Return the plan, and a confirmed contract that the others are cloned from."""
    money = env.company.currency_id
    rules = [
        {"name": "Referrer", "level": 0, "rate": RATE, "base": "untaxed"},
        {"name": "Inviter", "level": 1, "rate": RATE, "base": "member_reward"},
    ]
    plan = env["referral.plan"].create(
        {
            "name": "Bench",
            "rule_ids": [Command.create({**r, "currency_id": money.id}) for r in rules],
        }
    )
    if "settlement_mode" in plan._fields:
        plan.settlement_mode = "month"
    plan._activate()
    member = env["res.partner"].create(
        {"name": "Bench", "member_state": "active", "accepts_commission": True}
    )
    order = make_orders(env, 1, member)
    order.action_confirm()
    order._write_guarded(
        {"referral_received_amount": order.amount_total, "referral_paid_in_full": True}
    )
    env["referral.commission"]._accrue("contract", order)
    return plan, order


def make_orders(env, count, member=None, **values):
    """Return quotations of one line, of a customer each."""
    product = env["product.product"].search([("default_code", "=", "BENCH")])
    if not product:
        product = product.create(
            {
                "name": "Bench",
                "default_code": "BENCH",
                "type": "service",
                "invoice_policy": "order",
                "taxes_id": [Command.clear()],
            }
        )
    customers = env["res.partner"].create(
        [{"name": f"Buyer {n}"} for n in range(count)]
    )
    if member:
        values["referrer_id"] = member.id
    line = Command.create({"product_id": product.id, "price_unit": 1000.0})
    return env["sale.order"].create(
        [
            {"partner_id": customer.id, "order_line": [line], **values}
            for customer in customers
        ]
    )


def _clone_members(env, member, people):
    """Return the ids of members: some, and all others right below them."""
    own = {"commercial_partner_id": "own_id"}
    top = clone(env, member, TOP, **_own_name("Head"), **own)
    own["inviter_id"] = at(top, f"n % {TOP}")
    below = clone(env, member, people - TOP, **_own_name("Member"), **own)
    for ids in (top, below):
        env["referral.invite.node"]._place(env["res.partner"].browse(ids))
    return range(top[0], below[-1] + 1)


def settle(env):
    """Settle all that is due, as the job does."""
    with Clock(env) as clock:
        env["referral.settlement"]._cron_settle()
        env.flush_all()
        env.cr.commit()
    return clock.report(**_count(env))


def settle_bare(env):
    """Write the same rows by two bare statements: what no program can be faster than.

    No rule is looked at: nothing is netted, held, or kept from a second run.
    """
    values = {"uid": env.uid, "company": env.company.id}
    with Clock(env) as clock:
        for statement in _BARE:
            env.cr.execute(SQL(statement, **values))
        env.cr.commit()
    return clock.report(**_count(env))


_BARE = (
    """
    INSERT INTO referral_settlement (company_id, partner_id, currency_id, amount_total,
        date_from, date_to, state, create_uid, create_date, write_uid, write_date)
    SELECT company_id, partner_id, currency_id, sum(amount),
        (max(due_date) - interval '1 month')::date, max(due_date) - 1, 'draft',
        %(uid)s, now(), %(uid)s, now()
    FROM referral_commission WHERE state = 'approved' AND settlement_id IS NULL
        AND due_date < CURRENT_DATE AND company_id = %(company)s
    GROUP BY 1, 2, 3
    """,
    """
    UPDATE referral_commission line
    SET settlement_id = settlement.id, write_uid = %(uid)s, write_date = now()
    FROM referral_settlement settlement
    WHERE line.state = 'approved' AND line.settlement_id IS NULL
        AND line.due_date < CURRENT_DATE AND line.company_id = %(company)s
        AND settlement.partner_id = line.partner_id
        AND settlement.currency_id = line.currency_id
    """,
)


def _count(env):
    """Return how much is settled, and whether it adds up."""
    query = """
        SELECT count(*) AS lines, count(DISTINCT settlement_id) AS settlements,
            sum(amount) = (SELECT sum(amount_total) FROM referral_settlement) AS adds_up
        FROM referral_commission WHERE settlement_id IS NOT NULL
    """
    env.cr.execute(query)
    return env.cr.dictfetchone()
