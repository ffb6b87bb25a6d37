from odoo import models


class ResPartner(models.Model):
    _inherit = "res.partner"

    def _end_membership(self):
        """Posters carry the member's name: an erasure takes those that were drawn."""
        self.env["referral.poster.picture"].sudo()._forget(self)
        return super()._end_membership()
