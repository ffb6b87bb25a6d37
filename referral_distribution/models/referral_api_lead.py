from odoo import api, models
from odoo.exceptions import UserError
from odoo.fields import Domain

from ..engine import outside_text
from .crm_lead_recommendation import TYPED
from .referral_api_share import CODE_LENGTH, MAX_ID
from .referral_attribution import Origin


class ReferralApi(models.AbstractModel):
    """Leads that outside sites bring, and what became of them (rules L1, L2, L4)."""

    _inherit = "referral.api"

    @api.model
    def submit_lead(
        self,
        company_name: str | None = None,
        contact_name: str | None = None,
        email: str | None = None,
        phone: str | None = None,
        note: str | None = None,
        code: str | None = None,
        invite_code: str | None = None,
        external_ref: str | None = None,
        member_id: int | None = None,
        agreed: bool = False,
        idempotency_key: str | None = None,
    ) -> dict:
        """Hand in a lead that a member brought (rules L1, L4).

        Name the member one way: by ``code``, ``invite_code``, ``external_ref`` or
        ``member_id``. A code of who takes no part any more costs no lead: ``problem``
        says why it goes to nobody.

        :param str company_name: up to 200 characters. Give this or
        :param str contact_name: up to 120 characters; and
        :param str email: one address, up to 254 characters, or
        :param str phone: with country code, or as dialled in the company's country.
        :param str note: what they need, up to 2,000 characters, with line breaks.
        :param str code: of the member's personal link; the lead goes to its channel.
        :param str invite_code: the member's own.
        :param str external_ref: your own id of the member, and ``member_id`` ours.
        :param bool agreed: the contact agreed to be contacted, says the member.
        :param str idempotency_key: as for ``register_member``.
        :returns: ``{"lead_id": int, "member_id": int | null, "problem": str}``.
        :raises AccessError: unless the user has the role *Integration*.
        :raises UserError: saying what is wrong. Nothing was written.
        """
        who = {"code": code, "invite_code": invite_code, "member_id": member_id}
        what = {"company_name": company_name, "contact_name": contact_name}
        what.update(email=email, phone=phone, note=note)
        values = {"who": {**who, "external_ref": external_ref}, "what": what}
        values["agreed"] = agreed
        return self._answer_once("submit_lead", idempotency_key, **values)

    @api.model
    def lead_status(self, lead_id: int) -> dict:
        """Tell how it stands with a lead that this user handed in (rules L2, L3).

        :param int lead_id: as ``submit_lead`` answered.
        :returns: ``{"lead_id": int, "member_id": int | null, "customer": str,
            "state": "to_review" | "valid" | "invalid" | "duplicate", "reason": str,
            "open": bool, "submitted_at": "YYYY-MM-DDTHH:MM:SSZ"}``: as much of the
            customer's name as the company shows its members; what sales found, and
            why; whether sales still works on it; UTC.
        :raises AccessError: unless the user has the role *Integration*.
        :raises UserError: if it is no lead of this user's in this company.
        """
        return self._answer("lead_status", lead_id=lead_id)

    # -------------------------------------------------------------- submit_lead

    @api.model
    def _submit_lead(self, who, what, agreed):
        """Do the work of ``submit_lead``, in superuser mode."""
        if not isinstance(agreed, bool):
            raise UserError(self.env._("“agreed” is true or false."))
        company = self.env.company
        vals = self._read_lead_vals(company, **what)
        origin, problem = self._read_lead_origin(company, **who)
        if origin:
            origin = origin._replace(agreed=agreed)
        leads = self.env["crm.lead"].with_context(
            referral_origin=origin, mail_create_nosubscribe=True
        )
        lead = leads.create(vals)
        return {
            "lead_id": lead.id,
            "member_id": lead.referrer_id.id or None,
            "problem": problem,
        }

    def _read_lead_vals(self, company, company_name, contact_name, email, phone, note):
        """Return the values of a lead, all of them checked.

        :raises UserError: naming the argument that is wrong.
        """
        said = {
            "company": self._read_lead_text("company_name", company_name, "company"),
            "contact": self._read_lead_text("contact_name", contact_name, "contact"),
            "phone": self._read_phone(phone),
            "email": self._read_email(email),
            "note": self._read_note(note),
        }
        if not (said["company"] or said["contact"]):
            raise UserError(self.env._("Give a company_name or a contact_name."))
        if not (said["phone"] or said["email"]):
            raise UserError(self.env._("Give an email or a phone."))
        vals = self.env["crm.lead"]._prepare_brought_vals(company, said)
        return {**vals, "source_id": False}

    def _read_lead_text(self, argument, value, key):
        text = self._read_text(argument, value, limit=TYPED[key])
        return outside_text.line(text, TYPED[key])

    def _read_note(self, value):
        limit = TYPED["note"]
        if value is None:
            return ""
        if not isinstance(value, str) or len(value) > limit:
            raise UserError(
                self.env._(
                    "“note” must be text of at most %(limit)s characters.", limit=limit
                )
            )
        return outside_text.paragraphs(value, limit)

    def _read_lead_origin(self, company, code, invite_code, external_ref, member_id):
        """Return ``(Origin or None, why it is nobody's)`` of who is named.

        :raises UserError: when nobody is named, more than one way, or no member.
        """
        given = [code, invite_code, external_ref, member_id]
        if sum(value is not None for value in given) != 1:
            raise UserError(
                self.env._(
                    "Name the member by exactly one of code, invite_code, external_ref"
                    " and member_id."
                )
            )
        links = self.env["referral.link"]
        if code is not None or invite_code is not None:
            argument = "code" if code is not None else "invite_code"
            text = self._read_text(
                argument, given[code is None], required=True, limit=CODE_LENGTH
            )
            found = self.env["referral.attribution"]._read_codes([text], "api", company)
            return found, "" if found else self._get_code_problem()
        member = self._read_member(member_id, external_ref)
        if member.member_state != "active" or not member.active:
            return None, self._get_code_problem()
        return Origin("api", member, links), ""

    def _get_code_problem(self):
        return self.env._(
            "The lead was made, but goes to nobody: who is named takes no part, or not"
            " any more, or the link is closed."
        )

    # -------------------------------------------------------------- lead_status

    @api.model
    def _lead_status(self, lead_id):
        """Do the work of ``lead_status``, in superuser mode."""
        leads = self.env["crm.lead"].with_context(active_test=False)
        if type(lead_id) is int and 0 < lead_id <= MAX_ID:
            leads = leads.search(
                Domain("id", "=", lead_id)
                & Domain("create_uid", "=", self.env.uid)
                & Domain("company_id", "=", self.env.company.id)
            )
        if not leads:
            raise UserError(self.env._("There is no such lead that you handed in."))
        return {
            "lead_id": leads.id,
            "member_id": leads.referrer_id.id or None,
            "customer": leads._get_masked_name(),
            "state": leads.referral_validity,
            "reason": leads.referral_reason or "",
            "open": leads.active and leads.won_status == "pending",
            "submitted_at": f"{leads.create_date:%Y-%m-%dT%H:%M:%SZ}",
        }
