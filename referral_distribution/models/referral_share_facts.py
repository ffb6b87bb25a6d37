from odoo import models


class ReferralShare(models.Model):
    """What a rule may ask of a share (rules C4, S5)."""

    _name = "referral.share"
    _inherit = ("referral.share", "referral.reward.source")

    def _get_referral_day(self):
        return self.share_date

    def _get_referral_person(self):
        return self.partner_id

    def _get_referral_source_channel(self):
        return self.channel_id

    def _get_referral_desk(self):
        return self.partner_id, "referral_distribution.group_manager"

    def _prepare_referral_facts(self, trigger, rules):
        facts = super()._prepare_referral_facts(trigger, rules)
        return rules._complete_facts(self, facts)
