from odoo import api, models

from .true_up_events import gathering


class AccountPartialReconcile(models.Model):
    """Rewards follow the money that is matched with invoices, or no longer (C6, C7)."""

    _inherit = "account.partial.reconcile"

    @api.model_create_multi
    def create(self, vals_list):
        with gathering(self.env) as bag:
            partials = super().create(vals_list)
            bag.add(partials._get_matched_moves())
        return partials

    def unlink(self):
        with gathering(self.env) as bag:
            bag.add(self._get_matched_moves())
            return super().unlink()

    def _get_matched_moves(self):
        return (self.debit_move_id | self.credit_move_id).move_id
