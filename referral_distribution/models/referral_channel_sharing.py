from odoo import api, models
from odoo.exceptions import UserError
from odoo.fields import Domain


class ReferralChannel(models.Model):
    """Who may share where: members on own channels, partners on their own (rule S4)."""

    _inherit = "referral.channel"

    def _check_shareable(self, member):
        """Refuse a share that would earn nobody anything, saying why (rule S4).

        :param member: res.partner who shares.
        :raises UserError: on a closed channel, and on a partner's for everybody but the
            partner's own people.
        """
        self.ensure_one()
        channel = self.sudo()
        if not channel.filtered_domain(self._get_open_domain()):
            raise UserError(
                self.env._(
                    "%(channel)s is closed. Choose another channel.",
                    channel=channel.name,
                )
            )
        if not channel._is_of_partner(member) and channel.kind == "partner":
            raise UserError(
                self.env._(
                    "%(channel)s is a partner's channel: only the partner shares there,"
                    " and members earn nothing. Choose one of our own channels.",
                    channel=channel.name,
                )
            )

    @api.model
    def _get_open_domain(self):
        return self.env["referral.link"]._get_open_channel_domain()

    def _is_of_partner(self, member):
        """Tell whether the channel is that of the member's company."""
        self.ensure_one()
        owner = self.partner_id.commercial_partner_id
        return bool(owner) and member.commercial_partner_id == owner

    @api.model
    def _get_shareable(self, member, company):
        """Return the channels a member may share on: own ones first (rule S4).

        :param member: res.partner.
        :param company: res.company.
        """
        partners_own = Domain("kind", "=", "partner") & Domain(
            "partner_id.commercial_partner_id", "=", member.commercial_partner_id.id
        )
        return self.search(
            self._get_open_domain()
            & Domain("company_id", "in", [company.id, False])
            & (Domain("kind", "=", "own") | partners_own)
        ).sorted("kind")
