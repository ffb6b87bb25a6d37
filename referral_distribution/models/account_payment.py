from odoo import models

from .true_up_events import gathering


class AccountPayment(models.Model):
    """Rewards follow payments that are cancelled, rejected or deleted (rule C7)."""

    _inherit = "account.payment"

    def write(self, vals):
        if "state" not in vals:
            return super().write(vals)
        with gathering(self.env) as add:
            self._add_true_ups(add)
            return super().write(vals)

    def unlink(self):
        with gathering(self.env) as add:
            self._add_true_ups(add)
            return super().unlink()

    def _add_true_ups(self, add):
        """Name the contracts that these have paid; after it the link may be gone."""
        self.sudo().move_id._add_payment_true_ups(add, payments=self)
