"""What happens to the money of contracts is gathered, and acted on once.

An operation of bookkeeping touches an order many times on its way: cancelling a payment
undoes its matching, resets its entry and recomputes invoices. Rewards follow what is
left when the outermost operation is through.
"""

from contextlib import contextmanager
from typing import NamedTuple

# Triggers whose rewards follow the money of their contract.
IN_PARTS = ("contract", "payment", "order_line")
BAG = "referral_true_up"  # in the cursor's cache, as long as an operation runs


class Event(NamedTuple):
    """What happened, for the beneficiary to read: kind, and document or reason."""

    kind: str
    document: str = ""


@contextmanager
def gathering(env):
    """Yield ``add(order_ids, event)``; true up what was added, once all is through.

    Nested in another, the outermost does it. Nothing is done when an error passes.
    """
    bag = env.cr.cache.get(BAG)
    outermost = bag is None
    if outermost:
        bag = env.cr.cache[BAG] = {}

    def add(order_ids, event):
        for order_id in order_ids:
            bag.setdefault(order_id, event)

    try:
        yield add
    finally:
        if outermost:
            del env.cr.cache[BAG]
    if outermost and bag:
        orders = env["sale.order"].sudo()
        events = {}
        for order_id, event in bag.items():
            events.setdefault(event, []).append(order_id)
        for event, ids in events.items():
            orders.browse(ids)._referral_follow(event)
