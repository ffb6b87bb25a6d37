from dataclasses import replace

from odoo import models


class SaleOrderLine(models.Model):
    """A line of a confirmed contract may be rewarded by itself (rule C4)."""

    _name = "sale.order.line"
    _inherit = ("sale.order.line", "referral.reward.source")

    def _get_referral_bases(self):
        """Return ``{base: Decimal}`` of the line, in company currency."""
        self.ensure_one()
        return {
            name: self.order_id._to_referral_amount(self[field])
            for name, field in self.order_id._get_referral_line_amounts().items()
        }

    def _get_referral_source_channel(self):
        return self.order_id._get_referral_source_channel()

    def _get_referral_company(self):
        return self.order_id._get_referral_company()

    def _get_referral_plan(self):
        return self.order_id._get_referral_plan()

    def _prepare_commission_source_vals(self):
        self.ensure_one()
        vals = self.order_id._prepare_commission_source_vals()
        return {**vals, "order_line_id": self.id}

    def _prepare_referral_facts(self, trigger, rules):
        """Return the facts of the contract with the amounts of this line alone."""
        self.ensure_one()
        order = self.order_id
        facts = order._prepare_referral_facts(trigger, rules)
        return replace(
            facts,
            bases=facts.bases | self._get_referral_bases(),
            parts=rules._find_parts(self),
            past=rules._find_past(self, facts),
            paid=rules._find_paid(self, facts),
        )

    def _get_referral_rewarded_lines(self, rule):
        """A reward of a line rests on that line, whatever its rule counts of it."""
        return self

    def _get_referral_parts(self):
        return [(self.product_id.categ_id, self._get_referral_bases())]

    def _get_referral_desk(self):
        return self.order_id._get_referral_desk()

    def _get_referral_day(self):
        return self.order_id._get_referral_day()

    def _get_referral_customer(self):
        return self.order_id._get_referral_customer()
