from odoo import models


class AccountMove(models.Model):
    """How much of an invoice has arrived (rule C3)."""

    _inherit = "account.move"

    def _get_referral_settled_part(self):
        """Return which part of a posted document is settled: 0.0 to 1.0.

        As Odoo has it, but for what only looks like money: a payment that is still on
        its way, where the company follows these, and a credit note that is no order's.
        """
        self.ensure_one()
        total = self.amount_total
        if self.currency_id.is_zero(total):
            return 1.0
        open_amount = self.amount_residual
        if self.move_type != "out_refund":
            open_amount += self._get_referral_unarrived()
        if self.currency_id.is_zero(open_amount):
            return 1.0
        return min(max(1.0 - open_amount / total, 0.0), 1.0)

    def _get_referral_unarrived(self):
        """Return what settles this invoice and is no money, in its currency."""
        follows = self._get_invoice_in_payment_state() != "paid"
        receivables = self.line_ids.filtered(
            lambda line: line.account_type == "asset_receivable"
        )
        return sum(
            partial.debit_amount_currency * other._get_referral_hollow_part(follows)
            for partial in receivables.matched_credit_ids
            for other in partial.credit_move_id.move_id
        )

    def _get_referral_hollow_part(self, follows):
        """Return which part of what settles an invoice is no money: 0.0 to 1.0.

        :param bool follows: payments are followed until the bank has them.
        """
        self.ensure_one()
        if self.state != "posted":  # Odoo leaves what is reset to draft matched
            return 1.0
        if self.origin_payment_id:
            return 1.0 if follows and not self._is_referral_at_bank() else 0.0
        if self.move_type != "out_refund":
            return 0.0
        lines = self.invoice_line_ids.filtered("price_total")
        whole = sum(lines.mapped("price_total"))
        hollow = lines.filtered(lambda line: not line.sale_line_ids)
        return sum(hollow.mapped("price_total")) / whole if whole else 1.0

    def _is_referral_at_bank(self):
        """Tell whether the bank has the payment of this entry.

        A line of its statement that is reset to draft stays matched, too.
        """
        payment = self.origin_payment_id
        liquidity, _counterpart, _writeoff = payment._seek_for_lines()
        items = liquidity.matched_debit_ids.debit_move_id
        items |= liquidity.matched_credit_ids.credit_move_id
        return payment.is_matched and all(
            state == "posted" for state in items.mapped("parent_state")
        )
