from dateutil.relativedelta import relativedelta

from odoo import fields, models
from odoo.exceptions import UserError
from odoo.fields import Command


class ReferralRedemption(models.Model):
    """How each kind of reward reaches the member: documents of Odoo's own."""

    _inherit = "referral.redemption"

    def _order_goods(self):
        """Order the goods for the member, priced in points (rules R1, R5)."""
        self.ensure_one()
        order = (
            self.env["sale.order"]
            .sudo()
            .with_company(self.company_id)
            .create(self._prepare_order_vals())
        )
        line = order.order_line
        line.price_unit = self._get_unit_price(line)
        # Spending points is no contract: nobody earns on it (rules C1, M4).
        order.write({"referrer_id": False, "referral_lead_id": False})
        order.action_confirm()
        self._write_step(order_id=order.id)

    def _prepare_order_vals(self):
        self.ensure_one()
        return {
            "company_id": self.company_id.id,
            "partner_id": self.partner_id.id,
            "pricelist_id": self.env.ref("referral_points.pricelist_points").id,
            "origin": self.name,
            "order_line": [
                Command.create(
                    {
                        "product_id": self.reward_id.product_id.id,
                        "product_uom_qty": self.quantity,
                    }
                )
            ],
        }

    def _get_unit_price(self, line):
        """Return the unit price that makes the order's total the redeemed points.

        The price in points includes taxes; Odoo wants a price without those taxes that
        are not included in prices.
        """
        price = self.points / self.quantity
        details = line.tax_ids._get_tax_details(
            price,
            1.0,
            precision_rounding=line.currency_id.rounding,
            product=line.product_id,
            special_mode="total_included",
        )
        return details["total_excluded"] + sum(
            data["tax_amount"]
            for data in details["taxes_data"]
            if data["tax"].price_include
        )

    def _pay_out(self):
        """Pay the points' value to the member (rule R2)."""
        self.ensure_one()
        payment = (
            self.env["account.payment"]
            .sudo()
            .with_company(self.company_id)
            .create(self._prepare_payment_vals())
        )
        payment.action_post()
        self._write_step(payment_id=payment.id)

    def _prepare_payment_vals(self):
        self.ensure_one()
        company = self.company_id
        journal = (
            self.env["account.journal"]
            .sudo()
            .search(
                [
                    *self.env["account.journal"]._check_company_domain(company),
                    ("type", "in", ("bank", "cash")),
                ],
                limit=1,
            )
        )
        if not journal:
            raise UserError(
                self.env._(
                    "%(company)s has no bank or cash journal to pay from.",
                    company=company.name,
                )
            )
        return {
            "company_id": company.id,
            "payment_type": "outbound",
            "partner_type": "supplier",
            "partner_id": self.partner_id.id,
            "journal_id": journal.id,
            "currency_id": company.currency_id.id,
            "amount": self._get_money(),
            "date": fields.Date.context_today(self),
            "memo": self.name,
        }

    def _get_money(self):
        """Return what the points are worth today, in the company's currency."""
        self.ensure_one()
        return self.env.ref("referral_points.currency_pts")._convert(
            self.points,
            self.company_id.currency_id,
            self.company_id,
            fields.Date.context_today(self),
        )

    def _grant_privilege(self):
        """Give the member the right, from today on (rule R3)."""
        self.ensure_one()
        today = fields.Date.context_today(self)
        days = self.reward_id.privilege_days * self.quantity
        self.env["referral.privilege"].sudo().create(
            {
                "redemption_id": self.id,
                "partner_id": self.partner_id.id,
                "reward_id": self.reward_id.id,
                "company_id": self.company_id.id,
                "date_start": today,
                "date_end": days and today + relativedelta(days=days - 1),
            }
        )
