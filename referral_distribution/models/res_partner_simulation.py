from odoo import models

from .memo import recall


class ResPartner(models.Model):
    """In a run over many contracts, who stands above a member is looked up once."""

    _inherit = "res.partner"

    def _prepare_referral_people(self, company, channel):
        return recall(
            self.env,
            ("people", self.id, company.id, channel.id),
            lambda: super(ResPartner, self)._prepare_referral_people(company, channel),
        )

    def _warm_up_chains(self, levels):
        """Read what the chains of these members are made of, in one go.

        :return: these and those above them.
        """
        chains = self.browse(
            {
                partner_id
                for member in self
                for partner_id in member._get_invite_chain(levels).ids
            }
        )
        chains.fetch(["member_state", "accepts_commission", "grade_id"])
        return chains
