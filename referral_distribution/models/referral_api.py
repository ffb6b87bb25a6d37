from odoo import api, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools.mail import email_normalize, single_email_re

from ..engine.plain_text import fault

# Characters that each argument may have.
LIMITS = {
    "name": 128,
    "email": 254,
    "phone": 32,
    "invite_code": 64,
    "lang": 16,
    "external_ref": 128,
}


class ReferralApi(models.AbstractModel):
    """What outside sites may ask for: the community, a mini program (rule X3).

    Call it through Odoo's JSON-2 API with the key of a user whose role is
    *Integration*: ``POST /json/2/referral.api/<method>``, the arguments as a JSON
    object, ``Authorization: Bearer <API key>``. A refusal is a status of 4xx with a
    ``message`` in the user's language and has changed nothing.

    Each method that writes is three lines: a docstring, and ``_answer_once`` with the
    name of the private method that does the work, in superuser mode.
    """

    _name = "referral.api"
    _description = "Interface for Outside Sites"

    @api.model
    def register_member(
        self,
        name: str,
        email: str | None = None,
        phone: str | None = None,
        invite_code: str | None = None,
        lang: str | None = None,
        external_ref: str | None = None,
        idempotency_key: str | None = None,
    ) -> dict:
        """Register somebody as a member, or find who is registered (rules M1, M2, M6).

        A known ``external_ref`` finds its member: the contact is not changed, but one
        without an inviter gets the code's owner. Otherwise a new contact is made; with
        another contact's e-mail or phone it waits as a candidate for a manager, so that
        nobody takes over somebody else's account.

        :param str name: 1 to 128 characters.
        :param str email: one address, up to 254 characters.
        :param str phone: with country code, or as dialled in the company's country.
        :param str invite_code: of the inviter; case, spaces and dashes do not matter.
            Where sign-up is by invitation only, a good one is required.
        :param str lang: an installed language, such as "zh_CN" or "en_US".
        :param str external_ref: your own id of the person, up to 128 characters. Give
            this, an e-mail or a phone at least.
        :param str idempotency_key: 1 to 128 characters, new for each request and the
            same to repeat one: you get the first answer again, for 90 days.
        :returns: ``{"member_id": int, "state": "candidate" | "active" | "suspended" |
            "left", "created": bool, "invite_code": str | null, "signup_url": str |
            null, "inviter_id": int | null, "problem": str}``; code and link of an
            active member; problem: why the code given made nobody the inviter, or "".
        :raises AccessError: unless the user has the role *Integration*.
        :raises UserError: saying which argument is wrong, or that the key came before
            with other arguments. Nothing was written.
        """
        person = {"name": name, "email": email, "phone": phone, "lang": lang}
        person.update(invite_code=invite_code, external_ref=external_ref)
        return self._answer_once("register_member", idempotency_key, **person)

    # ------------------------------------------------------------- every method

    @api.model
    def _answer_once(self, method, key, /, **values):
        """Do ``_<method>(**values)`` as superuser, once for each idempotency key.

        Only the company and the language of the caller's context are believed.

        :raises AccessError: unless the user has the role *Integration*.
        """
        worker = self._get_worker()
        return worker.env["referral.api.request"]._answer_once(
            key, method, values, lambda: getattr(worker, f"_{method}")(**values)
        )

    @api.model
    def _answer(self, method, /, **values):
        """Do ``_<method>(**values)`` as superuser: for methods that only read.

        :raises AccessError: unless the user has the role *Integration*.
        """
        return getattr(self._get_worker(), f"_{method}")(**values)

    @api.model
    def _get_worker(self):
        """Return this interface in superuser mode, for who has the role."""
        self.env.user._referral_require("group_integration")
        company = self.env.company  # checked against the user's, before superuser mode
        context = {"allowed_company_ids": company.ids, "lang": self.env.lang}
        return self.env(su=True, context=context)[self._name]

    def _read_text(self, argument, value, required=False, limit=None):
        """Return an argument as stripped text, "" if it is not given.

        :param int limit: characters at most, by default those of ``LIMITS``.

        :raises UserError: on anything that is no short line of text.
        """
        if value is None and not required:
            return ""
        limit = limit or LIMITS[argument]
        problem = fault(value, limit)
        text = value.strip() if not problem else ""
        if problem or (required and not text):
            raise UserError(
                self.env._(
                    "“%(argument)s” must be a line of text of at most %(limit)s"
                    " characters, without control characters.",
                    argument=argument,
                    limit=limit,
                )
            )
        return text

    # ---------------------------------------------------------- register_member

    @api.model
    def _register_member(self, invite_code, external_ref, **person):
        """Do the work of ``register_member``, in superuser mode."""
        company = self.env.company
        vals = self._prepare_person_vals(**person)
        ref = self._read_text("external_ref", external_ref)
        if not (ref or vals["email"] or vals["phone"]):
            raise UserError(
                self.env._("Give an external_ref, an email or a phone at least.")
            )
        code = self._read_invite_code(invite_code)
        partner = self._find_by_ref(ref)
        created = not partner
        if created:
            self._require_invitation(code)
            partner, suspect = self._create_person(vals, ref)
            problem = partner._referral_join(company, code, apply=bool(suspect))
            if suspect and not partner.member_reason:
                partner.member_reason = suspect
        else:
            problem = self._rejoin(partner, code)
        return self._prepare_answer(partner, created, problem)

    def _prepare_person_vals(self, name, email, phone, lang):
        """Return the values of a contact, all of them checked.

        :raises UserError: naming the argument that is wrong.
        """
        return {
            "name": self._read_text("name", name, required=True),
            "email": self._read_email(email),
            "phone": self._read_phone(phone),
            "lang": self._read_lang(lang) or self.env.lang,
        }

    def _read_email(self, value):
        text = self._read_text("email", value)
        if text and not (single_email_re.match(text) and email_normalize(text)):
            raise UserError(self.env._("“%(email)s” is no e-mail address.", email=text))
        return text

    def _read_phone(self, value):
        text = self._read_text("phone", value)
        if text and not self._normalize_phone(text):
            raise UserError(
                self.env._(
                    "“%(phone)s” is no phone number. Write it with the country code,"
                    " like +86 138 0013 8000.",
                    phone=text,
                )
            )
        return text

    def _normalize_phone(self, text):
        """Return a number as it is dialled from anywhere, False if it is none."""
        country = self.env.company.country_id
        return text and self.env["res.partner"]._phone_format(
            number=text, country=country
        )

    def _read_lang(self, value):
        text = self._read_text("lang", value)
        installed = [code for code, _name in self.env["res.lang"].get_installed()]
        if text and text not in installed:
            raise UserError(
                self.env._(
                    "“%(lang)s” is no language of this site. There are: %(installed)s.",
                    lang=text,
                    installed=", ".join(installed),
                )
            )
        return text

    def _read_invite_code(self, value):
        """Return the code found (empty if there is no such code), None if not given."""
        text = self._read_text("invite_code", value)
        return self.env["referral.invite.code"]._find(text) if text else None

    def _require_invitation(self, code):
        """Where sign-up is by invitation only, a good code opens the door (rule M6)."""
        if self.env["res.users"]._get_signup_invitation_scope() == "b2c":
            return
        if code is None:
            raise UserError(
                self.env._(
                    "Sign-up is by invitation only. Enter the invite code of a member."
                )
            )
        problem = code._get_problem(self.env.company)
        if problem:
            raise UserError(problem)

    def _find_by_ref(self, ref):
        domain = [("company_id", "=", self.env.company.id), ("ref", "=", ref)]
        return self.env["referral.external.ref"].search(domain).partner_id

    def _create_person(self, vals, ref):
        """Return a new contact, and in words whom it looks like, or "".

        A site may not have checked that an address is the person's own. So the contact
        that has it already is neither used nor changed.
        """
        known = self._find_alike(vals)
        suspect = known and self.env._(
            "To be checked: a contact with this %(what)s exists already.", what=known
        )
        partners = self.env["res.partner"].with_context(mail_create_nosubscribe=True)
        partner = partners.create(vals).with_env(self.env)
        if ref:
            self.env["referral.external.ref"]._add({partner.id: ref}, self.env.company)
        return partner, suspect

    def _find_alike(self, vals):
        """Return what is that of a contact we have, "e-mail" or "phone", or ""."""
        partners = self.env["res.partner"].with_context(active_test=False)
        company = Domain("company_id", "in", [False, self.env.company.id])
        for label, name, value in (
            (self.env._("e-mail"), "email_normalized", email_normalize(vals["email"])),
            (
                self.env._("phone"),
                "phone_sanitized",
                self._normalize_phone(vals["phone"]),
            ),
        ):
            if value and partners.search(company & Domain(name, "=", value), limit=1):
                return label
        return ""

    def _rejoin(self, partner, code):
        """Let who is known name an inviter once, or apply; return a problem or ""."""
        if partner.member_state in ("suspended", "left") or not partner.active:
            return ""
        return partner._referral_join(self.env.company, code, apply=True)

    def _prepare_answer(self, partner, created, problem):
        """Return what is told about a member: ids and codes, no personal data."""
        code = partner.invite_code_ids.filtered(lambda c: c.kind == "personal")[:1]
        return {
            "member_id": partner.id,
            "state": partner.member_state or "",
            "created": created,
            "invite_code": code.code or None,
            "signup_url": code.signup_url or None,
            "inviter_id": partner.inviter_id.id or None,
            "problem": problem,
        }
