from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.fields import Domain
from odoo.tools import float_repr
from odoo.tools.misc import formatLang

# How long before its end a cooperation is put before who looks after it.
NOTICE_DAYS = 30
BATCH = 100
BY_LEAD = ("per_lead", "both")
BY_DEAL = ("deal_share", "both")


class ReferralChannel(models.Model):
    """What was agreed with a channel partner, and from when to when (rule S4).

    A rule of the plan whose rate is "as agreed with the channel" pays it. A lead keeps
    the fee of the day it came in, a contract the share of the day it was signed; so
    what is agreed later changes neither (threat F5).
    """

    _inherit = "referral.channel"

    terms = fields.Selection(
        [
            ("per_lead", "Fee per valid lead"),
            ("deal_share", "Share of the deal amount"),
            ("both", "Fee per valid lead and share of the deal amount"),
            ("free", "Free of charge"),
        ],
        copy=False,
        tracking=True,
        help="What the partner is paid. Members earn nothing on a partner channel.",
    )
    lead_fee = fields.Monetary(
        string="Fee per valid lead", copy=False, tracking=True, aggregator=None
    )
    deal_share = fields.Float(
        string="Share of the deal (%)",
        digits=(16, 6),
        copy=False,
        tracking=True,
        aggregator=None,
        help="Of the contract's amount that the rule of the plan names.",
    )
    currency_id = fields.Many2one(
        "res.currency",
        required=True,
        ondelete="restrict",
        default=lambda self: self.env.company.currency_id,
    )
    date_from = fields.Date(
        string="Cooperation from",
        copy=False,
        tracking=True,
        help="First day in the company's time zone.",
    )
    date_to = fields.Date(
        string="Cooperation until",
        copy=False,
        tracking=True,
        help="Last day in the company's time zone. Empty: until further notice.",
    )
    won_on = fields.Date(
        compute="_compute_won_on",
        store=True,
        copy=False,
        help="When the channel was cooperating for the first time.",
    )
    end_noticed = fields.Boolean(
        compute="_compute_end_noticed",
        store=True,
        copy=False,
        help="An activity about this end of the cooperation was planned.",
    )
    partner_member_state = fields.Selection(
        related="partner_id.member_state", string="Membership of the partner"
    )
    unpaid_terms = fields.Boolean(compute="_compute_unpaid_terms")

    _cooperation_is_agreed = models.Constraint(
        "CHECK (stage <> 'cooperating' OR (partner_id IS NOT NULL"
        " AND terms IS NOT NULL AND date_from IS NOT NULL))",
        "Before the cooperation starts, fill in the channel partner, the terms and the"
        " first day.",
    )
    _lead_fee_finite = models.Constraint(
        "CHECK (lead_fee >= 0 AND lead_fee < 1e12)",
        "The fee per valid lead is zero or more.",
    )
    _deal_share_range = models.Constraint(
        "CHECK (deal_share BETWEEN 0 AND 100)",
        "The share of the deal lies between 0 and 100 per cent.",
    )
    _period_order = models.Constraint(
        "CHECK (date_from <= date_to)", "The cooperation ends after it starts."
    )

    @api.depends("stage")
    def _compute_won_on(self):
        for channel in self:
            if channel.stage == "cooperating" and not channel.won_on:
                channel.won_on = channel._get_company()._referral_today()
            else:
                channel.won_on = channel.won_on

    @api.depends("date_to", "stage")
    def _compute_end_noticed(self):
        self.end_noticed = False

    @api.depends("terms", "stage")
    @api.depends_context("company")
    def _compute_unpaid_terms(self):
        """Tell where the plan in force has no rule that pays what was agreed."""
        plans = self.env["referral.plan"].sudo()
        plan = plans._get_active(self.env.company, kind="partner")
        rules = plan.rule_ids.filtered(lambda rule: rule.rate_type == "terms")
        paid = set(rules.mapped("trigger"))
        for channel in self:
            channel.unpaid_terms = channel.stage == "cooperating" and bool(
                (channel.terms in BY_LEAD and "lead_valid" not in paid)
                or (channel.terms in BY_DEAL and "contract" not in paid)
            )

    @api.constrains(
        "stage", "partner_id", "terms", "lead_fee", "deal_share", "date_from"
    )
    def _check_agreed(self, vals=None):
        """A cooperation starts once it is agreed with whom, on what, and from when.

        :param dict vals: what is about to be written; checked before the database
            refuses it in fewer words.
        """
        for channel in self:
            missing = channel._get_missing(vals or {})
            if missing:
                labels = channel._get_labels()
                raise ValidationError(
                    self.env._(
                        "Before the cooperation with %(channel)s starts, fill in:"
                        " %(fields)s.",
                        channel=channel.display_name,
                        fields=", ".join(labels[name] for name in missing),
                    )
                )

    def _get_missing(self, vals):
        """Return the names of the fields a cooperation needs and has not."""
        self.ensure_one()
        needed = ("partner_id", "terms", "date_from", "lead_fee", "deal_share")
        told = {name: self[name] for name in ("stage", *needed)} | vals
        if told["stage"] != "cooperating":
            return []
        spare = {"lead_fee"} if told["terms"] not in BY_LEAD else set()
        spare |= {"deal_share"} if told["terms"] not in BY_DEAL else set()
        return [name for name in needed if name not in spare and not told[name]]

    def _get_labels(self):
        described = self.sudo().fields_get(attributes=["string"])
        return {name: field["string"] for name, field in described.items()}

    def _get_terms_text(self):
        """Return in a sentence what the partner is paid, in the user's language."""
        self.ensure_one()
        fee = formatLang(self.env, self.lead_fee, currency_obj=self.currency_id)
        share = float_repr(self.deal_share, 6).rstrip("0").rstrip(".")
        values = {"fee": fee, "share": f"{share} %"}
        return {
            "per_lead": self.env._("%(fee)s for each valid lead", **values),
            "deal_share": self.env._("%(share)s of each contract", **values),
            "both": self.env._(
                "%(fee)s for each valid lead and %(share)s of each contract", **values
            ),
            "free": self.env._("Free of charge"),
        }.get(self.terms, "")

    def _get_company(self):
        """Return whose time zone and currency count for a channel of all companies."""
        return self.company_id or self.env.company

    def _is_in_force(self, day):
        """Tell whether the terms hold on a day of the company's time zone."""
        self.ensure_one()
        return bool(
            self.stage == "cooperating"
            and self.date_from <= day
            and (not self.date_to or day <= self.date_to)
        )

    def _get_lead_fee(self, day):
        """Return what a lead that comes in on ``day`` earns the partner once valid.

        :return: amount in ``currency_id``; 0 where nothing is agreed for that day.
        """
        agreed = self.terms in BY_LEAD and self._is_in_force(day)
        return self.lead_fee if agreed else 0.0

    def _get_deal_share(self, day):
        """Return the partner's per cent of a contract signed on ``day``."""
        agreed = self.terms in BY_DEAL and self._is_in_force(day)
        return self.deal_share if agreed else 0.0

    def action_make_member(self):
        """Open the window that makes the channel's partner a member of its own tier.

        Personal links are for active members; a channel partner's stand for it.

        :raises AccessError: without the sales role.
        """
        self.env.user._referral_require("group_sales")
        tier = self.env.ref(
            "referral_distribution.res_partner_grade_channel_partner", False
        )
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Make Member"),
            "res_model": "referral.member.join",
            "view_mode": "form",
            "target": "new",
            "context": {
                "default_partner_ids": self.partner_id.ids,
                **({"default_grade_id": tier.id} if tier else {}),
            },
        }

    @api.model
    def _cron_follow_periods(self):
        """End what has run out, and put what soon will before who looks after it."""
        for company in self.env["res.company"].search([]):
            today = company._referral_today()
            channels = self.with_company(company)
            mine = Domain("stage", "=", "cooperating") & channels._get_owned(company)
            over = mine & Domain("date_to", "<", today)
            channels._follow(over, lambda some: some._end())
            soon = (
                mine
                & Domain("date_to", ">=", today)
                & Domain("date_to", "<=", today + timedelta(days=NOTICE_DAYS))
                & Domain("end_noticed", "=", False)
                & Domain("user_id.active", "=", True)
            )
            channels._follow(soon, lambda some: some._notice_end())

    @api.model
    def _get_owned(self, company):
        """Return the channels that go by this company's clock; shared ones by the
        main company's."""
        shared = company == self.env["res.company"]._get_main_company()
        return Domain("company_id", "in", [company.id, *([False] if shared else [])])

    @api.model
    def _follow(self, domain, step):
        """Take one step with all channels of a domain, batch by batch."""
        channels = self.search(domain)
        progress = self.env["ir.cron"]._commit_progress
        progress(remaining=len(channels))
        for start in range(0, len(channels), BATCH):
            some = channels[start : start + BATCH]
            step(some)
            if not progress(len(some)):
                break

    def _end(self):
        self.write({"stage": "ended"})

    def _notice_end(self):
        """Plan an activity for who looks after each channel, once per end."""
        for channel in self:
            if not channel.with_user(channel.user_id).has_access("read"):
                continue  # changed to other work; nobody else is responsible
            channel.activity_schedule(
                "mail.mail_activity_data_todo",
                date_deadline=channel.date_to,
                user_id=channel.user_id.id,
                summary=self.env._(
                    "The cooperation ends on %(day)s: renew it or part",
                    day=fields.Date.to_string(channel.date_to),
                ),
            )
        self.end_noticed = True
