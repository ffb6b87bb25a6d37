from odoo import models

from .true_up_events import gathering


class AccountPayment(models.Model):
    """Rewards follow payments that are cancelled, rejected or deleted (rule C7)."""

    _inherit = "account.payment"

    def write(self, vals):
        if "state" not in vals:
            return super().write(vals)
        with gathering(self.env) as add:
            invoices = self._get_paid_invoices()
            result = super().write(vals)
            (invoices | self._get_paid_invoices())._add_payment_true_ups(add)
        return result

    def unlink(self):
        with gathering(self.env) as add:
            invoices = self._get_paid_invoices()
            result = super().unlink()
            invoices._add_payment_true_ups(add)
        return result

    def _get_paid_invoices(self):
        return self.sudo().invoice_ids | self.sudo().reconciled_invoice_ids
