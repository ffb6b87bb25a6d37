from odoo import Command, api, fields, models
from odoo.exceptions import AccessError, UserError

from . import gate

MOVES = {
    "draft": {"submitted"},
    "submitted": {"draft", "approved"},
    "approved": {"paid"},
    "paid": set(),
}
GUARDED = {
    "state",
    "company_id",
    "partner_id",
    "currency_id",
    "submitted_by_id",
    "bill_id",
    "amount_total",
    "commission_ids",
}


class ReferralSettlement(models.Model):
    """What one beneficiary is paid at once, in one currency of money (rule C6).

    Draft -> submitted -> approved -> paid. Approval makes the vendor bill; the state
    follows the bill's payment. Who submits does not approve.
    """

    _name = "referral.settlement"
    _description = "Commission Settlement"
    _inherit = "mail.thread"
    _order = "id desc"
    _check_company_auto = True

    company_id = fields.Many2one("res.company", required=True)
    partner_id = fields.Many2one(
        "res.partner",
        string="Beneficiary",
        required=True,
        index=True,
        ondelete="restrict",
    )
    currency_id = fields.Many2one("res.currency", required=True, ondelete="restrict")
    commission_ids = fields.One2many("referral.commission", "settlement_id")
    amount_total = fields.Monetary(
        string="Total", compute="_compute_amount_total", store=True
    )
    state = fields.Selection(
        [
            ("draft", "Draft"),
            ("submitted", "Submitted"),
            ("approved", "Approved"),
            ("paid", "Paid"),
        ],
        required=True,
        default="draft",
        tracking=True,
    )
    submitted_by_id = fields.Many2one("res.users", readonly=True)
    bill_id = fields.Many2one(
        "account.move",
        readonly=True,
        ondelete="restrict",
        index="btree_not_null",
        check_company=True,
    )

    _amount_total_positive = models.Constraint(
        "CHECK (state = 'draft' OR (amount_total > 0 AND amount_total < 1e15))",
        "A settlement pays something: delete this draft. What was taken back waits for"
        " later rewards.",
    )

    @api.depends("commission_ids.amount")
    def _compute_amount_total(self):
        for settlement in self:
            settlement.amount_total = sum(settlement.commission_ids.mapped("amount"))

    @api.depends("partner_id", "amount_total", "currency_id")
    def _compute_display_name(self):
        for settlement in self:
            settlement.display_name = (
                f"{settlement.partner_id.name} #{settlement.id or ''}"
            )

    def write(self, vals):
        if GUARDED & vals.keys() and not gate.is_open(self.env):
            raise AccessError(self.env._("A settlement moves by its buttons only."))
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_draft(self):
        if any(settlement.state != "draft" for settlement in self):
            raise UserError(self.env._("Only a draft settlement can be deleted."))
        gate.opened(self.commission_ids.sudo()).write({"settlement_id": False})

    @api.model
    def _collect(self, commissions):
        """Group approved money commissions that no settlement holds yet.

        What was taken back from a beneficiary is netted. Where that leaves nothing to
        pay, all of it waits for later rewards (rule C7).

        Of two people pressing at once, both would write the same rows: PostgreSQL lets
        one through and Odoo tries the other again, which finds them taken.

        :return: the new draft settlements, one per company, beneficiary and currency.
        """
        settlements = self.browse()
        free = commissions.sudo().filtered(
            lambda line: (
                line.state == "approved"
                and not line.settlement_id
                and not line.reverses_id
            )
        )
        keys = ["company_id", "partner_id", "currency_id"]
        for key, lines in (
            free._with_debts()
            .grouped(lambda line: tuple(line[k] for k in keys))
            .items()
        ):
            if key[-1].compare_amounts(sum(lines.mapped("amount")), 0) <= 0:
                continue
            vals = {name: record.id for name, record in zip(keys, key, strict=True)}
            settlement = self.sudo().create(vals)  # without default_ keys
            gate.opened(lines).write({"settlement_id": settlement.id})
            settlements += settlement
        return settlements.with_env(self.env)

    def action_submit(self):
        """Hand the settlement over for approval (draft -> submitted)."""
        self.env.user._referral_require("group_finance")
        self._set_state("submitted", submitted_by_id=self.env.uid)
        return True

    def action_approve(self):
        """Approve and make the vendor bill; not by who submitted it (rule C6)."""
        self.env.user._referral_require("group_finance")
        if self.env.user in self.filtered(lambda s: s.state == "submitted").mapped(
            "submitted_by_id"
        ):
            raise UserError(
                self.env._(
                    "Who submitted a settlement cannot approve it: ask a colleague."
                )
            )
        for settlement in self._set_state("approved"):
            settlement._make_bill()
        return True

    def action_reset(self):
        """Take a submitted settlement back to draft."""
        self.env.user._referral_require("group_finance")
        self._set_state("draft")
        return True

    def _make_bill(self):
        self.ensure_one()
        bill = self.env["account.move"].sudo().create(self._prepare_bill_vals())
        gate.opened(self.sudo()).bill_id = bill

    def _set_state(self, state, **values):
        """Move those that may go to ``state``; those already there are left alone."""
        todo = self.filtered(lambda settlement: settlement.state != state)
        wrong = todo.filtered(lambda settlement: state not in MOVES[settlement.state])
        if wrong:
            raise UserError(
                self.env._(
                    "%(settlement)s is not at that step.",
                    settlement=wrong[0].display_name,
                )
            )
        gate.opened(todo.sudo()).write({"state": state, **values})
        return todo

    def _prepare_bill_vals(self):
        """Return the values of the vendor bill: one line per commission."""
        self.ensure_one()
        return {
            "move_type": "in_invoice",
            "company_id": self.company_id.id,
            "partner_id": self.partner_id.id,
            "currency_id": self.currency_id.id,
            "invoice_date": fields.Date.context_today(self),
            "ref": self.display_name,
            "invoice_line_ids": [
                Command.create(
                    {
                        "name": line.explanation_text,
                        "quantity": 1,
                        "price_unit": line.amount,
                        "tax_ids": [Command.clear()],
                    }
                )
                for line in self.commission_ids
            ],
        }

    def _mark_paid(self):
        """The bill was paid: so are its commissions."""
        self._set_state("paid")
        lines = self.commission_ids.sudo()
        lines.filtered(lambda line: line.state != "reversed")._set_state("settled")
