from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.http import request, route

from ..models.referral_channel_figures import OWED, PAID
from .portal import read_number
from .portal_records import ReferralRecordsPortal

PAGE_SIZE = 12
VIEWS = ("links", "leads", "contracts", "amounts")
CHANNELS = "/my/referral/channels"


class ReferralChannelPortal(ReferralRecordsPortal):
    """The pages of a channel partner's company (rule S4).

    Whoever logs in for that company sees its channels, member or not; everybody else
    finds nothing at these addresses (threat P1).
    """

    @route(CHANNELS, type="http", auth="user", website=True, readonly=True)
    def portal_referral_channels(self, **_unknown):
        """List the channels of the user's company that cooperate, or did."""
        channels = self._get_partner_channels()
        if not channels:
            raise request.not_found()
        values = self._prepare_referral_layout_values("channels")
        values["cards"] = [
            {**self._prepare_channel_card(channel), "sums": sums}
            for channel, sums in self._get_channel_sums(channels)
        ]
        return request.render("referral_distribution.portal_referral_channels", values)

    @route(
        [f"{CHANNELS}/<int:channel_id>", f"{CHANNELS}/<int:channel_id>/page/<page>"],
        type="http",
        auth="user",
        website=True,
        methods=["GET"],
        readonly=True,
    )
    def portal_referral_channel(self, channel_id, show="links", page="1", **_unknown):
        """Show one of them: terms, figures, and a page of what ``show`` names."""
        channel = self._get_partner_channels(channel_id)
        if not channel:
            raise request.not_found()
        return self._render_channel(channel, show, page)

    @route(
        f"{CHANNELS}/<int:channel_id>/link",
        type="http",
        auth="user",
        website=True,
        methods=["GET", "POST"],
    )
    def portal_referral_channel_link(self, channel_id, url="", other="", **_unknown):
        """Get the partner's own link to a page of the site; twice is the same link.

        What cannot be a link is explained on the page (threat S2). A GET, as after a
        change of language, starts over.
        """
        channel = self._get_partner_channels(channel_id)
        if not channel:
            raise request.not_found()
        address = f"{CHANNELS}/{channel.id}"
        if request.httprequest.method != "POST":
            return request.redirect(address)
        try:
            link = self._obtain_partner_link(channel, other.strip() or url)
        except UserError as error:
            return self._render_channel(channel, error=error.args[0])
        return request.redirect(f"{address}?made={link.id}")

    # ------------------------------------------------------------------ values

    def _prepare_home_portal_values(self, counters):
        values = super()._prepare_home_portal_values(counters)
        if not counters:
            values["has_referral_channels"] = bool(self._get_partner_channels())
        return values

    def _prepare_referral_layout_values(self, page_name):
        return {
            **super()._prepare_referral_layout_values(page_name),
            "has_referral_channels": bool(self._get_partner_channels()),
        }

    def _get_partner_channels(self, channel_id=None):
        """Return the channels of the user's company, as superuser.

        Those that never cooperated stay between us: what is noted of a prospect is not
        meant for it.

        :param int channel_id: only that one.
        """
        company = request.env.user.partner_id.commercial_partner_id
        domain = (
            Domain("kind", "=", "partner")
            & Domain("won_on", "!=", False)
            & Domain("partner_id.commercial_partner_id", "=", company.id)
            & Domain("company_id", "in", [request.env.company.id, False])
        )
        if channel_id is not None:
            domain &= Domain("id", "=", channel_id)
        return request.env["referral.channel"].sudo().search(domain)

    def _render_channel(self, channel, show="links", page="1", error=""):
        show = show if show in VIEWS else VIEWS[0]
        [(_channel, sums)] = self._get_channel_sums(channel)
        counts = {
            "links": self._get_links().search_count(self._get_link_domain(channel)),
            "leads": channel.lead_count,
            "contracts": self._count_contracts(channel),
            "amounts": self._get_rewards().search_count(
                self._get_amount_domain(channel)
            ),
        }
        pages = self._get_pager(
            f"{CHANNELS}/{channel.id}", counts[show], page, PAGE_SIZE, show=show
        )
        values = self._prepare_referral_layout_values("channels")
        values |= {
            "channel": channel,
            "card": self._prepare_channel_card(channel),
            "sums": sums,
            "show": show,
            "views": self._prepare_views(counts),
            "error": error,
            "pager": pages,
            "clicks": sum(
                self._get_links()
                .search(self._get_link_domain(channel))
                .mapped("click_count")
            ),
            "counts": counts,
            "valid_leads": channel.valid_lead_count,
            **getattr(self, f"_prepare_channel_{show}")(channel, pages["offset"]),
        }
        return request.render("referral_distribution.portal_referral_channel", values)

    def _prepare_views(self, counts):
        env = request.env
        labels = (env._("Links"), env._("Leads"), env._("Contracts"), env._("Amounts"))
        return [
            (name, label, counts[name])
            for name, label in zip(VIEWS, labels, strict=True)
        ]

    def _prepare_channel_card(self, channel):
        """Return what the partner may know of its channel: what was agreed."""
        labels = self._get_selection(channel, "stage")
        return {
            "channel": channel,
            "stage": channel.stage,
            "stage_label": labels[channel.stage],
            "terms": channel._get_terms_text(),
            "is_talked_about": channel.stage not in ("cooperating", "ended"),
        }

    def _get_channel_sums(self, channels):
        """Return ``[(channel, {"owed": sums, "paid": sums})]``, by currency."""
        amounts = channels._get_amounts(request.env.company)
        return [
            (
                channel,
                {
                    "owed": amounts.get((channel.id, OWED), []),
                    "paid": amounts.get((channel.id, PAID), []),
                },
            )
            for channel in channels
        ]

    # ------------------------------------------------------------------- links

    def _get_links(self):
        return request.env["referral.link"].sudo()

    def _get_link_domain(self, channel):
        """Return the channel's links that stand for its partner's company."""
        family = channel.partner_id.commercial_partner_id
        return (
            Domain("channel_id", "=", channel.id)
            & Domain("partner_id.commercial_partner_id", "=", family.id)
            & Domain("company_id", "=", request.env.company.id)
        )

    def _may_make_links(self, channel):
        return (
            channel.stage == "cooperating"
            and channel.partner_id.member_state == "active"
        )

    def _obtain_partner_link(self, channel, url):
        if channel.stage != "cooperating":
            raise UserError(
                request.env._("The cooperation has ended: there are no new links.")
            )
        return self._get_links()._obtain(channel.partner_id, channel, url)

    def _prepare_channel_links(self, channel, offset):
        links = self._get_links().search(
            self._get_link_domain(channel), offset=offset, limit=PAGE_SIZE
        )
        titles = self._get_page_titles(set(links.mapped("target_url")))
        states = self._get_selection(links, "state")
        host = self._get_own_host_url()
        may_make = self._may_make_links(channel)
        contents, _total = (
            self._get_links()._get_shareable_contents(channel.partner_id, limit=50)
            if may_make
            else ([], 0)
        )
        return {
            "may_make_links": may_make,
            "contents": contents,
            "made": read_number(request.params.get("made")),
            "links": [
                {
                    "id": link.id,
                    "title": titles[link.target_url],
                    "target": link.target_url,
                    "code": link.code,
                    "url": f"{host}/s/{link.code}",
                    "qr_url": self._get_qr_url(f"{host}/s/{link.code}"),
                    "clicks": link.click_count,
                    "closed": link.state != "open" and states[link.state],
                }
                for link in links
            ],
        }

    # ------------------------------------------------ leads, contracts, amounts

    def _get_channel_domain(self, channel):
        return Domain("referral_channel_id", "=", channel.id) & Domain(
            "company_id", "in", [request.env.company.id, False]
        )

    def _prepare_channel_leads(self, channel, offset):
        leads = request.env["crm.lead"].sudo().with_context(active_test=False)
        leads = leads.search(
            self._get_channel_domain(channel),
            order="create_date desc, id desc",
            offset=offset,
            limit=PAGE_SIZE,
        )
        return {"leads": self._prepare_lead_cards(leads)}

    def _count_contracts(self, channel):
        orders = request.env["sale.order"].sudo()
        return orders.search_count(self._get_channel_domain(channel))

    def _prepare_channel_contracts(self, channel, offset):
        orders = (
            request.env["sale.order"]
            .sudo()
            .search(
                self._get_channel_domain(channel),
                order="date_order desc, id desc",
                offset=offset,
                limit=PAGE_SIZE,
            )
        )
        rewards = (
            self._get_rewards()
            .search(
                self._get_amount_domain(channel) & Domain("order_id", "in", orders.ids)
            )
            .grouped("order_id")
        )
        hints = orders._get_referral_next_steps(channel.sudo().partner_id)
        return {
            "contracts": [
                {
                    **self._prepare_contract_card(order, rewards.get(order)),
                    "hint": hints[order],
                    "share": order.referral_deal_share,
                }
                for order in orders
            ]
        }

    def _get_rewards(self):
        return request.env["referral.commission"].sudo()

    def _get_amount_domain(self, channel):
        return Domain("channel_id", "=", channel.id) & Domain(
            "company_id", "=", request.env.company.id
        )

    def _prepare_channel_amounts(self, channel, offset):
        lines = self._get_rewards().search(
            self._get_amount_domain(channel),
            order="id desc",
            offset=offset,
            limit=PAGE_SIZE,
        )
        triggers = self._get_selection(lines, "trigger")
        states = {
            "pending": request.env._("Owed"),
            "approved": request.env._("Owed"),
            "settled": request.env._("Paid out"),
            "reversed": request.env._("Taken back"),
        }
        return {
            "amounts": [
                {
                    **self._prepare_reward_card(line),
                    "what": triggers[line.trigger],
                    "date": line.create_date,
                    "source": line.order_id.name or self._get_lead_name(line.lead_id),
                    "state": line.state,
                    "state_label": states[line.state],
                }
                for line in lines
            ]
        }
