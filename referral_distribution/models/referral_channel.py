from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain

STAGES = [
    ("prospect", "Prospect"),
    ("contacted", "Contacted"),
    ("negotiating", "Negotiating"),
    ("cooperating", "Cooperating"),
    ("ended", "Ended"),
]
# Who is being won moves freely; who was won stays until the cooperation ends.
MOVES = {
    "prospect": {"contacted", "negotiating", "cooperating", "ended"},
    "contacted": {"prospect", "negotiating", "cooperating", "ended"},
    "negotiating": {"prospect", "contacted", "cooperating", "ended"},
    "cooperating": {"ended"},
    "ended": {"prospect", "contacted", "negotiating", "cooperating"},
}
# What binds the company while it cooperates: a manager's word.
DEAL = {
    "active",
    "currency_id",
    "date_from",
    "date_to",
    "deal_share",
    "lead_fee",
    "partner_id",
    "stage",
    "terms",
}
INTERNAL = "base.group_user"


class ReferralChannel(models.Model):
    """Where content is shared: the company's own channels and those of partners.

    Each channel has its utm source and medium, so Odoo's own reports tell them apart
    too. Own channels are simply in use and have no ``stage``; a partner channel is
    found and won through a pipeline (rule S1). On it members earn nothing, the partner
    is paid by the terms in ``referral_channel_terms.py`` (rule S4).
    """

    _name = "referral.channel"
    _description = "Referral Channel"
    _inherit = ("mail.thread", "mail.activity.mixin")
    _order = "sequence, id"
    _check_company_auto = True

    name = fields.Char(required=True, translate=True)
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True, tracking=True)
    company_id = fields.Many2one("res.company", help="Empty: for every company.")
    kind = fields.Selection(
        [("own", "Own channel"), ("partner", "Partner channel")],
        required=True,
        default="own",
    )
    platform = fields.Selection(
        [
            ("community", "Community"),
            ("wechat", "WeChat official account"),
            ("website", "Official website"),
            ("weibo", "Weibo"),
            ("h5", "H5 page"),
            ("club", "CEO club"),
            ("media", "Industry media"),
            ("agency", "PR agency"),
            ("zhihu", "Zhihu"),
            ("toutiao", "Toutiao"),
            ("expert", "Expert"),
            ("lecturer", "Lecturer"),
        ],
        required=True,
        default="community",
    )
    source_id = fields.Many2one("utm.source", required=True, ondelete="restrict")
    medium_id = fields.Many2one(
        "utm.medium",
        required=True,
        ondelete="restrict",
        default=lambda self: self._default_medium_id(),
    )
    user_id = fields.Many2one(
        "res.users",
        string="Responsible",
        index="btree_not_null",
        tracking=True,
        default=lambda self: self.env.user,
        domain=[("share", "=", False)],
        groups=INTERNAL,
        help="Who looks after this channel.",
    )
    audience = fields.Text(
        groups=INTERNAL, help="Who reads it: their business, their role, their worries."
    )
    audience_size = fields.Integer(string="Readers", groups=INTERNAL, aggregator="sum")
    fit = fields.Selection(
        [("0", "Not rated"), ("1", "Low"), ("2", "Medium"), ("3", "High")],
        default="0",
        tracking=True,
        groups=INTERNAL,
        help="How well its audience fits our target users.",
    )
    fit_note = fields.Char(string="Why it fits", groups=INTERNAL)
    stage = fields.Selection(
        STAGES,
        compute="_compute_stage",
        store=True,
        readonly=False,
        precompute=True,
        index=True,
        copy=False,
        tracking=True,
        group_expand=True,
    )
    partner_id = fields.Many2one(
        "res.partner",
        string="Channel partner",
        index="btree_not_null",
        ondelete="restrict",
        check_company=True,
        tracking=True,
        help="Who is paid for leads and contracts of a partner channel.",
    )
    contact_id = fields.Many2one(
        "res.partner",
        index="btree_not_null",
        check_company=True,
        groups=INTERNAL,
        help="Whom to talk to. A prospect may have a name and a number only.",
    )
    contact_name = fields.Char(
        compute="_compute_contact",
        store=True,
        readonly=False,
        precompute=True,
        groups=INTERNAL,
    )
    contact_phone = fields.Char(
        string="Phone",
        compute="_compute_contact",
        store=True,
        readonly=False,
        precompute=True,
        groups=INTERNAL,
    )
    contact_email = fields.Char(
        string="E-mail address",
        compute="_compute_contact",
        store=True,
        readonly=False,
        precompute=True,
        groups=INTERNAL,
    )
    contact_wechat = fields.Char(string="WeChat ID", groups=INTERNAL)
    link_ids = fields.One2many("referral.link", "channel_id")

    _partner_kind_has_partner = models.Constraint(
        "CHECK (kind = 'partner' OR partner_id IS NULL)",
        "An own channel has no partner: make it a partner channel first.",
    )
    _partner_kind_has_stage = models.Constraint(
        "CHECK ((kind = 'partner') = (stage IS NOT NULL))",
        "A partner channel stands at a stage of the pipeline; an own channel is simply"
        " in use.",
    )
    _audience_size_range = models.Constraint(
        "CHECK (audience_size >= 0)", "The number of readers is zero or more."
    )

    @api.model
    def _default_medium_id(self):
        return self.env.ref(
            "referral_distribution.utm_medium_referral", raise_if_not_found=False
        )

    @api.depends("kind")
    def _compute_stage(self):
        for channel in self:
            if channel.kind != "partner":
                channel.stage = False
            else:
                channel.stage = channel.stage or "prospect"

    @api.depends("contact_id")
    def _compute_contact(self):
        for channel in self:
            contact = channel.contact_id
            channel.contact_name = contact.name or channel.contact_name
            channel.contact_phone = contact.phone or channel.contact_phone
            channel.contact_email = contact.email or channel.contact_email

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            if not vals.get("source_id") and vals.get("name"):
                source = self.env["utm.mixin"]._find_or_create_record(
                    "utm.source", vals["name"]
                )
                vals["source_id"] = source.id
        channels = super().create(vals_list)
        if "cooperating" in channels.mapped("stage"):
            channels._require_decider()
        return channels

    def write(self, vals):
        changed = {name for name in vals if self._changes(name, vals[name])}
        won = self.filtered(lambda channel: channel.stage == "cooperating")
        wins = "stage" in changed and vals["stage"] == "cooperating"
        if wins or "kind" in changed or (won and changed & DEAL):
            self._require_decider()
        if "stage" in changed:
            self._check_move(vals["stage"])
        for name in changed & {"kind", "partner_id"}:
            self._check_unused(name)
        self._check_agreed(vals)
        return super().write(vals)

    def _changes(self, name, value):
        """Tell whether writing ``value`` changes any of the channels."""
        field = self._fields.get(name)
        if not field or field.type in ("one2many", "many2many"):
            return False
        return any(
            field.convert_to_write(channel[name], channel) != value for channel in self
        )

    def _require_decider(self):
        """Terms bind the company: a manager agrees to them (rule S4)."""
        if not self.env.su:
            self.env.user._referral_require("group_manager")

    def _check_move(self, stage):
        """Refuse a step of the pipeline that is not in ``MOVES``."""
        labels = dict(self._fields["stage"]._description_selection(self.env))
        for channel in self.filtered(lambda c: c.stage and c.stage != stage):
            if stage and stage not in MOVES[channel.stage]:
                raise UserError(
                    self.env._(
                        "%(channel)s is cooperating and cannot go to “%(stage)s”. Terms"
                        " can be changed as it is; to part, move it to “%(ended)s”.",
                        channel=channel.display_name,
                        stage=labels.get(stage, stage),
                        ended=labels["ended"],
                    )
                )

    def _check_unused(self, name):
        """Who owns a channel is settled once it has brought leads: they are paid."""
        known = self.filtered(lambda channel: channel[name])
        leads = self.env["crm.lead"].sudo().with_context(active_test=False)
        lead = leads.search(Domain("referral_channel_id", "in", known.ids), limit=1)
        if lead:
            raise UserError(
                self.env._(
                    "%(channel)s has brought leads already, so its kind and partner"
                    " stay. Make a new channel instead.",
                    channel=lead.referral_channel_id.display_name,
                )
            )
