from collections import defaultdict
from datetime import timedelta

from babel.dates import format_timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError
from odoo.fields import Domain
from odoo.tools import SQL, babel_locale_parse

from . import gate
from .referral_territory_owner import ROLES

REVIEW = "referral_distribution.mail_activity_type_review"
# What decides who reviews a lead, and whether anybody has to.
WATCHED = {"active", "referral_link_id", "referrer_id", "team_id", "user_id"}


class CrmLead(models.Model):
    """The clock of the review: until when, and whose desk it is on (rule L2).

    The clock starts when a lead has a referrer, and again when it is reopened; a
    verdict leaves the deadline as it was. As long as the lead waits, its salesperson
    (who reviews; else the team's leader) has a to-do. A company that sets no hours has
    neither.
    """

    _inherit = "crm.lead"

    referral_validity = fields.Selection(group_expand=True)
    referral_review_deadline = fields.Datetime(
        string="Review by",
        compute="_compute_referral_review_deadline",
        store=True,
        precompute=True,
        index=True,  # the pool's order
        copy=False,
        help="Until when the lead is to be found valid or not.",
    )
    referral_review_overdue = fields.Boolean(
        string="Review overdue",
        compute="_compute_referral_review_clock",
        search="_search_referral_review_overdue",
    )
    referral_review_clock = fields.Char(
        string="Time to review", compute="_compute_referral_review_clock"
    )
    referral_age = fields.Char(
        string="Age", compute="_compute_referral_review_clock", groups=ROLES
    )

    _referral_to_review_index = models.Index(
        "(referral_review_deadline)"
        " WHERE referral_validity = 'to_review' AND referrer_id IS NOT NULL"
    )

    @api.depends("referrer_id")
    def _compute_referral_review_deadline(self):
        for lead in self:
            deadline = lead.referral_review_deadline
            if lead.referrer_id and not deadline:
                deadline = lead._get_next_review_deadline()
            lead.referral_review_deadline = bool(lead.referrer_id) and deadline

    def _get_next_review_deadline(self):
        """Return until when a lead that comes to review now is to be reviewed.

        :return: a UTC datetime, or False when its company sets no limit.
        """
        hours = self._get_referral_company().sudo().referral_review_hours
        return bool(hours) and fields.Datetime.now() + timedelta(hours=hours)

    @api.depends("referral_review_deadline", "referral_validity", "create_date")
    @api.depends_context("lang")
    def _compute_referral_review_clock(self):
        now = fields.Datetime.now()
        locale = babel_locale_parse(self.env.lang)
        for lead in self:
            deadline = lead.referral_review_deadline
            waits = deadline and lead.referral_validity == "to_review"
            lead.referral_review_overdue = waits and deadline < now
            lead.referral_review_clock = waits and format_timedelta(
                deadline - now, add_direction=True, locale=locale
            )
            lead.referral_age = format_timedelta(
                now - (lead.create_date or now), locale=locale
            )

    @api.model
    def _search_referral_review_overdue(self, operator, value):
        if operator != "in":
            return NotImplemented
        overdue = (
            Domain("referrer_id", "!=", False)
            & Domain("referral_validity", "=", "to_review")
            & Domain("referral_review_deadline", "<", fields.Datetime.now())
        )
        return Domain.OR(overdue if wanted else ~overdue for wanted in value)

    def _check_guarded(self, vals):
        if "referral_review_deadline" in vals and not gate.is_open(self.env):
            raise AccessError(
                self.env._("The time to review follows from the settings.")
            )
        return super()._check_guarded(vals)

    @api.model_create_multi
    def create(self, vals_list):
        leads = super().create(vals_list)
        self._create_review_todos(leads._get_reviewers())
        return leads

    def write(self, vals):
        watched = WATCHED & vals.keys()
        waiting = self._filter_to_review() if watched else self.browse()
        result = super().write(vals)
        if watched:
            (waiting | self._filter_to_review())._update_review_todos()
        return result

    @api.model
    def referral_review_counts(self):
        """Count the leads to review that the user may see, in one statement.

        :return: dict of numbers ``to_review``, and of these ``overdue``, ``mine`` and
            ``unassigned``.
        :raises AccessError: without the sales role.
        """
        self.env.user._referral_require("group_sales")
        query = self._search(
            Domain("referrer_id", "!=", False)
            & Domain("referral_validity", "=", "to_review")
        )
        names = ("to_review", "overdue", "mine", "unassigned")
        [row] = self.env.execute_query(
            query.select(
                SQL("count(*)"),
                SQL(
                    "count(*) FILTER (WHERE crm_lead.referral_review_deadline < %s)",
                    fields.Datetime.now(),
                ),
                SQL("count(*) FILTER (WHERE crm_lead.user_id = %s)", self.env.uid),
                SQL("count(*) FILTER (WHERE crm_lead.user_id IS NULL)"),
            )
        )
        return dict(zip(names, row, strict=True))

    def _set_validity(self, validity, node, reason=False, before=""):
        result = super()._set_validity(validity, node, reason, before)
        if validity == "to_review":
            for leads in self.grouped(
                lambda lead: lead._get_referral_company()
            ).values():
                deadline = leads[0]._get_next_review_deadline()
                gate.opened(leads).write({"referral_review_deadline": deadline})
            self._update_review_todos()
        else:
            self._find_review_todos().write({"active": False})
        return result

    def _filter_to_review(self):
        return self.filtered(
            lambda lead: lead.referrer_id and lead.referral_validity == "to_review"
        )

    def _find_review_todos(self):
        """Return the open to-dos of these leads' reviews."""
        todos = self.env["mail.activity"].sudo()
        kind = self.env.ref(REVIEW, raise_if_not_found=False)
        return todos.search(
            Domain("res_model", "=", self._name)
            & Domain("res_id", "in", self.ids)
            & Domain("activity_type_id", "=", kind.id if kind else False)
        ).with_context(mail_activity_quick_update=True)

    def _update_review_todos(self):
        """Put each to-do on the desk it belongs to; take back what nobody needs."""
        if not self:
            return
        missing = self._get_reviewers()
        todos = self._find_review_todos()
        moves = defaultdict(todos.browse)
        for todo in todos:
            reviewer = missing.pop(todo.res_id, self.env["res.users"])
            if todo.user_id != reviewer:
                moves[reviewer] |= todo
        for reviewer, moved in moves.items():
            moved.write({"user_id": reviewer.id}) if reviewer else moved.unlink()
        self._create_review_todos(missing)

    def _get_reviewers(self):
        """Return ``{lead id: res.users}`` of those on whose desk a lead is to be."""
        return {
            lead.id: reviewer
            for lead in self._filter_to_review().filtered("active").sudo()
            if lead.referral_review_deadline and (reviewer := lead._get_reviewer())
        }

    def _get_reviewer(self):
        """Return who is to review the lead: its salesperson, else the team's leader.

        Whoever of the two has the role to do so; nobody when neither has.
        """
        self.ensure_one()
        for user in self.user_id | self.team_id.user_id:
            if user.active and user.has_group("referral_distribution.group_sales"):
                return user
        return self.env["res.users"]

    @api.model
    def _create_review_todos(self, reviewers):
        """Create a to-do for each lead, ``{lead id: res.users}``."""
        if not reviewers:
            return
        todos = self.env["mail.activity"].sudo()
        kind = self.env.ref(REVIEW, raise_if_not_found=False)
        todos.with_context(mail_activity_quick_update=True).create(
            [
                {
                    "activity_type_id": kind.id,
                    "automated": True,
                    "date_deadline": fields.Datetime.context_timestamp(
                        self.with_context(tz=reviewer.tz or self.env.context.get("tz")),
                        self.browse(lead_id).referral_review_deadline,
                    ).date(),
                    "res_model_id": self.env["ir.model"]._get_id(self._name),
                    "res_id": lead_id,
                    "user_id": reviewer.id,
                }
                for lead_id, reviewer in (reviewers.items() if kind else ())
            ]
        )
