from decimal import Decimal

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..engine import commission, formula

CAPS = {  # scope: field
    "order": "cap_order",
    "customer": "cap_customer",
    "person": "cap_person",
    "month": "cap_month",
    "year": "cap_year",
}


class ReferralPlanRule(models.Model):
    """Who is paid beyond the levels, and how much by more than one rate (C4, C5)."""

    _inherit = "referral.plan.rule"

    role = fields.Selection(
        [
            ("agent", "Agent"),
            ("distributor", "Distributor"),
            ("member", "Member"),
        ],
        help="Who brought the lead, if of this role; else the nearest above who is.",
    )
    partner_id = fields.Many2one(
        "res.partner",
        string="Contact",
        ondelete="restrict",
        help="Who is paid, whoever brought the lead.",
    )
    sharing = fields.Selection(
        [("on_top", "On top of the reward"), ("out_of", "Out of the reward")],
        string="Share comes",
        required=True,
        default="on_top",
    )
    bracket_period = fields.Selection(
        [
            ("order", "Each contract by itself"),
            ("month", "All of the beneficiary's month"),
            ("year", "All of the beneficiary's year"),
        ],
        string="Brackets over",
        required=True,
        default="order",
    )
    expression = fields.Char(
        string="Formula",
        help="Gives an amount in the company's currency. Arithmetic with amount,"
        " untaxed, total, reward, phase; min, max, abs, round; and “a if phase == 1"
        " else b”.",
    )
    cap_order = fields.Monetary(string="Per contract")
    cap_customer = fields.Monetary(string="Per customer")
    cap_person = fields.Monetary(string="Per person")
    cap_month = fields.Monetary(string="Per person and month")
    cap_year = fields.Monetary(string="Per person and year")

    _caps_range = models.Constraint(
        "CHECK (COALESCE(cap_order, 0) >= 0 AND COALESCE(cap_order, 0) < 1e12"
        " AND COALESCE(cap_customer, 0) >= 0 AND COALESCE(cap_customer, 0) < 1e12"
        " AND COALESCE(cap_person, 0) >= 0 AND COALESCE(cap_person, 0) < 1e12"
        " AND COALESCE(cap_month, 0) >= 0 AND COALESCE(cap_month, 0) < 1e12"
        " AND COALESCE(cap_year, 0) >= 0 AND COALESCE(cap_year, 0) < 1e12)",
        "A limit is an amount above zero; 0 means without limit.",
    )
    _role_is_said = models.Constraint(
        "CHECK (beneficiary <> 'role' OR role IS NOT NULL)", "Choose the role."
    )
    _contact_is_said = models.Constraint(
        "CHECK (beneficiary <> 'contact' OR partner_id IS NOT NULL)",
        "Choose the contact that is paid.",
    )

    @api.model
    def _get_formula_names(self):
        """Return the names an expression may use. A hook."""
        names = ["amount", "untaxed", "total", "reward", "phase"]
        return names + ["margin"] * self._has_margin()

    @api.model
    def fields_get(self, allfields=None, attributes=None):
        """Offer no share of a margin where orders do not know theirs."""
        found = super().fields_get(allfields, attributes)
        base = found.get("base", {})
        if "selection" in base and not self._has_margin():
            base["selection"] = [one for one in base["selection"] if one[0] != "margin"]
        return found

    @api.model
    def _has_margin(self):
        """Tell whether orders know their margin, by Odoo's own ``sale_margin``."""
        return "margin" in self.env["sale.order"]._fields

    def _check_complete(self):
        result = super()._check_complete()
        self._check_calculation()
        return result

    @api.constrains(
        "beneficiary",
        "base",
        "rate_type",
        "partner_id",
        "bracket_ids",
        "bracket_period",
        "expression",
    )
    def _check_calculation(self):
        for rule in self:
            rule._check_contact()
            rule._check_base()
            if rule.rate_type == "bracket":
                rule._check_brackets()
            if rule.rate_type == "expression":
                rule._check_expression()
            if rule.rate_type == "differential" and (
                rule.beneficiary not in ("member", "role")
                or rule.base == "member_reward"
            ):
                raise ValidationError(
                    self.env._(
                        "%(rule)s: “less what those below get” is for who brought it"
                        " and those above, of an amount of the contract.",
                        rule=rule.name,
                    )
                )

    def _check_contact(self):
        """Refuse a contact that leads back to who pays, or that cannot be paid."""
        self.ensure_one()
        contact = self.partner_id.commercial_partner_id
        if self.beneficiary != "contact" or not contact:
            return
        companies = self.env["res.company"].sudo().search([]).partner_id
        if contact in companies.commercial_partner_id:
            raise ValidationError(
                self.env._(
                    "%(rule)s: %(contact)s would pay itself. Choose somebody else.",
                    rule=self.name,
                    contact=self.partner_id.display_name,
                )
            )
        if not self.partner_id.active:
            raise ValidationError(
                self.env._(
                    "%(rule)s: %(contact)s is archived. Restore the contact or choose"
                    " another one.",
                    rule=self.name,
                    contact=self.partner_id.display_name,
                )
            )

    def _check_base(self):
        self.ensure_one()
        if self.base == "margin" and not self._has_margin():
            raise ValidationError(
                self.env._(
                    "%(rule)s: orders do not know their margin. Install the app that"
                    " shows margins on orders, or choose another amount.",
                    rule=self.name,
                )
            )

    def _check_brackets(self):
        self.ensure_one()
        if min(self.bracket_ids.mapped("amount_from"), default=1) != 0:
            raise ValidationError(self.env._("The first bracket starts from 0."))
        if self.base == "member_reward" and self.bracket_period != "order":
            raise ValidationError(
                self.env._(
                    "%(rule)s: brackets of a reward count for each contract by itself.",
                    rule=self.name,
                )
            )

    def _check_expression(self):
        """Refuse what is no arithmetic over documented names (threat P8)."""
        self.ensure_one()
        names = self._get_formula_names()
        try:
            formula.check(self.expression or "", names)
            formula.try_out(self.expression, names)
        except formula.FormulaError as error:
            raise ValidationError(self._explain_formula_error(error)) from None

    def _explain_formula_error(self, error):
        """Return in the user's language why a formula is refused."""
        self.ensure_one()
        if error.reason == "rests":
            return self.env._(
                "%(rule)s goes by a reward that cannot be computed.", rule=self.name
            )
        if error.reason == "unclear":
            return self.env._(
                "The further condition of %(rule)s asks for something that is gone.",
                rule=self.name,
            )
        return self.env._(
            "The formula of %(rule)s: %(reason)s",
            rule=self.name,
            reason=self._get_formula_reason(error.reason, error.detail),
        )

    def _get_formula_reason(self, reason, detail):
        """Return a reason of ``formula.FormulaError`` in words."""
        reasons = {
            "empty": self.env._("write the formula."),
            "length": self.env._("it is longer than %(most)s letters.", most=detail),
            "depth": self.env._("it is nested too deeply."),
            "syntax": self.env._(
                "it cannot be read. Look for a missing bracket or sign."
            ),
            "element": self.env._("“%(part)s” is no arithmetic.", part=detail),
            "name": self.env._(
                "“%(part)s” is unknown. There are: %(names)s.",
                part=detail,
                names=", ".join(self._get_formula_names()),
            ),
            "call": self.env._(
                "“%(part)s” cannot be used. There are: %(names)s.",
                part=detail,
                names=", ".join(formula.FUNCTIONS),
            ),
            "number": self.env._(
                "“%(part)s” is no number that fits here.", part=detail
            ),
            "power": self.env._("“%(part)s”: powers go up to 4.", part=detail),
            "condition": self.env._(
                "“%(part)s” stands where the other one of a number and a comparison"
                " belongs.",
                part=detail,
            ),
            "zero": self.env._("it divides by zero."),
            "large": self.env._("it grows beyond what an amount may be."),
        }
        return reasons[reason]

    def _compute(self, facts, measured=None):
        """Return what the engine gives, and why some rules give nothing, as texts.

        One formula that fails stops neither the other rewards nor whoever gives them;
        what rests on it is left out with it.

        :param measured: these rules as the engine reads them, where they are at hand.
        :return: ``(engine lines, [text in the user's language])``
        """
        failed = []
        lines = commission.compute(facts, measured or self._to_engine(), failed)
        return lines, [
            self.browse(rule_id)._explain_formula_error(error)
            for rule_id, error in failed
        ]

    def _prepare_engine_vals(self):
        return {
            **super()._prepare_engine_vals(),
            "role": self.role or "",
            "contact": self.partner_id.id or 0,
            "sharing": self.sharing,
            "bracket_period": self.bracket_period,
            "expression": self.expression or "",
            "caps": tuple(
                (scope, Decimal(repr(self[name])))
                for scope, name in CAPS.items()
                if self[name]
            ),
        }
