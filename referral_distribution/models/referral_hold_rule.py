import ast
import logging

import psycopg2

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command, Domain

_logger = logging.getLogger(__name__)


class ReferralHoldRule(models.Model):
    """When a lead's reward waits for a manager's look (rule L5).

    Sales works on a held lead as on any other; only its rewards wait. The rules are a
    registry: a company switches each on or off and adds conditions of its own. An addon
    adds a kind: ``kind = fields.Selection(selection_add=[("late", "Late")])`` and
    ``_find_late(leads, visitor)``, see ``_find_condition``; and a sentence for it in
    ``referral.lead.hold._explain_late()``.
    """

    _name = "referral.hold.rule"
    _description = "Hold Rule"
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True)
    sequence = fields.Integer(default=10)
    kind = fields.Selection(
        [
            ("existing_customer", "Existing customer"),
            ("self_referral", "Self-referral"),
            ("duplicate", "Duplicate"),
            ("burst", "Suspicious clicks"),
            ("condition", "Own condition"),
        ],
        required=True,
        default="condition",
    )
    domain = fields.Char(
        string="Condition",
        help="Rewards of the leads that meet this wait for a manager.",
    )
    note = fields.Text(
        string="What to look at",
        translate=True,
        help="Shown to who decides about a lead that this rule has found.",
    )
    active = fields.Boolean(default=True)
    company_id = fields.Many2one(
        "res.company", index="btree_not_null", help="Empty: for every company."
    )
    off_company_ids = fields.Many2many(
        "res.company",
        "referral_hold_rule_off_company_rel",
        string="Switched off in",
        copy=False,
    )
    enabled = fields.Boolean(
        string="On",
        compute="_compute_enabled",
        inverse="_inverse_enabled",
        help="Whether this company uses the rule. What it has held stays held.",
    )
    hold_count = fields.Integer(
        string="Held", compute="_compute_hold_count", help="Leads it holds now."
    )

    _condition_is_said = models.Constraint(
        "CHECK (kind <> 'condition' OR domain IS NOT NULL)",
        "Say which leads the rule is about.",
    )

    @api.depends("off_company_ids")
    @api.depends_context("company")
    def _compute_enabled(self):
        for rule in self:
            rule.enabled = self.env.company not in rule.sudo().off_company_ids

    def _inverse_enabled(self):
        company = self.env.company.id
        for rule in self:
            link = Command.unlink if rule.enabled else Command.link
            rule.off_company_ids = [link(company)]

    def _compute_hold_count(self):
        counts = dict(
            self.env["referral.lead.hold"]._read_group(
                [("rule_id", "in", self.ids), ("state", "=", "held")],
                ["rule_id"],
                ["__count"],
            )
        )
        for rule in self:
            rule.hold_count = counts.get(rule._origin, 0)

    @api.constrains("kind", "domain")
    def _check_domain(self):
        """A condition names fields its author may read, and leaves some leads out."""
        leads = self.env["crm.lead"].sudo(False)  # Odoo checks constraints as superuser
        for rule in self.filtered(lambda rule: rule.kind == "condition"):
            try:
                domain = rule._get_condition()
                empty = domain.is_true()
                leads.search(domain, limit=1)
            except AccessError:
                raise
            except Exception as error:  # a domain fails in many ways
                raise ValidationError(
                    self.env._(
                        "“%(rule)s” is no condition on leads: %(error)s",
                        rule=rule.name,
                        error=error,
                    )
                ) from error
            if empty:
                raise ValidationError(
                    self.env._(
                        "“%(rule)s” would hold every lead. Say which ones.",
                        rule=rule.name,
                    )
                )

    def _get_condition(self):
        self.ensure_one()
        return Domain(ast.literal_eval(self.domain or "[]"))

    def write(self, vals):
        if vals.keys() & {"kind", "company_id"}:
            self._check_unused()
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_used(self):
        self._check_unused()

    def _check_unused(self):
        """What a rule has held keeps pointing to what it was."""
        holds = self.env["referral.lead.hold"].sudo()
        held = holds.search([("rule_id", "in", self.ids)], limit=1)
        if held:
            raise UserError(
                self.env._(
                    "“%(rule)s” has held leads, which keep it. Switch it off and make"
                    " another one.",
                    rule=held.rule_id.name,
                )
            )

    # ---------------------------------------------------------------- finding

    @api.model
    def _find(self, leads, visitor=None):
        """Look at leads with the rules of their companies.

        The number of queries does not depend on the number of leads.

        :param leads: crm.lead recordset, as superuser; each with a referrer.
        :param visitor: the keyed hash of the visitor whose request makes the leads.
        :return: list of ``(rule, lead, facts)``; facts are lists of ids and words.
        """
        found = []
        companies = leads.grouped(lambda lead: lead._get_referral_company())
        for company, own in companies.items():
            own = own.with_company(company)
            for rule in self._get_enabled(company):
                facts = getattr(rule, f"_find_{rule.kind}")(own, visitor)
                held = own.browse(facts)
                found += [(rule, lead, facts[lead.id]) for lead in held]
        return found

    @api.model
    def _get_enabled(self, company):
        return self.sudo().search(
            Domain("company_id", "in", (company.id, False))
            & Domain("off_company_ids", "not in", company.ids)
        )

    def _find_condition(self, leads, visitor):
        """Find the leads that meet the rule's own condition.

        One that does not work any more holds what it sees: no lead is lost by it, and
        no reward slips by.

        :param leads: crm.lead recordset, as superuser, all of ``leads.env.company``.
        :param visitor: see ``_find``.
        :return: ``{lead id: {word: list of ids or words}}`` of those to hold. What was
            released once is held again only for facts that are new.
        """
        self.ensure_one()
        everything = leads.with_context(active_test=False)
        try:
            with self.env.cr.savepoint():
                domain = Domain("id", "in", leads.ids) & self._get_condition()
                met = everything.search(domain)
                return {lead.id: {"rules": [self.id]} for lead in met}
        except psycopg2.OperationalError:  # Odoo tries the request again
            raise
        except Exception:  # whatever somebody has written there
            _logger.exception("hold rule %s does not work", self.id)
            return {lead.id: {"failed": [self.id]} for lead in leads}
