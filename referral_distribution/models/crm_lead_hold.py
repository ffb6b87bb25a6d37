from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.http import request

from ..engine.visit import read_visit
from . import gate
from .referral_territory_owner import ROLES

# What tells a lead apart, and whom it is compared with.
WATCHED = {
    "company_id",
    "email_from",
    "partner_id",
    "phone",
    "referral_link_id",
    "referrer_id",
}
GUARDED = {"referral_hold_state", "referral_reward_waits"}
BLOCKING = ("held", "refused")
LATER = object()  # in the context of a step that looks itself once it is through


class CrmLead(models.Model):
    """Leads whose rewards wait for a manager (rule L5).

    Looked at when somebody has brought the lead, when it becomes another while it is to
    be reviewed, and before it is rewarded. Sales works on it as on any other.
    """

    _inherit = "crm.lead"

    referral_hold_ids = fields.One2many(
        "referral.lead.hold", "lead_id", string="Holds", groups=ROLES
    )
    referral_hold_state = fields.Selection(
        [
            ("none", "None"),
            ("held", "Held"),
            ("released", "Released"),
            ("refused", "Refused"),
        ],
        string="Reward held",
        compute="_compute_referral_hold_state",
        store=True,
        readonly=True,
        copy=False,
        help="Whether a rule holds the reward of this lead; what a manager decided.",
    )
    referral_hold_text = fields.Text(
        string="Why it is held", compute="_compute_referral_hold_text", groups=ROLES
    )
    referral_reward_waits = fields.Boolean(
        string="Reward waits",
        readonly=True,
        copy=False,
        help="The lead was found valid while it was held: a release gives the reward.",
    )

    _referral_held_index = models.Index(
        "(referral_hold_state) WHERE referral_hold_state <> 'none'"
    )

    @api.depends("referral_hold_ids.state")
    def _compute_referral_hold_state(self):
        for lead in self:
            states = set(lead.referral_hold_ids.mapped("state"))
            order = ("held", "refused", "released")
            found = (state for state in order if state in states)
            lead.referral_hold_state = next(found, "none")

    @api.depends("referral_hold_ids.explanation", "referral_hold_ids.state")
    @api.depends_context("lang", "tz", "uid")
    def _compute_referral_hold_text(self):
        texts = {
            hold: hold.explanation
            for hold in self.referral_hold_ids
            if hold.state in BLOCKING
        }
        for lead in self:
            own = [texts[hold] for hold in lead.referral_hold_ids if hold in texts]
            lead.referral_hold_text = "\n".join(own)

    # -------------------------------------------------------------- the moments

    @api.model_create_multi
    def create(self, vals_list):
        leads = super().create(vals_list)
        brought = leads.filtered("referrer_id")
        if brought:
            brought._find_holds(self._get_visitor_hash())
        return leads

    def write(self, vals):
        result = super().write(vals)
        if vals.keys() & WATCHED:
            self.filtered(
                lambda lead: lead.referral_validity == "to_review"
            )._find_holds()
        return result

    def _check_guarded(self, vals):
        if GUARDED & vals.keys() and not gate.is_open(self.env):
            raise AccessError(self.env._("Only the rules hold leads."))
        return super()._check_guarded(vals)

    @api.model
    def default_get(self, fields):
        """A caller's ``default_`` keys hold nothing either."""
        return super().default_get([name for name in fields if name not in GUARDED])

    @api.model
    def _get_visitor_hash(self):
        """Return the keyed hash of the visitor of the running request, as clicks have
        it; None for a colleague, a job or an outside site. It is stored nowhere."""
        visitor = request and request.env and request.env.user
        if not visitor or visitor._is_internal():
            return None
        visit = read_visit(request.httprequest.environ)
        return self.env["referral.share"]._hash_visit(visit)[0]

    def _find_holds(self, visitor=None):
        """Hold what the rules of the companies find. Never fails for it.

        :param visitor: see ``referral.hold.rule._find``.
        """
        leads = self.sudo().filtered("referrer_id")
        if leads and self.env.context.get("referral_holds") is not LATER:
            leads._flush_identity()
            self.env["referral.lead.meeting"]._meet(leads)
            found = self.env["referral.hold.rule"]._find(leads, visitor)
            self.env["referral.lead.hold"]._hold(found)

    # --------------------------------------------------------------------- money

    def _is_referral_reward_held(self):
        """Tell whether a rule holds the rewards of this lead, or a manager refused
        them (rule L5)."""
        self.ensure_one()
        return self.sudo().referral_hold_state in BLOCKING

    def _pass_over_held(self):
        """Look once more, and return those whose reward is given now.

        What is passed over says so, for a release to give it.
        """
        self._find_holds()
        held = self.filtered(lambda lead: lead._is_referral_reward_held())
        rest = self - held
        gate.opened(held).referral_reward_waits = True
        gate.opened(
            rest.filtered("referral_reward_waits")
        ).referral_reward_waits = False
        return rest

    # ------------------------------------------------------------------ decisions

    def action_referral_release(self, reason):
        """Give the rewards of held or refused leads after all (rule L5).

        What has been passed over is given at once: for a lead found valid, and for its
        contracts that finance has confirmed.

        :param str reason: kept with the hold and in the trail; required.
        :raises AccessError: without the manager role.
        :raises UserError: without a reason, when nothing is held, or when the user
            brought the lead.
        """
        self.env.user._referral_require("group_manager")
        holds = self._get_holds_to_decide(BLOCKING, reason)
        holds._decide("released", reason.strip())
        holds.lead_id._reward_released()
        return True

    def action_referral_withhold(self, reason):
        """Refuse the rewards of held leads (rule L5). A release may still follow.

        :param str reason: kept with the hold and in the trail; required.
        :raises AccessError: without the manager role.
        :raises UserError: as ``action_referral_release``.
        """
        self.env.user._referral_require("group_manager")
        self._get_holds_to_decide(("held",), reason)._decide("refused", reason.strip())
        return True

    def _get_holds_to_decide(self, states, reason):
        """Return the holds a manager decides about, after all checks."""
        if not isinstance(reason, str) or not reason.strip():
            raise UserError(self.env._("Say why: it stays with the lead."))
        self.check_access("write")
        mine = self.filtered(lambda lead: lead.referrer_id == self.env.user.partner_id)
        if mine:
            raise UserError(
                self.env._(
                    "You brought “%(lead)s” yourself: another manager decides about"
                    " its reward.",
                    lead=mine[0].display_name,
                )
            )
        leads = self | self._find_merged()
        holds = leads.sudo().referral_hold_ids.filtered(lambda h: h.state in states)
        if not holds:
            raise UserError(self.env._("No reward is held here."))
        return holds

    def _reward_released(self):
        """Give what these leads and their contracts were passed over for, once."""
        free = self.sudo().filtered(lambda lead: not lead._is_referral_reward_held())
        commissions = self.env["referral.commission"]
        waiting = free.filtered("referral_reward_waits")
        valid = waiting.filtered(lambda lead: lead.referral_validity == "valid")
        commissions._accrue("lead_valid", valid)
        orders = self.env["sale.order"].sudo()
        confirmed = orders.search(
            [
                ("referral_lead_id", "in", free.ids),
                ("referral_reward_waits", "=", True),
                ("referral_decision", "=", "confirmed"),
            ]
        )
        commissions._accrue("contract", confirmed)
