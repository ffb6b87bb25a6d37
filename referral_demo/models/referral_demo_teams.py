from odoo import api, models
from odoo.fields import Command

from ..story import regions


class ReferralDemo(models.AbstractModel):
    """Which sales team works which territory, for the leads from now on."""

    _inherit = "referral.demo"

    @api.model
    def _make_visits(self, clock):
        result = super()._make_visits(clock)
        clock(0)
        users = self.env["res.users"]
        for told in regions.TEAMS:
            people = users.search([("login", "in", told.logins)])
            team = self.env["crm.team"].create(
                {
                    "name": told.name,
                    "crm_team_member_ids": [
                        Command.create({"user_id": user.id}) for user in people
                    ],
                }
            )
            self._name_team(team, told)
        return result

    @api.model
    def _name_team(self, team, told):
        states = [self.env.ref(f"base.{name}").id for name in told.states]
        territories = self.env["referral.territory"]
        territories.search([("state_id", "in", states)]).team_id = team
