from odoo import models

from .res_partner_export import iso


class ResPartner(models.Model):
    """What was held of a member's rewards is kept about that member (PIPL, GDPR)."""

    _inherit = "res.partner"

    def _prepare_personal_data(self):
        return {
            **super()._prepare_personal_data(),
            "held_rewards": self._prepare_hold_data(),
        }

    def _prepare_hold_data(self):
        """What a hold compares a lead with is about somebody else and stays out."""
        leads = self.env["crm.lead"].with_context(active_test=False)
        leads = leads.search(self._get_export_domain("referrer_id"))
        return [
            {
                "lead_made_at": iso(hold.lead_id.create_date),
                "held_at": iso(hold.create_date),
                "rule": hold.rule_id.name,
                "state": hold.state,
                "decided_at": iso(hold.decided_at),
                "reason": hold.reason or None,
            }
            for hold in leads.referral_hold_ids
        ]
