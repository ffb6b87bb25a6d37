from decimal import Decimal

from odoo import api, models

from ..engine.true_up import Base, due, kept_share
from .true_up_events import IN_PARTS


def to_bases(stored):
    """Return what is stored as ``rests_on``, with what was kept, for the engine."""
    return tuple(
        Base(*(Decimal(base.get(name, 0)) for name in ("kept", "whole", "weight")))
        for base in stored
    )


class ReferralCommission(models.Model):
    """A reward follows what it was computed from, and nothing else (rules C6, C7).

    Most rest on the whole contract. A reward of an order line rests on that line, one
    of the amounts of product categories on the lines that counted, and a share on
    whatever the rewards rest on that it is a share of. ``rests_on`` of the explanation
    keeps which lines these are and their amounts, so that they stay the same whatever
    becomes of products and categories (threat F5).
    """

    _inherit = "referral.commission"

    @api.model
    def _prepare_commission_vals(self, source, facts, line):
        vals = super()._prepare_commission_vals(source, facts, line)
        if vals["trigger"] in IN_PARTS:
            rule = self.env["referral.plan.rule"].sudo().browse(line.rule)
            lines = source._get_referral_rewarded_lines(rule)
            if self._sum_ordered(lines) > 0:  # what is worth nothing is never paid
                vals["explanation"]["rests_on"] = [self._prepare_base(lines)]
        return vals

    @api.model
    def _prepare_base(self, lines):
        return {
            "lines": sorted(lines.ids),
            "whole": str(self._sum_ordered(lines)),
            "weight": "1",
        }

    @api.model
    def _sum_ordered(self, lines):
        currency = lines.order_id.currency_id
        return self._get_exact(sum(lines.mapped("price_total")), currency)

    @api.model
    def _add_shared_bases(self, vals_list):
        """Let shares rest on what the rewards rest on that they are shares of (M4)."""
        groups = {}
        for vals in vals_list:
            names = ("trigger", "currency_id", "order_id", "order_line_id")
            key = tuple(vals[name] for name in names)
            groups.setdefault(key, []).append(vals)
        for group in groups.values():
            if any("rests_on" in vals["explanation"] for vals in group):
                for share in group:
                    self._add_shared_base(share, group)

    @api.model
    def _add_shared_base(self, share, group):
        facts = share["explanation"]
        if "of" not in facts or "rests_on" in facts:
            return
        bases = {}
        for vals in group:
            if "of" in vals["explanation"] or str(vals["partner_id"]) != facts["of"]:
                continue
            given_up = Decimal(vals["explanation"].get("given_up", "0"))
            weight = Decimal(repr(vals["full_amount"])) + given_up
            for base in self._get_rests_on(vals):
                same = bases.setdefault(tuple(base["lines"]), {**base, "weight": 0})
                same["weight"] += weight
        if bases:
            facts["rests_on"] = [
                {**base, "weight": str(base["weight"])} for base in bases.values()
            ]

    @api.model
    def _get_rests_on(self, vals):
        """Return what a reward rests on: the whole contract if nothing else is kept.

        :param vals: of the reward; its ``explanation`` and the contract's amount.
        """
        order = self.env["sale.order"].sudo().browse(vals["order_id"])
        whole = self._get_exact(vals["contract_amount"], order.currency_id)
        entire = {"lines": [], "whole": str(whole), "weight": "1"}
        return (vals["explanation"] or {}).get("rests_on") or [entire]

    @api.model
    def _compute_due(self, full, bases, currency):
        """Return what is due of the reward ``full`` (Decimal) for these ``bases``."""
        share = kept_share(to_bases(bases))
        return due(full, share, Decimal(repr(currency.rounding)))

    def _get_own_bases(self):
        """Return what this reward rests on, with what was kept when it was given."""
        self.ensure_one()
        vals = {name: self[name] for name in ("contract_amount", "explanation")}
        return self._get_rests_on({**vals, "order_id": self.order_id.id})

    def _get_measured(self):
        """Return what was kept of what this rests on, and its amount, to be told.

        Of several, as if they were one.
        """
        bases = self._get_own_bases()
        whole = sum(Decimal(base["whole"]) for base in bases)
        currency = self.contract_currency_id
        return self._compute_due(whole, bases, currency), whole

    def _rests_as_it_did(self, contract_amount):
        """Tell whether what this reward rests on has the amounts it had."""
        self.ensure_one()
        lines, currency = self.order_id.order_line, self.order_id.currency_id
        for base in self._get_own_bases():
            own = lines.filtered(lambda line, ids=base["lines"]: line.id in ids)
            now = self._sum_ordered(own) if base["lines"] else contract_amount
            if currency.compare_amounts(float(now), float(base["whole"])):
                return False
        return True
