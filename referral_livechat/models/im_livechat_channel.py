from odoo import fields, models


class ImLivechatChannel(models.Model):
    _inherit = "im_livechat.channel"

    def _get_livechat_discuss_channel_vals(self, /, **kwargs):
        """Keep on the chat who brought its visitor: no later request tells (L1)."""
        vals = super()._get_livechat_discuss_channel_vals(**kwargs)
        attribution = vals and self.env["referral.attribution"]._read()
        if not attribution:
            return vals
        found = self.env["crm.lead"]._prepare_attribution_vals(attribution)
        visit = {
            name: value if isinstance(value, (int, str)) else _write_moment(value)
            for name, value in found.items()
        }
        return {**vals, "referral_visit": visit}


def _write_moment(value):
    """Return a moment as text that a lead takes and JSON holds."""
    return value and fields.Datetime.to_string(value)
