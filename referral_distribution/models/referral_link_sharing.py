from odoo import fields, models
from odoo.exceptions import UserError


class ReferralLink(models.Model):
    """What stands between a link and a share of it (rules S3, S4)."""

    _inherit = "referral.link"

    original_opened_on = fields.Date(
        string="Original opened on",
        readonly=True,
        copy=False,
        help="The day, in the company's time zone, on which the member last opened the"
        " original. On H5 pages a share counts from there.",
    )

    def _check_shareable(self):
        """Refuse to share what is closed or belongs on another channel (rule S4).

        :raises UserError: saying why, and what to do.
        """
        self.ensure_one()
        if self.partner_id.member_state != "active" or not self.partner_id.active:
            raise UserError(self.env._("Only active members can share."))
        if self.state in ("off", "expired"):
            raise UserError(
                self.env._(
                    "This link is no longer in use. Share the page through another"
                    " channel, or ask us."
                )
            )
        self.channel_id._check_shareable(self.partner_id)

    def _is_original_missing(self):
        """Tell whether the member has to open the original first (rule S3)."""
        self.ensure_one()
        return self.channel_id.platform == "h5" and (
            self.original_opened_on != self.company_id._referral_today()
        )

    def _check_original_opened(self):
        """Refuse to share an H5 page whose original was not opened today (S3)."""
        self.ensure_one()
        if self._is_original_missing():
            raise UserError(
                self.env._(
                    "Open the original first: on H5 pages a share counts from there."
                )
            )

    def _open_original(self):
        """Note that the member opens the original now (rule S3)."""
        for link in self:
            today = link.company_id._referral_today()
            if link.original_opened_on != today:
                link.original_opened_on = today
