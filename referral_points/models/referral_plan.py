from odoo import api, models
from odoo.fields import Command


class ReferralPlan(models.Model):
    _inherit = "referral.plan"

    @api.model
    def _referral_create_points_plan(self, company):
        """Give a company without any plan the default one, in force.

        Valid lead 10 points (L2), first contract 0.5 % (C1), later ones 1 % (C2), the
        inviter 10 % of the member's reward (M4).

        :param company: res.company.
        """
        if self.search_count([("company_id", "=", company.id)], limit=1):
            return
        plan = self.create(
            {
                "name": self.env._("Points plan"),
                "company_id": company.id,
                "rule_ids": [
                    Command.create(vals) for vals in self._prepare_points_rules()
                ],
            }
        )
        plan._activate()

    @api.model
    def _prepare_points_rules(self):
        points = self.env.ref("referral_points.currency_pts")
        contract = {"trigger": "contract", "currency_id": points.id}
        return [
            {
                "name": self.env._("Valid lead"),
                "sequence": 10,
                "trigger": "lead_valid",
                "rate_type": "fixed",
                "amount": 10.0,
                "currency_id": points.id,
            },
            {
                **contract,
                "name": self.env._("First contract"),
                "sequence": 20,
                "phase": "first",
                "rate": 0.5,
            },
            {
                **contract,
                "name": self.env._("Second and later contracts"),
                "sequence": 30,
                "phase": "repeat",
                "rate": 1.0,
            },
            {
                **contract,
                "name": self.env._("Inviter's share"),
                "sequence": 40,
                "level": 1,
                "base": "member_reward",
                "rate": 10.0,
            },
        ]
