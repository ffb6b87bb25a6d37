import re
import secrets

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import SQL, format_date

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
LENGTH = 8
_SEPARATORS = re.compile(r"[\s\-_.]+")


class ReferralInviteCode(models.Model):
    """Who joins with a code gets its owner as inviter (rules M2, M6).

    A member has a personal code (two after a merge with another member, as both were
    given to people) and any number of single-use codes. The alphabet leaves out what is
    read wrongly from paper: 0/O, 1/I/L.
    """

    _name = "referral.invite.code"
    _description = "Invite Code"
    _rec_name = "code"
    _order = "id desc"

    code = fields.Char(
        required=True,
        readonly=True,
        copy=False,
        default=lambda self: self._default_code(),
    )
    active = fields.Boolean(default=True, help="Off: withdrawn, for example leaked.")
    kind = fields.Selection(
        [("personal", "Personal"), ("single_use", "Single use")],
        required=True,
        readonly=True,
        default="personal",
    )
    partner_id = fields.Many2one(
        "res.partner",
        string="Owner",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
    )
    company_id = fields.Many2one(
        "res.company",
        readonly=True,
        index=True,
        help="Where the code is good; empty: wherever its owner is a member.",
    )
    date_expiry = fields.Date(
        string="Expires",
        help="The last day it can be used, in the company's time zone.",
    )
    used_by_id = fields.Many2one(
        "res.partner", readonly=True, copy=False, ondelete="restrict", index=True
    )
    used_at = fields.Datetime(readonly=True, copy=False)
    signup_url = fields.Char(string="Sign-up link", compute="_compute_signup_url")
    status = fields.Selection(
        [
            ("usable", "Usable"),
            ("used", "Used"),
            ("expired", "Expired"),
            ("withdrawn", "Withdrawn"),
            ("suspended", "Owner is not active"),
        ],
        compute="_compute_status",
        search="_search_status",
    )

    _code_unique = models.UniqueIndex(
        "(upper(code))", "This invite code exists already."
    )
    _used_once = models.Constraint(
        "CHECK (kind = 'single_use' OR used_by_id IS NULL)",
        "A personal code is never used up.",
    )
    _use_complete = models.Constraint(
        "CHECK ((used_by_id IS NULL) = (used_at IS NULL))",
        "A used code says by whom and when.",
    )

    @api.model
    def _default_code(self):
        return "".join(secrets.choice(ALPHABET) for _position in range(LENGTH))

    @api.depends("code")
    def _compute_signup_url(self):
        for code in self:
            code.signup_url = f"{code.get_base_url()}/web/signup?invite={code.code}"

    @api.depends(
        "active", "used_by_id", "date_expiry", "partner_id.member_state", "company_id"
    )
    def _compute_status(self):
        for code in self:
            owner = code.partner_id
            if not code.active:
                code.status = "withdrawn"
            elif code.used_by_id:
                code.status = "used"
            elif code._is_expired():
                code.status = "expired"
            elif owner.member_state != "active" or not owner.active:
                code.status = "suspended"
            else:
                code.status = "usable"

    def _search_status(self, operator, value):
        if operator != "in":
            return NotImplemented
        today = self.env.company._referral_today()
        expired = Domain("date_expiry", "<", today)
        stands = Domain("partner_id.member_state", "=", "active") & Domain(
            "partner_id.active", "=", True
        )
        unused = Domain("active", "=", True) & Domain("used_by_id", "=", False)
        domains = {
            "withdrawn": Domain("active", "=", False),
            "used": Domain("active", "=", True) & Domain("used_by_id", "!=", False),
            "expired": unused & expired,
            "suspended": unused & ~expired & ~stands,
            "usable": unused & ~expired & stands,
        }
        return Domain.OR(domains[status] for status in value if status in domains)

    def _is_expired(self):
        company = self.company_id or self.env.company
        return bool(self.date_expiry) and self.date_expiry < company._referral_today()

    @api.model
    def _ensure_personal(self, members):
        """Give every member that has no personal code one."""
        owned = self.sudo()._read_group(
            [("partner_id", "in", members.ids), ("kind", "=", "personal")],
            ["partner_id"],
        )
        missing = members - self.env["res.partner"].union(*(row[0] for row in owned))
        self.sudo().create([{"partner_id": member.id} for member in missing])

    def action_regenerate(self):
        """Withdraw personal codes, for example leaked ones, and give out new ones.

        :raises AccessError: unless the user is a manager.
        :raises UserError: on a code that is no personal code in force.
        """
        self.env.user._referral_require("group_manager")
        self._regenerate()
        return True

    def _regenerate(self):
        """Withdraw all personal codes of the owners and give each owner a new one."""
        for code in self:
            if code.kind != "personal" or not code.active:
                raise UserError(
                    self.env._(
                        "%(code)s is not a personal code in force. Choose one that is.",
                        code=code.code,
                    )
                )
        owners = self.sudo().partner_id
        owners.invite_code_ids.filtered(lambda c: c.kind == "personal").active = False
        self.sudo().create([{"partner_id": owner.id} for owner in owners])

    @api.model
    def _find(self, text):
        """Return the code somebody typed, read generously: case, spaces, dashes.

        Who types O for 0 or I for 1 finds nothing: neither is in the alphabet.

        :param text: anything; what is no text is no code.
        :return: referral.invite.code as superuser, withdrawn ones too; may be empty.
        """
        if not isinstance(text, str):
            return self.sudo().browse()
        plain = _SEPARATORS.sub("", text).upper()
        if not plain or len(plain) > 32 or not plain.isascii() or "\0" in plain:
            return self.sudo().browse()
        found = self.env.execute_query(
            SQL("SELECT id FROM referral_invite_code WHERE upper(code) = %s", plain)
        )
        return self.sudo().browse([found[0][0]] if found else [])

    def _get_problem(self, company, newcomer=None):
        """Return why the code found does not make its owner the inviter, or "".

        :param company: res.company the newcomer joins.
        :param newcomer: res.partner who joins, if it exists already.
        :return: a sentence in the user's language that says what to do.
        """
        if not self:
            return self.env._(
                "There is no such invite code. Compare it with the one you were given."
            )
        owner = self.partner_id
        homes = (self.company_id | owner.company_id) - company
        if homes or self.status in ("withdrawn", "suspended"):
            return self.env._(
                "This invite code is no longer in use. Ask for a new one."
            )
        if newcomer and owner == newcomer:
            return self.env._(
                "This is your own invite code. Use the one of who invited you."
            )
        if self.status == "used":
            return self.env._("This invite code was used already. Ask for another one.")
        if self.status == "expired":
            return self.env._(
                "This invite code expired on %(date)s. Ask for a new one.",
                date=format_date(self.env, self.date_expiry),
            )
        return ""

    def _claim(self, newcomer):
        """Use up a single-use code: exactly one of many newcomers gets it (rule M6).

        :raises UserError: if somebody else was faster.
        """
        self.ensure_one()
        if self.kind != "single_use":
            return
        self.flush_recordset()
        self.env.cr.execute(
            SQL(
                "UPDATE referral_invite_code SET used_by_id = %s, used_at = %s"
                " WHERE id = %s AND used_by_id IS NULL AND active",
                newcomer.id,
                fields.Datetime.now(),
                self.id,
            ),
            log_exceptions=False,  # of two at once one starts again: no fault
        )
        if not self.env.cr.rowcount:
            raise UserError(
                self.env._("This invite code was used already. Ask for another one.")
            )
        self.invalidate_recordset(["used_by_id", "used_at"])
        self.modified(["used_by_id", "used_at"])
