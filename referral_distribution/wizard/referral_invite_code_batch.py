from odoo import fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain

MOST = 10_000


class ReferralInviteCodeBatch(models.TransientModel):
    """Makes many single-use codes at once, for an event or a campaign (rule M6)."""

    _name = "referral.invite.code.batch"
    _description = "New Invite Codes"

    partner_ids = fields.Many2many(
        "res.partner",
        string="Owners",
        required=True,
        domain=[("member_state", "=", "active")],
        help="Who joins with a code gets its owner as inviter.",
    )
    count = fields.Integer(string="Codes for each owner", required=True, default=10)
    date_expiry = fields.Date(
        string="Expires", help="The last day they can be used. Empty: never."
    )
    company_id = fields.Many2one(
        "res.company",
        required=True,
        readonly=True,
        default=lambda self: self.env.company,
    )

    def action_make(self):
        """Make the codes and show them.

        :return: action that opens the new codes.
        :raises AccessError: unless the user is a manager.
        :raises UserError: on an owner that is no active member, a number out of range,
            a day that is past.
        """
        self.env.user._referral_require("group_manager")
        self.ensure_one()
        self._check()
        owners = self.partner_ids.ids * self.count
        made = self.env["referral.invite.code"]._insert(
            owners, "single_use", self.company_id, self.date_expiry
        )
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "referral_distribution.referral_invite_code_action"
        )
        own = Domain("create_uid", "=", self.env.uid)
        own &= Domain("id", ">=", min(made)) & Domain("id", "<=", max(made))
        action.update(domain=list(own), context={}, target="main")
        return action

    def _check(self):
        """Refuse what would make codes that nobody can use."""
        for owner in self.partner_ids:
            if owner.member_state != "active" or not owner.active:
                raise UserError(
                    self.env._(
                        "%(name)s is no active member and owns no codes.",
                        name=owner.display_name,
                    )
                )
        total = self.count * len(self.partner_ids)
        if not self.partner_ids or self.count < 1 or total > MOST:
            raise UserError(
                self.env._(
                    "Make 1 to %(most)s codes at once. You asked for %(total)s.",
                    most=MOST,
                    total=total,
                )
            )
        if self.date_expiry and self.date_expiry < self.company_id._referral_today():
            raise UserError(
                self.env._("The codes would be expired. Choose a later day.")
            )
