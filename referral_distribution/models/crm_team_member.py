from ast import literal_eval
from datetime import timedelta

from odoo import fields, models

CAPACITY_PERIOD = timedelta(days=30)  # what Odoo's capacity of a member is for


class CrmTeamMember(models.Model):
    """Which referred leads a member of a team may take (rule L2)."""

    _inherit = "crm.team.member"

    def _get_referral_bar(self):
        """Return what keeps the member from any lead: "away", "paused" or nothing."""
        self.ensure_one()
        if not self.user_id.active or self.user_id.share:
            return "away"
        return "paused" if self.assignment_optout else ""

    def _get_referral_rooms(self):
        """Return ``{member: how many leads it may still take}``; else any number.

        Odoo shows a capacity only where its rule-based assignment is on. Counted anew:
        what the member's field says may be older than the last lead.
        """
        if not self.env["crm.lead"]._is_rule_based_assignment_activated():
            return {}
        taken = self._get_lead_from_date(fields.Datetime.now() - CAPACITY_PERIOD)
        return {
            one: one.assignment_max - taken.get((one.user_id.id, one.crm_team_id.id), 0)
            for one in self
        }

    def _filter_referral_takeable(self, leads):
        """Return the leads that this member may take, by company and by own filter."""
        self.ensure_one()
        companies = self.user_id.company_ids
        leads = leads.filtered(lambda one: one._get_referral_company() in companies)
        if not leads._is_rule_based_assignment_activated():
            return leads
        return leads.filtered_domain(literal_eval(self.assignment_domain or "[]"))
