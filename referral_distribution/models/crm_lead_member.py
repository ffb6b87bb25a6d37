from odoo import models
from odoo.fields import Domain

from ..engine import commission as engine


class CrmLead(models.Model):
    """What the member who brought a lead is told of it (rules L2, X1)."""

    _inherit = "crm.lead"

    def _get_member_labels(self):
        """Return ``{validity: what a member reads}``: plain words, no terms of ours."""
        return {
            "to_review": self.env._("We are looking at it"),
            "valid": self.env._("Valid"),
            "invalid": self.env._("Not accepted"),
            "duplicate": self.env._("Known already"),
        }

    def _get_signed_domain(self, contract_domain):
        """Return the domain of leads that became one of these contracts."""
        orders = self.env["sale.order"].sudo()._search(contract_domain)
        return Domain("id", "in", orders.subselect("referral_lead_id"))

    def _get_expected_rewards(self, member):
        """Return what the plan in force would give ``member`` if a lead is valid (L2).

        Nothing is promised by it: the plan that counts is the one of the day sales
        finds the lead valid.

        :param member: res.partner
        :return: ``{lead: [(res.currency, amount)]}`` of the leads that are to review;
            the number of queries depends on how many channels they came through.
        """
        member.ensure_one()
        currencies = self.env["res.currency"].sudo()
        plans, rewards, expected = {}, {}, {}
        for lead in self.sudo():
            waits = lead.referral_validity == "to_review" and lead.active
            if not waits or lead.referral_hold_state == "refused":
                continue
            company = lead._get_referral_company()
            if company not in plans:
                plans[company] = lead._get_referral_plan().rule_ids
            key = (
                company,
                lead.referrer_id,
                lead.referral_channel_id,
                lead.referral_lead_fee,
                lead.referral_fee_currency_id,
                lead.referral_lead_fee and lead._get_arrival_day(),
            )
            if key not in rewards:
                rewards[key] = lead._compute_rewards(plans[company], member)
            expected[lead] = [
                (currencies.browse(currency_id), amount)
                for currency_id, amount in rewards[key].items()
            ]
        return expected

    def _compute_rewards(self, rules, member):
        """Return ``{currency id: amount}`` that ``rules`` give ``member``."""
        facts = self._prepare_referral_facts("lead_valid", rules)
        sums = {}
        for line in engine.compute(facts, rules._to_engine(), failed=[]):
            if line.person == member.id:
                currency = rules.browse(line.rule).currency_id.id
                sums[currency] = sums.get(currency, 0.0) + float(line.amount)
        return sums
