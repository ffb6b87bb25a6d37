import base64

from odoo import api, fields, models
from odoo.exceptions import AccessError, ValidationError
from odoo.fields import Domain
from odoo.tools import SQL

from ..engine import link_alias
from ..engine.visit import CODE
from . import gate

FIXED = ("code", "company_id", "partner_id", "channel_id", "merged")


class ReferralLink(models.Model):
    """What a link is called, whether it is open, and what happened to it.

    A link that is not open leads to a page that says so, and attributes nothing
    (threat S7). The door asks the database directly: ``referral.click._query_link``
    names the same conditions as ``_search_state``.
    """

    _inherit = "referral.link"
    _rec_names_search = ("code", "alias")

    alias = fields.Char(
        copy=False,
        tracking=True,
        help="A name of your own for the short link, for example spring-fair: 3 to 40"
        " small letters, digits and single dashes. The code keeps working.",
    )
    expires_at = fields.Datetime(
        string="Expires",
        copy=False,
        tracking=True,
        help="From then on the link leads to a page that says it is no longer in use."
        " Empty: never.",
    )
    state = fields.Selection(
        [
            ("open", "Open"),
            ("expired", "Expired"),
            ("off", "Switched off"),
            ("owner_inactive", "Owner inactive"),
            ("channel_ended", "Channel ended"),
        ],
        compute="_compute_state",
        compute_sudo=True,
        search="_search_state",
    )
    short_url = fields.Char(string="Short link", compute="_compute_short_url")
    short_qr = fields.Binary(
        string="QR code", compute="_compute_short_qr", attachment=False
    )
    lead_count = fields.Integer(
        string="Number of leads", compute="_compute_lead_count", compute_sudo=True
    )
    share_count = fields.Integer(
        string="Number of shares", compute="_compute_share_count", compute_sudo=True
    )

    _alias_unique = models.UniqueIndex(
        "(alias) WHERE alias IS NOT NULL",
        "Another link has this alias already. Choose another one.",
    )
    _alias_form = models.Constraint(
        f"CHECK (alias ~ '^{link_alias.PATTERN}$' AND length(alias)"
        f" BETWEEN {link_alias.MIN_LENGTH} AND {link_alias.MAX_LENGTH})",
        "An alias has 3 to 40 small letters, digits and single dashes.",
    )

    @api.depends("code", "alias")
    def _compute_display_name(self):
        for link in self:
            link.display_name = link.alias or link.code

    @api.depends("code", "alias")
    def _compute_short_url(self):
        for link in self:
            link.short_url = f"{link.get_base_url()}/s/{link.alias or link.code}"

    @api.depends("short_url")
    def _compute_short_qr(self):
        reports = self.env["ir.actions.report"]
        for link in self:
            picture = reports.barcode("QR", link.short_url, width=300, height=300)
            link.short_qr = base64.b64encode(picture)

    def _compute_lead_count(self):
        leads = self.env["crm.lead"].with_context(active_test=False)
        counts = dict(
            leads._read_group(
                [("referral_link_id", "in", self.ids)],
                ["referral_link_id"],
                ["__count"],
            )
        )
        for link in self:
            link.lead_count = counts.get(link._origin, 0)

    def _compute_share_count(self):
        counts = dict(
            self.env["referral.share"]._read_group(
                [("link_id", "in", self.ids)], ["link_id"], ["__count"]
            )
        )
        for link in self:
            link.share_count = counts.get(link._origin, 0)

    @api.depends(
        "active",
        "expires_at",
        "partner_id.active",
        "partner_id.member_state",
        "channel_id.active",
    )
    def _compute_state(self):
        now = fields.Datetime.now()
        for link in self:
            owner = link.partner_id
            if not link.active:
                link.state = "off"
            elif link.expires_at and link.expires_at <= now:
                link.state = "expired"
            elif not owner.active or owner.member_state != "active":
                link.state = "owner_inactive"
            elif not link.channel_id.filtered_domain(self._get_open_channel_domain()):
                link.state = "channel_ended"
            else:
                link.state = "open"

    def _search_state(self, operator, value):
        if operator != "in":
            return NotImplemented
        on = Domain("active", "=", True)
        lasts = Domain("expires_at", "=", False) | Domain(
            "expires_at", ">", fields.Datetime.now()
        )
        owned = Domain("partner_id.active", "=", True) & Domain(
            "partner_id.member_state", "=", "active"
        )
        channels = self.env["referral.channel"].sudo().with_context(active_test=False)
        runs = Domain(
            "channel_id", "in", channels._search(self._get_open_channel_domain())
        )
        domains = {
            "off": Domain("active", "=", False),
            "expired": on & ~lasts,
            "owner_inactive": on & lasts & ~owned,
            "channel_ended": on & lasts & owned & ~runs,
            "open": on & lasts & owned & runs,
        }
        return Domain.OR(domains[state] for state in value if state in domains)

    @api.model
    def _get_open_channel_domain(self):
        """Return which channels' links are open. A hook."""
        return Domain("active", "=", True)

    @api.model
    def _find_open(self, code):
        """Return the open link of a code or alias, as superuser; empty without one.

        What is open is for the door to say: who would get a page that the link is
        closed brings nobody, and gets no poster (threat S7).

        :param code: anything; what is no text of a code's shape is no code.
        """
        links = self.sudo()
        if not isinstance(code, str) or not CODE.fullmatch(code):
            return links.browse()
        found = links.env["referral.click"]._find(code)
        return links.browse(found and found.id)

    @api.constrains("alias")
    def _check_alias(self):
        """An alias reads well and safely in an address."""
        for link in self.filtered("alias"):
            problem = link._get_alias_problem()
            if problem:
                raise ValidationError(problem)

    def _get_alias_problem(self):
        """Return in a sentence what is wrong with the form of the alias, or ""."""
        alias = self.alias
        problems = {
            "length": self.env._(
                "The alias “%(alias)s” has %(length)s signs. Use 3 to 40.",
                alias=alias,
                length=len(alias),
            ),
            "signs": self.env._(
                "“%(alias)s” cannot be an alias. Use small letters from a to z, digits"
                " and single dashes between them, for example spring-fair.",
                alias=alias,
            ),
            "reserved": self.env._(
                "“%(alias)s” looks like a page of the site itself. Choose another"
                " alias.",
                alias=alias,
            ),
        }
        return problems.get(link_alias.find_problem(alias), "")

    def _check_alias_free(self, alias):
        """Say so before the unique index does; it knows no codes either.

        :raises ValidationError: when another link has this alias or code.
        """
        others = self.sudo().with_context(active_test=False)
        named = Domain("alias", "=", alias) | Domain("code", "=", alias)
        if alias and others.search_count(named & Domain("id", "not in", self.ids)):
            raise ValidationError(
                self.env._(
                    "Another link is called “%(alias)s” already. Choose another alias.",
                    alias=alias,
                )
            )

    @api.model_create_multi
    def create(self, vals_list):
        return super().create([self._clean_vals(vals) for vals in vals_list])

    def write(self, vals):
        """Refuse to change whose link it is: that would move what it earned.

        :raises AccessError: naming the field.
        """
        names = [name for name in FIXED if name in vals]
        if names and not (self.env.su or gate.is_open(self.env)):
            raise AccessError(
                self.env._(
                    "“%(field)s” of a personal link is never changed. Make another"
                    " link instead.",
                    field=self._fields[names[0]]._description_string(self.env),
                )
            )
        return super().write(self._clean_vals(vals))

    def _clean_vals(self, vals):
        if not isinstance(vals.get("alias"), str):
            return vals
        alias = vals["alias"].strip()
        self._check_alias_free(alias)
        return {**vals, "alias": alias or False}

    @api.model
    def _forget_aliases(self, member):
        """Take an erased member's aliases away: they may well be a name (threat M3)."""
        links = self.sudo().with_context(active_test=False, tracking_disable=True)
        links = links.search(Domain("partner_id", "=", member.id))
        links.filtered("alias").alias = False
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                "DELETE FROM mail_tracking_value value"
                " USING mail_message message, ir_model_fields field"
                " WHERE message.id = value.mail_message_id"
                "  AND message.model = %s AND message.res_id = ANY(%s)"
                "  AND field.id = value.field_id AND field.name = 'alias'",
                self._name,
                links.ids,
            )
        )
