from werkzeug.urls import url_encode

from odoo import http
from odoo.http import request

from odoo.addons.auth_signup.controllers.main import AuthSignupHome
from odoo.addons.web.controllers.home import SIGN_UP_REQUEST_PARAMS

from ..engine.identity import masked
from ..models.res_users_signup import SignUp
from .portal import read_search

SIGN_UP_REQUEST_PARAMS.add("invite")
HOME = "/my/referral"


class ReferralSignup(AuthSignupHome):
    """Sign-up with an invite code (rules M2, M6).

    The rules are in ``res.users._signup_create_user``. Here the form is read, and the
    person is told what became of the code.
    """

    @http.route()
    def web_auth_signup(self, *args, **kw):
        """Show the form, or make account and membership at once.

        Who has an account already joins on the members' page, with the same code.
        """
        invite = read_search(kw.get("invite"))
        joins = invite or not kw.get("token")
        if request.httprequest.method == "POST":
            if joins and not kw.get("redirect"):
                kw["redirect"] = HOME
        elif request.session.uid and invite:
            return request.redirect(self._get_home_url(invite))
        return super().web_auth_signup(*args, **kw)

    def get_auth_signup_config(self):
        """Offer the form on invitation too: there the code is asked for (rule M6)."""
        config = super().get_auth_signup_config()
        return {
            **config,
            "signup_enabled": True,
            "invite_required": not config["signup_enabled"],
        }

    def get_auth_signup_qcontext(self):
        qcontext = super().get_auth_signup_qcontext()
        invite = read_search(qcontext.get("invite"))
        if not invite:
            invite = qcontext["invite_proposed"] = self._get_proposed_invite(qcontext)
        qcontext["invite"] = invite
        if invite:
            qcontext["invite_login_redirect"] = self._get_home_url(invite)
            qcontext.update(self._read_invite(invite))
        if qcontext.get("token") and not qcontext.get("invalid_token"):
            qcontext["invite_required"] = False
        return qcontext

    def _get_proposed_invite(self, qcontext):
        """Return the invite code of whose personal link led here, or "" (rule M2).

        It stands in the form for everybody to see and to clear; a form that was sent
        says itself which code it means, none included. On invitation only, a link that
        anybody may share in public is no invitation (rule M6).
        """
        if request.httprequest.method != "GET" or qcontext.get("token"):
            return ""
        if qcontext["invite_required"]:
            return ""
        attribution = request.env["referral.attribution"]._read()
        code = attribution and attribution.member.invite_code
        return code if code and not self._read_invite(code)["invite_problem"] else ""

    def do_signup(self, qcontext, do_login=True):
        if do_login:  # else a password is reset: nobody joins
            signup = SignUp(self._prepare_referral_signup_vals(qcontext))
            request.update_context(referral_signup=signup)
        result = super().do_signup(qcontext, do_login=do_login)
        if do_login and qcontext["invite"]:
            # What was wrong with it is said on the members' page, if anything was.
            request.session["referral_invite"] = qcontext["invite"]
        return result

    def _prepare_referral_signup_vals(self, qcontext):
        """Return what the form said beyond Odoo's own fields. A hook.

        Add the form's fields to the template at ``referral_signup_extra``, read them
        from ``request.params`` here, and use them in
        ``res.users._post_referral_signup``.

        :param dict qcontext: values of the form, from ``get_auth_signup_qcontext``.
        :raises UserError: if something is missing; nothing is made, the form says so.
        """
        return {"invite": qcontext["invite"]}

    @http.route(
        "/referral/invite/check",
        type="jsonrpc",
        auth="public",
        website=True,
        readonly=True,
    )
    def referral_check_invite(self, invite=None, **_unknown):
        """Tell who invites with this code, before the form is sent.

        :param str invite: what was typed.
        :return: dict with ``invite_owner``, a masked name, and ``invite_problem``, a
            sentence; one of the two is empty.
        """
        return self._read_invite(read_search(invite))

    def _read_invite(self, text):
        code = request.env["referral.invite.code"]._find(text)
        problem = code._get_problem(request.env.company)
        return {
            "invite_owner": "" if problem else masked(code.partner_id.name),
            "invite_problem": problem,
        }

    def _get_home_url(self, invite):
        return f"{HOME}?{url_encode({'invite': invite})}" if invite else HOME
