from urllib.parse import parse_qs, urlsplit

from odoo import fields, models
from odoo.tools import SQL, escape_psql

from ..engine.outside_text import storable

CAMPAIGN_LENGTH = 120


class ReferralLink(models.Model):
    """The campaign of a link, and where it led before (rule L1)."""

    _inherit = "referral.link"

    campaign_id = fields.Many2one(
        "utm.campaign",
        ondelete="set null",
        tracking=True,
        help="Its leads carry it. Empty: the campaign that the page's address names"
        " with utm_campaign, if we have it.",
    )

    def _get_campaign(self):
        """Return the utm.campaign of a link or of the page it leads to, if any.

        A campaign is looked up, never made: members choose pages.
        """
        self.ensure_one()
        campaigns = self.env["utm.campaign"].sudo()
        if self.campaign_id:
            return campaigns.browse(self.campaign_id.id)
        query = urlsplit(self.target_url).query
        if "utm_campaign=" not in query:
            return campaigns
        found = parse_qs(query).get("utm_campaign", [""])  # a target is checked, short
        name = storable(found[0].strip())[:CAMPAIGN_LENGTH]
        named = [("name", "=ilike", escape_psql(name))]
        return campaigns.search(named, limit=1) if name else campaigns

    def _get_target_at(self, moment):
        """Return the page the link led to at a moment: changes of it are tracked.

        :param datetime moment: UTC.
        """
        self.ensure_one()
        changes = self.env.execute_query(
            SQL(
                "SELECT change.old_value_char FROM mail_tracking_value change"
                " JOIN mail_message message ON message.id = change.mail_message_id"
                " JOIN ir_model_fields field ON field.id = change.field_id"
                " WHERE message.model = %(model)s AND message.res_id = %(link)s"
                "  AND field.name = 'target_url' AND message.date > %(moment)s"
                " ORDER BY message.date, message.id LIMIT 1",
                model=self._name,
                link=self.id,
                moment=moment,
            )
        )
        return (changes and changes[0][0]) or self.target_url
