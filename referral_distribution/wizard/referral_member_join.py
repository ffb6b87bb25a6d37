from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import UserError

SHOWN = 100


class ReferralMemberJoin(models.TransientModel):
    """Makes contacts members (rule M1): sales proposes, a manager decides.

    It says for each contact what will happen. Who cannot join is listed with the
    reason and left as it is; the others join.
    """

    _name = "referral.member.join"
    _description = "Make Contacts Members"

    partner_ids = fields.Many2many(
        "res.partner",
        string="Contacts",
        required=True,
        context={"active_test": False},  # archived ones are named, not left out
    )
    grade_id = fields.Many2one(
        "res.partner.grade",
        string="Tier",
        required=True,
        domain=[("referral_role", "!=", False)],
        default=lambda self: self.env.ref(
            "referral_distribution.res_partner_grade_member", False
        ),
    )
    inviter_id = fields.Many2one(
        "res.partner", domain=[("member_state", "=", "active")]
    )
    code = fields.Char(
        string="or invite code", help="Its owner becomes the inviter, of all contacts."
    )
    may_decide = fields.Boolean(compute="_compute_may_decide")
    member_state = fields.Selection(
        [("candidate", "Candidate to approve"), ("active", "Active member")],
        string="Start as",
        required=True,
        default=lambda self: self._default_member_state(),
    )
    outlook = fields.Html(
        string="What will happen", compute="_compute_outlook", sanitize=False
    )

    @api.model
    def _default_member_state(self):
        return "active" if self._is_manager() else "candidate"

    def _is_manager(self):
        return self.env.user.has_group("referral_distribution.group_manager")

    def _compute_may_decide(self):
        self.may_decide = self._is_manager()

    @api.depends("partner_ids", "grade_id", "inviter_id", "code", "member_state")
    def _compute_outlook(self):
        for wizard in self:
            problem = wizard._get_problem()
            rows = wizard._get_outlook() if not problem else []
            text = Markup("").join(
                Markup('<tr class="%s"><td>%s</td><td>%s</td></tr>')
                % ("" if joins else "text-warning", partner.display_name, note)
                for partner, joins, note in rows[:SHOWN]
            )
            wizard.outlook = (
                Markup('<div class="alert alert-warning">%s</div>') % problem
                if problem
                else Markup('<table class="table table-sm">%s</table>') % text
            )

    def action_join(self):
        """Make those contacts members that can be.

        :return: action that closes the window with a notice of the numbers.
        :raises AccessError: unless the user is in sales; for active members, a manager.
        :raises UserError: if the code is no good, or nobody can join.
        """
        role = "group_sales" if self.member_state == "candidate" else "group_manager"
        self.env.user._referral_require(role)
        self.ensure_one()
        problem = self._get_problem()
        if problem:
            raise UserError(problem)
        outlook = self._get_outlook()
        joining = [partner for partner, joins, _note in outlook if joins]
        if not joining:
            raise UserError(
                self.env._(
                    "None of these contacts can join: %(reason)s", reason=outlook[0][2]
                )
            )
        for partner in joining:
            self._join(partner)
        return self._notify(len(joining), len(outlook) - len(joining))

    def _notify(self, joined, left_alone):
        message = self.env._("%(count)s contacts joined.", count=joined)
        if left_alone:
            message += " " + self.env._(
                "%(count)s could not and were left as they are.", count=left_alone
            )
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "warning" if left_alone else "success",
                "message": message,
                "next": {"type": "ir.actions.act_window_close"},
            },
        }

    def _join(self, partner):
        """Make one contact a member, with the user's own rights."""
        code = self._find_code()
        inviter = self.inviter_id or code.partner_id
        partner.grade_id = self.grade_id
        if inviter and not partner.inviter_id:
            if code:
                code._claim(partner)
            partner.inviter_id = inviter
        alike = inviter and partner._get_likeness(inviter)
        waits = self.member_state == "candidate"
        partner._set_member_state(self.member_state, alike if waits else False)

    # ---------------------------------------------------------------- outlook

    def _find_code(self):
        return self.env["referral.invite.code"]._find(self.code)

    def _get_problem(self):
        """Return what is wrong with the inviter for everybody, or ""."""
        self.ensure_one()
        if not self.partner_ids:
            return self.env._("Choose the contacts that join.")
        if self.code and self.inviter_id:
            return self.env._("Choose an inviter or enter a code, not both.")
        if self.inviter_id and self.inviter_id.member_state != "active":
            return self.env._(
                "%(name)s is no active member and cannot become an inviter.",
                name=self.inviter_id.display_name,
            )
        if not self.code:
            return ""
        code = self._find_code()
        if code.kind == "single_use" and len(self.partner_ids) > 1:
            return self.env._(
                "This code admits one person. Choose one contact, or an inviter"
                " instead."
            )
        return code._get_problem(self.env.company)

    def _get_outlook(self):
        """Return ``[(contact, whether it joins, what happens or why not)]``."""
        inviter = self.inviter_id or self._find_code().partner_id
        above = set(inviter._get_invite_chain(10_000).ids) if inviter else set()
        return [self._look(partner, inviter, above) for partner in self.partner_ids]

    def _look(self, partner, inviter, above):
        partner = partner._origin
        reason = self._get_reason(partner, inviter, above)
        if reason:
            return partner, False, reason
        if partner.inviter_id:
            note = self.env._(
                "Joins and keeps the inviter %(name)s.",
                name=partner.inviter_id.display_name,
            )
        elif inviter:
            note = self.env._("Joins, invited by %(name)s.", name=inviter.display_name)
            note = f"{note} {partner._get_likeness(inviter)}".strip()
        else:
            note = self.env._("Joins without an inviter.")
        return partner, True, note

    def _get_reason(self, partner, inviter, above):
        """Return why a contact cannot join, or ""."""
        if partner.member_state in ("candidate", "active", "suspended"):
            return self.env._("Is a member already.")
        if not partner.active:
            return self.env._("Is archived.")
        if partner.is_public:
            return self.env._("Is the public user's contact.")
        if partner in self.env.companies.sudo().partner_id:
            return self.env._("Is your own company.")
        if inviter and partner.inviter_id and partner.inviter_id != inviter:
            return self.env._(
                "Has the inviter %(name)s already; an inviter is set once.",
                name=partner.inviter_id.display_name,
            )
        if partner == inviter:
            return self.env._("Cannot be its own inviter.")
        if partner.id in above:
            return self.env._("Stands above the inviter: that would be a loop.")
        return ""
