from collections import defaultdict
from decimal import Decimal
from functools import cached_property

from odoo import models

from ..engine.true_up import ZERO, spread


class Kept:
    """What of a contract's money is there, in its currency; read once."""

    def __init__(self, order):
        self._order = order
        self._digits = order.currency_id.decimal_places
        self.total = self._round(Decimal(repr(order._get_referral_kept())))

    @cached_property
    def _by_line(self):
        return self._order._get_referral_kept_by_line(self.total)

    def measure(self, bases):
        """Return parts of the contract, each with what is ``kept`` of it, as text.

        :param bases: dicts with ``lines``, ids of order lines; none: the whole.
        """
        return [{**base, "kept": str(self._get(base["lines"]))} for base in bases]

    def _get(self, line_ids):
        if not line_ids:
            return self.total
        kept = (self._by_line.get(line_id, ZERO) for line_id in line_ids)
        return self._round(sum(kept, ZERO))

    def _round(self, amount):
        return round(amount, self._digits)


class SaleOrder(models.Model):
    """What is kept of a contract's money, in whole and line by line (rule C7).

    A credit note names the lines it credits, so what goes back is theirs. Money that
    arrives names documents at most: it is the lines' that stand on the document, in
    proportion, and of a down payment all lines' in proportion to what they miss.
    """

    _inherit = "sale.order"

    def _get_referral_kept(self):
        """Return what of the order's money is there, in its currency.

        A credit note counts from the day it is posted, before its money has left.
        """
        self.ensure_one()
        received = self.referral_received_amount
        return max(received, self.amount_total if self.referral_paid_in_full else 0.0)

    def _get_referral_kept_by_line(self, total):
        """Return ``{order line id: what is kept of it}``; they add up to ``total``."""
        self.ensure_one()
        ordered = {
            line.id: Decimal(repr(line.price_total))
            for line in self.sudo()._get_referral_lines()
        }
        return spread(ordered, self._get_referral_arrived_by_line(), total)

    def _get_referral_arrived_by_line(self):
        """Return ``{order line id: what is paid of it less what was credited}``.

        Counted as in ``_get_referral_receipts``, the same money line by line.
        """
        arrived = defaultdict(Decimal)
        items = self._get_referral_invoice_lines()
        for move, billed in items.grouped("move_id").items():
            sign = -move.direction_sign
            part = move._get_referral_settled_part() if sign > 0 else 1.0
            part *= sign * self._get_referral_rate(move)
            for item in billed:
                own = item.sale_line_ids & self.sudo().order_line
                amount = Decimal(repr(part * self._get_billed_amount(item)))
                for line in own:
                    arrived[line.id] += amount / len(own)
        return arrived

    def _get_referral_rewarded_lines(self, rule):
        """Return the order lines whose amounts ``rule`` takes its base from. A hook.

        Empty where it takes the whole contract's.
        """
        self.ensure_one()
        if rule._is_share() or rule.category_use != "lines" or not rule.category_ids:
            return self.env["sale.order.line"]
        wanted = set(rule.category_ids.ids)
        return self._get_referral_lines().filtered(
            lambda line: wanted.intersection(
                map(int, (line.product_id.categ_id.parent_path or "").split("/")[:-1])
            )
        )
