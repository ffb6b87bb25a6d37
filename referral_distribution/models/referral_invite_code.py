import secrets

from odoo import api, fields, models

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
LENGTH = 8


class ReferralInviteCode(models.Model):
    """Who joins with a code gets its owner as inviter (rule M2).

    The alphabet leaves out what is read wrongly from paper: 0/O, 1/I/L.
    """

    _name = "referral.invite.code"
    _description = "Invite Code"
    _rec_name = "code"

    code = fields.Char(
        required=True, readonly=True, default=lambda self: self._default_code()
    )
    partner_id = fields.Many2one(
        "res.partner", string="Owner", required=True, index=True, ondelete="restrict"
    )

    _code_unique = models.UniqueIndex(
        "(upper(code))", "This invite code exists already."
    )

    @api.model
    def _default_code(self):
        return "".join(secrets.choice(ALPHABET) for _position in range(LENGTH))

    @api.model
    def _ensure_personal(self, members):
        """Give every member that has no personal code one."""
        missing = members.filtered(lambda member: not member.sudo().invite_code_ids)
        self.sudo().create([{"partner_id": member.id} for member in missing])
