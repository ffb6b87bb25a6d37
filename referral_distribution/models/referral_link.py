import secrets
from urllib.parse import urlsplit

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..engine.target import normalize_target


class ReferralLink(models.Model):
    """A member's personal link to one page for one channel: ``/s/<code>`` (rule S2)."""

    _name = "referral.link"
    _description = "Referral Link"
    _rec_name = "code"
    _order = "id desc"
    _check_company_auto = True

    code = fields.Char(
        required=True, readonly=True, copy=False, default=lambda self: self._new_code()
    )
    active = fields.Boolean(default=True)
    merged = fields.Boolean(
        required=True,
        readonly=True,
        default=False,
        help="Came with a contact that was merged into this member, who has a link to"
        " the same page already. Both work.",
    )
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    partner_id = fields.Many2one(
        "res.partner", string="Member", required=True, index=True, ondelete="restrict"
    )
    channel_id = fields.Many2one(
        "referral.channel",
        required=True,
        index=True,
        ondelete="restrict",
        check_company=True,
    )
    target_url = fields.Char(
        string="Target", required=True, help="A page of the own site."
    )
    short_url = fields.Char(string="Short link", compute="_compute_short_url")
    click_count = fields.Integer(string="Clicks", compute="_compute_click_count")
    lead_ids = fields.One2many("crm.lead", "referral_link_id", string="Leads")
    share_ids = fields.One2many("referral.share", "link_id", string="Shares")

    _code_unique = models.Constraint("UNIQUE (code)", "This link code exists already.")
    _member_channel_target_unique = models.UniqueIndex(
        "(company_id, partner_id, channel_id, md5(target_url)) WHERE NOT merged",
        "This member already has a link to this page for this channel.",
    )

    @api.model
    def _new_code(self):
        """Return 12 characters with 72 random bits: not to be guessed."""
        return secrets.token_urlsafe(9)

    @api.depends("code")
    def _compute_short_url(self):
        for link in self:
            link.short_url = f"{link.get_base_url()}/s/{link.code}"

    def _compute_click_count(self):
        counts = dict(
            self.env["referral.click"]
            .sudo()  # a number tells nothing about visitors
            ._read_group([("link_id", "in", self.ids)], ["link_id"], ["__count"])
        )
        for link in self:
            link.click_count = counts.get(link, 0)

    @api.constrains("target_url")
    def _check_target_url(self):
        for link in self:
            self._normalize_target(link.target_url)

    @api.model
    def _get_own_hosts(self):
        """Return the host names (with port) a target may be written with. A hook."""
        return frozenset({urlsplit(self.get_base_url()).netloc.lower()})

    @api.model
    def _normalize_target(self, url):
        try:
            return normalize_target(url, self._get_own_hosts())
        except ValueError as error:
            raise UserError(
                self.env._(
                    "A personal link leads to a page of this site. Write it as in the"
                    " address bar, for example /blog."
                )
            ) from error

    @api.model
    def _obtain(self, member, channel, target_url):
        """Return the member's link for that channel and page, made on first use.

        Of two requests that make the same link at once, one finds the other's row in
        the way; PostgreSQL then reports a serialization failure and Odoo tries that
        request again, which finds the link.

        :param member: res.partner, an active member.
        :param channel: referral.channel.
        :param str target_url: page of the own site (threat S2).
        :raises UserError: when the contact is no active member or the page is foreign.
        """
        if member.member_state != "active":
            raise UserError(self.env._("Only active members have personal links."))
        company = channel.company_id or self.env.company
        key = {
            "company_id": company.id,
            "partner_id": member.id,
            "channel_id": channel.id,
            "target_url": self._normalize_target(target_url),
        }
        domain = [(name, "=", value) for name, value in key.items()]
        domain.append(("merged", "=", False))
        links = self.with_context(active_test=False)
        link = links.search(domain, limit=1)
        if not link:
            self._query_insert_link(key)
            link = links.search(domain, limit=1)
            link.modified(list(key))
        return link.with_env(self.env)

    @api.model
    def _prepare_merge(self, sources, stays):
        """Make room for the links of contacts that are merged: both codes were shared.

        :param sources: res.partner recordset that goes.
        :param stays: res.partner that gets their links.
        """
        links = self.sudo().with_context(active_test=False)
        links = links.search([("partner_id", "in", (sources | stays).ids)])
        same = links.grouped(lambda k: (k.company_id, k.channel_id, k.target_url))
        for found in same.values():
            first = found.sorted(lambda k: (k.merged, k.partner_id != stays, k.id))[0]
            (found - first).merged = True

    @api.model
    def _query_insert_link(self, key):
        values = {
            **key,
            "code": self._new_code(),
            "active": True,
            "merged": False,
            "create_uid": self.env.uid,
            "write_uid": self.env.uid,
            "create_date": self.env.cr.now(),
            "write_date": self.env.cr.now(),
        }
        self.env.cr.execute(
            SQL(
                "INSERT INTO referral_link (%s) VALUES %s ON CONFLICT DO NOTHING",
                SQL(", ").join(map(SQL.identifier, values)),
                tuple(values.values()),
            )
        )

    @api.model
    def _get_shareable_contents(self, member, search="", offset=0, limit=12):
        """Return what a member can share, a page of it: a hook for content addons.

        :param member: res.partner that will share.
        :return: ``(contents, total)``; a content is a dict with ``title``,
            ``summary``, ``url`` (path), ``image_url`` (or False), ``kind_label``.
        """
        name = self.env.company.name
        front = {
            "title": name,
            "summary": self.env._("The front page of our site"),
            "url": "/",
            "image_url": False,
            "kind_label": self.env._("Website"),
        }
        found = [front] if search.lower() in name.lower() else []
        return found[offset : offset + limit], len(found)
