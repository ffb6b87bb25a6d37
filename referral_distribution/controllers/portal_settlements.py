from odoo.fields import Domain
from odoo.http import request, route

from .portal import ReferralPortal, read_number

PAGE_SIZE = 20
STATEMENT = "referral_distribution.settlement_statement_action"


class ReferralSettlementPortal(ReferralPortal):
    """What a member is paid in money, and its statements (rules C6, X1)."""

    @route(
        ["/my/referral/settlements", "/my/referral/settlements/page/<page>"],
        type="http",
        auth="user",
        website=True,
        readonly=True,
    )
    def portal_referral_settlements(self, page="1", **_unknown):
        """List the member's settlements once they are approved, newest first."""
        member = self._get_member()
        values = self._prepare_referral_layout_values("settlements")
        if not member:
            return self._render_non_member(values)
        settlements = request.env["referral.settlement"].sudo()
        domain = settlements._get_own_domain(member)
        pages = self._get_pager(
            "/my/referral/settlements",
            settlements.search_count(domain),
            page,
            PAGE_SIZE,
        )
        values |= {
            "settlements": settlements.search(
                domain, offset=pages["offset"], limit=PAGE_SIZE
            ),
            "pager": pages,
        }
        return request.render(
            "referral_distribution.portal_referral_settlements", values
        )

    @route(
        "/my/referral/settlements/<number>/statement",
        type="http",
        auth="user",
        website=True,
        readonly=True,
    )
    def portal_referral_statement(self, number, **_unknown):
        """Answer with the statement as PDF; not found when it is not the member's."""
        settlements = request.env["referral.settlement"].sudo()
        own = settlements._get_own_domain(request.env.user.partner_id)
        settlement = settlements.search(own & Domain("id", "=", read_number(number)))
        if not settlement:
            raise request.not_found()
        return self._show_report(settlement, "pdf", STATEMENT, download=True)
