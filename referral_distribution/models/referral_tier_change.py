from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools.misc import formatLang

from ..engine.immutable import protect
from . import gate
from .referral_tier_rule import THRESHOLDS

MOVES = {"proposed": {"applied", "refused"}, "applied": set(), "refused": set()}
DECISION = {"state", "decided_at", "user_id", "reason"}


class ReferralTierChange(models.Model):
    """Every change of a member's tier, whoever made it, and every proposal (rule M1).

    A rule writes a change as proposed or as applied; a tier that somebody writes on the
    contact is logged as applied by hand. A manager applies or refuses what is proposed.
    From then on the entry is never edited or deleted: the table's triggers refuse it.
    """

    _name = "referral.tier.change"
    _description = "Tier Change"
    _order = "id desc"

    partner_id = fields.Many2one(
        "res.partner", string="Member", required=True, index=True, ondelete="restrict"
    )
    company_id = fields.Many2one(
        "res.company", index="btree_not_null", ondelete="restrict"
    )
    old_grade_id = fields.Many2one(
        "res.partner.grade", string="From Tier", ondelete="restrict"
    )
    new_grade_id = fields.Many2one(
        "res.partner.grade", string="To Tier", ondelete="restrict"
    )
    kind = fields.Selection(
        [
            ("promotion", "Promotion"),
            ("demotion", "Demotion"),
            ("manual", "By hand"),
        ],
        required=True,
    )
    state = fields.Selection(
        [("proposed", "Proposed"), ("applied", "Applied"), ("refused", "Refused")],
        required=True,
        default="proposed",
    )
    rule_id = fields.Many2one(
        "referral.tier.rule", index="btree_not_null", ondelete="restrict"
    )
    figures = fields.Json(
        string="Raw figures", help="``{figure: [count, needed]}`` at that time."
    )
    figures_text = fields.Char(string="Figures", compute="_compute_figures_text")
    user_id = fields.Many2one(
        "res.users",
        string="Decided by",
        ondelete="restrict",
        help="Who changed the tier, or applied or refused the proposal.",
    )
    decided_at = fields.Datetime(string="Decided on")
    reason = fields.Char()

    _one_open_proposal = models.UniqueIndex(
        "(partner_id, COALESCE(new_grade_id, 0)) WHERE state = 'proposed'",
        "This change of tier has been proposed already.",
    )
    _decided_has_date = models.Constraint(
        "CHECK ((state = 'proposed') = (decided_at IS NULL))",
        "A change that was applied or refused has a date.",
    )
    _changes_something = models.Constraint(
        "CHECK (old_grade_id IS DISTINCT FROM new_grade_id)",
        "A change leads from one tier to another.",
    )
    _by_a_rule = models.Constraint(
        "CHECK ((kind = 'manual') = (rule_id IS NULL))",
        "Promotions and demotions name their rule.",
    )

    def init(self):
        protect(
            self.env.cr,
            self._table,
            when="OLD.state <> 'proposed'",
            merged=("partner_id",),
        )

    @api.depends("figures")
    @api.depends_context("lang")
    def _compute_figures_text(self):
        for change in self:
            change.figures_text = change._get_figures_text()

    def _get_figures_text(self):
        """Return the figures as a sentence in the user's language (rule C8)."""
        self.ensure_one()
        figures = self.figures or {}
        rules = self.env["referral.tier.rule"]
        parts = [
            self.env._(
                "%(what)s: %(count)s of %(needed)s",
                what=rules._fields[field]._description_string(self.env),
                count=self._format_figure(name, figures[name][0]),
                needed=self._format_figure(name, figures[name][1]),
            )
            for name, field in THRESHOLDS.items()
            if name in figures
        ]
        return "; ".join(parts)

    def _format_figure(self, name, value):
        if name != "amount":
            return str(value)
        currency = self.company_id.sudo().currency_id
        return formatLang(self.env, value, currency_obj=currency)

    @api.depends("partner_id", "old_grade_id", "new_grade_id")
    def _compute_display_name(self):
        for change in self:
            grades = change.sudo().old_grade_id, change.sudo().new_grade_id
            names = [grade.name or "–" for grade in grades]
            change.display_name = f"{change.partner_id.name}: {' → '.join(names)}"

    @api.model_create_multi
    def create(self, vals_list):
        if vals_list and not gate.is_open(self.env):
            raise UserError(
                self.env._("The system logs tier changes. Set the tier itself.")
            )
        return super().create(vals_list)

    def write(self, vals):
        if self and (vals.keys() - DECISION or not gate.is_open(self.env)):
            raise UserError(self.env._("A logged tier change is never edited."))
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_always(self):
        raise UserError(self.env._("A logged tier change is never deleted."))

    @api.model
    def _log(self, vals_list):
        """Write entries: the one way they come into being. Return them."""
        return gate.opened(self.sudo()).create(vals_list).with_env(self.sudo().env)

    def action_approve(self):
        """Apply what was proposed; pressed again it changes nothing (rule M1).

        :raises AccessError: without the manager role.
        :raises UserError: when a member's tier or membership is not what it was, when
            the proposal was refused, or when it is about the user.
        """
        self.env.user._referral_require("group_manager")
        todo = self.filtered(lambda change: change.state != "applied")
        todo._check_moves("applied")
        todo._check_still_due()
        todo._set_state("applied")
        todo._apply()
        return True

    def action_refuse(self, reason):
        """Refuse what was proposed; the rule then waits for its period (rule M1).

        :param str reason: required; kept in the log.
        :raises AccessError: without the manager role.
        :raises UserError: without a reason, or when the change was applied.
        """
        self.env.user._referral_require("group_manager")
        if not isinstance(reason, str) or not reason.strip():
            raise UserError(self.env._("Give a reason, so that others can learn."))
        todo = self.filtered(lambda change: change.state != "refused")
        todo._check_moves("refused")
        todo._set_state("refused", reason=reason.strip())
        return True

    def _check_moves(self, state):
        wrong = self.filtered(lambda change: state not in MOVES[change.state])
        if wrong:
            raise UserError(
                self.env._(
                    "“%(change)s” was decided already. Set the tier on the member"
                    " instead.",
                    change=wrong[0].display_name,
                )
            )

    def _set_state(self, state, **values):
        """Decide: the one way a proposal moves."""
        gate.opened(self.sudo()).write(
            {
                "state": state,
                "user_id": self.env.uid,
                "decided_at": fields.Datetime.now(),
                **values,
            }
        )

    def _check_still_due(self):
        for change in self:
            member = change.partner_id
            if member == self.env.user.partner_id:
                raise UserError(
                    self.env._("Nobody decides about their own tier: ask a colleague.")
                )
            if member.member_state != "active":
                raise UserError(
                    self.env._(
                        "%(member)s is no active member now. Refuse the proposal.",
                        member=member.display_name,
                    )
                )
            if member.grade_id != change.old_grade_id:
                raise UserError(
                    self.env._(
                        "%(member)s has moved to the tier “%(tier)s” since this was"
                        " proposed. Refuse the proposal; the rule looks again later.",
                        member=member.display_name,
                        tier=member.grade_id.name or "–",
                    )
                )

    def _apply(self):
        """Give the members their new tiers, and tell them."""
        keys = ("company_id", "new_grade_id")
        for (company, grade), changes in self.grouped(
            lambda change: tuple(change[key] for key in keys)
        ).items():
            partners = changes.partner_id.sudo().with_company(company)
            partners._write_tier(grade)
        self._notify()

    @api.model
    def _prepare_merge(self, sources, stays):
        """Two contacts become one: one open proposal for a tier is enough."""
        proposals = self.sudo().search(
            [("partner_id", "in", (sources + stays).ids), ("state", "=", "proposed")],
            order="id",
        )
        for same in proposals.grouped("new_grade_id").values():
            kept = same.filtered(lambda change: change.partner_id == stays)[:1]
            same -= kept or same[:1]
            same.with_env(self.env)._set_state(
                "refused", reason=self.env._("Merged into %s", stays.display_name)
            )

    def _notify(self):
        """Queue a mail to each member, in their language. Archive the template to mute.

        Nothing is sent while records are imported or told not to track.
        """
        template = self.env.ref(
            "referral_distribution.mail_template_tier_change", raise_if_not_found=False
        )
        muted = {"import_file", "tracking_disable", "install_mode"}
        reachable = self.filtered("partner_id.email")
        if muted & self.env.context.keys() or not template or not reachable:
            return
        if template.sudo().active:
            template.sudo().send_mail_batch(reachable.ids)
