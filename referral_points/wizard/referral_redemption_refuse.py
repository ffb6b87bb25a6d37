from odoo import fields, models


class ReferralRedemptionRefuse(models.TransientModel):
    """Asks why a redemption is refused; the member reads the answer."""

    _name = "referral.redemption.refuse"
    _description = "Refuse Redemptions"

    redemption_ids = fields.Many2many(
        "referral.redemption", required=True, readonly=True
    )
    reason = fields.Char(required=True)

    def action_refuse(self):
        """Refuse the redemptions with the reason given.

        :raises UserError: as ``referral.redemption.action_refuse``.
        """
        self.ensure_one()
        self.redemption_ids.action_refuse(self.reason)
        return {"type": "ir.actions.act_window_close"}
