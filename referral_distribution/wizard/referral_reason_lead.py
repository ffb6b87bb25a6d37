from odoo import fields, models


class ReferralReason(models.TransientModel):
    """Also asks why leads are invalid or duplicates, or reviewed once more."""

    _inherit = "referral.reason"

    lead_ids = fields.Many2many("crm.lead", string="Leads")
    step = fields.Selection(selection_add=[("reopen", "Reopen")])

    def action_apply(self):
        """Hand the reason to the leads; see the base class."""
        self.ensure_one()
        leads = self.lead_ids | self.lead_id
        if not leads:
            return super().action_apply()
        if self.step == "reopen":
            leads.action_referral_reopen(self.reason)
        else:
            leads.action_referral_invalidate(self.reason, self.verdict)
        return {"type": "ir.actions.act_window_close"}
