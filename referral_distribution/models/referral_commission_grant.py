from decimal import Decimal
from math import isfinite

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools.misc import formatLang

from ..engine.immutable import protect
from . import gate

MOVES = {
    "draft": {"submitted"},
    "submitted": {"draft", "approved", "refused"},
    "approved": set(),
    "refused": set(),
}
GUARDED = {"state", "requested_by_id", "decided_by_id", "decided_at", "answer"}
# On the way to finance's decision the plan's own rewards come first (rule C3).
ON_ITS_WAY = ("contracted", "awaiting_completion", "awaiting_payment", "to_confirm")
LONGEST_REASON = 500


def _is_amount(value):
    """Tell whether the ORM can store what a client has sent."""
    number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    return number and isfinite(value)


class ReferralCommissionGrant(models.Model):
    """A reward that no rule gives, for a reason, approved by a second person (C4, C6).

    Draft -> submitted -> approved | refused. A manager or finance asks, finance
    decides; neither who asked nor who gets it does. Approval makes one commission with
    the trigger "manual", which is paid, taken back and explained as any other. What is
    decided stays as it is: the database refuses every change.
    """

    _name = "referral.commission.grant"
    _description = "Manual Commission"
    _inherit = "mail.thread"
    _order = "id desc"
    _check_company_auto = True

    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    partner_id = fields.Many2one(
        "res.partner",
        string="Beneficiary",
        required=True,
        index=True,
        ondelete="restrict",
        tracking=True,
        domain=[("member_state", "=", "active")],
    )
    order_id = fields.Many2one(
        "sale.order",
        string="Contract",
        index="btree_not_null",
        ondelete="restrict",
        check_company=True,
        domain=[("state", "=", "sale")],
    )
    lead_id = fields.Many2one(
        "crm.lead",
        index="btree_not_null",
        ondelete="restrict",
        check_company=True,
        domain=[("referral_validity", "=", "valid")],
    )
    amount = fields.Monetary(required=True, tracking=True)
    currency_id = fields.Many2one(
        "res.currency",
        required=True,
        ondelete="restrict",
        default=lambda self: self.env.company.currency_id,
    )
    reason = fields.Char(
        required=True,
        size=LONGEST_REASON,
        help="What it is for. The beneficiary and the lead's history show it: name no"
        " third person.",
    )
    state = fields.Selection(
        [
            ("draft", "Draft"),
            ("submitted", "To approve"),
            ("approved", "Approved"),
            ("refused", "Refused"),
        ],
        required=True,
        readonly=True,
        default="draft",
        copy=False,
        index=True,
        tracking=True,
    )
    requested_by_id = fields.Many2one(
        "res.users",
        string="Asked by",
        readonly=True,
        copy=False,
        ondelete="restrict",
    )
    decided_by_id = fields.Many2one(
        "res.users",
        string="Decided by",
        readonly=True,
        copy=False,
        ondelete="restrict",
        tracking=True,
    )
    decided_at = fields.Datetime(string="Decided", readonly=True, copy=False)
    answer = fields.Char(
        string="Why it was refused", readonly=True, copy=False, tracking=True
    )
    commission_ids = fields.One2many("referral.commission", "grant_id", readonly=True)

    _amount_finite = models.Constraint(
        "CHECK (amount > 0 AND amount < 1e12)", "Grant an amount above zero."
    )
    _one_source = models.Constraint(
        "CHECK ((order_id IS NULL) <> (lead_id IS NULL))",
        "Say what it is for: a contract or a lead, one of them.",
    )
    _reason_given = models.Constraint(
        "CHECK (trim(reason) <> '')", "Give a reason, so that it can be judged."
    )
    _decision_complete = models.Constraint(
        "CHECK (CASE state WHEN 'draft' THEN decided_by_id IS NULL"
        " WHEN 'submitted' THEN requested_by_id IS NOT NULL"
        " ELSE requested_by_id IS NOT NULL AND decided_by_id IS NOT NULL"
        " AND decided_at IS NOT NULL AND decided_by_id <> requested_by_id END)",
        "A decision says who asked, who decided and when: two different people.",
    )

    def init(self):
        protect(
            self.env.cr,
            self._table,
            when="OLD.state IN ('approved', 'refused')",
            merged=("partner_id",),
        )

    @api.depends("partner_id", "amount", "currency_id")
    def _compute_display_name(self):
        for grant in self:
            amount = formatLang(self.env, grant.amount, currency_obj=grant.currency_id)
            who = grant.partner_id.name
            grant.display_name = f"{who} {amount}" if who else False

    # ------------------------------------------------------------------- writing

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._check_guarded(vals)
        return super().create(vals_list)

    def write(self, vals):
        self._check_guarded(vals)
        if vals.keys() & self._get_asked() and not gate.is_open(self.env):
            fixed = self.filtered(lambda grant: grant.state != "draft")
            if fixed:
                raise UserError(
                    self.env._(
                        "%(grant)s is submitted: take it back to draft to change it.",
                        grant=fixed[0].display_name,
                    )
                )
        return super().write(vals)

    @api.model
    def _get_asked(self):
        """Return the fields that say what is asked for."""
        names = ("company_id", "partner_id", "order_id", "lead_id", "amount")
        return {*names, "currency_id", "reason"}

    @api.model
    def default_get(self, fields):
        """A caller's ``default_`` keys reach no decision."""
        guarded = {f"default_{name}" for name in GUARDED}
        context = {k: v for k, v in self.env.context.items() if k not in guarded}
        # keys are taken out, which keyword arguments cannot
        clean = self.with_context(context)  # pylint: disable=context-overridden
        return super(ReferralCommissionGrant, clean).default_get(fields)

    def _check_guarded(self, vals):
        if GUARDED & vals.keys() and not gate.is_open(self.env):
            raise UserError(
                self.env._("A manual commission is decided with its buttons only.")
            )
        if "amount" in vals and not _is_amount(vals["amount"]):
            raise UserError(self.env._("Grant an amount above zero."))

    @api.ondelete(at_uninstall=False)
    def _unlink_except_draft(self):
        if any(grant.state != "draft" for grant in self):
            raise UserError(
                self.env._("Only a draft can be deleted: what was asked for stays.")
            )

    @api.onchange("order_id")
    def _onchange_order_id(self):
        if self.order_id:
            self.lead_id = False
            self.partner_id = self.partner_id or self.order_id.referrer_id

    @api.onchange("lead_id")
    def _onchange_lead_id(self):
        if self.lead_id:
            self.order_id = False
            self.partner_id = self.partner_id or self.lead_id.referrer_id

    # ------------------------------------------------------------------- buttons

    def action_submit(self):
        """Hand drafts over for approval (draft -> submitted).

        :raises AccessError: unless the user is a manager or finance.
        :raises UserError: when nobody could approve it as it is; see ``_check_ready``.
        """
        self.env.user._referral_require("group_manager", "group_finance")
        self.check_access("write")
        for grant in self.filtered(lambda grant: grant.state != "submitted"):
            grant._check_ready(self.env.user)
        self._set_state("submitted", requested_by_id=self.env.uid)
        return True

    def action_reset(self):
        """Take what is not decided yet back to draft.

        :raises AccessError: unless the user is a manager or finance.
        """
        self.env.user._referral_require("group_manager", "group_finance")
        self.check_access("write")
        self._set_state("draft", requested_by_id=False)
        return True

    def action_approve(self):
        """Approve, and give the reward (submitted -> approved); once.

        :raises AccessError: unless the user has the finance role.
        :raises UserError: to who asked for it or gets it; when the contract, lead or
            beneficiary is not what it was. Nothing is changed then.
        """
        self.env.user._referral_require("group_finance")
        self.check_access("read")
        for grant in self.filtered(lambda grant: grant.state != "approved"):
            grant._check_decider()
            grant._check_ready(grant.requested_by_id)
        for grant in self._set_state("approved", **self._prepare_decision_vals()):
            grant._give()
        return True

    def action_refuse(self, reason):
        """Refuse, with a reason (submitted -> refused).

        :param str reason: required; who asked reads it.
        :raises AccessError: unless the user has the finance role.
        :raises UserError: without a reason; to who asked for it or gets it.
        """
        self.env.user._referral_require("group_finance")
        self.check_access("read")
        if not isinstance(reason, str) or not reason.strip():
            raise UserError(self.env._("Give a reason, so that it can be understood."))
        for grant in self.filtered(lambda grant: grant.state != "refused"):
            grant._check_decider()
        vals = self._prepare_decision_vals()
        self._set_state("refused", answer=reason.strip(), **vals)
        return True

    def _prepare_decision_vals(self):
        return {"decided_by_id": self.env.uid, "decided_at": fields.Datetime.now()}

    def _set_state(self, state, **values):
        """Move those that may go to ``state``; those already there are left alone."""
        todo = self.filtered(lambda grant: grant.state != state)
        wrong = todo.filtered(lambda grant: state not in MOVES[grant.state])
        if wrong:
            raise UserError(
                self.env._(
                    "%(grant)s is not at that step.",
                    grant=wrong[0].display_name,
                )
            )
        gate.opened(todo.sudo()).write({"state": state, **values})
        todo.flush_recordset(["state"])  # decided: from here the database guards it
        return todo

    # -------------------------------------------------------------------- checks

    @api.constrains("company_id", "order_id", "lead_id")
    def _check_company_fits(self):
        for grant in self.sudo():
            source = grant.order_id or grant.lead_id
            if source and source._get_referral_company() != grant.company_id:
                raise ValidationError(
                    self.env._(
                        "“%(document)s” belongs to another company.",
                        document=source.display_name,
                    )
                )

    def _check_decider(self):
        """Requester, beneficiary and approver are not one person (threat F3)."""
        self.ensure_one()
        if self.env.user == self.requested_by_id:
            raise UserError(
                self.env._(
                    "Who asked for a manual commission cannot decide about it: ask a"
                    " colleague."
                )
            )
        self._check_not_own(self.env.user)

    def _check_not_own(self, user):
        """Who works for the beneficiary counts as it; that colleagues share our own
        company as contact does not."""
        company = user.partner_id.commercial_partner_id - user.company_ids.partner_id
        theirs = self.partner_id | self.partner_id.commercial_partner_id
        if (user.partner_id | company) & theirs:
            raise UserError(
                self.env._("Nobody asks for or decides about a reward of their own.")
            )

    def _check_ready(self, requester):
        """Refuse what a plan would not reward either (rules M4, L5, S4, C3)."""
        self.ensure_one()
        grant = self.sudo()
        grant._check_not_own(requester)
        grant._check_source()
        if grant._is_channel_partner():
            return
        if not grant.partner_id._earns_commission():
            raise UserError(
                self.env._(
                    "%(member)s takes no part in rewards: no active member, or does"
                    " not accept commissions.",
                    member=grant.partner_id.display_name,
                )
            )
        if grant._get_channel().kind == "partner":
            raise UserError(
                self.env._(
                    "The customer came through the partner channel “%(channel)s”:"
                    " members earn nothing there.",
                    channel=grant._get_channel().display_name,
                )
            )

    def _check_source(self):
        source = self.order_id or self.lead_id
        if self.order_id and self.order_id.state != "sale":
            raise UserError(
                self.env._("%(order)s is not signed.", order=source.display_name)
            )
        if self.order_id.referral_state in ON_ITS_WAY:
            raise UserError(
                self.env._(
                    "%(order)s is not decided yet: what the plan gives comes first."
                    " Ask again once finance has confirmed or refused it.",
                    order=source.display_name,
                )
            )
        if self.lead_id and self.lead_id.referral_validity != "valid":
            raise UserError(
                self.env._(
                    "“%(lead)s” has not been found valid.", lead=source.display_name
                )
            )
        if source._is_referral_reward_held():
            raise UserError(
                self.env._(
                    "The rewards of “%(document)s” are held. Release them first.",
                    document=source.display_name,
                )
            )

    def _get_channel(self):
        return self.order_id.referral_channel_id or self.lead_id.referral_channel_id

    def _is_channel_partner(self):
        return self._get_channel().partner_id == self.partner_id

    # -------------------------------------------------------------------- giving

    def _give(self):
        """Make the commission and approve it."""
        self.ensure_one()
        commissions = self.env["referral.commission"].sudo()
        commissions.create(self._prepare_commission_vals())._approve()

    def _prepare_commission_vals(self):
        """Return the values of the one commission of this grant. A hook."""
        self.ensure_one()
        source = (self.order_id or self.lead_id).sudo()
        return {
            **source._prepare_commission_source_vals(),
            "company_id": self.company_id.id,
            "partner_id": self.partner_id.id,
            "channel_id": self._is_channel_partner() and self._get_channel().id,
            "trigger": "manual",
            "level": 0,
            "amount": self.amount,
            "currency_id": self.currency_id.id,
            "grant_id": self.id,
            "explanation": {"reason": self.reason},
        }
