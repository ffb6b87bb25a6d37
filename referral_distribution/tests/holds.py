from datetime import timedelta

from odoo import fields

from .common import ReferralCase


class HoldCase(ReferralCase):
    """Leads that the rules look at, and what a manager decides about them.

    ``make_lead`` gives a lead by the member; what makes it alike is said in its values:

        lead = self.make_lead(email_from="member+x@own.example")
        self.assertHeld(lead, "self_referral")
        self.release(lead)
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.rules = {
            rule.kind: rule for rule in cls.env["referral.hold.rule"].search([])
        }

    def release(self, leads, reason="Looked at it", user=None):
        leads.with_user(user or self.manager).action_referral_release(reason)

    def withhold(self, leads, reason="It is the member", user=None):
        leads.with_user(user or self.manager).action_referral_withhold(reason)

    def validate(self, leads):
        leads.with_user(self.sales).action_referral_validate()

    def assertHeld(self, lead, *kinds):
        """The lead is held by rules of these kinds, in their order, and no other."""
        holds = lead.sudo().referral_hold_ids.filtered(lambda h: h.state == "held")
        rules = holds.rule_id.sorted()
        self.assertEqual(rules.mapped("kind"), [*kinds])
        self.assertEqual(lead.referral_hold_state == "held", bool(kinds))

    def explanations(self, lead, user=None, lang="en_US"):
        holds = lead.with_user(user or self.sales).with_context(lang=lang)
        return holds.referral_hold_ids.mapped("explanation")

    def make_bought(self, partner=None, days=30, **values):
        """Return an order of a customer, confirmed some days ago, by nobody."""
        order = self.make_contract(partner_id=(partner or self.customer).id, **values)
        order.sudo().date_order = fields.Datetime.now() - timedelta(days=days)
        self.env.flush_all()
        return order
