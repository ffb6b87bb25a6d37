from odoo import api, fields, models
from odoo.tools import SQL
from odoo.tools.misc import hmac


class ReferralClick(models.Model):
    """One visit through a link: an insert-only fact, counted once an hour.

    A click never updates another row, so one hot link has no queue in front of it.
    Visitor and address are kept as keyed hashes only.
    """

    _name = "referral.click"
    _description = "Referral Click"
    _order = "id desc"
    _log_access = False

    link_id = fields.Many2one(
        "referral.link", required=True, index=True, ondelete="restrict"
    )
    clicked_at = fields.Datetime(required=True)
    visitor_hash = fields.Char(required=True)
    ip_hash = fields.Char(required=True)

    _visitor_link_hour_unique = models.UniqueIndex(
        "(link_id, visitor_hash, date_trunc('hour', clicked_at))"
    )

    @api.model
    def _record(self, code, address, user_agent):
        """Look a link up and count the visit, in one statement (rule S2).

        :param str code: the link's code.
        :param str address: the visitor's IP address, kept as a hash.
        :param str user_agent: the browser's name, kept in the visitor's hash.
        :return: ``(link id, target path, attribution days)``, or None when no active
            member has such a link.
        """
        visitor = f"{address}\n{user_agent}"
        rows = self.env.execute_query(
            SQL(
                "WITH link AS (%s), click AS (INSERT INTO referral_click"
                " (link_id, clicked_at, visitor_hash, ip_hash)"
                " SELECT id, %s, %s, %s FROM link"
                " ON CONFLICT DO NOTHING)"
                " SELECT id, target_url, days FROM link",
                self._query_link(code),
                fields.Datetime.now(),
                hmac(self.env(su=True), "referral-visitor", visitor)[:32],
                hmac(self.env(su=True), "referral-address", address)[:32],
            )
        )
        return rows[0] if rows else None

    @api.model
    def _find(self, code):
        """Look a link up without counting; same answer as ``_record``."""
        rows = self.env.execute_query(
            SQL("SELECT id, target_url, days FROM (%s) link", self._query_link(code))
        )
        return rows[0] if rows else None

    @api.model
    def _query_link(self, code):
        return SQL(
            "SELECT l.id, l.target_url, c.referral_attribution_days AS days"
            " FROM referral_link l JOIN res_company c ON c.id = l.company_id"
            " JOIN res_partner p ON p.id = l.partner_id"
            " WHERE l.code = %s AND l.active AND p.active"
            " AND p.member_state = 'active'",
            code,
        )
