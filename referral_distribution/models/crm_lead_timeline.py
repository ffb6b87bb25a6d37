from odoo import api, fields, models

from .referral_territory_owner import ROLES


class CrmLead(models.Model):
    """A lead's history and what comes next, for people to read (rules L3, G4)."""

    _inherit = "crm.lead"

    referral_timeline = fields.Html(
        string="Timeline",
        compute="_compute_referral_timeline",
        sanitize=False,  # a template of ours, which escapes what it is given
        groups=ROLES,
    )

    @api.depends("referral_trail_ids", "referral_validity", "active", "stage_id")
    @api.depends_context("lang", "tz", "uid")
    def _compute_referral_timeline(self):
        leads = self._origin
        events = self.env["referral.trail.timeline"]._get_events(leads)
        steps = leads._get_referral_next_steps()
        for lead in self:
            origin = lead._origin
            lead.referral_timeline = self.env["ir.qweb"]._render(
                "referral_distribution.referral_timeline",
                {"events": events.get(origin, []), "next_step": steps.get(origin)},
            )

    def _get_referral_next_steps(self, member=None):
        """Return ``{lead: what it waits for}``, a plain sentence or "" (rule G4).

        One query for the orders of all leads; who asks may read them.

        :param member: res.partner the sentence is for; None: somebody of the company.
        """
        orders = self._get_furthest_orders()
        steps = orders._get_referral_next_steps(member)
        by_lead = {order._get_timeline_lead(): order for order in orders}
        return {lead: lead._get_next_step(by_lead.get(lead), steps) for lead in self}

    def _get_next_step(self, order, steps):
        """Return what one lead waits for; a signed contract says more than the lead.

        :param order: sale.order that is furthest, or None.
        :param steps: ``{sale.order: sentence}``
        """
        if order and order.project_phase:
            return steps[order]
        return self._get_review_step() or steps.get(order, "") or self._get_sales_step()

    def _get_furthest_orders(self):
        """Return of each lead the order that is still under way, or the last one."""
        orders = self.env["sale.order"].sudo()
        if not self.ids:
            return orders
        orders = orders.search(
            [
                "|",
                ("referral_lead_id", "in", self.ids),
                ("opportunity_id", "in", self.ids),
                ("state", "!=", "cancel"),
            ],
            order="id",
        )
        furthest = {
            order._get_timeline_lead(): order
            for order in orders.sorted(lambda o: (not o._is_referral_over(), o.id))
        }
        return orders.browse([order.id for order in furthest.values()])

    def _get_review_step(self):
        """Return what the lead waits for before anything is sold; "" if nothing."""
        self.ensure_one()
        lead = self.sudo()
        if not lead.referrer_id:
            return self.env._("Nobody brought this lead: there is nothing to reward.")
        if lead.referral_validity == "invalid":
            return self.env._("Nothing more: the lead was found invalid.")
        if lead.referral_validity == "duplicate":
            return self.env._("Nothing more: somebody else had told us before.")
        if lead.referral_validity == "valid":
            return ""
        return self.env._("Sales looks at it: is it valid?")

    def _get_sales_step(self):
        self.ensure_one()
        if not self.active:
            return self.env._("Closed: it did not become an order.")
        return self.env._("Sales talks to the customer. Next: a quotation.")
