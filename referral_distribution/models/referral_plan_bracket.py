from odoo import api, fields, models

from .finite import check_finite


class ReferralPlanBracket(models.Model):
    """A slice of the base and its rate; it reaches up to where the next one starts.

    So brackets cover the whole range by construction: no gap, no overlap.
    """

    _name = "referral.plan.bracket"
    _description = "Referral Plan Bracket"
    _order = "rule_id, amount_from"

    rule_id = fields.Many2one(
        "referral.plan.rule", required=True, index=True, ondelete="cascade"
    )
    company_currency_id = fields.Many2one(
        related="rule_id.plan_id.company_id.currency_id"
    )
    amount_from = fields.Monetary(
        string="From", currency_field="company_currency_id", required=True
    )
    rate = fields.Float(string="Rate (%)", digits=(16, 6), required=True)

    _rule_amount_unique = models.Constraint(
        "UNIQUE (rule_id, amount_from)", "Two brackets start at the same amount."
    )
    _values_range = models.Constraint(
        "CHECK (amount_from >= 0 AND amount_from < 1e15 AND rate BETWEEN 0 AND 100)",
        "A bracket starts at zero or more and its rate lies between 0 and 100 per"
        " cent.",
    )

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            check_finite(self, vals)
        brackets = super().create(vals_list)
        brackets.rule_id.plan_id._check_is_draft()
        return brackets

    def write(self, vals):
        check_finite(self, vals)
        self.rule_id.plan_id._check_is_draft()
        result = super().write(vals)
        self.rule_id.plan_id._check_is_draft()  # where it was moved to
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_except_in_force(self):
        self.rule_id.plan_id._check_is_draft()
