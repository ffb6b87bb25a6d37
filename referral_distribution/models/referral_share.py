from odoo import api, fields, models


class ReferralShare(models.Model):
    """A member passed a link on: who, what, where, how and on which day (rule S2)."""

    _name = "referral.share"
    _description = "Referral Share"
    _order = "id desc"

    link_id = fields.Many2one(
        "referral.link", required=True, index=True, ondelete="restrict"
    )
    partner_id = fields.Many2one(related="link_id.partner_id", store=True, index=True)
    channel_id = fields.Many2one(related="link_id.channel_id", store=True)
    company_id = fields.Many2one(related="link_id.company_id", store=True)
    method = fields.Selection(
        [("copy", "Copy link"), ("native", "Share sheet")], required=True
    )
    share_date = fields.Date(
        required=True,
        default=lambda self: self._default_share_date(),
        help="The day in the company's time zone.",
    )

    _once_a_day = models.UniqueIndex(
        "(link_id, method, share_date)", "This share was recorded today already."
    )

    @api.model
    def _default_share_date(self):
        return self.env.company._referral_today()
