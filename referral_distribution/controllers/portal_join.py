from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.http import request, route

from ..engine.identity import masked
from .portal import ReferralPortal, read_search

PAGE_SIZE = 20


class ReferralJoinPortal(ReferralPortal):
    """How a contact with an account joins, and how a member invites (M2, M6)."""

    @route(
        "/my/referral/join",
        type="http",
        auth="user",
        website=True,
        methods=["GET", "POST"],
    )
    def portal_referral_join(self, invite="", **_unknown):
        """Apply to become a member, or name one's inviter, once.

        What does not work changes nothing and is said on the page. A GET, as after a
        change of language, starts over.
        """
        if request.httprequest.method != "POST":
            return request.redirect("/my/referral")
        invite = read_search(invite)
        request.session.pop("referral_invite", None)
        try:
            with request.env.cr.savepoint():
                self._join(invite)
        except UserError as error:
            return self._render_join_error(invite, error.args[0])
        return request.redirect("/my/referral")

    @route(
        ["/my/referral/invite", "/my/referral/invite/page/<page>"],
        type="http",
        auth="user",
        website=True,
        readonly=True,
    )
    def portal_referral_invite(self, page="1", **_unknown):
        """Show the member's sign-up link, and the single-use codes it was given."""
        member = self._get_member()
        values = self._prepare_referral_layout_values("invite")
        if not member:
            return self._render_non_member(values)
        values |= self._prepare_invite_values(member)
        values |= self._prepare_own_code_values(member, page)
        return request.render("referral_distribution.portal_referral_invite", values)

    def _join(self, invite):
        """Take the step the contact's membership allows.

        :raises UserError: why it cannot be taken.
        """
        partner = request.env.user.partner_id
        code = None
        if invite:
            code = request.env["referral.invite.code"]._find(invite)
        elif partner.member_state in ("candidate", "active"):
            raise UserError(request.env._("Enter the invite code you were given."))
        problem = partner._referral_join(request.env.company, code, apply=True)
        if problem:
            raise UserError(problem)

    def _render_join_error(self, invite, error):
        member = self._get_member()
        values = self._prepare_referral_layout_values("referral")
        values |= {"invite": invite, "join_error": error}
        if not member:
            return self._render_non_member(values)
        values |= self._prepare_referral_home_values(member)
        return request.render("referral_distribution.portal_referral_home", values)

    def _prepare_own_code_values(self, member, page):
        codes = request.env["referral.invite.code"].sudo()
        codes = codes.with_context(active_test=False)
        domain = (
            Domain("partner_id", "=", member.id)
            & Domain("kind", "=", "single_use")
            & Domain("company_id", "in", [request.env.company.id, False])
        )
        pages = self._get_pager(
            "/my/referral/invite", codes.search_count(domain), page, PAGE_SIZE
        )
        # What can still be given away comes first.
        order = "active desc, used_at desc nulls first, id desc"
        codes = codes.search(
            domain, order=order, offset=pages["offset"], limit=PAGE_SIZE
        )
        labels = self._get_selection(codes, "status")
        host = self._get_own_host_url()
        return {
            "codes": [
                {
                    "code": code.code,
                    "status": code.status,
                    "label": labels[code.status],
                    "url": f"{host}/web/signup?invite={code.code}",
                    "used_by": masked(code.used_by_id.name),
                    "used_at": code.used_at,
                    "expires": code.date_expiry,
                }
                for code in codes
            ],
            "pager": pages,
        }
