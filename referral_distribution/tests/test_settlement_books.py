from freezegun import freeze_time

from odoo import api
from odoo.exceptions import UserError
from odoo.fields import Command, Date
from odoo.tests import tagged

from .test_settlement_payout import PayoutCase


@tagged("post_install", "-at_install")
class TestSettlementBooks(PayoutCase):
    """What the books refuse is refused clearly, and nothing is half done (F7)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for partner in (cls.member, cls.inviter):
            cls.make_bank(partner, f"62{partner.id}")

    def assertRefused(self, message, action, *arguments, **values):
        """The action is refused, and all is as it was before."""
        before = self.look()
        with self.assertRaisesRegex(UserError, message), self.cr.savepoint():
            action(*arguments, **values)
            self.env.flush_all()
        self.env.invalidate_all()
        self.assertEqual(self.look(), before)

    def look(self):
        moves, payments = self.env["account.move"], self.env["account.payment"]
        return (
            self.both.mapped("state"),
            self.both.bill_id.mapped("state"),
            self.both.commission_ids.mapped("state"),
            moves.search_count([]),
            payments.search_count([]),
        )

    def submit(self, settlements=None):
        settlements = self.both if settlements is None else settlements
        settlements.with_user(self.finance).action_submit()
        return settlements.with_user(self.finance_2)

    def test_a_payment_into_a_closed_period_is_refused(self):
        self.approve()
        for name in ("fiscalyear_lock_date", "hard_lock_date"):
            self.company.sudo().write({name: "2026-01-31"})
            with self.subTest(name=name):
                self.assertRefused(
                    "period that is closed.*Choose a later day",
                    self.payout,
                    self.both,
                    payment_date="2026-01-31",
                )

    def test_a_payment_after_the_closed_period_books_the_bill_after_it_too(self):
        with freeze_time("2026-01-20"):
            self.approve(self.mine)
        self.company.sudo().fiscalyear_lock_date = "2026-01-31"
        with freeze_time("2026-02-03"):
            self.payout(self.mine, payment_date="2026-02-03")
        self.assertEqual(self.mine.state, "paid")
        self.assertGreater(self.mine.bill_id.date, Date.to_date("2026-01-31"))
        self.assertEqual(str(self.mine.bill_id.invoice_date), "2026-01-20")

    def test_an_archived_journal_pays_nothing(self):
        self.approve()
        self.journal.active = False
        self.assertRefused("is archived", self.payout, self.both)

    def test_without_a_journal_of_bills_nothing_is_approved(self):
        approver = self.submit()
        journals = self.env["account.journal"].search([("type", "=", "purchase")])
        journals.active = False
        self.assertRefused("No journal could be found", approver.action_approve)

    def test_a_journal_of_bills_archived_after_the_approval_stops_the_payment(self):
        """Odoo's form archives none with drafts; imports and other addons might."""
        bills = self.approve().bill_id
        self.env.cr.execute(
            "UPDATE account_journal SET active = false WHERE id = %s",
            (bills.journal_id.id,),
        )
        self.env.invalidate_all()
        self.assertRefused("archived journal", self.payout, self.both)

    def test_an_account_archived_after_the_approval_stops_the_payment(self):
        bills = self.approve().bill_id
        bills.invoice_line_ids.account_id.active = False
        self.assertRefused("is archived", self.payout, self.both)

    def test_a_payable_account_that_is_archived_stops_the_approval(self):
        approver = self.submit()
        account = self.env["account.account"].create(
            {
                "name": "Old payable",
                "code": "RDPAY",
                "account_type": "liability_payable",
                "reconcile": True,
            }
        )
        self.inviter.property_account_payable_id = account
        account.active = False
        self.assertRefused("no account that can be used", approver.action_approve)

    def test_a_hashed_bill_stays_posted_and_its_settlement_paid(self):
        bill = self.approve(self.mine).bill_id
        bill.journal_id.restrict_mode_hash_table = True
        self.payout(self.mine)
        self.assertEqual((bill.state, self.mine.state), ("posted", "paid"))
        self.assertTrue(bill.inalterable_hash)
        for name in ("button_draft", "button_cancel"):
            with self.subTest(button=name):
                self.assertRefused("", getattr(bill.with_user(self.cashier), name))

    def test_a_settlement_of_a_currency_without_a_rate_is_not_approved(self):
        currency = self.env["res.currency"].create({"name": "RDX", "symbol": "X"})
        rates = self.env["res.currency.rate"]
        rates.search([("currency_id", "=", self.currency.id)]).unlink()
        rates.create({"currency_id": currency.id, "rate": 2, "name": "2020-01-01"})
        rule = {"name": "X", "trigger": "lead_valid", "rate_type": "fixed"}
        self.make_plan([{**rule, "amount": 9, "currency_id": currency.id}])._activate()
        lead = self.make_lead()
        lead.with_user(self.sales).action_referral_validate()
        line = lead.referral_commission_ids.with_user(self.finance)
        line.action_collect()
        currency.rate_ids.unlink()
        self.env.registry.clear_cache()
        approver = self.submit(line.settlement_id)
        self.assertRefused("RDX has no rate", approver.action_approve)
        self.assertEqual(line.settlement_id.state, "submitted")
        rates.create({"currency_id": currency.id, "rate": 2, "name": "2020-01-01"})
        approver.action_approve()
        currency.rate_ids.unlink()
        self.env.registry.clear_cache()
        self.assertRefused("RDX has no rate", self.payout, line.settlement_id)

    def test_a_vendors_terms_do_not_cut_what_was_approved(self):
        """Neither in two parts nor with a discount for paying early."""
        self.member.property_supplier_payment_term_id = self.env[
            "account.payment.term"
        ].create(
            {
                "name": "2 % in 10 days",
                "early_discount": True,
                "discount_percentage": 2,
                "discount_days": 10,
            }
        )
        half = {"value": "percent", "value_amount": 50}
        self.inviter.property_supplier_payment_term_id = self.env[
            "account.payment.term"
        ].create(
            {
                "name": "Halves",
                "line_ids": [
                    Command.create({**half, "nb_days": days}) for days in (0, 60)
                ],
            }
        )
        payments = self.payout(self.approve())
        self.assertEqual(sorted(payments.mapped("amount")), [60, 600])
        self.assertEqual(self.both.mapped("state"), ["paid", "paid"])

    def test_taxes_and_discounts_put_on_after_the_approval_are_refused(self):
        """Threat F3: a bookkeeper's tax would pay more than was approved."""
        tax = self.env["account.tax"].create(
            {"name": "RD 50", "amount": 50, "type_tax_use": "purchase"}
        )
        bill = self.approve(self.mine).bill_id
        line = bill.invoice_line_ids
        for values, back in (
            ({"tax_ids": [Command.set(tax.ids)]}, {"tax_ids": [Command.clear()]}),
            ({"discount": 50}, {"discount": 0}),
        ):
            bill.write({"invoice_line_ids": [Command.update(line.id, values)]})
            with self.subTest(values=values):
                self.assertRefused("not what was approved", self.payout, self.mine)
            bill.write({"invoice_line_ids": [Command.update(line.id, back)]})
        self.payout(self.mine)
        self.assertEqual(self.mine.state, "paid")

    def test_a_payment_to_another_account_than_the_bills_is_refused(self):
        """Threat F4: of the same person, chosen in Odoo's own wizard."""
        other = self.make_bank(self.member, "9999 0000", sequence=99)
        bill = self.approve(self.mine).bill_id
        bill.action_post()
        wizard = self.env["account.payment.register"].with_user(self.cashier)
        wizard = wizard.with_context(active_model="account.move", active_ids=bill.ids)
        wizard = wizard.create(
            {"journal_id": self.journal.id, "partner_bank_id": other.id}
        )
        self.assertRefused("approved again", wizard._create_payments)

    def test_an_archived_beneficiary_is_paid_what_is_owed(self):
        self.portal.active = False
        self.member.active = False
        self.assertEqual(self.payout(self.approve(self.mine)).amount, 600)
        self.assertEqual(self.mine.state, "paid")

    def test_nobody_collects_for_a_company_of_others(self):
        """Threat P3."""
        other = self.env["res.company"].create({"name": "Other"})
        self.mine.unlink()
        line = self.lines[0]
        stranger = self.make_user(
            "rd_other",
            "finance",
            company_id=other.id,
            company_ids=[Command.set(other.ids)],
        )
        env = api.Environment(self.cr, stranger.id, {})
        with self.assertRaises(UserError):
            env["referral.commission"].browse(line.id).action_collect()
        self.assertFalse(line.settlement_id)
