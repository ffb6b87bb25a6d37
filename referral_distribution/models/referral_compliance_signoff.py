from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Domain
from odoo.tools import email_normalize

from ..engine.immutable import protect_moves
from . import gate

# From where each state is reached, and what is recorded with it.
MOVES = {
    "requested>signed": ("decider_id", "decided_at"),
    "requested>refused": ("decider_id", "decided_at", "decision_note"),
    "signed>revoked": ("revoker_id", "revoked_at", "revocation_reason"),
}
# What the one who asks says; everything else is written by the steps below.
ASKED = {"company_id", "reason", "opinion_file", "opinion_name", "valid_until"}


class ReferralComplianceSignoff(models.Model):
    """A manager's recorded approval of three paying levels (rules M4, M7).

    One manager asks and says why, another one signs or refuses; a signed one can be
    revoked by any manager. Nothing of it is ever edited or deleted: the table's trigger
    lets the state move only, so a row tells for good who decided what and when. The
    opinion's file lies in the row itself, and with it under the same guard.
    """

    _name = "referral.compliance.signoff"
    _description = "Compliance Sign-off"
    _inherit = ("mail.thread", "mail.activity.mixin")
    _mail_post_access = "read"
    _order = "id desc"

    company_id = fields.Many2one(
        "res.company",
        required=True,
        index=True,
        ondelete="restrict",
        default=lambda self: self.env.company,
    )
    requester_id = fields.Many2one(
        "res.users",
        string="Requested by",
        required=True,
        readonly=True,
        ondelete="restrict",
        default=lambda self: self.env.uid,
    )
    reason = fields.Text(
        string="Legal opinion",
        required=True,
        help="Why three levels are lawful for this company, and who says so.",
    )
    opinion_file = fields.Binary(string="Document", attachment=False)
    opinion_name = fields.Char(string="File name")
    valid_until = fields.Date(
        help="The last day, in the company's time zone. Empty: until it is revoked.",
    )
    state = fields.Selection(
        [
            ("requested", "Requested"),
            ("signed", "Signed off"),
            ("refused", "Refused"),
            ("revoked", "Revoked"),
        ],
        required=True,
        readonly=True,
        default="requested",
        index=True,
    )
    decider_id = fields.Many2one(
        "res.users", string="Decided by", readonly=True, ondelete="restrict"
    )
    decided_at = fields.Datetime(string="Decided on", readonly=True)
    decision_note = fields.Text(string="Reason of the refusal", readonly=True)
    revoker_id = fields.Many2one(
        "res.users", string="Revoked by", readonly=True, ondelete="restrict"
    )
    revoked_at = fields.Datetime(string="Revoked on", readonly=True)
    revocation_reason = fields.Text(string="Reason of the revocation", readonly=True)
    in_force = fields.Boolean(compute="_compute_in_force", search="_search_in_force")

    _decided_by_another = models.Constraint(
        "CHECK (decider_id <> requester_id)",
        "Who asked for a sign-off cannot decide about it: ask another manager.",
    )
    _decision_recorded = models.Constraint(
        "CHECK (state = 'requested'"
        " OR (decider_id IS NOT NULL AND decided_at IS NOT NULL))",
        "A decision needs the person and the time.",
    )
    _revocation_recorded = models.Constraint(
        "CHECK (state <> 'revoked' OR (revoker_id IS NOT NULL"
        " AND revoked_at IS NOT NULL AND revocation_reason IS NOT NULL))",
        "A revocation needs the person, the time and the reason.",
    )

    def init(self):
        protect_moves(self.env.cr, self._table, MOVES)

    @api.depends("state", "valid_until", "company_id")
    def _compute_in_force(self):
        for signoff in self:
            company = signoff.company_id or self.env.company
            today = company._referral_today()
            last = signoff.valid_until or today
            signoff.in_force = signoff.state == "signed" and last >= today

    def _search_in_force(self, operator, value):
        if operator != "in":
            return NotImplemented
        signed = self.sudo().search([("state", "=", "signed")])
        return Domain("id", "in", signed.filtered("in_force").ids)

    @api.depends("company_id", "state")
    def _compute_display_name(self):
        labels = dict(self._fields["state"]._description_selection(self.env))
        for signoff in self:
            signoff.display_name = self.env._(
                "Three paying levels, %(company)s: %(state)s",
                company=signoff.company_id.name,
                state=labels.get(signoff.state, ""),
            )

    @api.constrains("reason", "valid_until")
    def _check_request(self):
        for signoff in self:
            if not signoff.reason.strip():
                raise ValidationError(
                    self.env._("Write the legal opinion that the sign-off rests on.")
                )
            signoff._check_not_past()

    def _check_not_past(self):
        today = self.company_id._referral_today()
        if self.valid_until and self.valid_until < today:
            raise ValidationError(
                self.env._("The last day lies in the past. Ask for a later one.")
            )

    @api.model_create_multi
    def create(self, vals_list):
        """Ask for sign-offs, in the caller's own name whatever the values say.

        :raises AccessError: unless the caller is a manager in person; neither
            ``sudo()`` nor the superuser stands for one.
        """
        self._require_a_person()
        signoffs = super().create(
            [
                {
                    **{name: vals[name] for name in ASKED & vals.keys()},
                    "requester_id": self.env.uid,
                    "state": "requested",
                }
                for vals in vals_list
            ]
        )
        for signoff in signoffs:
            signoff._ask_the_others()
        return signoffs

    @api.model
    def default_get(self, fields):
        """A caller's ``default_`` keys reach what may be asked only."""
        own = ASKED | {"requester_id", "state"}
        values = super().default_get([name for name in fields if name in own])
        if "requester_id" in values:
            values["requester_id"] = self.env.uid
        if "state" in values:
            values["state"] = "requested"
        return values

    def write(self, vals):
        if vals.keys() & self._get_own_columns() and not gate.is_open(self.env):
            raise UserError(
                self.env._(
                    "A sign-off is never edited. Have it refused or revoked, and ask"
                    " for a new one."
                )
            )
        return super().write(vals)

    @api.model
    def _get_own_columns(self):
        return {name for name, field in self._fields.items() if field.column_type}

    @api.ondelete(at_uninstall=False)
    def _unlink_except_always(self):
        raise UserError(
            self.env._("A sign-off is never deleted. Have it refused or revoked.")
        )

    @api.model
    def _get_in_force(self, company):
        """Return the company's sign-offs that allow a third paying level now."""
        signed = self.search(
            [("company_id", "=", company.id), ("state", "=", "signed")]
        )
        return signed.filtered("in_force")

    def action_sign(self):
        """Allow the company a third paying level (requested -> signed; rule M4).

        :raises AccessError: without the manager role, held in person.
        :raises UserError: for one's own request, a decided one, or one out of date.
        """
        self._require_a_person()
        self._check_decider()
        for signoff in self.filtered(lambda s: s.state == "requested"):
            signoff._check_not_past()
        self._set_state(
            "signed", decider_id=self.env.uid, decided_at=fields.Datetime.now()
        )
        return True

    def action_refuse(self, reason):
        """Turn the request down (requested -> refused).

        :param str reason: required; kept with the decision.
        :raises AccessError: without the manager role, held in person.
        :raises UserError: for one's own request, a decided one, or without a reason.
        """
        self._require_a_person()
        self._check_decider()
        self._set_state(
            "refused",
            decider_id=self.env.uid,
            decided_at=fields.Datetime.now(),
            decision_note=self._clean(reason),
        )
        return True

    def action_revoke(self, reason):
        """Take the approval back (signed -> revoked): two levels are paid from now on.

        Any manager may: to stop needs no second pair of eyes.

        :param str reason: required; kept with the revocation.
        :raises AccessError: without the manager role, held in person.
        :raises UserError: for one that is not signed, or without a reason.
        """
        self._require_a_person()
        self._set_state(
            "revoked",
            revoker_id=self.env.uid,
            revoked_at=fields.Datetime.now(),
            revocation_reason=self._clean(reason),
        )
        self.company_id._apply_referral_signoffs()
        return True

    def _clean(self, reason):
        if not isinstance(reason, str) or not reason.strip():
            raise UserError(self.env._("Give a reason: it is kept with the decision."))
        return reason.strip()

    @api.model
    def _require_a_person(self):
        """Refuse unless the user behind the call holds the manager role in person."""
        if self.env.user._is_superuser():
            raise AccessError(
                self.env._("A sign-off is asked for and decided by a person.")
            )
        self.env.user._referral_require("group_manager")

    def _check_decider(self):
        own = self.filtered(lambda s: s._is_the_requester(self.env.user))
        if own:
            raise UserError(
                self.env._(
                    "Who asked for a sign-off cannot decide about it: ask another"
                    " manager."
                )
            )

    def _is_the_requester(self, user):
        """Tell whether ``user`` is who asked, also by another login of the person."""
        asked_by, user = self.requester_id.sudo(), user.sudo()
        emails = [email_normalize(u.email or u.login) for u in (asked_by, user)]
        return (
            user == asked_by
            or user.partner_id == asked_by.partner_id
            or bool(emails[0] and emails[0] == emails[1])
        )

    def _set_state(self, state, **values):
        """Move those that may go to ``state``; those already there are left alone."""
        self.check_access("read")
        todo = self.filtered(lambda signoff: signoff.state != state)
        wrong = todo.filtered(lambda signoff: f"{signoff.state}>{state}" not in MOVES)
        if wrong:
            raise UserError(
                self.env._(
                    "“%(signoff)s” has been decided and is not at that step.",
                    signoff=wrong[0].display_name,
                )
            )
        todo.company_id._query_lock_referral_levels()
        gate.opened(todo.sudo()).write({"state": state, **values})
        todo.sudo().activity_unlink(["mail.mail_activity_data_todo"])
        return todo

    def _ask_the_others(self):
        """Leave the request on the desks of the managers who may decide it."""
        self.ensure_one()
        for user in self.company_id._get_referral_managers():
            if not self._is_the_requester(user):
                self.sudo().with_context(lang=user.lang).activity_schedule(
                    "mail.mail_activity_data_todo",
                    summary=self.with_context(lang=user.lang).env._(
                        "Sign or refuse: a third paying level"
                    ),
                    user_id=user.id,
                )
