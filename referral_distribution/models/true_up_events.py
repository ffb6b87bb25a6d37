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


class Bag:
    """What bookkeeping touches until it is through: ids of entries and payments."""

    def __init__(self):
        self.moves, self.stated, self.payments = set(), set(), set()

    def add(self, moves=(), payments=(), stated=False):
        """Remember entries and payments that contracts may depend on.

        :param bool stated: the entries were themselves posted, reset or cancelled.
        """
        self.moves.update(move.id for move in moves)
        self.payments.update(payment.id for payment in payments)
        if stated:
            self.stated.update(move.id for move in moves)

    def follow(self, env):
        """Let the contracts it was about follow: one query finds them all."""
        payments = env["account.payment"].browse(self.payments)
        found = env["account.move"].browse(self.moves)._find_touched_contracts(payments)
        events = {}
        for move, orders in sorted(found, key=lambda one: one[0].id not in self.stated):
            event = self._get_event(move)
            for order_id in orders:
                events.setdefault(order_id, event)
        for event in dict.fromkeys(events.values()):
            ids = [order_id for order_id, own in events.items() if own == event]
            env["sale.order"].sudo().browse(ids)._referral_follow(event)

    def _get_event(self, move):
        kind = "credit" if move.move_type == "out_refund" else "invoice"
        return Event(kind if move.id in self.stated else "payment", move.name or "")


@contextmanager
def gathering(env):
    """Yield the ``Bag`` of what is touched; contracts follow once all is through.

    Nested in another, the outermost does it. Nothing is done when an error passes.
    """
    bag = env.cr.cache.get(BAG)
    outermost = bag is None
    if outermost:
        bag = env.cr.cache[BAG] = Bag()
    try:
        yield bag
    finally:
        if outermost:
            del env.cr.cache[BAG]
    if outermost:
        bag.follow(env)
