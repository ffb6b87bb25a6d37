from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.orm.models import NO_ACCESS
from odoo.tools import SQL


class ReferralShare(models.Model):
    """A member passed a link on: who, what, where, how and when (rule S2).

    One row per link, method and day of the company. What was passed on counts for the
    day it happened: a link that changes hands later takes no share with it. The reward
    of a day's first share is in ``referral_share_reward.py``.
    """

    _name = "referral.share"
    _description = "Referral Share"
    _order = "id desc"

    link_id = fields.Many2one(
        "referral.link", required=True, index=True, ondelete="restrict"
    )
    partner_id = fields.Many2one(
        "res.partner",
        string="Member",
        compute="_compute_from_link",
        store=True,
        precompute=True,
        required=True,
        index=True,
        ondelete="restrict",
    )
    channel_id = fields.Many2one(
        "referral.channel",
        compute="_compute_from_link",
        store=True,
        precompute=True,
        required=True,
        ondelete="restrict",
    )
    company_id = fields.Many2one(
        "res.company",
        compute="_compute_from_link",
        store=True,
        precompute=True,
        required=True,
        ondelete="restrict",
    )
    method = fields.Selection(
        [
            ("copy", "Copy link"),
            ("native", "Share sheet"),
            ("qr", "QR code"),
            ("poster", "Poster"),
            ("wechat", "WeChat"),
            ("weibo", "Weibo"),
            ("email", "E-mail"),
            ("api", "Outside site"),
        ],
        required=True,
    )
    shared_at = fields.Datetime(
        string="Shared on", required=True, default=fields.Datetime.now
    )
    share_date = fields.Date(
        string="Day",
        compute="_compute_share_date",
        store=True,
        precompute=True,
        readonly=False,
        required=True,
        help="The day in the company's time zone.",
    )
    first_of_day = fields.Boolean(
        string="First of the day",
        required=True,
        readonly=True,
        default=False,
        help="The member's first share of that day on an own channel.",
    )
    reward_state = fields.Selection(
        [
            ("none", "No reward"),
            ("waiting", "Waits for a click"),
            ("rewarded", "Rewarded"),
            ("lapsed", "No click in time"),
        ],
        string="Reward",
        required=True,
        readonly=True,
        default="none",
    )
    visitor_hash = fields.Char(readonly=True, groups=NO_ACCESS)
    ip_hash = fields.Char(readonly=True, groups=NO_ACCESS)
    commission_ids = fields.One2many(
        "referral.commission", "share_id", groups="base.group_user"
    )
    target_url = fields.Char(related="link_id.target_url")
    target_text = fields.Char(related="link_id.target_text")
    click_count = fields.Integer(related="link_id.click_count")

    _once_a_day = models.UniqueIndex(
        "(link_id, method, share_date)", "This share was recorded today already."
    )
    # Rule S5: of two requests at the same moment, one is the first of the day.
    _first_of_day_unique = models.UniqueIndex(
        "(company_id, partner_id, share_date) WHERE first_of_day",
        "The first share of this day was recorded already.",
    )
    _waiting_index = models.Index("(shared_at) WHERE reward_state = 'waiting'")
    _waits_first = models.Constraint(
        "CHECK (first_of_day OR reward_state <> 'waiting')",
        "Only the first share of a day waits for a reward.",
    )
    _no_hashes_kept = models.Constraint(
        "CHECK (reward_state = 'waiting'"
        " OR (visitor_hash IS NULL AND ip_hash IS NULL))",
        "Where a member shared from is kept only until the reward is decided.",
    )

    @api.depends("link_id")
    def _compute_from_link(self):
        for share in self:
            share.partner_id = share.link_id.partner_id
            share.channel_id = share.link_id.channel_id
            share.company_id = share.link_id.company_id

    @api.depends("link_id")
    def _compute_share_date(self):
        for share in self:
            company = share.link_id.company_id or self.env.company
            share.share_date = company._referral_today()

    @api.depends("link_id.code", "method")
    def _compute_display_name(self):
        labels = dict(self._fields["method"]._description_selection(self.env))
        for share in self:
            share.display_name = f"{share.link_id.code}, {labels.get(share.method)}"

    @api.model
    def _record(self, link, method, visit=None, original_opened=False):
        """Write down that a member passed a link on; reward a day's first (S2, S5).

        The one way shares come about. A link, method and day has one row; of two
        requests at once one gets a serialization failure, Odoo tries it again, and it
        finds the other's row.

        :param link: referral.link, one.
        :param str method: a key of ``method``.
        :param visit: the ``Visit`` of the member's own request, if there was one: who
            clicks from there later is the member (see ``_reward_clicked``).
        :param bool original_opened: an outside site says that it led the member to the
            original today (rule S3).
        :return: the new referral.share; empty when the day has this one already.
        :raises UserError: saying why it cannot be shared now; nothing is written.
        """
        link.ensure_one()
        self._check_method(method)
        link._check_shareable()
        if original_opened:
            link._open_original()
        link._check_original_opened()
        share_id = self._query_insert(link, method)
        if not share_id:
            return self.browse()
        link.invalidate_recordset(["share_ids"])
        share = self.browse(share_id)
        if share.first_of_day:
            share._reward_or_wait(visit)
        return share

    @api.model
    def _check_method(self, method):
        labels = dict(self._fields["method"]._description_selection(self.env))
        if not isinstance(method, str) or method not in labels:
            raise UserError(
                self.env._(
                    "This is no way to share. There are: %(methods)s.",
                    methods=", ".join(labels),
                )
            )

    @api.model
    def _prepare_row(self, link, method):
        """Return the columns of a share of now."""
        now = fields.Datetime.now()
        return {
            "link_id": link.id,
            "partner_id": link.partner_id.id,
            "channel_id": link.channel_id.id,
            "company_id": link.company_id.id,
            "method": method,
            "share_date": link.company_id._referral_today(),
            "shared_at": now,
            "reward_state": "none",
            "create_uid": self.env.uid,
            "write_uid": self.env.uid,
            "create_date": now,
            "write_date": now,
        }

    @api.model
    def _query_insert(self, link, method):
        """Insert a share of now; return its id, None when the day has this one already.

        It is the first of the day unless the member has one. On a partner's channel no
        share is: nobody earns for it (rule S4).
        """
        self.env.flush_all()
        values = self._prepare_row(link, method)
        self.env.cr.execute(
            SQL(
                "INSERT INTO referral_share (%(names)s, first_of_day)"
                " SELECT %(values)s, %(counts)s AND NOT EXISTS ("
                "  SELECT FROM referral_share WHERE first_of_day"
                "  AND company_id = %(company)s AND partner_id = %(member)s"
                "  AND share_date = %(day)s)"
                " ON CONFLICT DO NOTHING RETURNING id",
                names=SQL(", ").join(map(SQL.identifier, values)),
                values=SQL(", ").join(SQL("%s", value) for value in values.values()),
                counts=link.channel_id.kind == "own",
                company=values["company_id"],
                member=values["partner_id"],
                day=values["share_date"],
            ),
            log_exceptions=False,  # starting again is no error
        )
        row = self.env.cr.fetchone()
        return row[0] if row else None
