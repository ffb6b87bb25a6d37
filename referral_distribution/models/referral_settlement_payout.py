import hashlib

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL, format_date

from . import gate


class ReferralSettlement(models.Model):
    """Who may pay, and to which bank account (threats F1, F3, F4, F7)."""

    _inherit = "referral.settlement"

    approved_bank = fields.Char(
        readonly=True,
        copy=False,
        groups="base.group_system",
        help="Fingerprint of the bank account that was approved.",
    )
    bank_id = fields.Many2one(
        related="bill_id.partner_bank_id", string="Paid to account"
    )
    bank_changed = fields.Boolean(
        compute="_compute_bank_changed",
        help="The beneficiary's bank account is not the one that was approved.",
    )

    @api.depends("state", "approved_bank")
    @api.depends_context("uid")
    def _compute_bank_changed(self):
        for settlement, known in zip(self, self.sudo(), strict=True):
            settlement.bank_changed = (
                known.state == "approved"
                and known.approved_bank != known._get_bank_print()
            )

    def _get_bank(self):
        """Return the account Odoo would pay the bill to."""
        self.ensure_one()
        banks = self.partner_id.commercial_partner_id.bank_ids.filtered(
            lambda bank: bank.company_id.id in (False, self.company_id.id)
        )
        return self.bill_id.partner_bank_id & banks or banks[:1]

    def _get_bank_print(self):
        """Return a fingerprint of the account; numbers are kept in one place only."""
        bank = self._get_bank()
        text = f"{bank.id}:{bank.sanitized_acc_number}:{bank.allow_out_payment}"
        return hashlib.sha256(text.encode()).hexdigest()

    def _approve_bank(self):
        """Note the accounts as they are now; not by who changed one (threat F4)."""
        for settlement in self.sudo():
            bank = settlement._get_bank()
            if settlement.approved_bank and self.env.user in (
                bank.create_uid | bank.write_uid
            ):
                raise UserError(
                    self.env._(
                        "You have changed the bank account of %(who)s yourself: ask a"
                        " colleague to approve it.",
                        who=settlement.partner_id.display_name,
                    )
                )
            settlement._note_bank()
            gate.opened(settlement).approved_by_id = self.env.user

    def _note_bank(self):
        """Write down the account the bill is to be paid to."""
        self.ensure_one()
        bank = self._get_bank()
        if self.bill_id.partner_bank_id != bank:
            self.bill_id.partner_bank_id = bank
        gate.opened(self).approved_bank = self._get_bank_print()

    # ------------------------------------------------------------------ paying

    def action_open_pay(self):
        """Return the wizard that pays the approved ones of these.

        :raises AccessError: without the finance role.
        """
        self.env.user._referral_require("group_finance")
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Pay"),
            "res_model": "referral.settlement.pay",
            "view_mode": "form",
            "target": "new",
            "context": {"default_settlement_ids": self.ids},
        }

    def _check_payable(self):
        """Whoever pays has neither submitted nor approved (threats F3, F4)."""
        self._check_not_own()
        for settlement in self:
            if settlement.state != "approved":
                self._raise_wrong_step(settlement)
            if self.env.user in settlement.submitted_by_id | settlement.approved_by_id:
                raise UserError(
                    self.env._(
                        "Who submitted or approved a settlement cannot pay it: ask a"
                        " colleague."
                    )
                )
            settlement._check_bank_approved()

    def _check_bank_approved(self, paid_to=None):
        other = paid_to and paid_to != self._get_bank()
        if self.bank_changed or other:
            raise UserError(
                self.env._(
                    "The bank account of %(who)s was changed after the approval of"
                    " %(settlement)s. Have it approved again.",
                    who=self.partner_id.display_name,
                    settlement=self.display_name,
                )
            )

    def _check_payments(self):
        """Refuse a payment by the wrong person, or to another account.

        The last guard, wherever in Odoo the payment was made.
        """
        for settlement in self.sudo():
            payments = settlement._get_payments()
            two = settlement.submitted_by_id | settlement.approved_by_id
            if payments.create_uid & two:
                raise UserError(
                    self.env._(
                        "%(settlement)s was paid by who submitted or approved it."
                        " Somebody else has to pay.",
                        settlement=settlement.display_name,
                    )
                )
            for bank in payments.partner_bank_id:
                settlement._check_bank_approved(bank)

    def _get_payments(self):
        """Return the payments of the bill, as superuser."""
        bill = self.sudo().bill_id
        payments = bill.matched_payment_ids | bill.reconciled_payment_ids
        return payments.filtered(
            lambda payment: payment.state in ("in_process", "paid")
        )

    def _query_claim(self):
        """Claim these for this transaction; of two payers the second starts again."""
        self.flush_model()
        query = (
            "UPDATE referral_settlement SET write_date = write_date WHERE id = ANY(%s)"
        )
        self.env.cr.execute(SQL(query, self.ids))
        self.invalidate_recordset(["state"], flush=False)

    def _pay(self, journal, method_line, date):
        """Post the bills and pay them, as Odoo's own wizard does; all or nothing.

        :param journal: account.journal of kind bank or cash.
        :param method_line: account.payment.method.line of the journal.
        :param date: day of the payment.
        :return: the account.payment records.
        """
        self._query_claim()
        self._check_payable()
        self._check_journal(journal, date)
        self._check_accounts_to_pay(journal)
        bills = self.sudo().bill_id.sudo(False)
        bills.filtered(lambda bill: bill.state == "draft").action_post()
        payments = self.env["account.payment"]
        for bill in bills:
            # One by one: Odoo withholds taxes of a single bill only.
            wizard = self.env["account.payment.register"].with_context(
                active_model="account.move", active_ids=bill.ids
            )
            vals = self._prepare_payment_vals(bill, journal, method_line, date)
            payments += self._create_payment(wizard.create(vals))
        return payments

    def _create_payment(self, wizard):
        """Return the account.payment of one bill. A hook.

        :param wizard: account.payment.register, filled in.
        """
        return wizard._create_payments()

    def _prepare_payment_vals(self, bill, journal, method_line, date):
        """Return what Odoo's payment wizard is told about ``bill``. A hook."""
        return {
            "journal_id": journal.id,
            "payment_method_line_id": method_line.id,
            "payment_date": date,
        }

    def _check_journal(self, journal, date):
        """Refuse what would be booked in a way nobody has asked for (threat F7).

        Odoo moves an entry out of a closed period without a word, pays from archived
        journals, and takes one for one where a currency has no rate.
        """
        currencies = self.currency_id | journal.currency_id
        currencies._referral_check_rate(journal.company_id)
        if not journal.active:
            raise UserError(
                self.env._(
                    "%(journal)s is archived: pay from another journal.",
                    journal=journal.display_name,
                )
            )
        company = journal.company_id.sudo()
        if locks := company._get_violated_lock_dates(date, False, journal):
            raise UserError(
                self.env._(
                    "%(day)s is in a period that is closed: %(locks)s. Choose a later"
                    " day.",
                    day=format_date(self.env, date),
                    locks=company._format_lock_dates(locks),
                )
            )

    def _check_accounts_to_pay(self, journal):
        """A bank pays to accounts that somebody has checked (threat F7)."""
        if journal.type != "bank":
            return
        without = self.sudo().filtered(lambda s: not s._get_bank().allow_out_payment)
        if without:
            raise UserError(
                self.env._(
                    "No trusted bank account: %(names)s. Add one to the contact and let"
                    " it send money, or pay in cash.",
                    names=", ".join(without.partner_id.mapped("display_name")),
                )
            )
