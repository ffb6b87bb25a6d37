from odoo.fields import Domain
from odoo.http import request, route

from odoo.addons.referral_distribution.controllers.portal import ReferralPortal

PAGE_SIZE = 20
FILTERS = {
    "in": Domain("balance_change", ">", 0),
    "out": Domain("balance_change", "<", 0),
    "held": Domain("held_change", "!=", 0),
}


class ReferralPointsPortal(ReferralPortal):
    """The member's points: what there is, and where every change came from."""

    @route(
        ["/my/referral/wallet", "/my/referral/wallet/page/<page>"],
        type="http",
        auth="user",
        website=True,
        readonly=True,
    )
    def portal_referral_wallet(self, page="1", filterby="all", **_unknown):
        """Show the wallet's sums and its entries, newest first (rules P1, C8)."""
        member = self._get_member()
        values = self._prepare_referral_layout_values("wallet")
        if not member:
            return self._render_non_member(values)
        values |= self._prepare_wallet_values(member)
        values |= self._prepare_wallet_entry_values(values["wallet"], page, filterby)
        return request.render("referral_points.portal_referral_wallet", values)

    def _prepare_referral_home_values(self, member):
        values = super()._prepare_referral_home_values(member)
        return values | self._prepare_wallet_values(member)

    def _prepare_wallet_values(self, member):
        """Return ``wallet`` (empty before the first points) and a point's value."""
        company = request.env.company
        return {
            "wallet": request.env["referral.wallet"].search(
                [("partner_id", "=", member.id), ("company_id", "=", company.id)]
            ),
            "point_value": company.sudo().referral_point_value,
        }

    def _prepare_wallet_entry_values(self, wallet, page, filterby):
        """Return a page of entries; what a parameter does not mean is its default."""
        filterby = filterby if filterby in FILTERS else None
        domain = Domain("wallet_id", "=", wallet.id) & FILTERS.get(
            filterby, Domain.TRUE
        )
        entries = request.env["referral.wallet.entry"]
        pages = self._get_pager(
            "/my/referral/wallet",
            entries.search_count(domain),
            page,
            PAGE_SIZE,
            filterby=filterby,
        )
        return {
            "entries": entries.search(domain, limit=PAGE_SIZE, offset=pages["offset"]),
            "pager": pages,
            "filterby": filterby,
            "filters": self._get_wallet_filters(),
        }

    def _get_wallet_filters(self):
        """Return ``{filter: label}``, None being everything."""
        return {
            None: request.env._("All"),
            "in": request.env._("Received"),
            "out": request.env._("Used or taken back"),
            "held": request.env._("Held and released"),
        }
