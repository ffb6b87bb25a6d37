from odoo import models
from odoo.tools import SQL

from .crm_lead_attribution import VISITS


class ReferralHoldRule(models.Model):
    """Who asks looks like who brought the lead, or the clicks look made (rule L5)."""

    _inherit = "referral.hold.rule"

    def _find_self_referral(self, leads, visitor):
        """Find leads that look like their own referrer (threat I2).

        The same contact, phone, mailbox, company, bank account, or the device that the
        member's own clicks came from.
        """
        devices = self._query_own_devices(leads, visitor)
        found = {}
        for lead in leads:
            alike = [*lead._get_likeness_to_referrer()]
            if lead.id in devices:
                alike.append("device")
            if alike:
                found[lead.id] = {"alike": alike}
        return found

    def _query_own_devices(self, leads, visitor):
        """Return the ids of the leads whose visitor has clicked as their referrer.

        A member's own clicks are kept uncounted. Only what a visitor's request has
        made is asked: a member who recommends a company in the portal is no visitor.
        """
        visited = leads.filtered(lambda lead: lead.referral_evidence in VISITS)
        if not (visitor and visited):
            return set()
        rows = self.env.execute_query(
            SQL(
                "SELECT DISTINCT link.partner_id FROM referral_click click"
                " JOIN referral_link link ON link.id = click.link_id"
                " WHERE click.visitor_hash = %s AND NOT click.counted"
                " AND link.partner_id = ANY(%s)",
                visitor,
                visited.referrer_id.ids,
            )
        )
        members = {partner_id for (partner_id,) in rows}
        return {lead.id for lead in visited if lead.referrer_id.id in members}

    def _find_burst(self, leads, visitor):
        """Find leads that came while their link's clicks looked made (threat S5)."""
        bursts = leads._query_bursts(state="to_review")
        return {lead_id: {"bursts": ids} for lead_id, ids in bursts.items()}
