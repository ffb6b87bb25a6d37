from odoo import api, fields, models
from odoo.exceptions import ConcurrencyError, UserError
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY

from ..engine.immutable import protect
from . import gate

_AGAIN = (ConcurrencyError, *PG_CONCURRENCY_EXCEPTIONS_TO_RETRY)


class ReferralInviterChange(models.Model):
    """A manager's change of who invited a member, with a reason (rule M2).

    It moves the member's whole team in the tree from its effective day on, and
    rewrites no past: commissions stay with who earned them. One that takes effect
    later waits as "scheduled". What was decided is never changed or deleted.
    """

    _name = "referral.inviter.change"
    _description = "Change of Inviter"
    _rec_name = "partner_id"
    _order = "id desc"

    partner_id = fields.Many2one(
        "res.partner",
        string="Member",
        required=True,
        index=True,
        ondelete="restrict",
        domain=[("member_state", "!=", False)],
    )
    old_inviter_id = fields.Many2one(
        "res.partner", readonly=True, ondelete="restrict", index="btree_not_null"
    )
    new_inviter_id = fields.Many2one(
        "res.partner",
        ondelete="restrict",
        index="btree_not_null",
        domain="[('member_state', '=', 'active'), ('id', '!=', partner_id)]",
        help="Empty: the member becomes the top of a tree.",
    )
    reason = fields.Char(required=True)
    date_effective = fields.Date(
        string="Effective",
        required=True,
        default=lambda self: self.env.company._referral_today(),
        help="The first day the new inviter counts; today or later.",
    )
    company_id = fields.Many2one(
        "res.company",
        required=True,
        readonly=True,
        default=lambda self: self.env.company,
    )
    state = fields.Selection(
        [
            ("draft", "Draft"),
            ("scheduled", "Scheduled"),
            ("applied", "Applied"),
            ("cancelled", "Cancelled"),
            ("failed", "Failed"),
        ],
        required=True,
        readonly=True,
        default="draft",
        index=True,
    )
    user_id = fields.Many2one(
        "res.users", string="Decided by", readonly=True, ondelete="restrict"
    )
    applied_at = fields.Datetime(readonly=True)
    people = fields.Integer(
        readonly=True, help="How many people moved: the member and its team."
    )
    failure = fields.Char(readonly=True)

    _reason_given = models.Constraint(
        "CHECK (trim(reason) <> '')", "Give a reason for the change."
    )
    _applied_complete = models.Constraint(
        "CHECK (state <> 'applied' OR applied_at IS NOT NULL)",
        "A change that is applied says when.",
    )

    def init(self):
        protect(
            self.env.cr,
            self._table,
            # what failed changed nothing, and its message may name people: erasable
            when="OLD.state IN ('applied', 'cancelled')",
            merged=("partner_id", "old_inviter_id", "new_inviter_id"),
        )

    @api.model_create_multi
    def create(self, vals_list):
        self._require_manager()
        return super().create(vals_list)

    def write(self, vals):
        self._require_manager()
        if not gate.is_open(self.env) and any(c.state != "draft" for c in self):
            raise UserError(
                self.env._("This change is decided. Make a new one instead.")
            )
        return super().write(vals)

    def _require_manager(self):
        if not gate.is_open(self.env):
            self.env.user._referral_require("group_manager")

    @api.ondelete(at_uninstall=False)
    def _unlink_except_decided(self):
        if any(change.state != "draft" for change in self):
            raise UserError(self.env._("A change of inviter that is decided stays."))

    def action_apply(self):
        """Move the members now, or note the changes for their effective day.

        :raises AccessError: unless the user is a manager.
        :raises UserError: on a day that is past, on a loop, or if nothing changes.
        """
        self.env.user._referral_require("group_manager")
        for change in self.filtered(lambda change: change.state == "draft"):
            if change.date_effective < change.company_id._referral_today():
                raise UserError(
                    self.env._("The past is not rewritten: choose today or later.")
                )
            change._check_change()
            if change.date_effective > change.company_id._referral_today():
                gate.opened(change).write(
                    {"state": "scheduled", "user_id": self.env.uid}
                )
            else:
                change._apply()
        return True

    def action_cancel(self):
        """Call off changes that are scheduled.

        :raises AccessError: unless the user is a manager.
        :raises UserError: on one that is applied already.
        """
        self.env.user._referral_require("group_manager")
        for change in self.filtered(lambda change: change.state != "cancelled"):
            if change.state != "scheduled":
                raise UserError(
                    self.env._("Only a scheduled change of inviter can be cancelled.")
                )
            gate.opened(change).state = "cancelled"
        return True

    def _check_change(self):
        """Refuse what cannot be applied on the effective day, whenever that is."""
        self.ensure_one()
        member, inviter = self.partner_id, self.new_inviter_id
        if inviter and inviter.member_state != "active":
            raise UserError(
                self.env._(
                    "%(name)s is no active member and cannot become an inviter.",
                    name=inviter.display_name,
                )
            )
        if inviter == member.inviter_id:
            raise UserError(
                self.env._(
                    "%(name)s has this inviter already. Choose another one.",
                    name=member.display_name,
                )
            )
        gate.opened(member)._check_new_inviter(inviter)

    def _apply(self):
        """Move the member with its team, and note who stood where."""
        self.ensure_one()
        member = self.partner_id.sudo()
        old = member.inviter_id
        gate.opened(member).inviter_id = self.new_inviter_id
        gate.opened(self).write(
            {
                "state": "applied",
                "old_inviter_id": old.id,
                "applied_at": fields.Datetime.now(),
                "user_id": self.user_id.id or self.env.uid,
                "people": member.invite_team_size + 1,
            }
        )

    @api.model
    def _log(self, member, old, new, reason):
        """Note a change that was made on another road, such as a merge of contacts."""
        gate.opened(self.sudo()).create(
            {
                "partner_id": member.id,
                "old_inviter_id": old.id,
                "new_inviter_id": new.id,
                "reason": reason,
                "state": "applied",
                "applied_at": fields.Datetime.now(),
                "user_id": self.env.uid,
                "people": member.invite_team_size + 1,
            }
        )

    @api.model
    def _cron_apply(self):
        """Apply what is due today, one transaction each; one that fails says why."""
        due = self.search([("state", "=", "scheduled")], order="date_effective, id")
        due = due.filtered(lambda c: c.date_effective <= c.company_id._referral_today())
        self.env["ir.cron"]._commit_progress(remaining=len(due))
        for change in due:
            try:
                with self.env.cr.savepoint():
                    change._check_change()
                    change._apply()
            except UserError as error:
                gate.opened(change).write({"state": "failed", "failure": str(error)})
            except _AGAIN:
                # Somebody joined or moved at the same moment. The change stays
                # scheduled; as work remains, Odoo runs the cron again at once.
                self.env.cr.rollback()
                continue
            self.env["ir.cron"]._commit_progress(1)
