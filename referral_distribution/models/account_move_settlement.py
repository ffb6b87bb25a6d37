from odoo import fields, models
from odoo.exceptions import UserError


class AccountMove(models.Model):
    """A bill of rewards, and its settlement that follows it (rule C6, threat F6)."""

    _inherit = "account.move"

    referral_settlement_ids = fields.One2many(
        "referral.settlement",
        "bill_id",
        groups="referral_distribution.group_finance,referral_distribution.group_manager",
    )

    referral_given_back = fields.Boolean(
        readonly=True,
        copy=False,
        help="A bill of rewards whose settlement is a draft again: it gets another.",
    )

    def _compute_payment_state(self):
        """Whatever pays a bill or undoes its payment, the settlement follows."""
        result = super()._compute_payment_state()
        self._get_settlements()._follow_bills()
        return result

    def _get_settlements(self):
        settlements = self.env["referral.settlement"].sudo()
        bills = self.filtered(lambda move: move.move_type == "in_invoice")
        return (
            settlements.search([("bill_id", "in", bills.ids)])
            if bills.ids
            else settlements
        )

    def _post(self, soft=True):
        for settlement in self._get_settlements():
            settlement._check_bill()
        return super()._post(soft=soft)

    def button_draft(self):
        """A bill whose settlement gets another one stays cancelled (threat F1)."""
        for move in self:
            if move.referral_given_back and move.state == "cancel":
                raise UserError(
                    self.env._(
                        "The rewards of %(bill)s are a settlement's draft again, which"
                        " makes another bill. Approve that one.",
                        bill=move.display_name,
                    )
                )
        return super().button_draft()

    def button_cancel(self):
        result = super().button_cancel()
        self._get_settlements()._give_back("cancelled")
        return result

    def unlink(self):
        self._get_settlements()._give_back("deleted")
        return super().unlink()
