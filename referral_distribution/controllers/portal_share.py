from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.http import request, route

from .portal import ReferralPortal, read_number, read_search

PAGE_SIZE = 12


class ReferralSharePortal(ReferralPortal):
    """From an article to a personal link in two taps (rules S2, S6)."""

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
        """Show what can be shared; ``url`` names one page of the site up front."""
        return self._render_share(page, search, channel, url)

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

    @route("/my/referral/share/record", type="jsonrpc", auth="user", website=True)
    def portal_referral_record_share(self, link_id=None, method=None, **_unknown):
        """Record that the member passed a link on, once per link, method and day.

        :param int link_id: one of the member's own links.
        :param str method: a method of ``referral.share``.
        :return: whether a share was recorded by this call.
        """
        member = self._get_member()
        link = self._get_own_link(member, link_id)
        return bool(link and self._record_own_share(link, method))

    def _render_share(self, page="1", search="", channel="", url="", error=""):
        member = self._get_member()
        values = self._prepare_referral_layout_values("share")
        if not member:
            return self._render_non_member(values)
        values |= self._prepare_share_values(member, page, read_search(search), channel)
        if url and not error:
            values["chosen"], error = self._read_chosen_page(url)
        values["error"] = error
        return request.render("referral_distribution.portal_referral_share", values)

    def _prepare_share_values(self, member, page, search, channel):
        links = request.env["referral.link"]
        channels = self._get_own_channels()
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
        }

    def _read_chosen_page(self, url):
        """Return ``({"url", "title"}, "")`` of a page, or ``(None, why not)``."""
        try:
            path = request.env["referral.link"]._normalize_target(url)
        except UserError as error:
            return None, error.args[0]
        return {"url": path, "title": self._get_page_titles({path})[path]}, ""

    def _get_own_channels(self):
        """Return the channels members share on: the company's own (rule S4)."""
        return (
            request.env["referral.channel"]
            .sudo()
            .search(
                [
                    ("kind", "=", "own"),
                    ("company_id", "in", [request.env.company.id, False]),
                ]
            )
        )

    def _obtain_own_link(self, member, channel, url):
        chosen = self._get_own_channels().filtered(
            lambda c: c.id == read_number(channel)
        )
        if not chosen:
            raise UserError(request.env._("Choose one of our channels first."))
        links = request.env["referral.link"].sudo()
        return links._obtain(member, chosen, url)

    def _get_own_link(self, member, link_id):
        """Return one of the member's own active links; empty for any other id (P1)."""
        links = request.env["referral.link"].sudo()
        if type(link_id) is not int or not member:  # a bool is an int too
            return links
        return links.search(
            Domain("id", "=", link_id)
            & Domain("partner_id", "=", member.id)
            & Domain("company_id", "=", request.env.company.id)
        )

    def _prepare_link_values(self, member, link):
        short_url = f"{self._get_own_host_url()}/s/{link.code}"
        return {
            "link": link,
            "short_url": short_url,
            "qr_url": self._get_qr_url(short_url),
            "title": self._get_page_titles({link.target_url})[link.target_url],
            "channels": self._get_own_channels(),
            "clicks": link.click_count,
            "click_chart": link._prepare_click_chart(),
            "leads": request.env["crm.lead"]
            .sudo()
            .with_context(active_test=False)
            .search_count(
                self._get_lead_domain(member) & Domain("referral_link_id", "=", link.id)
            ),
        }

    def _record_own_share(self, link, method):
        """Write down a share of an active member's link (rule S2).

        :return: the new referral.share; empty when the day has one already.
        """
        shares = request.env["referral.share"].sudo()
        methods = self._get_selection(shares, "method")
        if not isinstance(method, str) or method not in methods:
            return shares
        if link.partner_id.member_state != "active":
            return shares
        vals = {
            "link_id": link.id,
            "method": method,
            "share_date": shares._default_share_date(),
        }
        if shares.search_count([(key, "=", vals[key]) for key in vals], limit=1):
            return shares.browse()
        return shares.create(vals)
