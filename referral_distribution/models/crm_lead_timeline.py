from odoo import api, fields, models
from odoo.tools import format_datetime

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
        return {
            lead: lead._get_next_step(by_lead.get(lead), steps, member) for lead in self
        }

    def _get_next_step(self, order, steps, member):
        """Return what one lead waits for; a signed contract says more than the lead.

        :param order: sale.order that is furthest, or None.
        :param steps: ``{sale.order: sentence}``
        """
        self.ensure_one()
        over = order and order.referral_state == "confirmed"
        if over or self.referral_validity == "valid":
            held = self.sudo()._get_hold_step(member)
            if held and (over or not order):
                return held
        if order and order.project_phase:
            return steps[order]
        return (
            self._get_review_step(member) or steps.get(order) or self._get_sales_step()
        )

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

    def _get_review_step(self, member):
        """Return what the lead waits for before anything is sold; "" if nothing.

        :param member: see ``_get_referral_next_steps``; nobody promises it a time.
        """
        lead = self.sudo()
        if not lead.referrer_id:
            return self.env._("Nobody brought this lead: there is nothing to reward.")
        if lead.referral_validity == "invalid":
            return self.env._("Nothing more: the lead was found invalid.")
        if lead.referral_validity == "duplicate":
            return self.env._("Nothing more: somebody else had told us before.")
        if lead.referral_validity == "valid":
            return ""
        deadline = lead.referral_review_deadline
        if member is not None or not deadline:
            return self.env._("Sales looks at it: is it valid?")
        time = format_datetime(self.env, deadline, tz=self._get_timeline_tz())
        if lead.referral_review_overdue:
            return self.env._("Sales was to review it until %(time)s.", time=time)
        return self.env._("Sales reviews it until %(time)s.", time=time)

    def _get_hold_step(self, member):
        """Return whom a held reward waits for; "" when nothing holds it (rule L5)."""
        if self.referral_hold_state == "held":
            if member is not None:
                return self.env._("We check something before the reward is given.")
            return self.env._("The reward is held until a manager decides.")
        if self.referral_hold_state == "refused":
            return self.env._("No reward: it was refused after a check.")
        return ""

    @api.model
    def _get_timeline_tz(self):
        """Return the reader's time zone, the company's where the reader has none."""
        return self.env.context.get("tz") or self.env.company._referral_tz()

    def _get_sales_step(self):
        self.ensure_one()
        if not self.active:
            return self.env._("Closed: it did not become an order.")
        return self.env._("Sales talks to the customer. Next: a quotation.")
