from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ..engine.commission import Facts
from . import gate
from .referral_territory_owner import ROLES, Question


class CrmLead(models.Model):
    """Leads keep who brought them, and every node of their life (rules L1-L3)."""

    _name = "crm.lead"
    _inherit = ("crm.lead", "referral.territory.owner")

    referrer_id = fields.Many2one(
        "res.partner",
        compute="_compute_referrer_id",
        store=True,
        readonly=False,
        precompute=True,
        copy=False,
        index="btree_not_null",
        ondelete="restrict",
        tracking=True,
        help="The member who brought this lead.",
    )
    referral_link_id = fields.Many2one(
        "referral.link",
        string="Personal link",
        index="btree_not_null",
        ondelete="restrict",
        readonly=True,
        copy=False,
        help="The link that the visitor's lead is credited to.",
    )
    referral_channel_id = fields.Many2one(
        "referral.channel",
        string="Channel",
        compute="_compute_referral_channel_id",
        store=True,
        readonly=False,
        precompute=True,
        copy=False,
        index="btree_not_null",
        ondelete="restrict",
    )
    referral_validity = fields.Selection(
        [
            ("to_review", "To review"),
            ("valid", "Valid"),
            ("invalid", "Invalid"),
            ("duplicate", "Duplicate"),
        ],
        string="Validity",
        required=True,
        readonly=True,
        default="to_review",
        copy=False,
        tracking=True,
    )
    referral_reason = fields.Char(
        string="Reason", readonly=True, copy=False, tracking=True
    )
    referral_trail_ids = fields.One2many(
        "referral.trail.entry", "lead_id", string="Trail", groups=ROLES
    )
    referral_commission_ids = fields.One2many(
        "referral.commission", "lead_id", groups=ROLES
    )

    @api.depends("referral_link_id")
    def _compute_referrer_id(self):
        for lead in self:
            lead.referrer_id = lead.referral_link_id.partner_id or lead.referrer_id

    @api.depends("referral_link_id")
    def _compute_referral_channel_id(self):
        for lead in self:
            lead.referral_channel_id = (
                lead.referral_link_id.channel_id or lead.referral_channel_id
            )

    @api.depends(
        "company_id",
        "create_date",
        "country_id",
        "state_id",
        "city",
        "zip",
        "partner_id.commercial_partner_id.industry_id",
    )
    @api.depends_context("lang")
    def _compute_territory_owner(self):
        return super()._compute_territory_owner()

    @api.model
    def default_get(self, fields):
        values = super().default_get(fields)
        if "referral_validity" in values:  # whatever the caller's context says
            values["referral_validity"] = "to_review"
        return values

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._check_guarded(vals)
        leads = super().create(vals_list)
        leads.filtered("referrer_id")._log_births()
        return leads

    def write(self, vals):
        self._check_guarded(vals)
        unknown = self.filtered(lambda lead: not lead.referrer_id)
        valid = self.filtered(lambda lead: lead.referral_validity == "valid")
        brought_by = {lead: lead.referrer_id for lead in valid}
        result = super().write(vals)
        self._check_still_brought_by(brought_by)
        unknown.filtered("referrer_id")._log_found()
        return result

    def _check_guarded(self, vals):
        decides = vals.get("referral_validity", "to_review") != "to_review"
        decides = decides or (self and "referral_validity" in vals)
        if decides and not gate.is_open(self.env):
            raise AccessError(
                self.env._("Use the buttons to find a lead valid or not.")
            )

    def _check_still_brought_by(self, brought_by):
        """Whom a valid lead has rewarded is who brought it, for its contracts too."""
        for lead, referrer in brought_by.items() if not self.env.su else ():
            if lead.referrer_id != referrer:
                raise UserError(
                    self.env._(
                        "“%(lead)s” was found valid: %(member)s brought it.",
                        lead=lead.display_name,
                        member=referrer.display_name,
                    )
                )

    def unlink(self):
        """Leads that were merged into another stay, archived (rule L3).

        Odoo's wizard and its lead assignment merge first and delete the rest after. Of
        others that are deleted the trail stays.
        """
        merged = self.filtered(lambda lead: not lead.active and lead._is_merged())
        leads = self - merged
        steps = leads._prepare_deleted_steps()
        result = super(CrmLead, leads).unlink()
        self.env["referral.trail.entry"]._append_each(steps)
        return result

    def _is_merged(self):
        return self.sudo().referral_trail_ids.sorted("sequence")[-1:].node == "merged"

    def _merge_opportunity(
        self, user_id=False, team_id=False, auto_unlink=True, max_length=5
    ):
        """Merged leads that have a trail are archived instead of deleted (rule L3)."""
        told = self.sudo().filtered("referral_trail_ids")
        if not told:
            return super()._merge_opportunity(
                user_id=user_id,
                team_id=team_id,
                auto_unlink=auto_unlink,
                max_length=max_length,
            )
        head = super()._merge_opportunity(
            user_id=user_id, team_id=team_id, auto_unlink=False, max_length=max_length
        )
        tail = (self - head).sudo()
        told = told - head
        told._referral_log("merged", document=head, content={"into": head.id})
        if "valid" in told.mapped("referral_validity"):
            head._take_over_validity()
        told._referral_told("lost").action_archive()
        if auto_unlink:
            (tail - told).unlink()
        return head

    def _take_over_validity(self):
        """What was merged in has been rewarded: that counts once (rule L2)."""
        if self.referral_validity != "valid":
            reason = self.env._("Merged with a lead that was found valid")
            self._set_validity("valid", "validated", reason)

    def action_referral_validate(self):
        """Find the leads valid and reward who brought them, once each (rule L2).

        :raises AccessError: without the sales role.
        :raises UserError: when a lead has nobody who brought it.
        """
        self.env.user._referral_require("group_sales")
        todo = self.filtered(lambda lead: lead.referral_validity != "valid")
        orphan = todo.filtered(lambda lead: not lead.referrer_id)
        if orphan:
            raise UserError(
                self.env._(
                    "Nobody brought “%(lead)s”: set its referrer first.",
                    lead=orphan[0].display_name,
                )
            )
        todo._set_validity("valid", "validated")
        self.env["referral.commission"]._accrue("lead_valid", todo)
        return True

    def action_referral_invalidate(self, reason, verdict="invalid"):
        """Find the leads invalid, or duplicates, with a reason (rule L2).

        :param str reason: shown to everybody who sees the lead; required.
        :param str verdict: "invalid" or "duplicate".
        :raises UserError: without a reason, or when a lead has been rewarded.
        """
        self.env.user._referral_require("group_sales")
        if not isinstance(reason, str) or not reason.strip():
            raise UserError(self.env._("Give a reason, so that the member can learn."))
        if verdict not in ("invalid", "duplicate"):
            raise UserError(self.env._("A lead is either invalid or a duplicate."))
        rewarded = self.filtered(lambda lead: lead.referral_validity == "valid")
        if rewarded:
            raise UserError(
                self.env._(
                    "“%(lead)s” was found valid and rewarded. Reopen it first: that"
                    " takes the reward back.",
                    lead=rewarded[0].display_name,
                )
            )
        todo = self.filtered(lambda lead: lead.referral_validity != verdict)
        todo._set_validity(verdict, "invalidated", reason.strip())
        return True

    def _set_validity(self, validity, node, reason=False, before=""):
        """Write the verdict and its reason, and log it. The one way a lead changes.

        :param str before: the verdict that this one takes the place of, to be logged.
        """
        gate.opened(self).write(
            {"referral_validity": validity, "referral_reason": reason}
        )
        content = {"from": before, "to": validity} if before else {}
        if validity == "duplicate":
            content["verdict"] = validity
        self._referral_log(node, content={**content, "reason": reason or ""})

    def _referral_log(self, node, document=None, content=None, occurred_at=None):
        """Add an entry to the trail of each lead; see ``referral.trail.entry``."""
        self.env["referral.trail.entry"]._append(
            self, node, document, content, occurred_at
        )

    def _log_births(self):
        """Log how each of the leads came: shared, clicked, created (rule L3)."""
        steps = [step for lead in self for step in lead._prepare_birth_steps()]
        self.env["referral.trail.entry"]._append_each(steps)

    def _prepare_birth_steps(self):
        self.ensure_one()
        steps = []
        link = self.referral_link_id.sudo()
        if link:
            names = {"who": link.partner_id.id, "channel": link.channel_id.name}
            moment = link.share_ids[:1].shared_at or link.create_date
            steps.append(self._prepare_step("shared", names, link, moment))
            if self._was_link_opened():
                page = {"page": self.referral_landing_page or link.target_url}
                moment = self.referral_touch_at or None
                steps.append(self._prepare_step("clicked", page, link, moment))
        content = self._prepare_evidence_content()
        return [*steps, self._prepare_step("created", content)]

    def _get_referral_company(self):
        self.ensure_one()
        return self.company_id or self.env.company

    def _get_referral_plan(self):
        """Return the plan in force (empty when the company has none)."""
        return self.env["referral.plan"]._get_active(self._get_referral_company())

    def _prepare_commission_source_vals(self):
        self.ensure_one()
        return {"lead_id": self.id, "order_id": False}

    def _prepare_referral_facts(self, trigger, rules):
        """Return what the engine needs to know of this lead."""
        self.ensure_one()
        company = self._get_referral_company()
        return Facts(
            trigger=trigger,
            currencies=rules._get_engine_currencies(company, fields.Date.today()),
            **self.referrer_id._prepare_referral_people(
                company, self.referral_channel_id
            ),
        )

    def _get_territory_questions(self):
        """A lead lies where it says, on the day it came in (rule M5)."""
        self.ensure_one()
        territories = self.env["referral.territory"]
        company = self._get_referral_company()
        day = territories._get_day(company, self.create_date or fields.Datetime.now())
        industry = self.partner_id.commercial_partner_id.industry_id
        place = territories._prepare_place(self, day, industry=industry)
        return [Question(company, place)]
