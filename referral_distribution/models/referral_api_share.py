from ipaddress import ip_address

from odoo import api, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import escape_psql

from ..engine.visit import Visit

CHANNEL_LENGTH = 128
CODE_LENGTH = 64
METHOD_LENGTH = 16
ADDRESS_LENGTH = 64
AGENT_LENGTH = 512
URL_LENGTH = 2000
MAX_ID = 2**31 - 1


class ReferralApi(models.AbstractModel):
    """Personal links and shares for outside sites (rules S2-S6, X3)."""

    _inherit = "referral.api"

    @api.model
    def share_link(
        self,
        channel: str,
        url: str,
        member_id: int | None = None,
        external_ref: str | None = None,
        idempotency_key: str | None = None,
    ) -> dict:
        """Get a member's personal link to a page for a channel (rules S2, S4).

        Asked again, even with another key, it is the same link.

        :param str channel: the platform ("community", "wechat", "website", "weibo",
            "h5") if the company has one own channel there; or the channel's UTM source,
            as its leads carry it; or the channel's id.
        :param str url: page the link leads to: a path such as "/blog", or an address of
            the own site, up to 2,000 characters.
        :param int member_id: as ``register_member`` answered; or else
        :param str external_ref: your own id of the member.
        :param str idempotency_key: 1 to 128 characters, new for each request and the
            same to repeat one: you get the first answer again, for 90 days.
        :returns: ``{"code": str, "url": str, "qr_url": str, "poster_url": str,
            "target": str, "channel_id": int, "original_first": bool}``: the link's
            address, its pictures (PNG), the page, and whether the member has to be led
            to the page before a share counts (H5 channels).
        :raises AccessError: unless the user has the role *Integration*.
        :raises UserError: saying which argument is wrong; that the contact is no active
            member; that members do not share on this channel; or that the key came
            before with other arguments. Nothing was written.
        """
        values = {"channel": channel, "url": url}
        values.update(member_id=member_id, external_ref=external_ref)
        return self._answer_once("share_link", idempotency_key, **values)

    @api.model
    def record_share(
        self,
        code: str,
        method: str = "api",
        original_opened: bool = False,
        address: str | None = None,
        user_agent: str | None = None,
        idempotency_key: str | None = None,
    ) -> dict:
        """Record that a member passed a link on, once per link, way and day (S2, S5).

        The first share of a member's day may earn a reward: at once, or after a click
        by somebody else, as the company has set.

        :param str code: of the link, as ``share_link`` answered.
        :param str method: "copy", "native", "qr", "poster", "wechat", "weibo", "email",
            or "api" for anything else.
        :param bool original_opened: on H5 channels: you have led the member to the page
            itself today (rule S3). Without it such a share is refused.
        :param str address: IP address of the member's own request, if you know it: a
            click from there is the member's own. It is kept as a hash.
        :param str user_agent: name of the member's browser, likewise.
        :param str idempotency_key: as for ``share_link``.
        :returns: ``{"recorded": bool, "day": "YYYY-MM-DD", "first_of_day": bool,
            "reward": "none" | "waiting" | "rewarded" | "lapsed"}``: whether this call
            recorded it, and how it stands with this share; the day in the company's
            time zone.
        :raises AccessError: unless the user has the role *Integration*.
        :raises UserError: saying what is wrong, or why it cannot be shared now. Nothing
            was written.
        """
        values = {"code": code, "method": method, "original_opened": original_opened}
        values.update(address=address, user_agent=user_agent)
        return self._answer_once("record_share", idempotency_key, **values)

    # --------------------------------------------------------------- share_link

    @api.model
    def _share_link(self, channel, url, member_id, external_ref):
        """Do the work of ``share_link``, in superuser mode."""
        member = self._read_member(member_id, external_ref)
        found = self._read_channel(channel)
        url = self._read_text("url", url, required=True, limit=URL_LENGTH)
        found._check_shareable(member)
        link = self.env["referral.link"]._obtain(member, found, url)
        base = link.get_base_url()
        return {
            "code": link.code,
            "url": link.short_url,
            "qr_url": f"{base}/referral/qr/{link.code}.png",
            "poster_url": f"{base}/referral/poster/{link.code}.png",
            "target": link.target_url,
            "channel_id": found.id,
            "original_first": found.platform == "h5",
        }

    def _read_member(self, member_id, external_ref):
        """Return the member that two arguments name.

        :raises UserError: when they name nobody, or two people.
        """
        ref = self._read_text("external_ref", external_ref)
        by_ref = self._find_by_ref(ref) if ref else None
        by_id = self._browse_member(member_id) if member_id is not None else None
        member = by_ref if by_id is None else by_id
        if member is None:
            raise UserError(self.env._("Give a member_id or an external_ref."))
        if not member or (by_ref is not None and by_ref != member):
            raise UserError(
                self.env._(
                    "There is no such member. Send a member_id as register_member"
                    " answered it, or the external_ref it was registered with."
                )
            )
        return member

    def _browse_member(self, member_id):
        """Return the contact of an id that this company may use, or an empty one."""
        partners = self.env["res.partner"]
        if type(member_id) is not int or not 0 < member_id <= MAX_ID:
            return partners
        return partners.search(
            Domain("id", "=", member_id)
            & Domain("company_id", "in", [False, self.env.company.id])
            & Domain("member_state", "!=", False)
        )

    def _read_channel(self, value):
        """Return the channel of a UTM source, a platform or an id.

        :raises UserError: naming the channels there are.
        """
        if type(value) is int:
            value = str(value)
        text = self._read_text("channel", value, required=True, limit=CHANNEL_LENGTH)
        channels = self.env["referral.channel"]
        here = Domain("company_id", "in", [False, self.env.company.id])
        ways = [
            Domain("platform", "=", text) & Domain("kind", "=", "own"),
            Domain("source_id.name", "=ilike", escape_psql(text)),
        ]
        if text.isascii() and text.isdigit() and int(text) <= MAX_ID:
            ways.append(Domain("id", "=", int(text)))
        for way in ways:
            found = channels.search(here & way, limit=2)
            if len(found) == 1:
                return found
            if found:
                break
        raise UserError(
            self.env._(
                "“%(channel)s” is none of our channels, or more than one. There are:"
                " %(channels)s.",
                channel=text,
                channels=", ".join(channels.search(here).source_id.mapped("name")),
            )
        )

    # ------------------------------------------------------------- record_share

    @api.model
    def _record_share(self, code, method, original_opened, address, user_agent):
        """Do the work of ``record_share``, in superuser mode."""
        link = self._read_link(code)
        method = self._read_text("method", method, required=True, limit=METHOD_LENGTH)
        if not isinstance(original_opened, bool):
            raise UserError(self.env._("“original_opened” is true or false."))
        shares = self.env["referral.share"]
        share = shares._record(
            link,
            method,
            visit=self._read_visit(address, user_agent),
            original_opened=original_opened,
        )
        recorded = bool(share)
        day = link.company_id._referral_today()
        share = share or shares.search(
            [
                ("link_id", "=", link.id),
                ("method", "=", method),
                ("share_date", "=", day),
            ]
        )
        return {
            "recorded": recorded,
            "day": day.isoformat(),
            "first_of_day": share.first_of_day,
            "reward": share.reward_state,
        }

    def _read_link(self, code):
        text = self._read_text("code", code, required=True, limit=CODE_LENGTH)
        links = self.env["referral.link"].with_context(active_test=False)
        link = links.search(
            (Domain("code", "=", text) | Domain("alias", "=", text))
            & Domain("company_id", "=", self.env.company.id)
        )
        if not link:
            raise UserError(
                self.env._("There is no link with this code. Ask share_link for one.")
            )
        return link.with_env(self.env)

    def _read_visit(self, address, user_agent):
        """Return the member's own visit as the door reads visits, None if not told."""
        address = self._read_text("address", address, limit=ADDRESS_LENGTH)
        agent = self._read_text("user_agent", user_agent, limit=AGENT_LENGTH)
        if not address:
            return None
        try:
            return Visit(address=str(ip_address(address)), agent=agent)
        except ValueError as error:
            raise UserError(
                self.env._("“%(address)s” is no IP address.", address=address)
            ) from error
