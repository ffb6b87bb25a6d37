from dataclasses import replace

from odoo import models

from ..engine.commission import Part, Person


class ReferralPlanRule(models.Model):
    """What the engine is told beyond amounts and levels, where a rule asks (rule C4).

    A plan that asks for nothing of it costs no query.
    """

    _inherit = "referral.plan.rule"

    def _complete_facts(self, document, facts):
        """Return ``facts`` with what these rules need to know of ``document``.

        :param document: sale.order, crm.lead or referral.share, as superuser.
        :param facts: engine.commission.Facts with the trigger, the people and amounts.
        """
        rules = self.filtered(lambda rule: rule.trigger == facts.trigger)
        channel = document._get_referral_source_channel()
        matching, unclear = rules._get_matching(document)
        facts = replace(
            facts,
            day=document._get_referral_day(),
            channel_kind=channel.kind or "",
            fulfilment=document._get_referral_fulfilment(),
            chain=rules._find_roles(document._get_referral_person()),
            contacts=rules._find_contacts(facts),
            territory_agent=rules._find_territory_agent(document),
            parts=rules._find_parts(document),
            matching=matching,
            unclear=unclear,
        )
        facts = replace(facts, people=rules._with_tiers(facts.people))
        facts = replace(
            facts,
            rates=rules._find_rates(document, facts),
            paid=self._find_paid(document, facts),
        )
        return replace(facts, past=rules._find_past(document, facts))

    def _find_roles(self, referrer):
        """Return the nearest of each role, the referrer included, however far up."""
        roles = set(self.filtered(lambda r: r.beneficiary == "role").mapped("role"))
        if not roles or not referrer:
            return ()
        partners = self.env["res.partner"].sudo()
        found = referrer.sudo()._query_nearest_of_roles(sorted(roles))
        members = partners.browse(partner_id for partner_id, _place in found)
        members.fetch(["grade_id", "member_state", "accepts_commission"])
        return tuple(
            member._to_engine_person(place)
            for member, (_id, place) in zip(members, found, strict=True)
        )

    def _with_tiers(self, people):
        """Return the people of the levels with their tier and role."""
        if not (self.tier_ids or "role" in self.mapped("beneficiary")):
            return people
        members = self.env["res.partner"].sudo().browse(one.id for one in people)
        return tuple(
            replace(
                one,
                tier=member.grade_id.id or 0,
                role=member.referral_role or "",
            )
            for one, member in zip(people, members, strict=True)
        )

    def _find_contacts(self, facts):
        """Return the named contacts; a member among them earns as members do (S4)."""
        contacts = self.filtered(lambda r: r.beneficiary == "contact").partner_id.sudo()
        members_earn = facts.members_earn and not facts.channel_partner
        return tuple(
            Person(
                contact.id,
                contact.active
                and (
                    not contact.member_state
                    or (members_earn and contact._earns_commission())
                ),
                contact.grade_id.id or 0,
                contact.referral_role or "",
            )
            for contact in contacts.sorted("id")
        )

    def _find_territory_agent(self, document):
        """Return the agent in whose territory the contract or lead lies."""
        asked = any(
            rule.beneficiary == "territory" or rule.territory != "any" for rule in self
        )
        if not asked or "territory_agent_id" not in document._fields:
            return None
        agent = document.territory_agent_id
        return agent._to_engine_person() if agent else None

    def _find_parts(self, document):
        """Return the contract's amounts by product category."""
        if not self.category_ids:
            return ()
        return tuple(
            Part(
                tuple(int(one) for one in category.parent_path.split("/") if one)
                if category
                else (),
                bases,
            )
            for category, bases in document._get_referral_parts()
        )

    def _find_rates(self, document, facts):
        """Return what was agreed with these people for themselves."""
        people = [*facts.people, *facts.chain, *facts.contacts]
        people += [facts.territory_agent] if facts.territory_agent else []
        return self.env["referral.rate"]._get_rates(
            document._get_referral_company(),
            {person.id for person in people},
            document._get_referral_customer(),
            facts.day,
            facts.trigger,
        )
