from odoo import models
from odoo.exceptions import UserError
from odoo.fields import Domain


class CrmLead(models.Model):
    """A verdict can be taken back, and the reward of a valid lead with it (rule L2)."""

    _inherit = "crm.lead"

    def action_referral_reopen(self, reason):
        """Put reviewed leads back to review, with a reason (rule L2).

        What was given because they were valid is taken back (rule C7); found valid
        again, they are rewarded again, once. Rewards of their contracts stay until a
        lead is found invalid or a duplicate. Leads to review are left alone.

        :param str reason: shown to everybody who sees the lead; required.
        :raises AccessError: without the sales role.
        :raises UserError: without a reason; when an open settlement holds its reward.
            Nothing is changed then.
        """
        self.env.user._referral_require("group_sales")
        if not isinstance(reason, str) or not reason.strip():
            raise UserError(self.env._("Give a reason, so that the member can learn."))
        reason = reason.strip()
        todo = self.filtered(lambda lead: lead.referral_validity != "to_review")
        rewarded = todo | todo._find_merged()
        for verdict, leads in todo.grouped("referral_validity").items():
            leads._set_validity("to_review", "reopened", reason, before=verdict)
        rewarded._take_back_rewards(reason)
        return True

    def _take_back_rewards(self, reason):
        """Reverse what these leads' being valid has given."""
        given = self.env["referral.commission"].sudo()
        given.search(
            Domain("lead_id", "in", self.ids)
            & Domain("trigger", "=", "lead_valid")
            & Domain("reverses_id", "=", False)
            & Domain("state", "!=", "reversed")
        )._reverse(reason)

    def _find_merged(self):
        """Return the leads that were merged into these, at any depth.

        Whom one of them had rewarded is not rewarded again for these; see
        ``_take_over_validity``.
        """
        entries = self.env["referral.trail.entry"].sudo()
        found, heads = self.browse(), self
        while heads:
            merged = entries.search(
                Domain("node", "=", "merged")
                & Domain("document", "in", [f"crm.lead,{lead}" for lead in heads.ids])
            ).lead_id.exists()
            heads = merged - found - self
            found |= heads
        return found
