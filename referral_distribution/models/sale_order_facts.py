from dataclasses import replace
from decimal import Decimal

from odoo import fields, models
from odoo.exceptions import UserError

from ..engine.commission import ZERO
from ..engine.period import local_day
from .memo import recall


class SaleOrder(models.Model):
    """What a rule may ask of a contract (rule C4)."""

    _name = "sale.order"
    _inherit = ("sale.order", "referral.reward.source")

    def _get_referral_day(self):
        """Return the day the contract was signed, in its company's time zone.

        Rules, people's own rates and rates of exchange go by it.
        """
        self.ensure_one()
        company = self.company_id
        zone = recall(self.env, ("zone", company.id), company._referral_tz)
        return local_day(self.date_order or fields.Datetime.now(), zone)

    def write(self, vals):
        """The day of a signed contract stays: its rewards go by it (threat F5)."""
        if "date_order" in vals and not self.env.su:
            moment = fields.Datetime.to_datetime(vals["date_order"])
            moved = self.filtered(
                lambda order: order.project_phase and order.date_order != moment
            )
            if moved:
                raise UserError(
                    self.env._(
                        "%(order)s is signed: its day stays, rewards go by it.",
                        order=moved[0].name,
                    )
                )
        return super().write(vals)

    def _get_referral_person(self):
        return self.referrer_id

    def _get_referral_source_channel(self):
        return self.referral_channel_id

    def _get_referral_customer(self):
        return self.partner_id.commercial_partner_id

    def _get_referral_amounts(self):
        """Return ``{base: field of the order}``. A hook."""
        amounts = {"untaxed": "amount_untaxed", "total": "amount_total"}
        return amounts | ({"margin": "margin"} if "margin" in self._fields else {})

    def _get_referral_line_amounts(self):
        """Return ``{base: field of an order line}``, for the same bases. A hook."""
        amounts = {"untaxed": "price_subtotal", "total": "price_total"}
        lines = self.env["sale.order.line"]
        return amounts | ({"margin": "margin"} if "margin" in lines._fields else {})

    def _to_referral_amount(self, amount):
        """Return an amount of the order in company currency, of the day it was signed.

        :return: Decimal, rounded as the company's currency is (threat F5).
        """
        self.ensure_one()
        company = self.company_id
        return Decimal(
            repr(
                self.currency_id._convert(
                    amount, company.currency_id, company, self._get_referral_day()
                )
            )
        )

    def _prepare_referral_facts(self, trigger, rules):
        facts = super()._prepare_referral_facts(trigger, rules)
        bases = {
            name: self._to_referral_amount(self[field])
            for name, field in self._get_referral_amounts().items()
        }
        return rules._complete_facts(self, replace(facts, bases=facts.bases | bases))

    def _get_referral_lines(self):
        """Return the order lines that sell something."""
        return self.order_line.filtered(
            lambda line: not line.display_type and not line.is_downpayment
        )

    def _get_referral_parts(self):
        self.ensure_one()
        parts = {}
        for line in self._get_referral_lines():
            bases = line._get_referral_bases()
            known = parts.setdefault(
                line.product_id.categ_id, dict.fromkeys(bases, ZERO)
            )
            for name, amount in bases.items():
                known[name] += amount
        return list(parts.items())
