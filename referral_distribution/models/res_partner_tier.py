from odoo import api, fields, models

from . import gate
from .crm_lead import ROLES


class ResPartner(models.Model):
    """The tier part of the contact: its price list, and the log of its changes (M1).

    Odoo's ``partnership`` gives a contact the price list of a tier that is written on
    it. Here that holds for every way a tier comes and goes, of contacts that take part
    in the distribution: at create, in every company, and when a tier has no price list.
    """

    _inherit = "res.partner"

    tier_change_ids = fields.One2many(
        "referral.tier.change", "partner_id", string="Tier history", groups=ROLES
    )

    _grade_index = models.Index("(grade_id) WHERE grade_id IS NOT NULL")

    @api.model_create_multi
    def create(self, vals_list):
        partners = super().create(vals_list)
        tiered = partners.filtered("grade_id")
        tiered._follow_tier(dict.fromkeys(tiered, self.env["res.partner.grade"]))
        return partners

    def write(self, vals):
        if "grade_id" not in vals:
            return super().write(vals)
        before = {partner: partner.grade_id for partner in self}
        result = super().write(vals)
        self.filtered(lambda p: p.grade_id != before[p])._follow_tier(before)
        return result

    def _write_tier(self, grade):
        """Set a tier whose change is in the log already."""
        self.with_context(referral_tier_logged=gate.GATE).write({"grade_id": grade.id})

    def _follow_tier(self, before):
        """Give the price list of the new tier, and log what was changed by hand.

        :param dict before: ``{partner: its tier before}``.
        """
        taking_part = self.filtered(
            lambda p: (
                p.member_state or p.grade_id.referral_role or before[p].referral_role
            )
        )
        for (old, new), partners in taking_part.grouped(
            lambda p: (before[p], p.grade_id)
        ).items():
            partners._follow_tier_pricelist(
                old.sudo().default_pricelist_id, new.sudo().default_pricelist_id
            )
        if self.env.context.get("referral_tier_logged") is not gate.GATE:
            self.filtered("member_state")._log_tier_by_hand(before)

    def _follow_tier_pricelist(self, old, new):
        """Replace the old tier's price list; one that somebody set by hand stays."""
        companies = self.env["res.company"].sudo().search([]) if old or new else []
        for company in companies:
            usable = new if new.company_id <= company else new.browse()
            partners = self.sudo().with_company(company)
            partners.filtered(
                lambda p, usable=usable: (
                    p.specific_property_product_pricelist in (old, old.browse())
                    and p.specific_property_product_pricelist != usable
                )
            ).specific_property_product_pricelist = usable

    def _log_tier_by_hand(self, before):
        if not self:
            return
        changes = self.env["referral.tier.change"]._log(
            [
                {
                    "partner_id": partner.id,
                    "company_id": partner.company_id.id,
                    "old_grade_id": before[partner].id,
                    "new_grade_id": partner.grade_id.id,
                    "kind": "manual",
                    "state": "applied",
                    "user_id": self.env.uid,
                    "decided_at": fields.Datetime.now(),
                }
                for partner in self
            ]
        )
        changes.filtered("old_grade_id")._notify()
