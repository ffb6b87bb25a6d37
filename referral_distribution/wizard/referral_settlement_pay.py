from odoo import api, fields, models
from odoo.exceptions import UserError

MOST = 200  # settlements a request pays; more would not be answered in time


class ReferralSettlementPay(models.TransientModel):
    """Asks from which journal and on which day approved settlements are paid.

    Posts their bills and pays them as Odoo's own wizard does: one payment a bill, all
    of them or none (rule C6).
    """

    _name = "referral.settlement.pay"
    _description = "Pay Settlements"
    _check_company_auto = True

    settlement_ids = fields.Many2many("referral.settlement", required=True)
    company_id = fields.Many2one(
        "res.company",
        required=True,
        compute="_compute_company_id",
        store=True,
        precompute=True,
    )
    journal_id = fields.Many2one(
        "account.journal",
        string="Paid from",
        required=True,
        compute="_compute_journal_id",
        store=True,
        readonly=False,
        precompute=True,
        check_company=True,
        domain="[('type', 'in', ('bank', 'cash'))]",
    )
    payment_method_line_id = fields.Many2one(
        "account.payment.method.line",
        string="Payment method",
        required=True,
        compute="_compute_payment_method_line_id",
        store=True,
        readonly=False,
        precompute=True,
        domain="[('journal_id', '=', journal_id), ('payment_type', '=', 'outbound')]",
    )
    payment_date = fields.Date(required=True, default=fields.Date.context_today)
    count = fields.Integer(string="Settlements", compute="_compute_totals")
    total_text = fields.Char(string="Total", compute="_compute_totals")

    @api.depends("settlement_ids")
    def _compute_company_id(self):
        for wizard in self:
            wizard.company_id = wizard.settlement_ids[:1].company_id

    @api.depends("company_id")
    def _compute_journal_id(self):
        for wizard in self:
            wizard.journal_id = self.env["account.journal"].search(
                [
                    *self.env["account.journal"]._check_company_domain(
                        wizard.company_id
                    ),
                    ("type", "in", ("bank", "cash")),
                ],
                order="type, sequence, id",
                limit=1,
            )

    @api.depends("journal_id")
    def _compute_payment_method_line_id(self):
        for wizard in self:
            lines = wizard.journal_id._get_available_payment_method_lines("outbound")
            wizard.payment_method_line_id = lines[:1]

    @api.depends("settlement_ids")
    def _compute_totals(self):
        for wizard in self:
            wizard.count = len(wizard.settlement_ids)
            groups = wizard.settlement_ids.grouped("currency_id")
            wizard.total_text = ", ".join(
                currency.format(sum(settlements.mapped("approved_total")))
                for currency, settlements in groups.items()
            )

    def action_pay(self):
        """Post the bills and pay them; all of them or none.

        :return: window action on the payments.
        :raises AccessError: without the finance role.
        :raises UserError: when the user submitted or approved one, when a bank account
            is missing or has changed, when settlements of several companies or too
            many were selected, or when Odoo refuses a bill or payment.
        """
        self.ensure_one()
        self.env.user._referral_require("group_finance")
        settlements = self.settlement_ids
        if len(settlements.company_id) > 1:
            raise UserError(self.env._("Pay the settlements of one company at a time."))
        if len(settlements) > MOST:
            raise UserError(
                self.env._("Pay up to %(count)s settlements at a time.", count=MOST)
            )
        payments = settlements._pay(
            self.journal_id, self.payment_method_line_id, self.payment_date
        )
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Payments"),
            "res_model": "account.payment",
            "view_mode": "list,form",
            "domain": [("id", "in", payments.ids)],
            "context": {"create": False},
        }
