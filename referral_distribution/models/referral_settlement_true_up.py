from odoo import models


class ReferralSettlement(models.Model):
    """Settlements that are not paid yet follow what is taken back (rule C7)."""

    _inherit = "referral.settlement"

    def _shrink(self):
        """Drop the drafts that would pay nothing any more, or less.

        What is left in them waits for later rewards.
        """
        empty = self.filtered(
            lambda draft: draft.currency_id.compare_amounts(draft.amount_total, 0) <= 0
        )
        empty.unlink()

    def _set_state(self, state, **values):
        """Let what a submitted settlement has kept from being taken back follow now."""
        todo = super()._set_state(state, **values)
        if state in ("draft", "approved"):
            self.env["referral.true.up"]._wake(todo)
        return todo
