from unittest.mock import patch

from odoo.modules.module import get_module_path, load_script
from odoo.tests import tagged

from .common import ReferralCase

VERSION = "19.0.1.4.0"


@tagged("post_install", "-at_install")
class TestUpgrade(ReferralCase):
    """What an update finds in a database of the version before (threat O1).

    The rows are put back to what the version before wrote, and the update's scripts
    run on them, twice: the second time they change nothing.
    """

    def upgrade(self, topic):
        self.env.flush_all()
        folder = get_module_path("referral_distribution")
        path = f"{folder}/migrations/{VERSION}/{topic}.py"
        script = load_script(path, topic)
        for _again in range(2):
            script.migrate(self.env.cr, "19.0.1.3.0")
            self.env.flush_all()
        self.env.invalidate_all()

    def put_back(self, records, **columns):
        """Write what the version before had in these columns."""
        self.env.flush_all()
        for column, value in columns.items():
            self.env.cr.execute(
                f'UPDATE {records._table} SET "{column}" = %s WHERE id IN %s',
                [value, tuple(records.ids)],
            )
        self.env.invalidate_all()

    def confirmed(self):
        order = self.make_paid_contract()
        order.with_user(self.finance).action_referral_confirm()
        return order

    def approved(self):
        """Return a settlement that was approved before the update."""
        rewards = self.confirmed().referral_commission_ids
        settlement = self.env["referral.settlement"]._collect(rewards[0])
        settlement.with_user(self.finance).action_submit()
        settlement.with_user(self.finance_2).action_approve()
        names = ("approved_by_id", "approved_bank", "approved_total")
        self.put_back(settlement, **dict.fromkeys(names))
        return settlement

    def test_a_contract_that_was_paid_waits_for_finance(self):
        order = self.make_paid_contract()
        self.put_back(
            order,
            referral_received_amount=None,
            referral_missing_amount=None,
            referral_paid_in_full=None,
            referral_salesperson_id=None,
            referral_state="awaiting_payment",
        )
        self.upgrade("pre-contract")
        self.upgrade("post-contract")
        self.assertRecordValues(
            order,
            [
                {
                    "referral_received_amount": 120000,
                    "referral_missing_amount": 0,
                    "referral_paid_in_full": True,
                    "referral_salesperson_id": self.sales.id,
                    "referral_state": "to_confirm",
                }
            ],
        )

    def test_the_state_follows_the_new_rules_where_the_figures_stay(self):
        order = self.make_paid_contract()
        self.put_back(order, referral_state="awaiting_payment")
        self.upgrade("post-contract")
        self.assertEqual(order.referral_state, "to_confirm")

    def test_what_finance_decided_about_was_paid_in_full(self):
        confirmed, refused = self.confirmed(), self.make_paid_contract()
        refused.with_user(self.finance).action_referral_refuse("not ours")
        orders = confirmed + refused
        self.put_back(
            orders,
            referral_received_amount=None,
            referral_paid_in_full=None,
            referral_was_confirmed=None,
        )
        for topic in ("pre-contract", "post-clawback", "post-contract"):
            self.upgrade(topic)
        self.assertEqual(orders.mapped("referral_state"), ["confirmed", "refused"])
        self.assertEqual(orders.mapped("referral_received_amount"), [120000] * 2)
        self.assertEqual(orders.mapped("referral_was_confirmed"), [True, False])

    def test_rewards_of_before_are_taken_back_with_their_contract(self):
        order = self.confirmed()
        rewards = order.referral_commission_ids
        self.put_back(rewards, full_amount=None, contract_amount=None, due_date=None)
        self.upgrade("post-clawback")
        self.upgrade("post-settlement")
        self.assertTrue(all(rewards.mapped("due_date")))
        self.assertEqual(rewards.mapped("contract_amount"), [120000] * 2)
        order.invoice_ids.with_user(self.finance)._reverse_moves(cancel=True)
        self.env.flush_all()
        self.assertEqual(set(rewards.mapped("state")), {"reversed"})

    def test_finance_decides_about_contracts_that_were_refunded_before(self):
        """Rule C7: nothing was taken back then, and nothing is by the update."""
        order = self.confirmed()
        rewards = order.referral_commission_ids
        with patch.object(type(order), "_referral_follow", lambda *args: None):
            order.invoice_ids.with_user(self.finance)._reverse_moves(cancel=True)
        self.put_back(
            order,
            referral_decision="confirmed",
            referral_received_amount=120000,
            referral_paid_in_full=True,
        )
        self.upgrade("post-clawback")
        task = self.env["referral.true.up"].search([("order_id", "=", order.id)])
        self.assertRecordValues(task, [{"event": "credit", "state": "waiting"}])
        self.assertNotIn(task, task.search(task._get_due_domain()))  # the job's
        self.assertEqual(set(rewards.mapped("state")), {"approved"})
        task.with_user(self.finance).action_retry()
        self.assertEqual(set(rewards.mapped("state")), {"reversed"})
        self.assertEqual(task.state, "done")

    def test_paid_contracts_wait_for_nothing(self):
        order = self.confirmed()
        self.upgrade("post-clawback")
        tasks = self.env["referral.true.up"].search([("order_id", "=", order.id)])
        self.assertFalse(tasks)

    def test_who_approved_before_does_not_pay_after(self):
        """Threat F3."""
        settlement = self.approved()
        self.upgrade("post-settlement")
        self.assertEqual(settlement.approved_by_id, self.finance_2)
        self.assertEqual(settlement.approved_total, settlement.bill_id.amount_total)
        self.assertFalse(settlement.bank_changed)

    def test_a_settlement_whose_bill_came_to_nothing_is_a_draft_again(self):
        for column, value in (("state", "cancel"), ("payment_state", "reversed")):
            with self.subTest(column):
                settlement = self.approved()
                self.put_back(settlement.bill_id, **{column: value})
                self.upgrade("post-settlement")
                self.assertEqual(settlement.state, "draft")
                self.assertFalse(settlement.bill_id)

    def test_versions_follow_each_other_in_the_order_they_ended(self):
        """A draft may have come into force before an older one did."""
        company = self.env["res.company"].create({"name": "Another"})
        company.partner_id.tz = "Asia/Shanghai"
        first, second, third = (self.make_plan(company_id=company.id) for _ in "123")
        for plan in (first, third, second):
            plan._activate()
        plans = first + third + second
        self.put_back(plans, date_from=None, date_to=None)
        self.put_back(first, write_date="2026-03-09 20:00:00")  # 10 March there
        self.put_back(third, write_date="2026-04-01 04:00:00")
        self.upgrade("post-plan")
        found = [(str(plan.date_from), str(plan.date_to)) for plan in plans]
        self.assertEqual(
            found,
            [
                ("False", "2026-03-09"),
                ("2026-03-10", "2026-03-31"),
                ("2026-04-01", "False"),
            ],
        )
