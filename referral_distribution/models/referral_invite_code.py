import base64
import re
import secrets
from collections import Counter

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain
from odoo.tools import SQL, format_date

from . import gate

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
LENGTH = 8
# Bytes to letters, and the bytes that would favour the first letters.
_LETTERS = bytes(ord(ALPHABET[byte % len(ALPHABET)]) for byte in range(256))
_LEFT_OVER = bytes(range(256 - 256 % len(ALPHABET), 256))
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
    signup_qr = fields.Binary(string="QR code", compute="_compute_signup_qr")
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
        return self._generate(1)[0]

    @api.model
    def _generate(self, count):
        """Return random codes; nobody looked yet whether they are taken."""
        letters = ""
        while len(letters) < count * LENGTH:
            # the same chance for each letter: what is left over of 256 is dropped
            noise = secrets.token_bytes(count * LENGTH + 64)
            noise = noise.translate(None, _LEFT_OVER)
            letters += noise.translate(_LETTERS).decode()
        return [letters[at : at + LENGTH] for at in range(0, count * LENGTH, LENGTH)]

    @api.depends("code")
    def _compute_signup_url(self):
        for code in self:
            code.signup_url = f"{code.get_base_url()}/web/signup?invite={code.code}"

    @api.depends("signup_url")
    def _compute_signup_qr(self):
        for code in self:
            code.signup_qr = base64.b64encode(
                self.env["ir.actions.report"].barcode(
                    "QR", code.signup_url, width=300, height=300
                )
            )

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
        rows = self.env.execute_query(
            SQL(
                "SELECT member.id FROM unnest(%s::int[]) AS member(id)"
                " WHERE NOT EXISTS (SELECT FROM referral_invite_code code"
                "  WHERE kind = 'personal' AND code.partner_id = member.id)",
                members.ids,
            )
        )
        self._insert([row[0] for row in rows])

    @api.model
    def _insert(self, owner_ids, kind="personal", company=None, date_expiry=None):
        """Make a new code for each owner named, in one statement.

        A code that is taken, which hardly happens, is drawn again.

        :param owner_ids: ids of contacts; one named twice gets two.
        :return: ids of the new codes.
        """
        made, todo = [], list(owner_ids)
        self.env.flush_all()
        while todo:
            rows = self.env.execute_query(
                self._query_insert(todo, kind, company, date_expiry)
            )
            made += [code_id for code_id, _owner in rows]
            left = Counter(todo) - Counter(owner for _id, owner in rows)
            todo = list(left.elements())
        if made:
            self.invalidate_model()
            names = ["invite_code", "invite_code_ids"]
            self.env["res.partner"].invalidate_model(names, flush=False)
        return made

    def _query_insert(self, owner_ids, kind, company, date_expiry):
        return SQL(
            "INSERT INTO referral_invite_code (code, partner_id, kind, active,"
            " company_id, date_expiry, create_uid, write_uid, create_date, write_date)"
            " SELECT part.code, part.owner, %(kind)s, TRUE, %(company)s, %(expiry)s,"
            "  %(uid)s, %(uid)s, %(now)s, %(now)s"
            " FROM unnest(%(codes)s::text[], %(owners)s::int[]) AS part(code, owner)"
            " ON CONFLICT DO NOTHING RETURNING id, partner_id",
            kind=kind,
            company=company.id if company else None,
            expiry=date_expiry or None,
            uid=self.env.uid,
            now=self.env.cr.now(),
            codes=self._generate(len(owner_ids)),
            owners=list(owner_ids),
        )

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._check_writer(vals)
            if not self._is_our_own() and vals.get("kind") != "single_use":
                raise UserError(
                    self.env._("A personal code comes with the membership, by itself.")
                )
        return super().create(vals_list)

    def write(self, vals):
        self._check_writer(vals, {"kind", "partner_id", "company_id"})
        return super().write(vals)

    def _is_our_own(self):
        return self.env.su or gate.is_open(self.env)

    def _check_writer(self, vals, fixed=frozenset()):
        """What a code reads, whose it is and who used it is written by our code only.

        :raises AccessError: naming the field.
        """
        forbidden = {"code", "used_by_id", "used_at"} | fixed
        names = sorted(forbidden & vals.keys())
        if names and not self._is_our_own():
            raise AccessError(
                self.env._(
                    "“%(field)s” of an invite code is not written by hand.",
                    field=self._fields[names[0]]._description_string(self.env),
                )
            )

    def action_withdraw(self):
        """Withdraw codes; who joined with them stays a member.

        :raises AccessError: unless the user is a manager.
        """
        self.env.user._referral_require("group_manager")
        self.write({"active": False})
        return True

    def action_export(self):
        """Download codes as a table in which no cell is a formula (threat L3).

        :return: action that downloads a CSV file, UTF-8 with byte order mark.
        :raises AccessError: unless the user is a manager.
        """
        self.env.user._referral_require("group_manager")
        names = ("code", "signup_url", "partner_id", "date_expiry", "status")
        header = [self._fields[name]._description_string(self.env) for name in names]
        labels = dict(self._fields["status"]._description_selection(self.env))
        rows = (
            (
                code.code,
                code.signup_url,
                code.partner_id.display_name,
                code.date_expiry,
                labels[code.status],
            )
            for code in self
        )
        return self.env["referral.csv.download"]._offer(
            self.env._("invite-codes"), header, rows
        )

    def action_regenerate(self):
        """Withdraw personal codes, for example leaked ones, and give out new ones.

        :raises AccessError: unless the user is a manager.
        :raises UserError: on a code that is no personal code in force.
        """
        self.env.user._referral_require("group_manager")
        self._regenerate()
        return True

    def _regenerate(self):
        """Withdraw all personal codes of the owners and give each owner a new one.

        Whose only code was withdrawn gets one again.
        """
        for code in self:
            replaced = not code.active and code.sudo().partner_id.invite_code
            if code.kind != "personal" or replaced:
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
        nothing = self.sudo().browse()
        if not isinstance(text, str):
            return nothing
        return self._find_many([text]).get(text, nothing)

    @api.model
    def _find_many(self, texts):
        """Return ``{text: code}`` of those that are codes, in one query."""
        plain = {text: code for text in texts if (code := self._normalize(text))}
        if not plain:
            return {}
        rows = self.env.execute_query(
            SQL(
                "SELECT upper(code), id FROM referral_invite_code"
                " WHERE upper(code) = ANY(%s)",
                list(set(plain.values())),
            )
        )
        codes = self.sudo().browse([code_id for _code, code_id in rows])
        found = dict(zip([code for code, _id in rows], codes, strict=True))
        return {text: found[code] for text, code in plain.items() if code in found}

    @api.model
    def _normalize(self, text):
        """Return the code that is meant by a text, "" if it can be none."""
        plain = _SEPARATORS.sub("", text).upper()
        usable = len(plain) <= 32 and plain.isascii() and "\0" not in plain
        return plain if usable else ""

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

    def _get_credit_problem(self, company):
        """Return why the code found brings its owner no lead, or "" (threat I5).

        Only a member's own code names a member; a single-use one admits somebody.

        :param company: res.company the lead is for.
        """
        owner = self.partner_id
        if self.kind != "personal" or self._get_problem(company):
            return self.env._(
                "This is no code of a personal link, and of no active member."
            )
        active = owner.active and owner.member_state == "active"
        return "" if active else self.env._("This member takes no part any more.")

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

    @api.model
    def _claim_many(self, newcomers):
        """Use up single-use codes, all or none (rule M6).

        :param dict newcomers: ``{code id: partner id}``.
        :raises UserError: if one of them was used meanwhile.
        """
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                "UPDATE referral_invite_code code SET used_by_id = part.newcomer,"
                " used_at = %s FROM unnest(%s::int[], %s::int[]) AS part(id, newcomer)"
                " WHERE code.id = part.id"
                " AND kind = 'single_use' AND used_by_id IS NULL AND active",
                fields.Datetime.now(),
                list(newcomers),
                list(newcomers.values()),
            )
        )
        if self.env.cr.rowcount != len(newcomers):
            raise UserError(
                self.env._("This invite code was used already. Ask for another one.")
            )
        self.invalidate_model(["used_by_id", "used_at", "status"], flush=False)
