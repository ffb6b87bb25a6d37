from odoo.tests import tagged

from .common import ReferralCase


@tagged("post_install", "-at_install")
class TestSettlementOfGrants(ReferralCase):
    """What was granted by hand in money is paid as any other reward (rule C6)."""

    def setUp(self):
        super().setUp()
        order = self.make_paid_contract()
        order.with_user(self.finance).action_referral_confirm()
        grant = (
            self.env["referral.commission.grant"]
            .with_user(self.manager)
            .create(
                {
                    "partner_id": self.grandparent.id,
                    "order_id": order.id,
                    "amount": 500,
                    "reason": "Brought the decision makers to the table",
                }
            )
        )
        grant.action_submit()
        grant.with_user(self.finance_2).action_approve()
        self.line = grant.sudo().commission_ids

    def assertSettled(self, amount):
        settlement = self.line.settlement_id
        self.assertRecordValues(
            settlement,
            [
                {
                    "partner_id": self.grandparent.id,
                    "amount_total": amount,
                    "date_to": False,
                    "state": "draft",
                }
            ],
        )

    def test_finances_run_takes_it_though_no_plan_gave_it(self):
        self.env["referral.settlement"].with_user(self.finance).action_run()
        self.assertSettled(500)

    def test_finance_selects_it(self):
        self.line.with_user(self.finance).action_collect()
        self.assertSettled(500)

    def test_what_was_taken_back_of_it_is_netted(self):
        """Rule C7."""
        self.line._reverse("Half of them came", 200)
        self.env["referral.settlement"].with_user(self.finance).action_run()
        self.assertSettled(300)
