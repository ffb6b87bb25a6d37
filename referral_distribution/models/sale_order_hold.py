from odoo import fields, models

from .sale_order import GUARDED

GUARDED.add("referral_reward_waits")


class SaleOrder(models.Model):
    """The contract of a held lead is worked on, confirmed, and not rewarded (L5)."""

    _inherit = "sale.order"

    referral_reward_waits = fields.Boolean(
        string="Reward waits",
        readonly=True,
        copy=False,
        help="Finance confirmed while the lead was held: a release gives the rewards.",
    )

    _referral_waits_index = models.Index(
        "(referral_lead_id) WHERE referral_reward_waits"
    )

    def _is_referral_reward_held(self):
        """Tell whether the lead this contract came from is held (rule L5)."""
        self.ensure_one()
        lead = self.sudo().referral_lead_id
        return bool(lead) and lead._is_referral_reward_held()

    def _pass_over_held(self):
        """Return those whose rewards are given now; see ``crm.lead``.

        A lead that was found valid has been looked at then.
        """
        leads = self.sudo().referral_lead_id
        leads.filtered(lambda lead: lead.referral_validity != "valid")._find_holds()
        held = self.filtered(lambda order: order._is_referral_reward_held())
        rest = self - held
        held._write_guarded({"referral_reward_waits": True})
        done = rest.filtered("referral_reward_waits")
        done._write_guarded({"referral_reward_waits": False})
        return rest
