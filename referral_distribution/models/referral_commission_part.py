from decimal import Decimal

from odoo import api, fields, models
from odoo.fields import Domain

from ..engine.true_up import take_back
from .referral_commission import KEY, STAFF
from .sale_order_kept import Kept
from .true_up_events import IN_PARTS

PART_KEY = tuple(name for name in KEY if name != "instalment")


class ReferralCommission(models.Model):
    """Rewards of a contract are given in parts, as much as is kept of it (C6, C7).

    The parts of one reward have its natural key but for their number, ``instalment``,
    which counts from 0. All of them know the whole reward and the contract's amount it
    was computed from, so that each target is rounded once and roundings never add up.
    """

    _inherit = "referral.commission"

    full_amount = fields.Monetary(
        string="Whole reward",
        copy=False,
        groups=STAFF,
        help="What the rule gives for the whole contract; this is a part of it.",
    )
    contract_amount = fields.Monetary(
        currency_field="contract_currency_id",
        copy=False,
        groups=STAFF,
        help="The contract's amount with taxes when the reward was computed.",
    )
    contract_currency_id = fields.Many2one(
        related="order_id.currency_id", string="Contract currency", groups=STAFF
    )

    @api.model
    def _prepare_commission_vals(self, source, facts, line):
        vals = super()._prepare_commission_vals(source, facts, line)
        if vals["trigger"] in IN_PARTS:
            order = self.env["sale.order"].sudo().browse(vals["order_id"])
            vals["full_amount"] = vals["amount"]
            vals["contract_amount"] = order.amount_total
        return vals

    @api.model
    def _create_missing(self, vals_list):
        in_parts = [vals for vals in vals_list if vals["trigger"] in IN_PARTS]
        rest = [vals for vals in vals_list if vals["trigger"] not in IN_PARTS]
        lines = super()._create_missing(rest)
        return lines + self.create(self._prepare_parts(in_parts))

    @api.model
    def _prepare_parts(self, vals_list):
        """Return the values of what is missing of each reward, the next part of it."""
        orders = self.env["sale.order"].sudo()
        orders = orders.browse({vals["order_id"] for vals in vals_list})
        self._add_shared_bases(vals_list)
        kept = {
            order.id: Kept(order) for order in orders if not order._is_referral_off()
        }
        given = self._find_parts(orders)
        parts = [
            given.get(
                tuple(vals[name] for name in PART_KEY), self.browse()
            )._prepare_next_part(vals, kept[vals["order_id"]])
            for vals in vals_list
            if vals["order_id"] in kept
        ]
        return [vals for vals in parts if vals["amount"] > 0]

    def _prepare_next_part(self, vals, kept):
        """Return the values of what is missing of the reward these are the parts of.

        :param vals: the whole reward, as it is computed now.
        :param kept: ``Kept`` of the contract.
        """
        vals = {**vals, **self._get_frozen(vals)}
        bases = kept.measure(self._get_rests_on(vals))
        currency = self.env["res.currency"].browse(vals["currency_id"])
        full = Decimal(repr(vals["full_amount"]))
        target, given = self._compute_due(full, bases, currency), self._sum_left()
        part = {"due": str(target), "given": str(given), "rests_on": bases}
        return {
            **vals,
            "amount": float(target - given),
            "instalment": max(self.mapped("instalment"), default=-1) + 1,
            "explanation": {**vals["explanation"], **part},
        }

    def _get_frozen(self, vals):
        """Return what further parts have from the first ones, while these stand.

        As long as the amounts are the same that it rests on, so is the whole reward:
        whatever becomes of exchange rates, caps and other contracts meanwhile (F5).
        """
        latest = self.filtered(lambda line: line.state != "reversed")
        latest = latest.sorted("instalment")[-1:]
        if not latest or not latest._rests_as_it_did(vals["contract_amount"]):
            return {}
        return {
            "full_amount": latest.full_amount,
            "contract_amount": latest.contract_amount,
            "base_amount": latest.base_amount,
            "explanation": latest.explanation,
            "inputs": None,
            "calculation_id": latest.calculation_id.id,
        }

    @api.model
    def _find_parts(self, orders):
        """Return ``{key: parts}`` of all that was ever given for these contracts."""
        lines = self.search(
            Domain("order_id", "in", orders.ids) & Domain("reverses_id", "=", False)
        )
        return lines.grouped(lambda line: line._get_part_key())

    def _get_part_key(self):
        return tuple(
            value.id if isinstance(value := self[name], models.BaseModel) else value
            for name in PART_KEY
        )

    def _sum_left(self):
        """Return what is left of these parts, exactly."""
        return sum((line._to_decimal(line._get_left()) for line in self), Decimal(0))

    @api.model
    def _take_back_excess(self, kept, reason):
        """Take back what is more than is due for contracts.

        :param kept: ``{sale.order: Kept}``
        :return: the reversing lines.
        """
        orders = self.env["sale.order"].union(*kept)
        taken = {}
        for parts in self._find_parts(orders).values():
            parts = parts.filtered(lambda line: line.state != "reversed")
            parts = parts.sorted("instalment")
            left = [line._to_decimal(line._get_left()) for line in parts]
            target = parts._get_due(kept) if parts else Decimal(0)
            for line, amount in zip(parts, take_back(left, target), strict=True):
                if amount:
                    taken[line] = float(amount)
        return self._take_back(taken, reason)

    @api.model
    def _take_back_all(self, orders, reason):
        """Take back what rules have given for these contracts, whatever is kept."""
        standing = self.search(
            Domain("order_id", "in", orders.ids)
            & Domain("trigger", "in", IN_PARTS)
            & Domain("reverses_id", "=", False)
            & Domain("state", "!=", "reversed")
        )
        return self._take_back({line: line._get_left() for line in standing}, reason)

    def _get_due(self, kept):
        """Return what is due of the reward that these are the parts of.

        What was granted by hand stays, as long as the contract does.
        """
        order, latest = self.order_id, self[-1]
        follows = latest.trigger in IN_PARTS
        if order._is_referral_off() or (
            follows and order.referral_decision == "refused"
        ):
            return Decimal(0)
        if not follows:
            return self._sum_left()
        full = Decimal(repr(latest.full_amount))
        bases = kept[order].measure(latest._get_own_bases())
        return latest._compute_due(full, bases, latest.currency_id)

    def _is_part(self):
        """Tell whether this is less than its rule gives for the whole contract."""
        full = self.full_amount or self.amount
        return not self.reverses_id and self.currency_id.compare_amounts(
            self.amount, full
        )

    def _get_explanation(self):
        """Tell what was due when this part was given, and of what (rule C8)."""
        if not self._is_part():
            return super()._get_explanation()
        facts, formula = self.explanation or {}, self._get_formula()
        kept, whole = self._get_measured()
        shown = {
            name: self._format_money(value, currency)
            for name, value, currency in (
                ("amount", self.amount, self.currency_id),
                ("full", self.full_amount, self.currency_id),
                ("due", facts.get("due", 0), self.currency_id),
                ("given", facts.get("given", 0), self.currency_id),
                ("kept", kept, self.contract_currency_id),
                ("whole", whole, self.contract_currency_id),
            )
        }
        shown["full"] = f"{formula} = {shown['full']}" if formula else shown["full"]
        text = self.env._(
            "%(amount)s: %(kept)s of %(whole)s is paid, so %(due)s is due; %(given)s"
            " was given before. In whole %(full)s (%(where)s)",
            where=self._get_where(),
            **shown,
        )
        return "; ".join([text, *self._get_remarks()])

    @api.model
    def _get_exact(self, amount, currency):
        return round(Decimal(repr(amount)), currency.decimal_places)
