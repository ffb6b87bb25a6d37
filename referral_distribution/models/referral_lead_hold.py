from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools.i18n import format_list

from ..engine.identity import masked
from ..engine.immutable import protect_moves
from . import gate
from .kept import KeptMany2one

DECISION = ("decided_at", "decided_by_id", "reason")
MOVES = {
    "held>released": DECISION,
    "held>refused": DECISION,
    "refused>released": DECISION,
}
NODES = {"released": "released", "refused": "withheld"}


class ReferralLeadHold(models.Model):
    """Why the reward of a lead waits, and who decided what about it (rule L5).

    Written by the rules alone, decided by managers alone. The facts hold ids and words,
    never a name or number of a person; sentences are made when somebody reads them.
    """

    _name = "referral.lead.hold"
    _description = "Held Reward"
    _order = "id desc"
    _rec_name = "lead_id"

    lead_id = KeptMany2one("crm.lead", required=True, index=True)
    referrer_id = fields.Many2one(
        "res.partner", string="Member", compute="_compute_referrer_id"
    )
    company_id = fields.Many2one(
        "res.company", required=True, index=True, ondelete="restrict"
    )
    rule_id = fields.Many2one(
        "referral.hold.rule", required=True, index=True, ondelete="restrict"
    )
    kind = fields.Selection(
        selection=lambda self: (
            self.env["referral.hold.rule"]
            ._fields["kind"]
            ._description_selection(self.env)
        ),
        required=True,
    )
    facts = fields.Json(required=True)
    state = fields.Selection(
        [("held", "Held"), ("released", "Released"), ("refused", "Refused")],
        required=True,
        default="held",
        index=True,
    )
    decided_at = fields.Datetime(string="Decided on")
    decided_by_id = fields.Many2one(
        "res.users", string="Decided by", ondelete="restrict"
    )
    reason = fields.Char()
    explanation = fields.Char(string="Why it is held", compute="_compute_explanation")

    _once_at_a_time = models.UniqueIndex(
        "(lead_id, rule_id) WHERE state = 'held'",
        "This rule holds the lead already.",
    )
    _decided_complete = models.Constraint(
        "CHECK (num_nonnulls(decided_at, decided_by_id, reason)"
        " = CASE state WHEN 'held' THEN 0 ELSE 3 END)",
        "Who decides about a held reward says why.",
    )

    def init(self):
        protect_moves(self.env.cr, self._table, MOVES)

    def _compute_referrer_id(self):
        present = set(self.lead_id.exists().ids)
        for hold in self:
            lead = hold.lead_id
            hold.referrer_id = lead.referrer_id if lead.id in present else False

    # -------------------------------------------------------------- sentences

    @api.depends("facts", "kind")
    @api.depends_context("lang", "tz", "uid")
    def _compute_explanation(self):
        names = self._read_names()
        for hold in self:
            hold.explanation = hold._explain(names)

    def _explain(self, names):
        """Return in the reader's language why the lead is held.

        :param names: what ``_read_names`` returns.
        """
        self.ensure_one()
        facts = self.facts or {}
        if facts.get("failed"):
            return self.env._(
                "The rule “%(rule)s” does not work any more, so everything is held."
                " Correct it or switch it off.",
                rule=self.sudo().rule_id.name,
            )
        return getattr(self, f"_explain_{self.kind}")(facts, names)

    def _explain_existing_customer(self, facts, names):
        return self.env._(
            "%(customer)s has bought before.",
            customer=self._join_names("customers", facts, names),
        )

    def _explain_self_referral(self, facts, names):
        return self.env._(
            "The same %(what)s as the member who brought it.",
            what=self._label(facts.get("alike", ())),
        )

    def _explain_duplicate(self, facts, names):
        return self.env._(
            "The same %(what)s as %(lead)s.",
            what=self._label(facts.get("alike", ())),
            lead=self._join_names("leads", facts, names),
        )

    def _explain_burst(self, facts, names):
        bursts = self.env["referral.link.burst"].sudo()
        found = bursts.browse(facts.get("bursts", ())).exists()
        return self.env._(
            "It came while its link's clicks looked made: %(what)s",
            what=" ".join(found.mapped("explanation")),
        )

    def _explain_condition(self, facts, names):
        rule = self.sudo().rule_id
        return rule.note or rule.name

    def _label(self, words):
        labels = {
            "contact": self.env._("contact"),
            "email": self.env._("e-mail"),
            "phone": self.env._("phone"),
            "company": self.env._("company"),
            "domain": self.env._("company domain"),
            "customer": self.env._("customer"),
            "bank": self.env._("bank account"),
            "device": self.env._("device"),
        }
        return format_list(self.env, [labels.get(word, word) for word in words])

    def _join_names(self, key, facts, names):
        found = [names.get((key, own), "–") for own in facts.get(key, ())]
        return format_list(self.env, found)

    def _get_named_models(self):
        """Return ``{word of the facts: model}`` of what sentences name. A hook."""
        return {
            "customers": "res.partner",
            "leads": "crm.lead",
        }

    def _read_names(self):
        """Return ``{(word, id): name}``; masked where the reader may not look."""
        names = {}
        for key, model in self._get_named_models().items():
            ids = {own for hold in self for own in (hold.facts or {}).get(key, ())}
            records = self.env[model].browse(ids).exists()
            readable = records._filtered_access("read")
            for record in records.sudo():
                name = record.display_name
                if record.id not in readable.ids:
                    name = masked(name)
                names[key, record.id] = self.env._("“%(name)s”", name=name)
        return names

    # ----------------------------------------------------------------- guards

    @api.model_create_multi
    def create(self, vals_list):
        if vals_list and not gate.is_open(self.env):
            raise UserError(self.env._("Only the rules hold leads."))
        return super().create(vals_list)

    def write(self, vals):
        if self and not gate.is_open(self.env):
            raise UserError(self.env._("Decide about a held reward by its buttons."))
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_always(self):
        raise UserError(self.env._("What was held, and why, is kept for good."))

    # ---------------------------------------------------------------- buttons

    def action_release(self):
        """Ask for the reason to give the rewards of these leads after all.

        :return: the action that asks.
        :raises AccessError: without the manager role.
        """
        self.env.user._referral_require("group_manager")
        return self._ask("referral_reason_action_release")

    def action_withhold(self):
        """Ask for the reason to refuse the rewards of these leads.

        :return: the action that asks.
        :raises AccessError: without the manager role.
        """
        self.env.user._referral_require("group_manager")
        return self._ask("referral_reason_action_withhold")

    def _ask(self, name):
        action = self.env["ir.actions.act_window"]._for_xml_id(
            f"referral_distribution.{name}"
        )
        step = "release" if name.endswith("release") else "withhold"
        leads = self.lead_id.ids
        context = {"default_lead_ids": leads, "default_step": step}
        return {**action, "context": context}

    # --------------------------------------------------------- hold and decide

    @api.model
    def _hold(self, found):
        """Hold leads for what a rule has found and nobody has looked at yet.

        :param found: what ``referral.hold.rule._find`` returns.
        :return: the new holds.
        """
        leads = self.env["crm.lead"].union(*(lead for _rule, lead, _facts in found))
        known = self.sudo().search([("lead_id", "in", leads.ids)])
        by_rule = known.grouped(lambda hold: (hold.lead_id.id, hold.rule_id.id))
        vals_list = [
            {
                "lead_id": lead.id,
                "company_id": lead._get_referral_company().id,
                "rule_id": rule.id,
                "kind": rule.kind,
                "facts": facts,
            }
            for rule, lead, facts in found
            if by_rule.get((lead.id, rule.id), known.browse())._is_news(facts)
        ]
        holds = gate.opened(self.sudo()).create(vals_list)
        for rule, own in holds.grouped("rule_id").items():
            own.lead_id._referral_log("held", content={"rule": rule.id})
        return holds

    def _is_news(self, facts):
        """Tell whether none of these holds of one lead and rule knows the facts."""
        if any(hold.state != "released" for hold in self):
            return False
        looked_at = {pair for hold in self for pair in _get_pairs(hold.facts)}
        return not self or not _get_pairs(facts) <= looked_at

    def _copy_to(self, lead):
        """Hold another lead for the same, as it was decided; return that hold."""
        self.ensure_one()
        vals = self.copy_data({"lead_id": lead.id, "state": "held"})[0]
        decision = {name: vals.pop(name) for name in DECISION}
        hold = gate.opened(self.sudo()).create(vals)
        if self.state != "held":
            hold.write({"state": self.state, **decision})
        node = NODES.get(self.state, "held")
        content = {"rule": self.rule_id.id, "reason": self.reason or ""}
        lead._referral_log(node, content=content)
        return hold

    def _is_settled_by_merge(self, referrers):
        """Tell whether all that this duplicates was merged with it, by its own member.

        What sales had before, or somebody else brought, stays a matter for a manager.

        :param referrers: ``{lead id: who brought it}`` of what was merged.
        """
        self.ensure_one()
        others = self.facts.get("leads", ()) if self.kind == "duplicate" else ()
        member = referrers[self.lead_id.id]
        return bool(others) and all(referrers.get(own) == member for own in others)

    def _decide(self, state, reason):
        """Release or refuse, and log it.

        :param str state: "released" or "refused".
        """
        gate.opened(self.sudo()).write(
            {
                "state": state,
                "decided_at": fields.Datetime.now(),
                "decided_by_id": self.env.uid,
                "reason": reason,
            }
        )
        self.flush_model()  # before a new one, of which there is one at a time
        for rule, own in self.sudo().grouped("rule_id").items():
            own.lead_id._referral_log(
                NODES[state], content={"rule": rule.id, "reason": reason}
            )


def _get_pairs(facts):
    return {(key, value) for key, values in facts.items() for value in values}
