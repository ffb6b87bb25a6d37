from odoo.exceptions import AccessError, UserError
from odoo.fields import Command, Date
from odoo.tests import HttpCase, tagged
from odoo.tools import mute_logger

from .common import ReferralCase

STATEMENT = "referral_distribution.settlement_statement"


@tagged("post_install", "-at_install")
class PayoutCase(ReferralCase):
    """Two beneficiaries of one contract: the member's 600 and the inviter's 60."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        order = cls.make_paid_contract()
        order.with_user(cls.finance).action_referral_confirm()
        lines = order.referral_commission_ids.sorted("level")
        cls.lines = lines.with_env(cls.env)
        cls.lines.with_user(cls.finance).action_collect()
        cls.mine, cls.theirs = [line.settlement_id for line in cls.lines]
        cls.both = cls.mine | cls.theirs
        cls.journal = cls.env["account.journal"].search(
            [("type", "=", "bank"), ("company_id", "=", cls.company.id)], limit=1
        )

    @classmethod
    def make_bank(cls, partner, number="6222 0000 1111", **values):
        values = {"allow_out_payment": True, **values}
        return cls.env["res.partner.bank"].create(
            {"partner_id": partner.id, "acc_number": number, **values}
        )

    def approve(self, settlements=None):
        settlements = self.both if settlements is None else settlements
        settlements.with_user(self.finance).action_submit()
        settlements.with_user(self.finance_2).action_approve()
        return settlements

    def payout(self, settlements, user=None, **values):
        """Pay by the wizard, from the bank, as the cashier."""
        action = settlements.with_user(user or self.cashier).action_open_pay()
        wizard = (
            self.env["referral.settlement.pay"]
            .with_user(user or self.cashier)
            .with_context(**action["context"])
            .create({"journal_id": self.journal.id, **values})
        )
        return self.env["account.payment"].search(wizard.action_pay()["domain"])


class TestPayout(PayoutCase):
    """Three people, one payment a bill, to the account that was approved (rule C6)."""

    def test_one_wizard_pays_them_all_with_a_payment_each(self):
        for partner in (self.member, self.inviter):
            self.make_bank(partner, f"62{partner.id}")
        payments = self.payout(self.approve())
        self.assertEqual(sorted(payments.mapped("amount")), [60, 600])
        self.assertEqual(self.both.mapped("state"), ["paid", "paid"])
        self.assertEqual(self.both.bill_id.mapped("state"), ["posted", "posted"])
        self.assertEqual(set(self.lines.mapped("state")), {"settled"})

    def test_paying_twice_pays_once(self):
        """Threat F1."""
        self.make_bank(self.member)
        self.payout(self.approve(self.mine))
        with self.assertRaises(UserError):
            self.payout(self.mine)
        payments = self.env["account.payment"].search(
            [("partner_id", "=", self.member.id)]
        )
        self.assertEqual(len(payments), 1)

    def test_who_submitted_or_approved_does_not_pay(self):
        """Threat F3."""
        self.make_bank(self.member)
        self.approve(self.mine)
        for user in (self.finance, self.finance_2):
            with (
                self.subTest(user=user.login),
                self.assertRaisesRegex(UserError, "ask a colleague"),
            ):
                self.payout(self.mine, user)
        self.assertEqual(self.mine.state, "approved")

    def test_nor_do_they_with_odoos_own_wizard(self):
        self.make_bank(self.member)
        bill = self.approve(self.mine).bill_id
        bill.action_post()
        wizard = self.env["account.payment.register"].with_user(self.finance_2)
        wizard = wizard.with_context(active_model="account.move", active_ids=bill.ids)
        with self.assertRaisesRegex(UserError, "Somebody else has to pay"):
            wizard.create({})._create_payments()
            self.env.flush_all()

    def test_nobody_moves_what_is_paid_to_oneself(self):
        """Threat F3."""
        self.finance.partner_id.member_state = "active"
        settlement = self.mine
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE referral_settlement SET partner_id = %s WHERE id = %s",
            (self.finance.partner_id.id, settlement.id),
        )
        self.env.invalidate_all()
        with self.assertRaisesRegex(UserError, "paid to you"):
            settlement.with_user(self.finance).action_submit()
        settlement.with_user(self.cashier).action_submit()
        with self.assertRaisesRegex(UserError, "paid to you"):
            settlement.with_user(self.finance).action_approve()
        settlement.with_user(self.finance_2).action_approve()
        with self.assertRaisesRegex(UserError, "paid to you"):
            self.payout(settlement, self.finance)

    def test_a_bank_account_changed_after_approval_is_approved_again(self):
        """Threat F4: and not by who changed it."""
        bank = self.make_bank(self.member)
        self.approve(self.mine)
        bank.with_user(self.finance_2).sudo().acc_number = "9999 0000"
        self.assertTrue(self.mine.bank_changed)
        with self.assertRaisesRegex(UserError, "approved again"):
            self.payout(self.mine)
        with self.assertRaisesRegex(UserError, "yourself"):
            self.mine.with_user(self.finance_2).action_approve()
        with self.assertRaisesRegex(UserError, "cannot approve"):
            self.mine.with_user(self.finance).action_approve()
        self.mine.with_user(self.cashier).action_approve()
        self.assertFalse(self.mine.bank_changed)
        fourth = self.make_user("rd_fourth", "finance")
        self.payout(self.mine, fourth)
        self.assertEqual(self.mine.state, "paid")

    def test_a_new_account_put_in_front_needs_approval_too(self):
        """Threat F4."""
        self.make_bank(self.member)
        self.approve(self.mine)
        other = self.make_bank(self.member, "9999", sequence=1)
        self.mine.bill_id.partner_bank_id = other
        with self.assertRaisesRegex(UserError, "approved again"):
            self.payout(self.mine)

    def test_a_wrong_account_is_refused_in_odoos_own_wizard_too(self):
        """Threat F4."""
        bank = self.make_bank(self.member)
        bill = self.approve(self.mine).bill_id
        bill.action_post()
        bank.sudo().acc_number = "9999 0000"
        with self.assertRaisesRegex(UserError, "approved again"):
            self.pay(bill)

    def test_without_a_trusted_account_nothing_is_paid_from_the_bank(self):
        """Threat F7: one of two; all or nothing."""
        self.make_bank(self.member)
        self.approve()
        for _time, values in enumerate(({}, {"allow_out_payment": False})):
            if values:
                self.make_bank(self.inviter, "777", **values)
                self.theirs.with_user(self.finance_2).action_approve()
            with (
                self.subTest(values=values),
                self.assertRaisesRegex(UserError, "No trusted bank account: Inviter"),
            ):
                self.payout(self.both)
            self.assertEqual(self.both.mapped("state"), ["approved", "approved"])
            self.assertEqual(set(self.both.bill_id.mapped("state")), {"draft"})

    def test_an_archived_account_stops_the_approval(self):
        """Threat F7: a clear message, no bill, nothing approved."""
        account = self.env["account.account"].create(
            {"name": "Old", "code": "RDOLD", "account_type": "expense"}
        )
        self.company.referral_bill_account_id = account
        account.active = False
        self.both.with_user(self.finance).action_submit()
        before = self.env["account.move"].search_count([])
        with self.assertRaisesRegex(UserError, "no account"), self.cr.savepoint():
            self.both.with_user(self.finance_2).action_approve()
        self.env.invalidate_all()
        self.assertEqual(set(self.both.mapped("state")), {"submitted"})
        self.assertEqual(self.env["account.move"].search_count([]), before)

    def test_a_payment_in_a_locked_period_cannot_be_undone(self):
        """Threat F7: Odoo refuses, and the settlement stays paid."""
        self.make_bank(self.member)
        payments = self.payout(self.approve(self.mine))
        self.company.sudo().hard_lock_date = Date.today()
        with self.assertRaises(UserError), self.cr.savepoint():
            payments.with_user(self.cashier).action_draft()
            self.env.flush_all()
        self.env.invalidate_all()
        self.assertEqual(self.mine.state, "paid")
        self.assertEqual(self.mine.commission_ids.state, "settled")

    def test_one_bill_that_cannot_be_posted_stops_all_payments(self):
        """Threat F7: nothing half done."""
        for partner in (self.member, self.inviter):
            self.make_bank(partner, f"62{partner.id}")
        self.approve()
        line = self.theirs.bill_id.invoice_line_ids
        line.price_unit = 61
        with self.assertRaises(UserError), self.cr.savepoint():
            self.payout(self.both)
        self.env.invalidate_all()
        self.assertEqual(self.both.mapped("state"), ["approved", "approved"])
        self.assertEqual(set(self.both.bill_id.mapped("state")), {"draft"})

    def test_a_payment_that_is_undone_takes_the_settlement_back(self):
        """Threat F6: and paid again, it is paid once."""
        self.make_bank(self.member)
        payments = self.payout(self.approve(self.mine)).with_user(self.cashier)
        for undo in ("action_draft", "action_cancel"):
            getattr(payments, undo)()
            self.env.flush_all()
            self.assertEqual(self.mine.state, "approved")
            self.assertEqual(self.mine.commission_ids.state, "approved")
            if undo == "action_draft":
                payments.action_post()
            else:
                self.pay(self.mine.bill_id)
            self.env.flush_all()
            self.assertEqual(self.mine.state, "paid")
            self.assertEqual(self.mine.commission_ids.state, "settled")

    def test_a_bill_that_is_unreconciled_is_not_paid(self):
        """Threat F6."""
        self.make_bank(self.member)
        self.payout(self.approve(self.mine))
        lines = self.mine.bill_id.line_ids.filtered("reconciled")
        lines.with_user(self.cashier).remove_move_reconcile()
        self.env.flush_all()
        self.assertEqual(self.mine.state, "approved")

    def test_a_cancelled_bill_makes_the_settlement_a_draft_again(self):
        bill = self.approve(self.mine).bill_id
        bill.with_user(self.cashier).button_cancel()
        self.assertRecordValues(
            self.mine, [{"state": "draft", "bill_id": False, "approved_by_id": False}]
        )
        self.assertEqual(self.approve(self.mine).state, "approved")
        self.assertNotEqual(self.mine.bill_id, bill)

    def test_a_deleted_bill_makes_the_settlement_a_draft_again(self):
        self.approve(self.mine).bill_id.with_user(self.cashier).unlink()
        self.assertRecordValues(self.mine, [{"state": "draft", "bill_id": False}])

    def test_a_bill_is_posted_as_it_was_approved(self):
        """Threats F3, F5."""
        bill = self.approve(self.mine).bill_id
        line = bill.invoice_line_ids
        for values, back in (({"price_unit": 6000}, {"price_unit": 600}),):
            bill.write({"invoice_line_ids": [Command.update(line.id, values)]})
            with self.assertRaisesRegex(UserError, "not what was approved"):
                bill.action_post()
            bill.write({"invoice_line_ids": [Command.update(line.id, back)]})
        partner = bill.partner_id
        bill.partner_id = self.stranger.partner_id
        with self.assertRaisesRegex(UserError, "not what was approved"):
            bill.action_post()
        bill.partner_id = partner
        bill.action_post()
        self.assertEqual(bill.state, "posted")

    def test_a_refusal_has_a_reason_and_makes_a_draft(self):
        self.mine.with_user(self.finance).action_submit()
        for reason in ("", "  ", None):
            with self.subTest(reason=reason), self.assertRaises(UserError):
                self.mine.with_user(self.finance_2).action_refuse(reason)
        with self.assertRaises(AccessError):
            self.mine.with_user(self.sales).action_refuse("No")
        self.mine.with_user(self.finance_2).action_refuse("Wrong month")
        self.assertEqual(self.mine.state, "draft")
        self.assertIn("Wrong month", self.mine.message_ids[0].body)
        with self.assertRaises(UserError):
            self.mine.with_user(self.finance_2).action_refuse("Again")


class TestBills(PayoutCase):
    """What a bill looks like is the company's setting (rule C6)."""

    def test_a_product_brings_its_account_and_the_taxes_of_the_fiscal_position(self):
        tax, mapped = self.env["account.tax"].create(
            [
                {"name": name, "amount": amount, "type_tax_use": "purchase"}
                for name, amount in (("RD 10", 10), ("RD 20", 20))
            ]
        )
        position = self.env["account.fiscal.position"].create({"name": "Abroad"})
        mapped.write(
            {
                "fiscal_position_ids": [Command.set(position.ids)],
                "original_tax_ids": [Command.set(tax.ids)],
            }
        )
        account = self.env["account.account"].create(
            {"name": "Rewards", "code": "RDEXP", "account_type": "expense"}
        )
        self.company.referral_bill_product_id = self.env["product.product"].create(
            {
                "name": "Commission",
                "type": "service",
                "supplier_taxes_id": [Command.set(tax.ids)],
                "property_account_expense_id": account.id,
            }
        )
        self.inviter.property_account_position_id = position
        self.approve()
        mine, theirs = self.mine.bill_id, self.theirs.bill_id
        self.assertEqual(mine.invoice_line_ids.account_id, account)
        self.assertEqual((mine.amount_untaxed, mine.amount_total), (600, 660))
        self.assertEqual((theirs.amount_untaxed, theirs.amount_total), (60, 72))
        (mine | theirs).action_post()

    def test_account_and_analytic_account_of_the_settings(self):
        account = self.env["account.account"].create(
            {"name": "Rewards", "code": "RDEXP", "account_type": "expense"}
        )
        analytic = self.env["account.analytic.account"].create(
            {
                "name": "Referral",
                "plan_id": self.env["account.analytic.plan"].create({"name": "P"}).id,
            }
        )
        self.company.referral_bill_account_id = account
        self.company.referral_bill_analytic_id = analytic
        line = self.approve(self.mine).bill_id.invoice_line_ids
        self.assertRecordValues(
            line,
            [
                {
                    "account_id": account.id,
                    "analytic_distribution": {str(analytic.id): 100},
                    "tax_ids": [],
                }
            ],
        )

    def test_one_line_in_all_where_the_company_wants_it(self):
        second = self.make_paid_contract(self.make_lead(), amount=10000)
        second.with_user(self.finance).action_referral_confirm()
        self.both.unlink()
        lines = self.lines | second.referral_commission_ids
        lines.with_user(self.finance).action_collect()
        mine = self.lines[0].settlement_id
        self.company.referral_bill_grouped = True
        bill = self.approve(mine).bill_id
        self.assertEqual(len(mine.commission_ids), 2)
        self.assertEqual(bill.invoice_line_ids.mapped("price_unit"), [700])


