from odoo import models

from . import gate
from .crm_lead_hold import BLOCKING, LATER


class CrmLead(models.Model):
    """Merging leads frees no reward, and pays none twice (rules L2, L5)."""

    _inherit = "crm.lead"

    def _merge_opportunity(self, *args, **kwargs):
        """Let the lead that stays take over what is held, and look at it once more."""
        referrers = {lead.id: lead.referrer_id for lead in self}
        waits = self._is_merged_reward_waiting()
        leads = self.with_context(referral_holds=LATER)
        head = super(CrmLead, leads)._merge_opportunity(*args, **kwargs)
        head = head.with_env(self.env)
        if head.referrer_id:
            (self - head).exists()._hand_over_holds(head, referrers)
            head._release_merged(referrers)
            gate.opened(self.exists() - head).referral_reward_waits = False
            gate.opened(head).referral_reward_waits = waits
            if head.referral_validity == "to_review":
                head._find_holds()
        return head

    def _is_merged_reward_waiting(self):
        """Tell whether what was found valid among these is all still to be rewarded."""
        valid = self.filtered(lambda lead: lead.referral_validity == "valid")
        return bool(valid) and all(valid.mapped("referral_reward_waits"))

    def _hand_over_holds(self, head, referrers):
        """Hold ``head`` for what these leads were held for, by the same member.

        :param head: the lead these were merged into.
        :param referrers: ``{lead id: who brought it}`` before the merge.
        """
        taken = head.sudo().referral_hold_ids.filtered(lambda h: h.state in BLOCKING)
        for hold in self.sudo().referral_hold_ids:
            if (
                hold.state in BLOCKING
                and hold.rule_id not in taken.rule_id
                and referrers[hold.lead_id.id] == head.referrer_id
                and not hold._is_settled_by_merge(referrers)
            ):
                taken |= hold._copy_to(head)

    def _release_merged(self, referrers):
        """What was held as a duplicate of a lead merged with it is the one lead now."""
        holds = self.sudo().referral_hold_ids.filtered(
            lambda hold: hold.state == "held" and hold._is_settled_by_merge(referrers)
        )
        if holds:
            reason = self.env._("Merged with the lead it was a duplicate of")
            holds.with_env(self.env)._decide("released", reason)
