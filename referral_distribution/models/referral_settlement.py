from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain
from odoo.tools import format_date

from . import gate

MOVES = {
    "draft": {"submitted"},
    "submitted": {"draft", "approved"},
    "approved": {"draft", "paid"},  # to draft: its bill was cancelled
    "paid": {"approved"},  # its payment was undone
}
GUARDED = {
    "state",
    "company_id",
    "partner_id",
    "currency_id",
    "date_from",
    "date_to",
    "submitted_by_id",
    "approved_by_id",
    "approved_bank",
    "bill_id",
    "amount_total",
    "approved_total",
    "commission_ids",
    "merged",
}


class ReferralSettlement(models.Model):
    """What one beneficiary is paid at once, in one currency of money (rule C6).

    Draft -> submitted -> approved -> paid. Approval makes the vendor bill; the state
    follows the bill's payment, back as well. Who submits, who approves and who pays
    are three people, and none of them is the beneficiary (threat F3).
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
    date_from = fields.Date(string="Period from", readonly=True)
    date_to = fields.Date(
        string="Period to",
        readonly=True,
        help="Empty for what was settled by hand, or as soon as it was due.",
    )
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
        index=True,
        tracking=True,
    )
    submitted_by_id = fields.Many2one("res.users", readonly=True)
    approved_by_id = fields.Many2one("res.users", readonly=True)
    bill_id = fields.Many2one(
        "account.move",
        readonly=True,
        ondelete="restrict",
        index="btree_not_null",
        check_company=True,
    )

    merged = fields.Boolean(
        readonly=True,
        copy=False,
        help="Came with a contact that was merged into this beneficiary, who has a"
        " settlement for the same period.",
    )

    _amount_total_positive = models.Constraint(
        "CHECK (state = 'draft' OR (amount_total > 0 AND amount_total < 1e15))",
        "A settlement pays something: delete this draft. What was taken back waits for"
        " later rewards.",
    )
    _period_order = models.Constraint(
        "CHECK ((date_from IS NULL) = (date_to IS NULL)"
        " AND (date_from IS NULL OR date_from <= date_to))",
        "A period has a first day and a last one, in this order.",
    )
    _once_a_period = models.UniqueIndex(
        "(company_id, partner_id, currency_id, date_from, date_to)"
        " WHERE merged IS NOT TRUE",
        "This beneficiary has a settlement for this period already.",
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
        self._set_lines_free()

    def _set_lines_free(self):
        """Let other settlements take the lines; what cancels out is done with.

        :raises UserError: when another settlement nets what was taken back of a reward
            in this one: without the reward, it would be taken back unpaid (rule C7).
        """
        lines = self.commission_ids.sudo()
        whole = lines.filtered(lambda line: line.state == "reversed")
        for line in whole.reversal_ids:
            if line.settlement_id - self:
                raise UserError(
                    self.env._(
                        "%(reward)s was taken back, and %(settlement)s nets that"
                        " already. So this has to be approved and paid as well.",
                        reward=line.reverses_id.display_name,
                        settlement=line.settlement_id.display_name,
                    )
                )
        gate.opened(lines).write({"settlement_id": False})
        whole.reversal_ids._set_state("settled")

    def _prepare_merge(self, sources, stays):
        """Leave one settlement a period to contacts that are merged (threat M1).

        It takes latecomers in. The others go on as they are, each with its own bill.

        :param sources: res.partner recordset that goes.
        :param stays: res.partner that gets what was theirs.
        """
        found = self.sudo().search(
            [("partner_id", "in", (sources | stays).ids), ("date_to", "!=", False)]
        )
        for same in found.grouped(
            lambda known: (known.company_id, known.currency_id, known.date_to)
        ).values():
            first = same.sorted(
                lambda known: (known.merged, known.state != "draft", known.id)
            )[0]
            gate.opened(same - first).merged = True

    @api.model
    def _get_own_domain(self, partner):
        """Return what a beneficiary may see: the own ones, once they are approved."""
        return Domain("partner_id", "=", partner.id) & Domain(
            "state", "in", ("approved", "paid")
        )

    def _get_period_text(self):
        """Return "1/1/2026 – 1/31/2026" in the user's language; "" without period."""
        self.ensure_one()
        if not self.date_from:
            return ""
        days = (self.date_from, self.date_to)
        return " – ".join(format_date(self.env, day) for day in days)

    def _get_report_base_filename(self):
        self.ensure_one()
        return self.env._("Statement %(number)s", number=self.id)

    def action_submit(self):
        """Hand the settlement over for approval (draft -> submitted).

        :raises UserError: when it is the user's own, or not a draft.
        """
        self.env.user._referral_require("group_finance")
        self._check_not_own()
        self._set_state("submitted", submitted_by_id=self.env.uid)
        return True

    def action_approve(self):
        """Approve and make the vendor bills; not by who submitted (rule C6).

        Of an approved one whose bank account has changed since, the account is approved
        anew (threat F4).

        :raises UserError: when it is the user's own, or was submitted by the user; when
            a bill cannot be made. Nothing is changed then.
        """
        self.env.user._referral_require("group_finance")
        again = self.filtered("bank_changed")
        todo = self.filtered(lambda settlement: settlement.state != "approved")
        (todo + again)._check_not_own()
        (todo + again)._check_second_person()
        todo._set_state("approved", approved_by_id=self.env.uid)._make_bills()
        again._approve_bank()
        return True

    def action_reset(self):
        """Take a submitted settlement back to draft."""
        self.env.user._referral_require("group_finance")
        submitted = self.filtered(lambda settlement: settlement.state != "draft")
        if any(settlement.state != "submitted" for settlement in submitted):
            self._raise_wrong_step(submitted)
        submitted._set_state("draft")
        return True

    def action_refuse(self, reason):
        """Refuse submitted settlements: back to draft, the reason in their chatter.

        :param str reason: required.
        :raises UserError: without a reason, or when one is not submitted.
        """
        self.env.user._referral_require("group_finance")
        if not isinstance(reason, str) or not reason.strip():
            raise UserError(self.env._("Give a reason, so that it can be corrected."))
        if wrong := self.filtered(lambda settlement: settlement.state != "submitted"):
            self._raise_wrong_step(wrong)
        self._set_state("draft")
        for settlement in self.sudo():
            settlement.message_post(
                body=self.env._("Refused: %(reason)s", reason=reason.strip()),
                author_id=self.env.user.partner_id.id,
                partner_ids=settlement.submitted_by_id.partner_id.ids,
            )
        return True

    def _check_not_own(self):
        """Nobody moves what is paid to oneself or one's company (threat F3)."""
        user = self.env.user.partner_id
        family = user.commercial_partner_id - self.company_id.sudo().partner_id
        own = self.sudo().filtered(
            lambda settlement: (
                settlement.partner_id == user
                or settlement.partner_id.commercial_partner_id == family
            )
        )
        if own:
            raise UserError(
                self.env._(
                    "%(settlement)s is paid to you: ask a colleague.",
                    settlement=own[0].display_name,
                )
            )

    def _check_second_person(self):
        if self.env.user in self.submitted_by_id:
            raise UserError(
                self.env._(
                    "Who submitted a settlement cannot approve it: ask a colleague."
                )
            )

    def _set_state(self, state, **values):
        """Move those that may go to ``state``; those already there are left alone."""
        todo = self.filtered(lambda settlement: settlement.state != state)
        wrong = todo.filtered(lambda settlement: state not in MOVES[settlement.state])
        if wrong:
            self._raise_wrong_step(wrong)
        gate.opened(todo.sudo()).write({"state": state, **values})
        return todo

    def _raise_wrong_step(self, wrong):
        raise UserError(
            self.env._(
                "%(settlement)s is not at that step.",
                settlement=wrong[0].display_name,
            )
        )
