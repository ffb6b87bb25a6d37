from odoo import models
from odoo.fields import Domain
from odoo.tools import SQL

CONTACT_FIELDS = ("contact_name", "contact_phone", "contact_email", "contact_wechat")
NOTE_COLUMNS = ("audience", "fit_note")


class ResPartner(models.Model):
    """Who is the contact of a channel is personal data too (threat M3)."""

    _inherit = "res.partner"

    def _get_contact_channel_domain(self):
        return Domain("contact_id", "=", self.id) | Domain("partner_id", "=", self.id)

    def _get_role_obstacles(self):
        obstacles = super()._get_role_obstacles()
        channels = self.env["referral.channel"].with_context(active_test=False)
        channel = channels.search(
            [("partner_id", "=", self.id), ("stage", "=", "cooperating")], limit=1
        )
        if channel:
            obstacles.append(
                self.env._(
                    "The cooperation on %(channel)s is under way: end it first.",
                    channel=channel.display_name,
                )
            )
        return obstacles

    def _get_traced_domains(self):
        domains = super()._get_traced_domains()
        return {**domains, "referral.channel": self._get_contact_channel_domain()}

    def _erase_traces(self, traces):
        result = super()._erase_traces(traces)
        channels = self.env["referral.channel"].with_context(active_test=False)
        channels = channels.search(
            self._get_contact_channel_domain()
            | Domain("contact_email", "in", traces.emails)
            | Domain("contact_phone", "in", traces.phones)
        )
        chosen = SQL("id = ANY(%s)", channels.ids)
        self._query_rewrite("referral_channel", NOTE_COLUMNS, traces, chosen)
        self.env.cr.execute(
            SQL(
                "UPDATE referral_channel SET %s WHERE %s",
                SQL(", ").join(
                    SQL("%s = NULL", SQL.identifier(name)) for name in CONTACT_FIELDS
                ),
                chosen,
            )
        )
        channels.invalidate_recordset()
        return result