class TestStatement(PayoutCase, HttpCase):
    """The beneficiary's statement, in the back office and the portal (X1, X4)."""

    def render(self, settlement, user):
        reports = self.env["ir.actions.report"].with_user(user)
        html, _kind = reports._render_qweb_html(STATEMENT, settlement.ids)
        return " ".join(html.decode().split())

    def test_it_lists_each_reward_with_its_figures(self):
        self.make_bank(self.member)
        self.payout(self.approve(self.mine))
        text = self.render(self.mine, self.finance)
        for part in ("Statement of rewards", "Money plan", "600.00", "Paid on"):
            self.assertIn(part, text)

    def test_it_is_in_the_beneficiarys_language(self):
        self.env["res.lang"]._activate_lang("zh_CN")
        self.member.lang = "zh_CN"
        text = self.render(self.mine, self.finance)
        self.assertNotIn("How it was computed", text)
        self.assertIn("奖励结算明细", text)

    def test_a_member_finds_the_own_payouts_once_approved(self):
        self.authenticate("rd_portal", "rd_portal")
        page = self.url_open("/my/referral/settlements")
        self.assertIn("No payout yet", page.text)
        self.approve()
        page = self.url_open("/my/referral/settlements")
        self.assertIn("600.00", page.text)
        self.assertIn(f"settlements/{self.mine.id}/statement", page.text)
        self.assertNotIn(f"settlements/{self.theirs.id}/", page.text)

    def test_nobody_reads_somebody_elses_statement(self):
        """Threat P1."""
        self.approve()
        for user in (self.portal, self.stranger, self.sales):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                self.render(self.theirs, user)
        self.authenticate("rd_portal", "rd_portal")
        for number in (self.theirs.id, 0, "x", "9" * 30, "-1"):
            with self.subTest(number=number), mute_logger("odoo.http"):
                path = f"/my/referral/settlements/{number}/statement"
                self.assertEqual(self.url_open(path).status_code, 404)

    def test_a_colleague_who_is_a_member_finds_the_own_payouts_alone(self):
        """Threat P1: whatever the role allows in the back office."""
        self.approve()
        for user, login in ((self.clerk, "rd_clerk"), (self.finance, "rd_finance")):
            user.partner_id.member_state = "active"
            self.authenticate(login, login)
            with self.subTest(user=login), mute_logger("odoo.http"):
                page = self.url_open("/my/referral/settlements")
                self.assertIn("No payout yet", page.text)
                path = f"/my/referral/settlements/{self.mine.id}/statement"
                self.assertEqual(self.url_open(path).status_code, 404)
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE referral_settlement SET partner_id = %s WHERE id = %s",
            (self.clerk.partner_id.id, self.theirs.id),
        )
        self.env.invalidate_all()
        self.assertIn("Statement of rewards", self.render(self.theirs, self.clerk))
        with self.assertRaises(AccessError):
            self.render(self.both, self.clerk)

    def test_a_members_pages_and_statement_are_in_chinese(self):
        """Rule X4."""
        self.member.lang = "zh_CN"
        self.env["res.lang"]._activate_lang("zh_CN")
        self.approve()
        self.authenticate("rd_portal", "rd_portal")
        page = self.url_open("/zh_CN/my/referral/settlements")
        for text in ("付款记录", "支付中", "600.00"):
            self.assertIn(text, page.text)
        self.assertNotIn("On its way", page.text)
        path = f"/zh_CN/my/referral/settlements/{self.mine.id}/statement"
        pdf = self.url_open(path)
        self.assertEqual(pdf.headers["Content-Type"], "application/pdf")
        self.assertIn("奖励结算明细", pdf.text)  # tests get it before it is a PDF
        self.assertIn("filename", pdf.headers["Content-Disposition"])

    def test_a_draft_is_nobodys_business_yet(self):
        with self.assertRaises(AccessError):
            self.render(self.mine, self.portal)
