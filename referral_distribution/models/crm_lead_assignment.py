import json
import logging
from collections import defaultdict

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from . import gate
from .referral_territory_owner import ROLES

_logger = logging.getLogger(__name__)

# What a lead's territory and who may take it follow from.
GROUNDS = {
    "city",
    "company_id",
    "country_id",
    "partner_id",
    "referral_link_id",
    "referrer_id",
    "state_id",
    "zip",
}
# What the facts name by id.
NAMED = {
    "territory": "referral.territory",
    "agent": "res.partner",
    "team": "crm.team",
    "user": "res.users",
}


class CrmLead(models.Model):
    """Who works a referred lead, and why (rules M5, L2).

    A referred lead that nobody works goes to the sales team of its territory, and there
    to the member whose turn it is: when it is born, gets a referrer, or is found to lie
    elsewhere. What a person decides stays: a salesperson, a team, or nobody. Why it
    went to whom is kept as facts and told in the reader's language.
    """

    _inherit = "crm.lead"

    referral_assignment = fields.Json(
        string="Assignment", readonly=True, copy=False, groups=ROLES
    )
    referral_assignment_text = fields.Char(
        string="Why this salesperson",
        compute="_compute_referral_assignment_text",
        compute_sudo=True,
        groups=ROLES,
    )

    @api.depends("referral_assignment", "user_id")
    @api.depends_context("lang")
    def _compute_referral_assignment_text(self):
        names = self._read_assignment_names()
        for lead in self:
            facts = lead.referral_assignment or {}
            parts = lead._explain_team(facts, names) + lead._explain_turn(facts, names)
            lead.referral_assignment_text = " ".join(parts)

    def _read_assignment_names(self):
        """Return ``{(key, id): name}`` of what the facts name, but what is gone."""
        names = defaultdict(lambda: "–")
        for key, model in NAMED.items():
            ids = {(lead.referral_assignment or {}).get(key) for lead in self}
            for record in self.env[model].browse(ids - {None}).exists():
                names[key, record.id] = record.display_name
        return names

    def _explain_team(self, facts, names):
        if "team" not in facts:
            return []
        told = {key: names[key, facts.get(key)] for key in NAMED}
        if "territory" in facts:
            return [
                self.env._(
                    "Territory “%(territory)s” (agent %(agent)s) belongs to the team"
                    " %(team)s.",
                    **told,
                )
            ]
        return [
            self.env._(
                "It lies in no territory with a team; the team %(team)s takes such"
                " leads.",
                **told,
            )
        ]

    def _explain_turn(self, facts, names):
        how, user_id = facts.get("how"), facts.get("user")
        if how == "turn":
            parts = [self.env._("It was %(user)s's turn.", user=names["user", user_id])]
        elif how == "hand":
            parts = [self.env._("Somebody decided by hand.")]
        elif how == "optout":
            parts = [self.env._("That team gets no salesperson automatically.")]
        elif how == "nobody":
            parts = [self._explain_vacancy(facts.get("kept", {}))]
        else:
            return []
        if self.user_id and self.user_id.id != user_id:
            name = self.user_id.display_name
            parts.append(self.env._("Given to %(user)s since then.", user=name))
        return parts

    def _explain_vacancy(self, kept):
        labels = {
            "paused": self.env._("paused: %(count)s", count=kept.get("paused")),
            "full": self.env._("at capacity: %(count)s", count=kept.get("full")),
            "away": self.env._("archived: %(count)s", count=kept.get("away")),
            "other": self.env._(
                "not for such leads: %(count)s", count=kept.get("other")
            ),
        }
        found = [label for key, label in labels.items() if kept.get(key)]
        if not found:
            return self.env._("That team has no members.")
        return self.env._(
            "Nobody there could take it (%(reasons)s).", reasons=", ".join(found)
        )

    @api.model
    def default_get(self, fields):
        values = super().default_get(fields)
        values.pop("referral_assignment", None)  # whatever the caller's context says
        return values

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._check_assignment(vals)
        leads = super().create(vals_list)
        for lead, vals in zip(leads, vals_list, strict=True):
            chosen = vals.get("team_id") and not self.env.su
            if chosen and lead.referrer_id and not lead.user_id:
                lead._keep_decision_by_hand()
        leads._assign_referred()
        return leads

    def write(self, vals):
        self._check_assignment(vals)
        if gate.is_open(self.env):
            return super().write(vals)
        decided = self.browse()
        if "user_id" in vals and not vals["user_id"]:
            decided = self.filtered("user_id")
        elif vals.get("team_id") and "user_id" not in vals and not self.env.su:
            decided = self.filtered(lambda lead: not lead.user_id)
        result = super().write(vals)
        decided.filtered("referrer_id")._keep_decision_by_hand()
        if GROUNDS & vals.keys():
            # what is just being born, and has no trail yet, is assigned when it is
            waiting = self.sudo().filtered(lambda lead: lead._is_to_assign())
            waiting.filtered("referral_trail_ids")._assign_referred()
        return result

    def _check_assignment(self, vals):
        if "referral_assignment" in vals and not gate.is_open(self.env):
            raise AccessError(
                self.env._("Why a lead went to a salesperson is kept as it was.")
            )

    @api.model
    def _prepare_attributed_vals(self, vals, keyed):
        """Return the values without a salesperson that only happened to make the lead.

        Odoo makes whoever creates a lead its salesperson: in the portal a member, over
        the API the technical user, and the system user for what arrives by itself.
        """
        vals = super()._prepare_attributed_vals(vals, keyed)
        if self._is_salesperson(vals):
            return vals
        return {**vals, "user_id": False, "company_id": self._find_company_id(vals)}

    def _compute_company_id(self):
        """A lead that somebody brought stays its company's, which rewards it.

        Odoo takes the company from a lead that nobody works on yet.
        """
        before = {lead: lead.company_id for lead in self if lead.referrer_id}
        result = super()._compute_company_id()
        for lead, company in before.items():
            lead.company_id = lead.company_id or company
        return result

    @api.model
    def _find_company_id(self, vals):
        """Return whose lead it is; Odoo follows the salesperson, who is nobody now."""
        givers = {
            "team_id": "crm.team",
            "partner_id": "res.partner",
            "referral_link_id": "referral.link",
        }
        companies = (
            self.env[model].sudo().browse(vals.get(name) or []).company_id.id
            for name, model in givers.items()
        )
        return vals.get("company_id") or next(
            filter(None, companies), self.env.company.id
        )

    @api.model
    def _is_salesperson(self, vals):
        named = vals if "user_id" in vals else self.default_get(["user_id"])
        user = self.env["res.users"].sudo().browse(named.get("user_id") or [])
        if not user:
            return True  # nobody is what was asked for
        if user.share or user.has_group("referral_distribution.group_integration"):
            return False
        referred = vals.get("referrer_id") or vals.get("referral_link_id")
        if vals.get("user_id") or not referred:
            return True
        return not user._is_superuser() and user.has_group(
            "sales_team.group_sale_salesman"
        )

    def _keep_decision_by_hand(self):
        gate.opened(self.sudo()).write({"referral_assignment": {"how": "hand"}})

    def action_referral_assign(self):
        """Give leads without a salesperson to whose turn it is in their territory.

        For leads that nobody could take when they came in (rule M5).

        :raises AccessError: without the sales role.
        :raises UserError: when no team is named for the one lead it is asked for.
        """
        self.env.user._referral_require("group_sales")
        self.check_access("write")
        leads = self.sudo().filtered(lambda lead: not lead.user_id and lead.active)
        assigned = leads._assign_by_territory()
        if len(leads) == 1 and not assigned:
            raise UserError(
                self.env._(
                    "No sales team works the territory of “%(lead)s”. Choose a"
                    " salesperson, or name a team on the territory.",
                    lead=leads.display_name,
                )
            )
        return True

    def _assign_referred(self):
        """Assign the leads that wait for it. A fault in that stops no lead."""
        waiting = self.sudo().filtered(lambda lead: lead._is_to_assign())
        if not waiting:
            return
        try:
            with self.env.cr.savepoint():
                waiting._assign_by_territory()
        except UserError as error:
            _logger.warning("Leads %s have no salesperson yet: %s", waiting.ids, error)

    def _is_to_assign(self):
        facts = self.referral_assignment or {}
        return (
            bool(self.referrer_id)
            and not self.user_id
            and facts.get("how") not in ("turn", "hand")
            and self.active
            and self.won_status == "pending"
            and self.referral_validity in ("to_review", "valid")
        )

    def _assign_by_territory(self):
        """Give the leads to teams and salespeople; return those that got a team."""
        by_team = defaultdict(dict)
        for lead, facts in self._find_assignment_teams().items():
            by_team[facts["team"]][lead] = facts
        groups = defaultdict(self.browse)
        for team_id, found in by_team.items():
            leads = self.browse(lead.id for lead in found)
            team = self.env["crm.team"].browse(team_id)
            for lead, (user, how) in team._deal_referred(leads).items():
                facts = {**found[lead], **how, **({"user": user.id} if user else {})}
                if facts != lead.referral_assignment:
                    key = json.dumps(facts, sort_keys=True)
                    groups[key, lead.company_id.id] += lead
        for (key, company_id), leads in groups.items():
            leads.with_context(
                mail_auto_subscribe_no_notify=len(self) > 1
            )._apply_assignment(json.loads(key), company_id)
        return self.browse(lead.id for found in by_team.values() for lead in found)

    def _find_assignment_teams(self):
        """Return ``{lead: facts}`` of the leads some team works, by one query.

        Of the territories a lead lies in, the most specific one that names a team.
        """
        [*questions] = (lead._get_territory_questions()[0] for lead in self)
        verdicts = self.env["referral.territory"]._judge(
            [(one.company, one.place) for one in questions]
        )
        found = {}
        for lead, question, verdict in zip(self, questions, verdicts, strict=True):
            rivals = [rival for rival, _ground in verdict.beaten]
            for one in [verdict.winner, *rivals] if verdict.winner else ():
                team = self.env["referral.territory"].browse(one.id).team_id
                if team.active:
                    facts = {"territory": one.id, "agent": one.agent, "team": team.id}
                    found[lead] = facts
                    break
            else:
                team = question.company.sudo().referral_team_id
                if team.active:
                    found[lead] = {"team": team.id}
        return found

    def _apply_assignment(self, facts, company_id):
        """Write team and salesperson, each step once in the trail (rule L3)."""
        vals = {
            "team_id": facts["team"],
            "company_id": company_id,  # Odoo would clear it for a team of all companies
            "referral_assignment": facts,
        }
        if "user" in facts:
            vals["user_id"] = facts["user"]
        gate.opened(self).write(vals)
        if "user" not in facts:
            self._referral_log(
                "assigned", content=self._prepare_assigned_content(facts)
            )

    @api.model
    def _prepare_assigned_content(self, facts):
        """Return what the trail keeps of an assignment: ids, and how it came about."""
        names = ("how", "territory", "agent", "team")
        return {name: facts[name] for name in names if name in facts}

    def _prepare_changes(self, old, new):
        """Say how a lead was assigned, in the one entry that says to whom."""
        nodes = super()._prepare_changes(old, new)
        if "assigned" in nodes and gate.is_open(self.env):
            facts = self.referral_assignment or {}
            nodes["assigned"].update(self._prepare_assigned_content(facts))
        return nodes
