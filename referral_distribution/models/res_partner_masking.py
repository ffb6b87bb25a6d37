from odoo import models

from ..engine.identity import shown_name


class ResPartner(models.Model):
    _inherit = "res.partner"

    def _get_masked_customer_name(self, company):
        """Return a customer's name as the member who brought it may see it.

        :param company: res.company, whose setting says how much of it that is.
        """
        self.ensure_one()
        customer = self.commercial_partner_id
        return shown_name(
            customer.name if customer.is_company else None,
            customer.name,
            company.sudo().referral_lead_masking,
        )
