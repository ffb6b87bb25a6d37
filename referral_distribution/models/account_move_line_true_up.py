from odoo import api, models

from .true_up_events import gathering


class AccountMoveLine(models.Model):
    """Matching is one operation, however many pairs it makes (rules C6, C7)."""

    _inherit = "account.move.line"

    @api.model
    def _reconcile_plan(self, reconciliation_plan):
        with gathering(self.env):
            return super()._reconcile_plan(reconciliation_plan)

    def remove_move_reconcile(self):
        with gathering(self.env):
            return super().remove_move_reconcile()
