from odoo import models


class ReferralLink(models.Model):
    """Links as a table, for who prints them or sends them out."""

    _inherit = "referral.link"

    def action_export(self):
        """Download links as a table in which no cell is a formula (threat L3).

        :return: action that downloads a CSV file, UTF-8 with byte order mark.
        :raises AccessError: unless the user is a manager or new-media operator.
        """
        return self._offer_table()

    def _offer_table(self):
        self.env.user._referral_require("group_manager", "group_media_operator")
        names = ("partner_id", "channel_id", "target_url", "short_url")
        header = [self._fields[name]._description_string(self.env) for name in names]
        rows = (
            (
                link.partner_id.display_name,
                link.channel_id.display_name,
                link.target_url,
                link.short_url,
            )
            for link in self
        )
        return self.env["referral.csv.download"]._offer(
            self.env._("personal-links"), header, rows
        )
