import logging

from dateutil.relativedelta import relativedelta

from odoo import api, fields, models
from odoo.tools import SQL

_logger = logging.getLogger(__name__)

STATUSES = [("clear", "Clear"), ("near", "Near the line"), ("reached", "Line reached")]
KEPT_DAYS = 90
DIGEST_SIZE = 50


class ReferralTreeFigure(models.Model):
    """How many people and levels an invite tree has: the live monitor (rule M7).

    One row per company, root and day on which something changed, and at least one a
    month. After 90 days the last row of each month stays. A tree counts from two people
    on; its root counts as a person and as a level, as Chinese practice counts.

    The line is what Chinese law names for "organising and leading pyramid selling": 30
    people and 3 levels, both (Supreme People's Court, Supreme People's Procuratorate
    and Ministry of Public Security, Gong Tong Zi [2013] No. 37, articles 1 and 7; see
    also State Council order 444, article 7). Companies set their own.

    Whose tree it is: a root that belongs to a company is that company's, with all
    people below. A root shared by all companies is counted by each company that has a
    plan, with its own and the shared people: rather once too often than never.
    """

    _name = "referral.tree.figure"
    _description = "Invite Tree Figure"
    _order = "date desc, people desc, id desc"
    _rec_name = "root_id"
    _log_access = False

    company_id = fields.Many2one("res.company", required=True, ondelete="cascade")
    root_id = fields.Many2one(
        "res.partner", required=True, index=True, ondelete="cascade"
    )
    date = fields.Date(required=True, help="The day in the company's time zone.")
    people = fields.Integer(
        required=True,
        aggregator="max",
        help="Candidate, active and suspended members of the tree, the root included.",
    )
    levels = fields.Integer(
        required=True,
        aggregator="max",
        help="Levels of the tree, the root's own included.",
    )
    invitees = fields.Integer(string="Direct invitees", required=True, aggregator="max")
    people_change = fields.Integer(
        string="30 days",
        required=True,
        aggregator="max",
        help="People more, or less, than 30 days before, or than when the tree was"
        " first counted.",
    )
    status = fields.Selection(STATUSES, required=True, help="Against the line.")
    warned_status = fields.Selection(
        STATUSES, required=True, help="Of what managers were warned."
    )
    is_latest = fields.Boolean(string="Current", required=True)

    _once_a_day = models.UniqueIndex(
        "(company_id, root_id, date)", "This tree was counted today already."
    )
    _current_index = models.Index("(company_id, root_id) WHERE is_latest")

    @api.model
    def _cron_count(self):
        """Count every tree of every company and warn; one company at a time.

        Run again on the same day it changes what has changed, and warns of nothing
        twice.
        """
        companies = self._query_companies()
        progress = self.env["ir.cron"]
        progress._commit_progress(remaining=len(companies))
        for company in companies:
            try:
                self._count(company)
            except Exception:  # the other companies are counted all the same
                self.env.cr.rollback()
                _logger.exception(
                    "The trees of company %s were not counted", company.id
                )
            if not progress._commit_progress(1):
                break

    @api.model
    def _prepare_merge(self, sources):
        """A contact that is merged is the root of no tree: its figures go with it."""
        self.sudo().search([("root_id", "in", sources.ids)]).unlink()

    def action_count(self):
        """Count the trees of the current companies now.

        :raises AccessError: without the manager role.
        """
        self.env.user._referral_require("group_manager")
        for company in self.env.companies & self._query_companies():
            self.sudo()._count(company.sudo())
        return {"type": "ir.actions.client", "tag": "soft_reload"}

    def action_open_root(self):
        """Return the form of the contact at the root of the tree.

        :raises AccessError: without the manager role.
        """
        self.env.user._referral_require("group_manager")
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "res.partner",
            "res_id": self.root_id.id,
            "views": [(False, "form")],
        }

    @api.model
    def _query_companies(self):
        """Return the companies whose trees are counted: with a plan or own members."""
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                "SELECT id FROM res_company company WHERE active AND ("
                " EXISTS (SELECT FROM referral_plan plan"
                "   WHERE plan.company_id = company.id)"
                " OR EXISTS (SELECT FROM res_partner member"
                "   WHERE member.company_id = company.id"
                "   AND member.member_state IS NOT NULL)) ORDER BY id"
            )
        )
        return self.env["res.company"].sudo().browse([row[0] for row in rows])

    @api.model
    def _count(self, company):
        """Bring the company's figures up to date and warn of what got worse."""
        self.env.flush_all()
        today = company._referral_today()
        self._query_record(company, today)
        self._query_refresh(company, today)
        worse = self.browse(self._query_claim_warnings(company))
        self.invalidate_model()
        if worse:
            worse._warn(company)

    @api.model
    def _query_tree(self, company):
        """Return SQL that counts the trees of ``company`` as they stand."""
        return SQL(
            "SELECT root.id AS root_id, count(*)::int AS people,"
            "   (max(place.depth) + 1)::int AS levels,"
            "   (count(*) FILTER (WHERE place.depth = 1))::int AS invitees"
            " FROM referral_invite_node place"
            " JOIN res_partner root ON root.id = split_part(place.path, '/', 1)::int"
            " JOIN res_partner member ON member.id = place.partner_id"
            " WHERE place.is_member"
            "   AND (root.company_id = %(company)s OR root.company_id IS NULL AND"
            "     (member.company_id IS NULL OR member.company_id = %(company)s))"
            " GROUP BY root.id",
            company=company.id,
        )

    @api.model
    def _query_status(self, company):
        """Return SQL for the status of ``people`` and ``levels`` (rule M7).

        "Near" is the share of the people at which the company wants to know, one level
        before the line: no tree can get to the line past it, unless in one day.
        """
        return SQL(
            "CASE WHEN people >= %(people)s AND levels >= %(levels)s THEN 'reached'"
            " WHEN people * 100 >= %(people)s * %(percent)s"
            "   AND levels >= %(levels)s - 1 THEN 'near'"
            " ELSE 'clear' END",
            people=company.referral_people_line,
            levels=company.referral_levels_line,
            percent=company.referral_warn_percent,
        )

    @api.model
    def _query_record(self, company, today):
        """Add a row for each tree that changed, or has none yet this month.

        A tree that is gone (its root joined another one, everybody left) gets a last
        row that says so. What managers were warned of goes along, so far as it still
        holds: worse again later, they are warned again.
        """
        self.env.cr.execute(
            SQL(
                "INSERT INTO referral_tree_figure (company_id, root_id, date, people,"
                "   levels, invitees, people_change, status, warned_status, is_latest)"
                " SELECT %(company)s, root_id, %(today)s, people, levels, invitees, 0,"
                "   status, %(calmer)s, TRUE FROM (%(judged)s) judged"
                " WHERE (people, levels, invitees, status) IS DISTINCT FROM"
                "   (old_people, old_levels, old_invitees, old_status)"
                "   OR old_date < date_trunc('month', %(today)s::date)"
                " ON CONFLICT (company_id, root_id, date) DO UPDATE SET"
                "   people = EXCLUDED.people, levels = EXCLUDED.levels,"
                "   invitees = EXCLUDED.invitees, status = EXCLUDED.status,"
                "   warned_status = EXCLUDED.warned_status",
                company=company.id,
                today=today,
                judged=self._query_judged(company),
                calmer=SQL(
                    "CASE WHEN %s < %s THEN status"
                    " ELSE COALESCE(warned_status, 'clear') END",
                    self._rank("status"),
                    self._rank("warned_status"),
                ),
            )
        )

    @api.model
    def _query_judged(self, company):
        """Return SQL for each tree as it stands, its status and its current row."""
        return SQL(
            "SELECT *, %(status)s AS status FROM (SELECT root_id,"
            "   COALESCE(tree.people, 0) AS people,"
            "   COALESCE(tree.levels, 0) AS levels,"
            "   COALESCE(tree.invitees, 0) AS invitees,"
            "   latest.people AS old_people, latest.levels AS old_levels,"
            "   latest.invitees AS old_invitees, latest.status AS old_status,"
            "   latest.date AS old_date, latest.warned_status"
            "   FROM (%(tree)s) tree FULL JOIN (SELECT * FROM referral_tree_figure"
            "     WHERE is_latest AND company_id = %(company)s) latest"
            "   USING (root_id)) fresh"
            " WHERE people > 1 OR old_people > 0",
            company=company.id,
            tree=self._query_tree(company),
            status=self._query_status(company),
        )

    @api.model
    def _rank(self, column):
        """Return SQL that orders the statuses in ``column``, the worst last."""
        return SQL(
            "array_position('{clear,near,reached}'::text[], %s::text)",
            SQL.identifier(column),
        )

    @api.model
    def _query_refresh(self, company, today):
        """Mark the current row of each tree and compare it with 30 days before."""
        self.env.cr.execute(
            SQL(
                "UPDATE referral_tree_figure old SET is_latest = FALSE"
                " FROM referral_tree_figure new WHERE old.is_latest AND new.is_latest"
                " AND old.company_id = %(company)s AND new.company_id = %(company)s"
                " AND old.root_id = new.root_id AND old.date < new.date",
                company=company.id,
            )
        )
        self.env.cr.execute(
            SQL(
                "UPDATE referral_tree_figure now"
                " SET people_change = now.people - before.people"
                " FROM (SELECT DISTINCT ON (root_id) root_id, people"
                "   FROM referral_tree_figure WHERE company_id = %(company)s"
                "   ORDER BY root_id, date > %(then)s,"
                "     CASE WHEN date > %(then)s THEN date - %(then)s"
                "     ELSE %(then)s - date END) before"
                " WHERE now.is_latest AND now.company_id = %(company)s"
                " AND now.root_id = before.root_id"
                " AND now.people_change <> now.people - before.people",
                company=company.id,
                then=today - relativedelta(days=30),
            )
        )

    @api.model
    def _query_claim_warnings(self, company):
        """Return the ids of the trees that are worse than managers were told.

        Each is claimed by the statement itself: two runs warn of it once.
        """
        self.env.cr.execute(
            SQL(
                "UPDATE referral_tree_figure SET warned_status = status"
                " WHERE is_latest AND company_id = %s AND %s > %s RETURNING id",
                company.id,
                self._rank("status"),
                self._rank("warned_status"),
            )
        )
        return [row[0] for row in self.env.cr.fetchall()]

    def _warn(self, company):
        """Leave one activity per root on each desk, and send one message for all."""
        figures = self.sorted(lambda f: (f.status != "reached", -f.people))
        users = company._get_referral_compliance_users()
        self.env["mail.activity"].with_context(mail_activity_quick_update=True).create(
            [
                figure._prepare_activity_vals(user)
                for user in users
                for figure in figures
            ]
        )
        company._notify_referral_managers(
            lambda env: env._(
                "%(company)s: invite trees near the legal line: %(count)s",
                company=company.name,
                count=len(figures),
            ),
            "referral_distribution.compliance_mail_trees",
            {
                "company": company,
                "figures": figures[:DIGEST_SIZE],
                "more": len(figures[DIGEST_SIZE:]),
            },
        )

    def _prepare_activity_vals(self, user):
        self.ensure_one()
        env = self.with_context(lang=user.lang).env
        status = dict(self._fields["status"]._description_selection(env))[self.status]
        return {
            "activity_type_id": self.env.ref("mail.mail_activity_data_todo").id,
            "automated": True,
            "date_deadline": self.date,
            "res_model_id": self.env["ir.model"]._get_id("res.partner"),
            "res_id": self.root_id.id,
            "summary": env._(
                "%(status)s: %(people)s people, %(levels)s levels",
                status=status,
                people=self.people,
                levels=self.levels,
            ),
            "user_id": user.id,
        }

    @api.autovacuum
    def _gc_figures(self):
        """After 90 days, keep the last row of each month."""
        self.env.cr.execute(
            SQL(
                "DELETE FROM referral_tree_figure old WHERE NOT old.is_latest"
                " AND old.date < %s AND EXISTS (SELECT FROM referral_tree_figure later"
                "   WHERE later.company_id = old.company_id"
                "   AND later.root_id = old.root_id AND later.date > old.date"
                "   AND date_trunc('month', later.date)"
                "     = date_trunc('month', old.date))",
                fields.Date.today() - relativedelta(days=KEPT_DAYS),
            )
        )
