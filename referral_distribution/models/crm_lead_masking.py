from odoo import models

from ..engine.identity import masked, shown_name


class CrmLead(models.Model):
    """Whom a lead is about is others' data: a member sees it masked (threat P1)."""

    _inherit = "crm.lead"

    def _get_masked_name(self):
        """Return the lead's name as the member who brought it may see it.

        The company's setting says how much of it that is. Contact data never is.
        """
        self.ensure_one()
        if not (self.partner_name or self.contact_name):
            return masked(self.email_from)
        return shown_name(
            self.partner_name,
            self.contact_name,
            self._get_referral_company().sudo().referral_lead_masking,
        )
