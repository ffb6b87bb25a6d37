from odoo import Command, fields, models
from odoo.exceptions import UserError

from . import gate
from .referral_commission_explanation import TO_MEMBER


class ReferralSettlement(models.Model):
    """The vendor bills of settlements: made by approval, and followed (rule C6)."""

    _inherit = "referral.settlement"

    approved_total = fields.Monetary(
        string="Approved bill", readonly=True, copy=False, help="With its taxes."
    )

    # ------------------------------------------------------------------ making

    def _make_bills(self):
        """Make the draft bill of each; all of them or none (threat F7)."""
        if not self:
            return
        for company, settlements in self.sudo().grouped("company_id").items():
            settlements.currency_id._referral_check_rate(company)
        # without the caller's default_ keys
        moves = self.env["account.move"].sudo()
        bills = moves.create([settlement._prepare_bill_vals() for settlement in self])
        for settlement, bill in zip(self.sudo(), bills, strict=True):
            values = {"bill_id": bill.id, "approved_total": bill.amount_total}
            gate.opened(settlement).write(values)
            settlement._check_accounts()
        self._approve_bank()

    def _prepare_bill_vals(self):
        """Return the values of the vendor bill. A hook.

        Without the payment terms a beneficiary may have as a vendor: what was approved
        is paid at once and in whole.
        """
        self.ensure_one()
        return {
            "move_type": "in_invoice",
            "company_id": self.company_id.id,
            "partner_id": self.partner_id.id,
            "currency_id": self.currency_id.id,
            "invoice_date": self.company_id._referral_today(),
            "invoice_payment_term_id": False,
            "ref": self.display_name,
            "invoice_line_ids": [
                Command.create({**self._prepare_bill_line_vals(), **vals})
                for vals in self._prepare_bill_lines()
            ],
        }

    def _prepare_bill_lines(self):
        """Return text and amount of each line: one per commission, or one for all."""
        lines = self.commission_ids.sudo().sorted("id")
        lines = lines.with_context(**{TO_MEMBER: True})  # the beneficiary reads it
        if self.company_id.referral_bill_grouped:
            period = self._get_period_text()
            text = (
                self.env._("Rewards %(period)s", period=period)
                if period
                else self.env._("Rewards")
            )
            return [{"name": text, "price_unit": self.amount_total}]
        return [
            {"name": line.explanation_text, "price_unit": line.amount} for line in lines
        ]

    def _prepare_bill_line_vals(self):
        """Return product, account, taxes and analytic account of every line.

        With a product, Odoo itself takes its account and its taxes, both by the
        beneficiary's fiscal position; without one there is no tax.
        """
        company = self.company_id
        vals = {"quantity": 1}
        if company.referral_bill_product_id:
            vals["product_id"] = company.referral_bill_product_id.id
        else:
            vals["tax_ids"] = [Command.clear()]
        if company.referral_bill_account_id:
            vals["account_id"] = company.referral_bill_account_id.id
        if company.referral_bill_analytic_id:
            analytic = str(company.referral_bill_analytic_id.id)
            vals["analytic_distribution"] = {analytic: 100}
        return vals

    def _check_accounts(self):
        """A bill that could not be posted is not made (threat F7)."""
        lines = self.bill_id.line_ids.filtered(
            lambda line: line.display_type in ("product", "payment_term", "tax")
        )
        for line in lines:
            if line.account_id and line.account_id.active:
                continue
            raise UserError(
                self.env._(
                    "The bill of %(settlement)s has no account that can be used:"
                    " %(account)s. Choose another under Settings / Referral /"
                    " Settlement, or on the product or beneficiary.",
                    settlement=self.display_name,
                    account=line.account_id.display_name or "–",
                )
            )

    # --------------------------------------------------------------- following

    def _check_bill(self):
        """A bill is posted as it was approved (threats F3, F5)."""
        self.ensure_one()
        lines = self.bill_id.invoice_line_ids.filtered(
            lambda line: line.display_type == "product"
        )
        total = sum(line.price_unit * line.quantity for line in lines)
        compare = self.currency_id.compare_amounts
        as_approved = (
            self.bill_id.partner_id == self.partner_id
            and self.bill_id.currency_id == self.currency_id
            and compare(total, self.amount_total) == 0
            and compare(self.bill_id.amount_total, self.approved_total) == 0
        )
        if not as_approved:
            raise UserError(
                self.env._(
                    "%(bill)s is not what was approved with %(settlement)s. Correct"
                    " beneficiary, currency, amounts and taxes, or cancel it: the"
                    " settlement goes back to draft then.",
                    bill=self.bill_id.display_name,
                    settlement=self.display_name,
                )
            )

    def _follow_bills(self):
        """Paid with the bill, and not paid any more when its payment is undone."""
        for settlement in self:
            if settlement.bill_id.payment_state == "reversed":
                settlement._give_back("reversed")
                continue
            paid = settlement._is_bill_paid()
            if settlement.state == "approved" and settlement._get_payments():
                settlement._check_payments()
            if paid and settlement.state == "approved":
                settlement._mark_paid()
            elif not paid and settlement.state == "paid":
                settlement._mark_unpaid()

    def _is_bill_paid(self):
        """Tell whether the bill is paid, and none of its payments is only a draft.

        Odoo leaves a payment that was reset to draft reconciled, and the bill paid.
        """
        bill = self.bill_id
        return bill.payment_state == "paid" and (
            "draft" not in bill.reconciled_payment_ids.mapped("state")
        )

    def _mark_paid(self):
        """The bill was paid: so are its commissions."""
        self._set_state("paid")
        lines = self.commission_ids.sudo()
        lines.filtered(lambda line: line.state == "approved")._set_state("settled")

    def _mark_unpaid(self):
        """The payment was undone: the commissions wait for it again (threat F6)."""
        self._set_state("approved")
        lines = self.commission_ids.sudo()
        lines.filtered(lambda line: line.state == "settled")._set_state("approved")

    def _give_back(self, what):
        """The bill was cancelled or is deleted: the settlement is a draft again.

        What was taken back of its rewards in the meantime joins it.
        """
        texts = {
            "cancelled": self.env._("Its bill was cancelled: a draft again."),
            "deleted": self.env._("Its bill was deleted: a draft again."),
            "reversed": self.env._("Its bill was reversed: a draft again."),
        }
        for settlement in self:
            if settlement.state == "paid":
                settlement._mark_unpaid()
            settlement.bill_id.referral_given_back = True
            settlement._set_state(
                "draft",
                **dict.fromkeys(
                    ("bill_id", "approved_by_id", "approved_bank", "approved_total"),
                    False,
                ),
            )
            debts = settlement.commission_ids.reversal_ids.filtered(
                lambda line: line.state == "approved" and not line.settlement_id
            )
            gate.opened(debts.sudo()).write({"settlement_id": settlement.id})
            settlement.message_post(body=texts[what])
