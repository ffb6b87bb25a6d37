from odoo import models


class CrmLead(models.Model):
    """What a rule may ask of a lead (rule C4)."""

    _name = "crm.lead"
    _inherit = ("crm.lead", "referral.reward.source")

    def _get_referral_person(self):
        return self.referrer_id

    def _get_referral_source_channel(self):
        return self.referral_channel_id

    def _get_referral_customer(self):
        return self.partner_id.commercial_partner_id

    def _get_referral_desk(self):
        return self, "referral_distribution.group_manager"

    def _get_referral_plan(self):
        """Return the plan in force for where the lead came from (rule C4)."""
        company = self._get_referral_company()
        partner = self.referral_channel_id.kind == "partner"
        return self.env["referral.plan"]._get_active(
            company, kind="partner" if partner else "standard"
        )

    def _prepare_referral_facts(self, trigger, rules):
        facts = super()._prepare_referral_facts(trigger, rules)
        return rules._complete_facts(self, facts)
