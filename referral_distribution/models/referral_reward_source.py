from markupsafe import Markup

from odoo import models

FAILED = "referral_distribution.mail_activity_type_rule_failed"


class ReferralRewardSource(models.AbstractModel):
    """What a rule may ask of the contract, lead or share that it rewards (rule C4).

    A model that inherits this also answers ``_get_referral_company``,
    ``_get_referral_plan``, ``_pass_over_held``, ``_prepare_commission_source_vals`` and
    ``_prepare_referral_facts(trigger, rules)``, which ends with
    ``rules._complete_facts(self, facts)``.
    """

    _name = "referral.reward.source"
    _description = "Earns Rewards"

    def _get_referral_day(self):
        """Return the day that a rule's dates and people's own rates go by. A hook."""
        self.ensure_one()
        return self._get_referral_company()._referral_today()

    def _get_referral_person(self):
        """Return who brought it: a res.partner, perhaps empty. A hook."""
        raise NotImplementedError

    def _get_referral_source_channel(self):
        """Return the referral.channel it came through. A hook."""
        raise NotImplementedError

    def _get_referral_customer(self):
        """Return the customer's commercial res.partner, perhaps empty. A hook."""
        return self.env["res.partner"]

    def _get_referral_fulfilment(self):
        """Return "direct", or "prepaid" for goods from prepaid stock (G2). A hook."""
        return "direct"

    def _get_referral_parts(self):
        """Return ``[(product.category, {base: Decimal})]`` in company currency. A hook.

        The bases are those of the facts: "untaxed", "total" and what addons add.
        """
        return []

    def _get_referral_desk(self):
        """Return the record, and the group of who sees to it, for to-dos. A hook."""
        self.ensure_one()
        return self, "referral_distribution.group_finance"

    def _tell_reward_problems(self, problems):
        """Put a to-do on a colleague's desk, once: what could not be given, and why.

        :param problems: list of texts; nothing is done when there are none.
        """
        if not problems:
            return
        record, group = self.sudo()._get_referral_desk()
        if record.activity_search([FAILED], only_automated=False):
            return
        note = Markup("<br/>").join(
            [
                *problems,
                self.env._(
                    "Nothing was given by these rules. Correct them in a new version of"
                    " the plan, and grant by hand what is due here."
                ),
            ]
        )
        colleague = self._get_referral_company()._referral_find_colleague(group)
        if colleague:
            record.activity_schedule(FAILED, user_id=colleague.id, note=note)
        else:
            record.message_post(body=note)

    def _meets_referral_domain(self, domain):
        """Tell whether it meets a rule's further condition."""
        self.ensure_one()
        return bool(self.filtered_domain(domain))
