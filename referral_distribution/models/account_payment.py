from odoo import models

from .true_up_events import gathering


class AccountPayment(models.Model):
    """Rewards follow payments that are cancelled, rejected or deleted (rule C7)."""

    _inherit = "account.payment"

    def write(self, vals):
        if "state" not in vals:
            return super().write(vals)
        with gathering(self.env) as bag:
            bag.add(payments=self)
            return super().write(vals)

    def unlink(self):
        with gathering(self.env) as bag:
            bag.add(self.sudo().invoice_ids)  # the link is gone afterwards
            return super().unlink()
