from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain

MOST = 100_000


class ReferralLinkBatch(models.TransientModel):
    """Makes the links of many members at once, for a campaign (rule S2)."""

    _name = "referral.link.batch"
    _description = "Make Links"

    company_id = fields.Many2one(
        "res.company",
        required=True,
        readonly=True,
        default=lambda self: self.env.company,
    )
    audience = fields.Selection(
        [("members", "These members"), ("tier", "All active members of a tier")],
        string="For whom",
        required=True,
        default="members",
    )
    partner_ids = fields.Many2many(
        "res.partner",
        string="Members",
        domain=[("member_state", "=", "active")],
    )
    grade_id = fields.Many2one("res.partner.grade", string="Tier")
    channel_ids = fields.Many2many(
        "referral.channel", string="Channels", domain=[("kind", "=", "own")]
    )
    pages = fields.Text(
        string="Pages to share",
        default="/",
        help="One on each line: a page of the own site, as in the address bar, or an"
        " https address on one of the outside hosts.",
    )
    link_count = fields.Integer(string="Number of links", compute="_compute_link_count")

    @api.depends("audience", "partner_ids", "grade_id", "channel_ids", "pages")
    def _compute_link_count(self):
        for batch in self:
            members = batch._count_members()
            pages = len(batch._read_pages())
            batch.link_count = members * len(batch.channel_ids) * pages

    def action_make(self):
        """Make the links that are missing and show all of them.

        :return: action that opens the links.
        :raises AccessError: unless the user is a manager or new-media operator.
        :raises UserError: on a member, channel or page that can have no link.
        """
        links = self._make()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "referral_distribution.referral_link_action"
        )
        domain = Domain("channel_id", "in", self.channel_ids.ids)
        domain &= Domain("target_url", "in", list(set(links.mapped("target_url"))))
        if self.audience == "tier":
            domain &= Domain("partner_id.grade_id", "=", self.grade_id.id)
        else:
            domain &= Domain("partner_id", "in", self.partner_ids.ids)
        action.update(domain=list(domain), context={}, target="main")
        return action

    def action_download(self):
        """Make the links that are missing and download all of them as a table.

        :return: action that downloads a CSV file, UTF-8 with byte order mark.
        :raises AccessError: unless the user is a manager or new-media operator.
        :raises UserError: on a member, channel or page that can have no link.
        """
        return self._make()._offer_table()

    def _make(self):
        self.env.user._referral_require("group_manager", "group_media_operator")
        self.ensure_one()
        self._check()
        channels = self.channel_ids.with_company(self.company_id)
        links = self.env["referral.link"].with_company(self.company_id).sudo()
        members = self._get_members()
        return links._obtain_many(members, channels, self._read_pages()).with_env(
            self.env
        )

    def _check(self):
        """Refuse what would make no link, or more than anybody can use."""
        missing = {
            self.env._("Choose for whom."): self._count_members(),
            self.env._("Choose a channel."): self.channel_ids,
            self.env._("Write a page, for example /blog."): self._read_pages(),
        }
        for message, given in missing.items():
            if not given:
                raise UserError(message)
        if self.channel_ids.filtered(lambda channel: channel.kind != "own"):
            raise UserError(
                self.env._("Members share on our own channels only. Choose those.")
            )
        if self.link_count > MOST:
            raise UserError(
                self.env._(
                    "These are %(count)s links. Make up to %(most)s at once: choose"
                    " fewer members, channels or pages.",
                    count=self.link_count,
                    most=MOST,
                )
            )

    def _get_member_domain(self):
        if self.audience == "members":
            return Domain("id", "in", self.partner_ids.ids)
        return (
            Domain("grade_id", "=", self.grade_id.id)
            & Domain("member_state", "=", "active")
            & Domain("company_id", "in", [False, self.company_id.id])
            if self.grade_id
            else Domain.FALSE
        )

    def _count_members(self):
        return self.env["res.partner"].search_count(self._get_member_domain())

    def _get_members(self):
        return self.env["res.partner"].search(self._get_member_domain())

    def _read_pages(self):
        """Return the lines that say something, each once."""
        lines = (self.pages or "").splitlines()
        return list(dict.fromkeys(filter(None, map(str.strip, lines))))
