from odoo import models
from odoo.fields import Domain

from .sale_order_true_up import REFUSED_LEADS
from .true_up_events import Event


class CrmLead(models.Model):
    """A contract is rewarded as long as its lead counts (rules L2, C7)."""

    _inherit = "crm.lead"

    def _set_validity(self, validity, node, reason=False, before=""):
        """Rewards of contracts follow the verdict: none for a lead that does not count.

        Finance is asked anew once it does. Sales is not kept from its verdict by an
        open settlement: what cannot follow at once waits in line.
        """
        result = super()._set_validity(validity, node, reason, before)
        if validity in REFUSED_LEADS:
            self._take_back_grants(reason)
        orders = self._find_contracts()
        if orders:
            orders._referral_follow(Event("lead", reason or ""))
        return result

    def _take_back_grants(self, reason):
        """Reverse what was granted by hand for these leads alone (rule C7).

        Not when they are only looked at again: nobody would grant it a second time.
        """
        commissions = self.env["referral.commission"].sudo()
        commissions.search(
            Domain("lead_id", "in", self.ids)
            & Domain("order_id", "=", False)
            & Domain("trigger", "=", "manual")
            & Domain("reverses_id", "=", False)
            & Domain("state", "!=", "reversed")
        )._reverse(reason)

    def _reward_released(self):
        """Give what payments would have given while these leads were held; see the
        base."""
        result = super()._reward_released()
        free = self.sudo().filtered(lambda lead: not lead._is_referral_reward_held())
        free._find_contracts()._referral_true_up(Event("lead"))
        return result

    def _find_contracts(self):
        return (
            self.env["sale.order"]
            .sudo()
            .search(
                Domain("referral_lead_id", "in", self.ids)
                & Domain("project_phase", ">", 0)
            )
        )
