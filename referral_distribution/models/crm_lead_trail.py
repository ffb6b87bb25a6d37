from odoo import api, models
from odoo.exceptions import MissingError, UserError

from .referral_trail_entry import Step

WATCHED = {
    "stage_id": "stage_changed",
    "user_id": "assigned",
    "referrer_id": "reattributed",
    "referral_channel_id": "reattributed",
    "type": "converted",
}
# What makes a lead lost or brings it back.
OUTCOME = {"active", "probability", "automated_probability", "stage_id"}


class Told:
    """Nodes that a step writes itself, once it is through; it travels in the context.

    An object, so that no client can keep a step out of the trail.
    """

    def __init__(self, *nodes):
        self.nodes = frozenset(nodes)


class CrmLead(models.Model):
    """What is done to a lead goes into its trail, one entry a step (rule L3).

    Leads that somebody brought have a trail. One that nobody brings any more rests
    until somebody does again.
    """

    _inherit = "crm.lead"

    def _compute_display_name(self):
        """A trail, and nothing else, may name a lead that is deleted."""
        try:
            return super()._compute_display_name()
        except MissingError:
            present = self.exists()
        for lead in self - present:
            lead.display_name = self.env._("Deleted lead %(number)s", number=lead.id)
        return super(CrmLead, present)._compute_display_name()

    # ------------------------------------------------------- changes of a lead

    def write(self, vals):
        before = self._get_told_facts(vals)
        result = super().write(vals)
        if before:
            self._log_changes(before)
        return result

    def _referral_told(self, *nodes):
        """Return the leads for a step that writes these nodes itself."""
        return self.with_context(referral_told=Told(*nodes))

    def _get_told_facts(self, vals):
        """Return ``{lead: facts}`` of the leads with a trail that ``vals`` may change.

        ``vals`` only says whether to look at all: Odoo adds to it on the way.
        """
        if not (WATCHED.keys() | OUTCOME) & vals.keys():
            return {}
        return {lead: lead._get_facts() for lead in self if lead.referrer_id}

    def _get_facts(self):
        self.ensure_one()
        facts = {name: self[name] for name in WATCHED}
        return {
            **facts,
            "active": self.active,
            "lost": self.won_status == "lost",
        }

    def _log_changes(self, before):
        told = self.env.context.get("referral_told")
        told = told.nodes if isinstance(told, Told) else ()
        steps = []
        for lead, old in before.items():
            nodes = lead._prepare_changes(old, lead._get_facts())
            steps += [
                lead._prepare_step(node, content)
                for node, content in nodes.items()
                if node not in told
            ]
        self.env["referral.trail.entry"]._append_each(steps)

    def _prepare_step(self, node, content=None, document=None, occurred_at=None):
        """Return an entry to write; see ``referral.trail.entry._append_each``."""
        self.ensure_one()
        company = self.sudo().company_id.id
        document = document and f"{document._name},{document.id}"
        return Step(self.id, company, node, content or {}, document, occurred_at)

    def _prepare_changes(self, old, new):
        """Return ``{node: content}`` of what is different, with ids before and after.

        People stand there as ids; what stages are called is kept, as they are renamed.
        """
        nodes = {}
        moved = [name for name in WATCHED if old[name] != new[name]]
        for name in moved:
            if name == "type":
                content = {"from": old[name] or "", "to": new[name] or ""}
                content["customer_id"] = self.partner_id.id
            else:
                prefix = "channel_" if name == "referral_channel_id" else ""
                content = {f"{prefix}from_id": old[name].id or None}
                content[f"{prefix}to_id"] = new[name].id or None
            if name == "stage_id":
                content["from"] = old[name].display_name or ""
                content["to"] = new[name].display_name or ""
            nodes.setdefault(WATCHED[name], {}).update(content)
        if new["active"] and not old["active"]:
            nodes["restored"] = {}
        if new["lost"] and not old["lost"]:
            nodes["lost"] = self._prepare_lost_content()
        return nodes

    def _log_found(self):
        """Somebody has turned out to have brought these leads.

        The trail begins, or goes on when somebody had brought the lead before.
        """
        told = self.browse(self._get_told_ids())
        (self - told)._log_births()
        steps = []
        for lead in told:
            content = {"from_id": None, "to_id": lead.referrer_id.id}
            steps.append(lead._prepare_step("reattributed", content))
        self.env["referral.trail.entry"]._append_each(steps)

    def _prepare_lost_content(self):
        reason = self.lost_reason_id
        return {"reason": reason.name or "", "reason_id": reason.id or None}

    def action_set_lost(self, **additional_values):
        """Odoo archives first and gives the reason then: that is one step."""
        won = self.filtered(lambda lead: lead.won_status != "lost")
        leads = self._referral_told("lost")
        result = super(CrmLead, leads).action_set_lost(**additional_values)
        steps = [
            lead._prepare_step("lost", lead._prepare_lost_content())
            for lead in won
            if lead.referrer_id and lead.won_status == "lost"
        ]
        self.env["referral.trail.entry"]._append_each(steps)
        return result

    # ---------------------------------------------------- leads that come and go

    def copy(self, default=None):
        """A copy is a lead of its own that nobody has brought yet.

        Else one lead could be rewarded again and again. When one lead turns out to be
        two, its referrer is set by hand; the trail of the first says where it is from.
        """
        copies = super().copy(default)
        steps = [
            lead._prepare_step("split", {"into": copy.id}, copy)
            for lead, copy in zip(self, copies, strict=True)
            if lead.referrer_id
        ]
        self.env["referral.trail.entry"]._append_each(steps)
        return copies

    @api.ondelete(at_uninstall=False)
    def _unlink_except_with_money(self):
        """A reward or an order stands on its lead."""
        leads = self.sudo()
        orders = leads.env["sale.order"].search(
            [
                "|",
                ("opportunity_id", "in", self._get_told_ids()),
                ("referral_lead_id", "in", self.ids),
            ]
        )
        kept = leads.filtered("referral_commission_ids")
        kept |= orders.opportunity_id | orders.referral_lead_id
        if kept:
            raise UserError(
                self.env._(
                    "Rewards or orders stand on “%(lead)s”, so it is kept. Mark it as"
                    " lost or archive it instead.",
                    lead=kept[0].display_name,
                )
            )

    def _get_told_ids(self):
        """Return the ids of the leads that have a trail."""
        return list(self.env["referral.trail.head"]._query_lengths(self.ids))

    def _prepare_deleted_steps(self):
        """Return what the trails of these leads will say once they are deleted."""
        leads = self.sudo().browse(self._get_told_ids())
        return [
            lead._prepare_step("deleted", {"who": lead.referrer_id.id or None})
            for lead in leads
        ]
