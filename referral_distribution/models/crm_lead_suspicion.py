from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

from .referral_territory_owner import ROLES


class CrmLead(models.Model):
    """Leads that came while their link's clicks looked made (threat S5, rule L5)."""

    _inherit = "crm.lead"

    referral_suspicion = fields.Selection(
        [("none", "None"), ("to_review", "To review"), ("cleared", "Cleared")],
        string="Suspicious clicks",
        compute="_compute_referral_suspicion",
        search="_search_referral_suspicion",
        groups=ROLES,
        help="Whether this lead came through its link in an hour whose clicks looked"
        " made. Managers review them on the link.",
    )
    referral_suspicion_reason = fields.Char(
        string="What looked made", compute="_compute_referral_suspicion", groups=ROLES
    )

    @api.depends(
        "referral_link_id",
        "referral_link_id.burst_ids.state",
        "referral_first_touch_at",
        "referral_last_touch_at",
        "create_date",
    )
    @api.depends_context("lang", "tz")
    def _compute_referral_suspicion(self):
        found = self._query_bursts() if self.ids else {}
        bursts = self.env["referral.link.burst"].sudo()
        for lead in self:
            own = bursts.browse(found.get(lead._origin.id, ()))
            waiting = own.filtered(lambda burst: burst.state == "to_review")
            lead.referral_suspicion = (
                "to_review" if waiting else "cleared" if own else "none"
            )
            lead.referral_suspicion_reason = " ".join(
                (waiting or own).mapped("explanation")
            )

    @api.model
    def _search_referral_suspicion(self, operator, value):
        if operator != "in":
            return NotImplemented
        waiting = Domain("id", "in", SQL("(%s)", self._query_suspected("to_review")))
        cleared = Domain("id", "in", SQL("(%s)", self._query_suspected("cleared")))
        domains = {
            "to_review": waiting,
            "cleared": cleared & ~waiting,
            "none": ~(cleared | waiting),
        }
        return Domain.OR(domains[state] for state in value if state in domains)

    @api.model
    def _query_came_in(self):
        """Return the condition that ``lead`` came through its link in ``burst``."""
        self.flush_model(
            [
                "referral_link_id",
                "referral_first_touch_at",
                "referral_last_touch_at",
                "create_date",
            ]
        )
        self.env["referral.link.burst"].flush_model()
        return SQL(
            """
            lead.referral_link_id = burst.link_id AND burst.hour IN (
                date_trunc('hour', COALESCE(
                    lead.referral_last_touch_at, lead.create_date)),
                date_trunc('hour', lead.referral_first_touch_at))
            """
        )

    @api.model
    def _query_suspected(self, state):
        """Return the query for the leads that came in a burst of that state.

        It goes from the bursts, of which there are few, to their links' leads.
        """
        return SQL(
            "SELECT lead.id FROM referral_link_burst burst"
            " JOIN crm_lead lead ON %s WHERE burst.state = %s",
            self._query_came_in(),
            state,
        )

    def _query_bursts(self, state=None):
        """Return ``{lead id: ids of the bursts it came in}``, of a state or any."""
        rows = self.env.execute_query(
            SQL(
                "SELECT lead.id, array_agg(burst.id ORDER BY burst.hour, burst.id)"
                " FROM crm_lead lead JOIN referral_link_burst burst ON %s"
                " WHERE lead.id IN %s AND burst.state = COALESCE(%s, burst.state)"
                " GROUP BY lead.id",
                self._query_came_in(),
                tuple(self.ids),
                state,
            )
        )
        return dict(rows)
