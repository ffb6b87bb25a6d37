from odoo import models


class ReferralSettlement(models.Model):
    """A payout withholds what the taxes of its bill say (rule C6)."""

    _inherit = "referral.settlement"

    def _create_payment(self, wizard):
        """Let a payment that withholds a tax have an entry to book it in.

        With Odoo's full accounting, one from a method without an outstanding account
        has none, and would pay in gross without a word. On the screen Odoo asks for an
        account then; nobody is asked here, so the company's own one is taken.
        """
        if wizard.should_withhold_tax:
            wizard = wizard.with_context(force_payment_move=True)
        return super()._create_payment(wizard)
