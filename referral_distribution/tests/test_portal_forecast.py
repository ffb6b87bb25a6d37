from odoo.tests import tagged

from .test_portal import PortalCase


@tagged("post_install", "-at_install")
class TestPortalForecast(PortalCase):
    """Members see what a contract may bring them, if the company says so (rule C8)."""

    def contracts(self, user=None):
        self.log_in(*filter(None, [user]))
        return self.get_page("/my/referral/contracts")

    def test_a_signed_contract_shows_ones_own_expected_reward(self):
        self.make_contract(self.make_lead())
        page = self.contracts()
        self.assertIn("Expected reward", page)
        self.assertIn("600.00", page)
        self.assertNotIn("660.00", page)
        self.assertNotIn("60.00<", page.replace("600.00", ""))

    def test_a_sent_quotation_is_there_and_a_draft_is_not(self):
        draft, sent = (
            self.make_order(self.make_lead()),
            self.make_order(self.make_lead(), 2000),
        )
        sent.action_quotation_sent()
        page = self.contracts()
        self.assertIn(sent.name, page)
        self.assertIn("Quotation", page)
        self.assertIn("10.00", page)
        self.assertNotIn(draft.name, page)

    def test_nothing_is_foretold_where_the_company_does_not_want_it(self):
        self.company.referral_forecast_portal = False
        order = self.make_contract(self.make_lead())
        sent = self.make_order(self.make_lead())
        sent.action_quotation_sent()
        page = self.contracts()
        self.assertIn(order.name, page)
        self.assertNotIn("Expected reward", page)
        self.assertNotIn(sent.name, page)

    def test_a_confirmed_contract_shows_the_reward_itself(self):
        order = self.make_paid_contract()
        order.with_user(self.finance).action_referral_confirm()
        page = self.contracts()
        self.assertNotIn("Expected reward", page)
        self.assertIn("Your reward", page)

    def test_nobody_sees_anothers_quotations(self):
        sent = self.make_order(self.make_lead())
        sent.action_quotation_sent()
        self.assertNotIn(sent.name, self.contracts(self.other_user))
