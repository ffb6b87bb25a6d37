from urllib.parse import quote, urlencode

from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.http import request, route

from ..engine.visit import add_code, read_visit
from .portal import ReferralPortal, read_number

RECENT_SHARES = 5
WEIBO = "https://service.weibo.com/share/share.php"


class ReferralShareSheet(ReferralPortal):
    """The share sheet, on any page of the site, and what is recorded of it (S2-S6)."""

    @route("/my/referral/share/sheet", type="jsonrpc", auth="user", website=True)
    def portal_referral_sheet(self, url=None, channel=None, **_unknown):
        """Return the share sheet of a page: one tap from any article (rule S6).

        The member's link is made now, if there is none yet.

        :param str url: the page, as a path or address of the own site.
        :param int channel: channel to share on; by default the last one used.
        :return: ``{"html": str}``, or ``{"problem": str}`` saying what is wrong.
        """
        member = self._get_member()
        channels = self._get_share_channels(member) if member else ()
        chosen = channel if type(channel) is int else None
        if chosen is None and channels:
            chosen = self._get_usual_channel(member, channels).id
        try:
            link = self._obtain_own_link(member, str(chosen or ""), url or "")
        except UserError as error:
            return {"problem": error.args[0]}
        values = self._prepare_sheet_values(member, link)
        html = request.env["ir.qweb"]._render(
            "referral_distribution.portal_referral_sheet", values
        )
        return {"html": html}

    @route("/my/referral/share/record", type="jsonrpc", auth="user", website=True)
    def portal_referral_record_share(self, link_id=None, method=None, **_unknown):
        """Record that the member passed a link on, once per link, method and day.

        :param int link_id: one of the member's own links.
        :param str method: a method of ``referral.share``.
        :return: ``{"recorded": bool, "message": str, "problem": str}``: whether a share
            was recorded by this call; a kind word on the day's reward; why it was not.
        """
        answer = {"recorded": False, "message": "", "problem": ""}
        member = self._get_member()
        link = self._get_own_link(member, link_id)
        if not link:
            return answer
        shares = request.env["referral.share"].sudo()
        try:
            visit = read_visit(request.httprequest.environ)
            share = shares._record(link, method, visit)
        except UserError as error:
            return {**answer, "problem": error.args[0]}
        message = self._get_point_message(member) if share.first_of_day else ""
        return {**answer, "recorded": bool(share), "message": message}

    @route(
        "/my/referral/share/original",
        type="http",
        auth="user",
        website=True,
        methods=["GET", "POST"],
    )
    def portal_referral_open_original(self, link_id="", **_unknown):
        """Open the original of an H5 page: from there on its share counts (rule S3).

        A GET, as after a change of language, starts over.
        """
        if request.httprequest.method != "POST":
            return request.redirect("/my/referral/share")
        link = self._get_own_link(self._get_member(), read_number(link_id))
        if not link:
            raise request.not_found()
        link._open_original()
        # an outside page is one of the company's own list
        return request.redirect(link.target_url, code=303, local=False)

    def _get_share_channels(self, member):
        """Return the channels the member may share on (rule S4)."""
        channels = request.env["referral.channel"].sudo()
        return channels._get_shareable(member, request.env.company)

    def _obtain_own_link(self, member, channel, url):
        """Return the member's link for one of the channels it may share on.

        :param channel: the channel's id, as text.
        :raises UserError: saying what is wrong; nothing is written.
        """
        if not member:
            raise UserError(request.env._("Only active members can share."))
        chosen = self._get_share_channels(member).filtered(
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

    def _get_usual_channel(self, member, channels):
        """Return the channel the member shared on last, else the first.

        Never an H5 channel, where the original comes before any sharing.
        """
        channels = channels.filtered(lambda c: c.platform != "h5") or channels
        shares = request.env["referral.share"].sudo()
        last = shares.search(
            [("partner_id", "=", member.id), ("channel_id", "in", channels.ids)],
            limit=1,
        )
        return last.channel_id or channels[:1]

    # ---------------------------------------------------------------- the sheet

    def _prepare_sheet_values(self, member, link):
        """Return what ``portal_referral_sheet`` shows of one of the member's links."""
        path = link.target_url
        title = self._get_page_titles({path})[path]
        text = self._get_page_texts({path})[path]
        short_path = f"/s/{link.alias or link.code}"
        short_url = f"{self._get_own_host_url()}{short_path}"
        return {
            "link": link,
            "member": member,
            "title": title,
            "text": text,
            "short_url": short_url,
            "forward_url": (
                short_path
                if link.target_kind == "outside"
                else add_code(path, link.code)
            ),
            "qr_url": self._get_qr_url(short_url),
            "poster_url": f"/referral/poster/{link.code}.png",
            "weibo_url": f"{WEIBO}?{urlencode({'url': short_url, 'title': title})}",
            "mail_url": self._get_mail_url(title, text, short_url),
            "channels": self._get_share_channels(member),
            "problem": self._get_share_problem(link),
            "is_original_missing": link._is_original_missing(),
            "share_point": self._prepare_share_point(member),
        }

    def _get_share_problem(self, link):
        try:
            link._check_shareable()
        except UserError as error:
            return error.args[0]
        return ""

    def _get_mail_url(self, title, text, short_url):
        """Return a mailto address with subject and text, and nobody to send it to."""
        body = "\r\n\r\n".join(filter(None, (text, short_url)))
        subject, body = (quote(part, safe="") for part in (title, body))
        return f"mailto:?subject={subject}&body={body}"

    # ------------------------------------------------------- the point of a day

    def _prepare_share_point(self, member):
        """Return what the member's first share of today earns or earned (rule S5).

        :return: dict with ``state`` (off, open, waiting, rewarded, lapsed, none),
            ``amount`` and ``currency``.
        """
        shares = request.env["referral.share"].sudo()
        state, rule = shares._get_reward_of_today(member, request.env.company)
        return {"state": state, "amount": rule.amount, "currency": rule.currency_id}

    def _get_point_message(self, member):
        """Return a kind word on the day's reward, "" if there is none."""
        return {
            "rewarded": request.env._("Thank you! Today's share is rewarded."),
            "waiting": request.env._(
                "Thank you! The reward comes once somebody opens your link."
            ),
        }.get(self._prepare_share_point(member)["state"], "")

    def _prepare_referral_home_values(self, member):
        return {
            **super()._prepare_referral_home_values(member),
            "share_point": self._prepare_share_point(member),
            "recent_shares": self._prepare_recent_shares(member),
        }

    def _prepare_recent_shares(self, member):
        """Return the links the member shared last, each with its ways and clicks."""
        shares = request.env["referral.share"].sudo()
        rows = shares._read_group(
            Domain("partner_id", "=", member.id)
            & Domain("company_id", "=", request.env.company.id),
            ["link_id"],
            ["shared_at:max", "method:array_agg_distinct"],
            order="shared_at:max desc, link_id desc",
            limit=RECENT_SHARES,
        )
        labels = self._get_selection(shares, "method")
        titles = self._get_page_titles({link.target_url for link, *_facts in rows})
        return [
            {
                "link": link,
                "title": titles[link.target_url],
                "channel": link.channel_id.name,
                "date": shared_at,
                "methods": ", ".join(labels[method] for method in methods),
                "clicks": link.click_count,
            }
            for link, shared_at, methods in rows
        ]
