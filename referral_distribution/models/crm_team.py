from collections import Counter

from odoo import fields, models
from odoo.tools import SQL

from ..engine.rota import deal


class CrmTeam(models.Model):
    """A team's members take the leads of its territories in turn (rules M5, L2).

    Turns come from a counter of PostgreSQL's that no transaction locks and none takes
    back: leads that are born at the same moment wait for nobody, and go to different
    members. A birth that fails has used up its turn.
    """

    _inherit = "crm.team"

    referral_turn_id = fields.Many2one(
        "ir.sequence",
        string="Turns",
        readonly=True,
        copy=False,
        ondelete="restrict",
        index="btree_not_null",
        groups="base.group_system",
        help="Counts whose turn it is to take a referred lead.",
    )

    def unlink(self):
        turns = self.sudo().referral_turn_id
        result = super().unlink()
        turns.unlink()
        return result

    def _open_referral_turns(self):
        """Give the teams counters, when they are chosen: births only read them."""
        for team in self.sudo().filtered(lambda team: not team.referral_turn_id):
            name = self.env._("Turns of the team %(team)s", team=team.name)
            team.referral_turn_id = team.env["ir.sequence"].create(
                {"name": name, "company_id": team.company_id.id}
            )

    def _query_referral_turns(self, count):
        """Take that many turns; nobody else gets the same ones."""
        self._open_referral_turns()
        name = f"ir_sequence_{self.sudo().referral_turn_id.id:03d}"
        query = SQL("SELECT nextval(%s) FROM generate_series(1, %s)", name, count)
        return [turn for [turn] in self.env.execute_query(query)]

    def _deal_referred(self, leads):
        """Return who takes each of the leads, and why nobody does.

        Who is paused, archived or has no part in the lead's company is passed over.
        Where Odoo's rule-based assignment is on, so is who has as many leads within 30
        days as their capacity says, or takes no leads like this one.

        :return: ``{lead: (user, facts)}``; without a user, ``facts`` are how many
            members are kept from it by what.
        """
        self.ensure_one()
        team = self.sudo().with_context(active_test=True)
        kept = {one: one._get_referral_bar() for one in team.crm_team_member_ids}
        ring = team.crm_team_member_ids.sorted("id").filtered(lambda one: not kept[one])
        taken = {one: set(one._filter_referral_takeable(leads)) for one in ring}
        wishes = [{one for one in ring if lead in taken[one]} for lead in leads]
        dealt = [None] * len(leads)
        if not team.assignment_optout:
            rooms = ring._get_referral_rooms()
            dealt = deal(list(ring), wishes, rooms, team._query_referral_turns)
        return {
            lead: (one.user_id, {"how": "turn"})
            if one
            else (self.env["res.users"], team._get_vacancy_facts(kept, able))
            for lead, one, able in zip(leads, dealt, wishes, strict=True)
        }

    def _get_vacancy_facts(self, kept, able):
        if self.assignment_optout:
            return {"how": "optout"}
        reasons = Counter(
            kept[one] or ("full" if one in able else "other") for one in kept
        )
        return {"how": "nobody", "kept": dict(reasons)}
