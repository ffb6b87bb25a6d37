import json

from odoo import fields
from odoo.exceptions import AccessDenied, UserError
from odoo.http import content_disposition, request, route

from .portal import ReferralPortal

DATA_PAGE = "/my/referral/data"


class ReferralDataPortal(ReferralPortal):
    """What is kept about a person: to read, to download, to have erased.

    For everybody with an account, member or not; each sees its own data only, as the
    contact is taken from the login and from nowhere else (threat P1).
    """

    @route(DATA_PAGE, type="http", auth="user", website=True, readonly=True)
    def portal_referral_data(self, **_unknown):
        """Say in plain words what is kept, what for, and what can be done about it."""
        return self._render_data_page()

    @route(DATA_PAGE + "/download", type="http", auth="user", readonly=True)
    def portal_referral_data_download(self, **_unknown):
        """Download one's own data as JSON (PIPL Art. 45, GDPR Art. 20)."""
        return self._make_data_response(self._get_person())

    @route(
        "/referral/personal-data/<int:partner_id>",
        type="http",
        auth="user",
        readonly=True,
    )
    def referral_personal_data(self, partner_id, **_unknown):
        """Download a contact's data, as a manager, for who asked by letter."""
        request.env.user._referral_require("group_manager")
        partner = request.env["res.partner"].browse(partner_id).exists()
        if not partner:
            return request.not_found()
        partner.check_access("read")
        return self._make_data_response(partner.sudo())

    @route("/my/referral/consent", type="http", auth="user", website=True)
    def portal_referral_consent(self, consent="", back="", **_unknown):
        """Agree to the consent text in force, by POST with its token."""
        page = DATA_PAGE if back == "data" else "/my/referral"
        if request.httprequest.method == "POST":
            try:
                request.env["referral.consent"]._agree(
                    self._get_person(), request.env.company, consent, "portal"
                )
            except UserError as error:
                return self._render_data_page(consent_error=error.args[0])
        return request.redirect(page)

    @route(DATA_PAGE + "/erase", type="http", auth="user", website=True)
    def portal_referral_data_erase(self, password="", understood="", **_unknown):
        """Ask for the erasure of one's own data, by POST with the password."""
        if request.httprequest.method == "POST":
            error = self._check_erasure_wish(password, understood)
            if error:
                return self._render_data_page(erasure_error=error)
            request.env["referral.erasure.request"]._request(
                self._get_person(), "portal"
            )
        return request.redirect(DATA_PAGE)

    def _get_person(self):
        """Return the user's own contact, as superuser."""
        return request.env.user.partner_id.sudo().with_context(active_test=False)

    def _check_erasure_wish(self, password, understood):
        """Return why the wish is not taken down, or ""."""
        if not understood:
            return request.env._("Please tick the box: you know what will be gone.")
        credential = {
            "login": request.env.user.login,
            "password": password,
            "type": "password",
        }
        try:
            request.env["res.users"]._check_credentials(
                credential, {"interactive": True}
            )
        except AccessDenied:
            return request.env._("That is not your password. Nothing was asked for.")
        return ""

    def _render_data_page(self, **values):
        person = self._get_person()
        values = {
            **self._prepare_referral_layout_values("data"),
            **self._prepare_consent_values(),
            "consent_error": "",
            "erasure_error": "",
            **values,
            "erasure": person.referral_erasure_ids[:1],
            "consents": person.referral_consent_ids,
            "is_colleague": request.env.user._is_internal(),
            "obstacles": person._get_erasure_obstacles(),
            "notices": person._get_erasure_notices(),
            "kept": self._get_kept_descriptions(),
        }
        return request.render("referral_distribution.portal_referral_data", values)

    def _get_kept_descriptions(self):
        """Return what is kept, in plain words: (what, what for, erased?). A hook."""
        return [
            (
                request.env._("Your contact: name, e-mail, phone, address, picture"),
                request.env._("to know who you are and to reach you"),
                request.env._("It is erased"),
            ),
            (
                request.env._("Your bank account"),
                request.env._("to pay you"),
                request.env._("It is erased, unless a payment was booked with it"),
            ),
            (
                request.env._("Your membership, who invited you, your invite codes"),
                request.env._("to run the programme"),
                request.env._("Stays without your name"),
            ),
            (
                request.env._("Your links, shares, leads, contracts and commissions"),
                request.env._("to credit and pay what you brought about"),
                request.env._("Stays without your name"),
            ),
            (
                request.env._("Invoices and payments with you"),
                request.env._("because the law on bookkeeping asks for it"),
                request.env._("Kept as long as the law says"),
            ),
            (
                request.env._("Your consents, with their date"),
                request.env._("as the proof the law asks for"),
                request.env._("Stays without your name"),
            ),
        ]

    def _prepare_consent_values(self):
        """Return the text to agree to, if there is one and it was not agreed to."""
        person = request.env.user.partner_id
        text = request.env["referral.consent.text"]._get_shown(request.env.company)
        asks = text and person.member_state in ("candidate", "active", "suspended")
        if not asks or person._has_consented(request.env.company):
            return {"consent_text": None}
        return {"consent_text": text}

    def _prepare_referral_home_values(self, member):
        values = super()._prepare_referral_home_values(member)
        return values | self._prepare_consent_values()

    def _render_non_member(self, values):
        return super()._render_non_member(values | self._prepare_consent_values())

    def _make_data_response(self, person):
        data = {
            "format": "referral-personal-data/1",
            "made_at": fields.Datetime.now().isoformat() + "Z",
            "company": request.env.company.name,
            **person.with_context(active_test=False)._prepare_personal_data(),
        }
        body = json.dumps(data, ensure_ascii=False, indent=2)
        return request.make_response(
            body,
            headers=[
                ("Content-Type", "application/json; charset=utf-8"),
                ("Content-Disposition", content_disposition("personal-data.json")),
                ("Cache-Control", "no-store"),
                ("X-Content-Type-Options", "nosniff"),
            ],
        )
