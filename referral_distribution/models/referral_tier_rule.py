import logging
from collections import namedtuple

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import SQL, split_every

from ..engine.period import days_ago

_logger = logging.getLogger(__name__)

BATCH = 1000
# Each figure of a member and the field of the rule that asks for it.
THRESHOLDS = {
    "valid_leads": "min_valid_leads",
    "contracts": "min_contracts",
    "amount": "min_amount",
    "direct_team": "min_direct_team",
    "team": "min_team",
}
Due = namedtuple("Due", "partner_id old_grade_id new_grade_id figures")


class ReferralTierRule(models.Model):
    """Which figures bring a member into a tier, and which take it back (rule M1).

    All thresholds of a rule must hold; zero asks for nothing. Leads count from the day
    they were found valid, contracts from the day they were signed, both over the last
    days of the period, in the company's time zone. What a member buys is not the
    member's own contract, and a team alone promotes nobody: a place in the distribution
    is neither bought nor given for recruiting (rules G1, M7).

    Promotions only lead up the list of tiers, so rules cannot form a loop. A rule takes
    back only what it gave: a member it promoted, whose tier has not changed for a whole
    period, goes back when a figure is below the kept percentage of its threshold.
    """

    _name = "referral.tier.rule"
    _description = "Tier Rule"
    _order = "sequence, id"
    _check_company_auto = True

    name = fields.Char(required=True, translate=True)
    active = fields.Boolean(default=True)
    sequence = fields.Integer(default=10)
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    currency_id = fields.Many2one(related="company_id.currency_id")
    from_grade_id = fields.Many2one(
        "res.partner.grade",
        string="From Tier",
        ondelete="restrict",
        check_company=True,
        domain="[('referral_role', 'not in', (False, 'channel_partner'))]",
        help="Empty: every tier further down the list of tiers, and none at all.",
    )
    grade_id = fields.Many2one(
        "res.partner.grade",
        string="To Tier",
        required=True,
        ondelete="restrict",
        check_company=True,
        domain="[('referral_role', 'not in', (False, 'channel_partner'))]",
    )
    period_days = fields.Integer(
        string="Period (days)",
        required=True,
        default=90,
        help="Leads and contracts of this many days, and of today, count.",
    )
    min_valid_leads = fields.Integer(string="Valid leads")
    min_contracts = fields.Integer(string="Contracts")
    min_amount = fields.Monetary(
        string="Amount of contracts",
        help="Without taxes, at the rate of the day each contract was signed.",
    )
    min_direct_team = fields.Integer(
        string="Direct invitees", help="Active members this member invited."
    )
    min_team = fields.Integer(
        string="Team", help="Members below this one, on all levels."
    )
    mode = fields.Selection(
        [("propose", "Propose to a manager"), ("apply", "Apply at once")],
        required=True,
        default="propose",
    )
    allow_demotion = fields.Boolean(
        string="Demotion",
        help="Members this rule promoted go back to the tier they came from when they"
        " fall below the kept percentage, at the earliest one period after the"
        " last change of their tier.",
    )
    keep_percent = fields.Integer(
        string="Keep from (%)",
        default=70,
        help="A member keeps the tier while every figure is at least this part of its"
        " threshold.",
    )
    leads_up = fields.Boolean(
        compute="_compute_leads_up",
        help="The tiers still stand in the order this rule needs.",
    )

    _thresholds_range = models.Constraint(
        "CHECK (min_valid_leads >= 0 AND min_contracts >= 0 AND min_direct_team >= 0"
        " AND min_team >= 0 AND min_amount >= 0 AND min_amount < 1e15)",
        "A threshold is zero or more.",
    )
    _own_success = models.Constraint(
        "CHECK (COALESCE(min_valid_leads, 0) > 0 OR COALESCE(min_contracts, 0) > 0"
        " OR COALESCE(min_amount, 0) > 0)",
        "Ask for valid leads, contracts or an amount: nobody is promoted for nothing,"
        " or for recruiting alone.",
    )
    _period_range = models.Constraint(
        "CHECK (period_days BETWEEN 7 AND 3650)",
        "A period has 7 to 3650 days.",
    )
    _keep_range = models.Constraint(
        "CHECK (keep_percent BETWEEN 1 AND 90)",
        "The kept percentage is 1 to 90, so that nobody goes up and down in turn.",
    )

    @api.depends("from_grade_id.sequence", "grade_id.sequence")
    def _compute_leads_up(self):
        for rule in self:
            rule.leads_up = (
                not rule.from_grade_id
                or rule.from_grade_id.sequence > rule.grade_id.sequence
            )

    @api.constrains("from_grade_id", "grade_id")
    def _check_leads_up(self):
        for rule in self:
            roles = {g.referral_role for g in rule.grade_id + rule.from_grade_id}
            if roles & {False, "channel_partner"}:
                raise ValidationError(
                    self.env._(
                        "Rules lead to and from tiers with the role agent, distributor"
                        " or member."
                    )
                )
            if not rule.leads_up:
                raise ValidationError(
                    self.env._(
                        "A promotion leads up the list of tiers: “%(higher)s” does not"
                        " stand above “%(lower)s” there.",
                        higher=rule.grade_id.name,
                        lower=rule.from_grade_id.name,
                    )
                )

    def action_preview(self):
        """Show the members whom this rule would promote now; nothing is changed.

        :raises AccessError: without the manager role.
        """
        self.env.user._referral_require("group_manager")
        self.ensure_one()
        ids = [due.partner_id for due in self._get_due("promotion")]
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Members to promote now"),
            "res_model": "res.partner",
            "domain": [("id", "in", ids)],
            "views": [
                (
                    self.env.ref(
                        "referral_distribution.res_partner_view_list_member"
                    ).id,
                    "list",
                ),
                (False, "form"),
            ],
        }

    @api.model
    def _cron_evaluate(self):
        """Propose or apply what the figures of all members give, once a day.

        Each rule asks for the figures of all members at once. What was done is seen in
        the log, so a run that was cut short is taken up again, and a second one on the
        same day finds nothing.
        """
        rules = self.search([])
        for position, rule in enumerate(rules, 1):
            if not rule._evaluate(rules_left=len(rules) - position):
                return

    def _evaluate(self, rules_left=0):
        """Evaluate one rule in batches; return whether there is time for more."""
        self.ensure_one()
        kinds = ("promotion", "demotion") if self.allow_demotion else ("promotion",)
        found = [(kind, due) for kind in kinds for due in self._get_due(kind)]
        left = len(found)
        for batch in split_every(BATCH, found, list):
            self._enter(batch)
            left -= len(batch)
            if not self._commit(len(batch), left + rules_left):
                return False
        return bool(found) or self._commit(0, rules_left)

    def _commit(self, done, left):
        return self.env["ir.cron"]._commit_progress(done, remaining=left)

    def _enter(self, batch):
        """Write a batch; if that fails, one by one, so that one stops no other."""
        vals_list = [self._prepare_change_vals(kind, due) for kind, due in batch]
        if not self._try_to_write(vals_list) and len(vals_list) > 1:
            for vals in vals_list:
                self._try_to_write([vals])

    def _try_to_write(self, vals_list):
        try:
            with self.env.cr.savepoint():
                changes = self.env["referral.tier.change"].sudo()._log(vals_list)
                changes.filtered(lambda c: c.state == "applied")._apply()
                self.env.flush_all()
        except Exception:  # one member's bad data, whatever it is
            level = logging.INFO if len(vals_list) > 1 else logging.ERROR
            members = [vals["partner_id"] for vals in vals_list[:9]]
            _logger.log(level, "tier of contacts %s", members, exc_info=True)
            return False
        return True

    def _prepare_change_vals(self, kind, due):
        self.ensure_one()
        vals = {
            "partner_id": due.partner_id,
            "company_id": self.company_id.id,
            "old_grade_id": due.old_grade_id,
            "new_grade_id": due.new_grade_id,
            "kind": kind,
            "rule_id": self.id,
            "figures": {**due.figures, "days": self.period_days},
        }
        if self.mode == "apply":
            decided = {"state": "applied", "decided_at": fields.Datetime.now()}
            vals |= {**decided, "user_id": self.env.uid}
        return vals

    def _get_thresholds(self, kind):
        """Return ``{figure: what is needed}`` to get the tier, or to keep it."""
        self.ensure_one()
        percent = 100 if kind == "promotion" else self.keep_percent
        needed = {name: self[field] for name, field in THRESHOLDS.items()}
        return {
            name: number * percent / 100
            if name == "amount"
            else -(-number * percent // 100)  # rounded up: 70 % of 5 leads are 4
            for name, number in needed.items()
            if number
        }

    def _get_due(self, kind):
        """Return whom the rule promotes or demotes now, as a list of ``Due``."""
        self.ensure_one()
        if kind == "promotion" and not self.leads_up:
            return []
        needed = self._get_thresholds(kind)
        rows = self._query_figures(kind, needed)
        if "team" in needed:
            members = self.env["res.partner"].browse(row["partner_id"] for row in rows)
            sizes = members._query_team_sizes() if members else {}
            rows = [{**row, "team": sizes.get(row["partner_id"], 0)} for row in rows]
        return [
            Due(
                row["partner_id"],
                row["old_grade_id"],
                row["new_grade_id"],
                {name: (row[name], needed[name]) for name in needed},
            )
            for row in rows
            if all(row[name] >= needed[name] for name in needed)
            == (kind == "promotion")
        ]

    def _get_moments(self):
        """Return the start of the period and of today, as UTC."""
        self.ensure_one()
        now = fields.Datetime.now()
        zone = self.company_id._referral_tz()
        return days_ago(now, zone, self.period_days), days_ago(now, zone, 0)

    def _query_figures(self, kind, needed):
        """Return the figures of all members the rule may move, in one statement.

        Team sizes are left out: they are asked for those alone who are left here.

        :return: list of dict: partner_id, old_grade_id, new_grade_id, and the figures.
        """
        since, today = self._get_moments()
        self.env.flush_all()
        promotes = kind == "promotion"
        who = self._sql_below() if promotes else self._sql_promoted(since)
        self.env.cr.execute(
            SQL(
                "SELECT p.id AS partner_id, p.grade_id AS old_grade_id,"
                "  who.new_grade_id, COALESCE(f.valid_leads, 0)::int AS valid_leads,"
                "  COALESCE(f.contracts, 0)::int AS contracts,"
                "  COALESCE(f.amount, 0)::float8 AS amount, %(direct)s AS direct_team"
                " FROM res_partner p"
                " %(join)s (%(figures)s) f ON f.partner_id = p.id"
                " CROSS JOIN LATERAL (%(who)s) who"
                " WHERE p.member_state = 'active' AND p.active"
                "  AND (p.company_id IS NULL OR p.company_id = %(company)s)"
                "  AND NOT EXISTS (%(rests)s)"
                " ORDER BY p.id",
                direct=self._sql_direct_team() if self.min_direct_team else SQL("0"),
                join=SQL("JOIN") if promotes else SQL("LEFT JOIN"),
                figures=self._sql_figures(since, needed if promotes else {}),
                who=who,
                company=self.company_id.id,
                rests=self._sql_rests(kind, since, today),
            )
        )
        return self.env.cr.dictfetchall()

    def _sql_below(self):
        """The target of a promotion, for members of the tiers it starts from."""
        grades = self.from_grade_id or self.env["res.partner.grade"].search(
            [
                ("sequence", ">", self.grade_id.sequence),
                ("referral_role", "not in", (False, "channel_partner")),
            ]
        )
        return SQL(
            "SELECT %s AS new_grade_id WHERE p.grade_id = ANY(%s)%s",
            self.grade_id.id,
            grades.ids,
            SQL("") if self.from_grade_id else SQL(" OR p.grade_id IS NULL"),
        )

    def _sql_promoted(self, since):
        """The tier a member came from, for those whom this rule put where they are."""
        return SQL(
            "SELECT came.old_grade_id AS new_grade_id FROM ("
            "  SELECT c.rule_id, c.old_grade_id FROM referral_tier_change c"
            "  WHERE c.partner_id = p.id AND c.state = 'applied'"
            "   AND c.new_grade_id = p.grade_id AND c.kind <> 'demotion'"
            "  ORDER BY c.decided_at DESC, c.id DESC LIMIT 1"
            " ) came WHERE p.grade_id = %s AND came.rule_id = %s AND NOT EXISTS ("
            "  SELECT FROM referral_tier_change c WHERE c.partner_id = p.id"
            "  AND c.state = 'applied' AND c.decided_at >= %s)",
            self.grade_id.id,
            self.id,
            since,
        )

    def _sql_rests(self, kind, since, today):
        """Entries of the log that keep the rule from moving a member now.

        An open proposal, a change by a rule today, or, for the length of the period, a
        manager who refused this rule or took the member out of its tier by hand.
        """
        return SQL(
            "SELECT FROM referral_tier_change c WHERE c.partner_id = p.id AND ("
            " c.state = 'proposed'"
            " OR c.state = 'applied' AND c.rule_id IS NOT NULL AND c.decided_at >= %s"
            " OR c.state = 'refused' AND c.rule_id = %s AND c.kind = %s"
            "   AND c.decided_at >= %s"
            " OR c.state = 'applied' AND c.kind = 'manual' AND c.old_grade_id = %s"
            "   AND c.decided_at >= %s)",
            today,
            self.id,
            kind,
            since,
            self.grade_id.id,
            since,
        )

    def _sql_direct_team(self):
        return SQL(
            "(SELECT count(*) FROM res_partner below WHERE below.inviter_id = p.id"
            " AND below.member_state = 'active' AND below.active)::int"
        )

    def _sql_figures(self, since, needed):
        """Valid leads, contracts and their amount since a moment, per member.

        A merged lead counts with the one it was merged into. Contracts count unless
        finance refused them or the member's own company bought (rule G1).

        :param dict needed: members below these numbers are left out.
        """
        having = [
            SQL("sum(%s) >= %s", SQL.identifier(name), needed[name])
            for name in ("valid_leads", "contracts", "amount")
            if name in needed
        ]
        return SQL(
            "SELECT partner_id, sum(valid_leads) AS valid_leads,"
            "  sum(contracts) AS contracts, sum(amount) AS amount"
            " FROM (%s UNION ALL %s) figures GROUP BY partner_id HAVING %s",
            self._sql_leads(since),
            self._sql_contracts(since),
            SQL(" AND ").join(having) if having else SQL("TRUE"),
        )

    def _sql_leads(self, since):
        return SQL(
            "SELECT lead.referrer_id AS partner_id, 1 AS valid_leads, 0 AS contracts,"
            "  0.0 AS amount"
            " FROM referral_trail_entry e JOIN crm_lead lead ON lead.id = e.lead_id"
            " WHERE e.node = 'validated' AND e.occurred_at >= %s"
            "  AND lead.referral_validity = 'valid' AND lead.referrer_id IS NOT NULL"
            "  AND (lead.company_id IS NULL OR lead.company_id = %s)"
            "  AND NOT EXISTS (SELECT FROM referral_trail_entry m"
            "   WHERE m.lead_id = lead.id AND m.node = 'merged')",
            since,
            self.company_id.id,
        )

    def _sql_contracts(self, since):
        currency = self.company_id.sudo().currency_id
        return SQL(
            "SELECT o.referrer_id, 0, 1, round(o.amount_untaxed"
            "  / COALESCE(NULLIF(o.currency_rate, 0), 1), %s)"
            " FROM sale_order o"
            " JOIN res_partner buyer ON buyer.id = o.partner_id"
            " JOIN res_partner member ON member.id = o.referrer_id"
            " WHERE o.state = 'sale' AND o.project_phase > 0"
            "  AND o.referral_state <> 'refused' AND o.date_order >= %s"
            "  AND o.company_id = %s"
            "  AND buyer.commercial_partner_id <> member.commercial_partner_id",
            currency.decimal_places,
            since,
            self.company_id.id,
        )
