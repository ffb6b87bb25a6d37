from odoo import models
from odoo.exceptions import UserError


class BasePartnerMergeAutomaticWizard(models.TransientModel):
    _inherit = "base.partner.merge.automatic.wizard"

    def _prepare_referral_merge(self, sources, stays):
        """Refuse to merge two wallets: their entries are never re-written (P2)."""
        wallets = self.env["referral.wallet"].sudo()
        wallets = wallets.search([("partner_id", "in", (sources | stays).ids)])
        for company, found in wallets.grouped("company_id").items():
            gone = found.filtered(lambda wallet: wallet.partner_id != stays)
            if len(found) > 1 and gone.entry_ids:
                raise UserError(
                    self.env._(
                        "%(names)s each have a points wallet at %(company)s. Wallets"
                        " cannot be merged: let one of them redeem the points, archive"
                        " that contact and keep both.",
                        names=", ".join(found.partner_id.mapped("display_name")),
                        company=company.name,
                    )
                )
        return super()._prepare_referral_merge(sources, stays)
