from dataclasses import replace
from decimal import Decimal

from odoo import api, fields, models
from odoo.tools import SQL

from ..engine.commission import Terms
from .referral_territory_owner import ROLES


class SaleOrder(models.Model):
    """A contract keeps its channel and what the partner gets of it (S4, threat F5)."""

    _inherit = "sale.order"

    referral_channel_id = fields.Many2one(
        "referral.channel",
        string="Channel",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="restrict",
        help="The channel the contract's lead came through when it was signed.",
    )
    referral_deal_share = fields.Float(
        string="Channel partner's share (%)",
        digits=(16, 6),
        readonly=True,
        copy=False,
        groups=ROLES,
        help="As agreed with the channel on the day the contract was signed.",
    )

    _referral_deal_share_range = models.Constraint(
        "CHECK (referral_deal_share BETWEEN 0 AND 100)",
        "The share of the deal lies between 0 and 100 per cent.",
    )

    def _prepare_signature_vals(self, phase):
        vals = super()._prepare_signature_vals(phase)
        channel = self.sudo()._get_signed_channel()
        day = channel and self._get_signing_day()
        share = channel._get_deal_share(day) if channel else 0.0
        if channel.kind == "partner":
            vals["referral_plan_id"] = self._get_plan_in_force("partner").id
        return {
            **vals,
            "referral_channel_id": channel.id,
            "referral_deal_share": share,
        }

    @api.model
    def _get_signature_fields(self):
        names = super()._get_signature_fields()
        return [*names, "referral_channel_id", "referral_deal_share"]

    def _get_signed_channel(self):
        """Return the channel of the contract; the customer's first one's, where only
        that tells how the customer came."""
        if self.referral_lead_id or self.referral_link_id:
            return self._get_referral_channel()
        same = SQL("contract.referrer_id = %s", self.referrer_id.id)
        return self._find_first_contracts(same)[self].referral_channel_id

    def _prepare_referral_facts(self, trigger, rules):
        facts = super()._prepare_referral_facts(trigger, rules)
        share = Decimal(repr(self.sudo()._get_signature_vals()["referral_deal_share"]))
        return replace(facts, terms=Terms(deal_share=share))
