from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.http import request, route

from .portal import read_number, read_search
from .portal_share_sheet import ReferralShareSheet

PAGE_SIZE = 12


class ReferralSharePortal(ReferralShareSheet):
    """What a member can share, and the page of each personal link (rules S2, S6)."""

    @route(
        ["/my/referral/share", "/my/referral/share/page/<page>"],
        type="http",
        auth="user",
        website=True,
        readonly=True,
    )
    def portal_referral_share(
        self, page="1", search="", channel="", url="", **_unknown
    ):
        """Show what can be shared; ``url`` names one page of the site up front.

        A page's address is taken in the search field too.
        """
        if not url and search.strip().startswith(("/", "http://", "https://")):
            url, search = search.strip(), ""
        return self._render_share(page, read_search(search), channel, url)

    @route(
        "/my/referral/share/link",
        type="http",
        auth="user",
        website=True,
        methods=["GET", "POST"],
    )
    def portal_referral_obtain_link(self, channel="", url="", **_unknown):
        """Get the member's link to a page for a channel and show it.

        Sent twice it gives the same link. What cannot be a link is explained on the
        page, and nothing is written (threat S2). A GET, as after a change of language,
        starts over.
        """
        if request.httprequest.method != "POST":
            return request.redirect("/my/referral/share")
        member = self._get_member()
        try:
            link = self._obtain_own_link(member, channel, url)
        except UserError as error:
            return self._render_share(channel=channel, error=error.args[0])
        return request.redirect(f"/my/referral/share/link/{link.id}")

    @route(
        "/my/referral/share/link/<int:link_id>",
        type="http",
        auth="user",
        website=True,
        methods=["GET"],
        readonly=True,
    )
    def portal_referral_link(self, link_id, **_unknown):
        """Show one of the member's own links, ready to be passed on (rule S6)."""
        member = self._get_member()
        link = self._get_own_link(member, link_id)
        if not link:
            raise request.not_found()
        values = self._prepare_referral_layout_values("share")
        values |= self._prepare_link_values(member, link)
        return request.render("referral_distribution.portal_referral_link", values)

    def _render_share(self, page="1", search="", channel="", url="", error=""):
        member = self._get_member()
        values = self._prepare_referral_layout_values("share")
        if not member:
            return self._render_non_member(values)
        values |= self._prepare_share_values(member, page, search, channel)
        if url and not error:
            values["chosen"], error = self._read_chosen_page(url)
        values["error"] = error
        return request.render("referral_distribution.portal_referral_share", values)

    def _prepare_share_values(self, member, page, search, channel):
        links = request.env["referral.link"]
        channels = self._get_share_channels(member)
        chosen = channels.filtered(lambda c: c.id == read_number(channel))
        chosen = chosen or channels[:1]
        page = max(1, read_number(page, 1))
        contents, total = links._get_shareable_contents(
            member, search=search, offset=(page - 1) * PAGE_SIZE, limit=PAGE_SIZE
        )
        pages = self._get_pager(
            "/my/referral/share",
            total,
            str(page),
            PAGE_SIZE,
            search=search,
            channel=channel and chosen.id,
        )
        if not contents and total:  # past the last page: show that one
            contents, total = links._get_shareable_contents(
                member, search=search, offset=pages["offset"], limit=PAGE_SIZE
            )
        return {
            "contents": contents,
            "pager": pages,
            "search": search,
            "channels": channels,
            "channel": chosen,
            "chosen": None,
            "share_point": self._prepare_share_point(member),
        }

    def _read_chosen_page(self, url):
        """Return ``({"url", "title"}, "")`` of a page, or ``(None, why not)``."""
        try:
            path = request.env["referral.link"]._normalize_target(url)
        except UserError as error:
            return None, error.args[0]
        return {"url": path, "title": self._get_page_titles({path})[path]}, ""

    def _prepare_link_values(self, member, link):
        return {
            **self._prepare_sheet_values(member, link),
            "clicks": link.click_count,
            "click_chart": link._prepare_click_chart(),
            "leads": request.env["crm.lead"]
            .sudo()
            .with_context(active_test=False)
            .search_count(
                self._get_lead_domain(member) & Domain("referral_link_id", "=", link.id)
            ),
        }
