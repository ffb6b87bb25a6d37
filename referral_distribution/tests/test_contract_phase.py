from freezegun import freeze_time

from odoo.exceptions import AccessError, UserError
from odoo.fields import Datetime
from odoo.tests import tagged

from .test_contracts import ContractCase


@tagged("post_install", "-at_install")
class TestPhase(ContractCase):
    """Rule C2: which of the customer's contracts with one referrer it is."""

    def test_each_referrer_of_a_customer_begins_with_phase_one(self):
        self.make_contract(self.make_lead())
        lead = self.make_lead(referral_link_id=False, referrer_id=self.inviter.id)
        other = self.make_contract(lead)
        self.assertEqual((other.referrer_id, other.project_phase), (self.inviter, 1))
        self.assertEqual(self.make_contract(self.make_lead()).project_phase, 2)

    def test_finance_and_managers_correct_a_phase_with_a_reason(self):
        for user in (self.finance, self.manager):
            with self.subTest(user=user.login):
                order = self.make_contract(self.make_lead())
                wizard = self.env["referral.reason"].with_user(user)
                wizard.create(
                    {
                        "order_ids": order.ids,
                        "step": "phase",
                        "phase": 7,
                        "reason": " The old system had six ",
                    }
                ).action_apply()
                self.assertEqual(order.project_phase, 7)
                entry = order.referral_lead_id.sudo().referral_trail_ids.filtered(
                    lambda entry: entry.node == "rephased"
                )
                self.assertEqual(entry.actor_id, user)
                self.assertEqual(entry.content["reason"], "The old system had six")
                self.assertEqual((entry.content["to"]), "7")
                self.assertIn("The old system had six", order.message_ids[0].body)

    def test_the_corrected_phase_decides_the_reward(self):
        order = self.make_paid_contract()
        order.with_user(self.finance).action_referral_set_phase(2, "Known before")
        self.confirm(order, self.finance_2)
        self.assertRewards(order, [(self.member, 0, 1200.0), (self.inviter, 1, 120.0)])

    def test_others_do_not_touch_the_phase(self):
        order = self.make_contract(self.make_lead())
        for user in (self.sales, self.clerk, self.portal):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                order.with_user(user).action_referral_set_phase(2, "Please")
        order.sudo().user_id = self.finance
        with self.assertRaisesRegex(UserError, "colleague"):
            order.with_user(self.finance).action_referral_set_phase(2, "Mine")
        self.assertEqual(order.project_phase, 1)

    def test_bad_phases_and_missing_reasons_are_refused(self):
        order = self.make_contract(self.make_lead()).with_user(self.finance)
        for phase in (0, -1, 1000, 1.5, True, "2", None):
            with self.subTest(phase=phase), self.assertRaises(UserError):
                order.action_referral_set_phase(phase, "Why")
        for reason in ("", "  ", None, 3):
            with self.subTest(reason=reason), self.assertRaises(UserError):
                order.action_referral_set_phase(2, reason)
        self.assertEqual(order.project_phase, 1)

    def test_a_decided_contract_and_a_quotation_keep_their_phase(self):
        order = self.make_paid_contract()
        self.confirm(order)
        quotation = self.make_order(self.make_lead())
        for record in (order, quotation):
            with self.subTest(order=record.name), self.assertRaises(UserError):
                record.with_user(self.finance).action_referral_set_phase(3, "Why")
        self.assertEqual((order.project_phase, quotation.project_phase), (1, 0))


@tagged("post_install", "-at_install")
class TestAttachment(ContractCase):
    """Rule C2: the referrer stays with the customer, for ever or some months."""

    def first(self, day="2026-01-31 12:00:00"):
        with freeze_time(day):
            order = self.make_contract(self.make_lead())
        self.assertEqual(order.date_order, Datetime.to_datetime(day))
        return order

    def later(self, day, lead=None):
        with freeze_time(day):
            return self.make_contract(lead)

    def test_the_referrer_stays_for_ever_by_default(self):
        self.first()
        order = self.later("2040-01-01 12:00:00")
        self.assertEqual((order.referrer_id, order.project_phase), (self.member, 2))

    def test_the_referrer_stays_to_the_last_day_of_the_period(self):
        self.company.referral_attachment_months = 1
        self.first()
        within = self.later("2026-02-28 12:00:00")
        after = self.later("2026-02-28 12:00:01")
        self.assertEqual(within.project_phase, 2)
        self.assertEqual((after.project_phase, after.referral_state), (0, "none"))
        self.assertFalse(after.referrer_id)

    def test_contracts_without_a_lead_do_not_prolong_the_period(self):
        self.company.referral_attachment_months = 2
        self.first()
        self.assertEqual(self.later("2026-03-01 12:00:00").project_phase, 2)
        self.assertEqual(self.later("2026-04-15 12:00:00").project_phase, 0)

    def test_a_new_lead_of_the_referrer_begins_a_new_period(self):
        self.company.referral_attachment_months = 2
        self.first()
        lead = self.make_lead()
        self.assertEqual(self.later("2026-06-01 12:00:00", lead).project_phase, 2)
        self.assertEqual(self.later("2026-07-15 12:00:00").project_phase, 3)

    def test_after_the_period_the_next_referrer_is_the_customers(self):
        self.company.referral_attachment_months = 2
        self.first()
        lead = self.make_lead(referral_link_id=False, referrer_id=self.inviter.id)
        self.later("2026-06-01 12:00:00", lead)
        order = self.later("2026-07-15 12:00:00")
        self.assertEqual((order.referrer_id, order.project_phase), (self.inviter, 2))

    def test_the_period_has_a_range(self):
        for months in (-1, 1201):
            with self.subTest(months=months), self.assertDatabaseRefuses():
                self.company.referral_attachment_months = months
                self.env.flush_all()


@tagged("post_install", "-at_install")
class TestLateReferrer(ContractCase):
    """A referrer that a manager sets after the signature makes it a contract."""

    def test_a_manager_makes_a_signed_order_a_contract(self):
        order = self.make_contract()
        self.pay(self.invoice(order))
        self.assertEqual(order.referral_state, "none")
        order.with_user(self.manager).referrer_id = self.member
        self.assertEqual((order.project_phase, order.referral_plan_id), (1, self.plan))
        self.assertEqual(order.referral_state, "to_confirm")
        self.confirm(order)
        self.assertRewards(order, [(self.member, 0, 600.0), (self.inviter, 1, 60.0)])

    def test_nobody_else_does(self):
        order = self.make_contract()
        for user in (self.sales, self.clerk, self.finance):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                order.with_user(user).referrer_id = self.member
        self.assertFalse(order.referrer_id)

    def test_not_for_an_order_of_ones_own_nor_for_oneself(self):
        order = self.make_contract()
        self.manager.partner_id.member_state = "active"
        with self.assertRaisesRegex(UserError, "among those"):
            order.with_user(self.manager).referrer_id = self.manager.partner_id
        order.sudo().user_id = self.manager
        with self.assertRaisesRegex(UserError, "You sold"):
            order.with_user(self.manager).referrer_id = self.member

    def test_the_trail_of_the_referrers_first_lead_tells_it(self):
        """Rule L3: a contract without a lead of its own is told all the same."""
        first = self.make_lead(partner_id=self.customer.id)
        self.make_lead(partner_id=self.customer.id)
        order = self.make_contract()
        order.with_user(self.manager).referrer_id = self.member
        self.assertEqual(order.referral_lead_id, first)
        self.assertEqual(self.nodes(first)[-1], "contracted")

    def test_a_lead_of_somebody_else_does_not_tell_it(self):
        self.make_lead(
            partner_id=self.customer.id,
            referral_link_id=False,
            referrer_id=self.inviter.id,
        )
        order = self.make_contract()
        order.with_user(self.manager).referrer_id = self.member
        self.assertFalse(order.referral_lead_id)
        self.assertEqual(order.project_phase, 1)


@tagged("post_install", "-at_install")
class TestImpartiality(ContractCase):
    """Who sold an order or is rewarded by it does not decide about its reward."""

    def assertNotMine(self, order, user, pattern):
        order = order.with_user(user)
        with self.assertRaisesRegex(UserError, pattern):
            order.action_referral_confirm()
        with self.assertRaisesRegex(UserError, pattern):
            order.action_referral_refuse("No")
        self.assertEqual(order.referral_state, "to_confirm")
        self.assertFalse(order.referral_commission_ids)

    def test_the_salesperson_does_not_decide(self):
        order = self.make_paid_contract()
        order.sudo().user_id = self.finance
        self.assertNotMine(order, self.finance, "You sold")
        self.confirm(order, self.finance_2)
        self.assertEqual(order.referral_state, "confirmed")

    def test_who_sold_it_does_not_decide_after_handing_it_over(self):
        quotation = self.make_order(self.make_lead())
        quotation.sudo().user_id = self.finance
        quotation.action_confirm()
        self.pay(self.invoice(quotation))
        quotation.sudo().user_id = self.sales
        self.assertNotMine(quotation, self.finance, "You sold")

    def test_no_beneficiary_decides(self):
        order = self.make_paid_contract()
        club = self.env["res.partner"].create({"name": "Club"})
        self.channel.kind = "own"
        for person in (self.member, self.inviter, self.grandparent):
            with self.subTest(person=person.name):
                self.finance.partner_id = person
                self.assertNotMine(order, self.finance, "among those")
        self.finance.partner_id = club
        self.confirm(order)

    def test_the_partner_of_the_channel_does_not_decide(self):
        club = self.env["res.partner"].create({"name": "Club"})
        channel = self.env["referral.channel"].create(
            {"name": "Club", "kind": "partner", "partner_id": club.id}
        )
        link = self.env["referral.link"]._obtain(self.member, channel, "/")
        order = self.make_paid_contract(self.make_lead(referral_link_id=link.id))
        self.finance.partner_id = club
        self.assertNotMine(order, self.finance, "among those")

    def test_one_order_of_ones_own_stops_the_selection_as_a_whole(self):
        mine, other = self.make_paid_contract(), self.make_paid_contract()
        mine.sudo().user_id = self.finance
        with self.assertRaisesRegex(UserError, mine.name):
            self.confirm(other + mine)
        self.assertEqual(other.referral_state, "to_confirm")

    def test_several_orders_are_refused_with_one_reason(self):
        orders = self.make_paid_contract() + self.make_paid_contract()
        wizard = self.env["referral.reason"].with_user(self.finance)
        wizard.create({"order_ids": orders.ids, "reason": "No"}).action_apply()
        self.assertEqual(orders.mapped("referral_state"), ["refused", "refused"])


@tagged("post_install", "-at_install")
class TestForecast(ContractCase):
    """Rule C8: what to expect is known from the quotation on."""

    def expected(self, order, member=None):
        order = order.with_user(self.sales)
        return [
            (line["partner"], line["level"], line["amount"])
            for line in order._get_referral_forecast(member).get(order, [])
        ]

    def test_a_quotation_shows_what_its_contract_would_bring(self):
        order = self.make_order(self.make_lead())
        self.assertEqual(
            self.expected(order), [(self.member, 0, 600.0), (self.inviter, 1, 60.0)]
        )
        self.assertEqual(self.expected(order, self.inviter), [(self.inviter, 1, 60.0)])
        shown = order.with_user(self.sales).referral_forecast
        self.assertIn("Inviter", shown)
        self.assertIn("660.00", order.with_user(self.sales).referral_forecast_text)

    def test_the_forecast_is_what_is_given(self):
        for _phase in (1, 2):
            order = self.make_order(self.make_lead())
            before = self.expected(order)
            order.action_confirm()
            self.assertEqual(self.expected(order), before)
            self.pay(self.invoice(order))
            self.assertEqual(self.expected(order), before)
            self.confirm(order)
            self.assertRewards(order, before)

    def test_rewards_that_come_with_the_payments_are_foretold_too(self):
        rules = [{"name": "At once", "trigger": "payment", "rate": 2}]
        self.make_plan(rules)._activate()
        order = self.make_order(self.make_lead())
        self.assertEqual(self.expected(order), [(self.member, 0, 2400.0)])

    def test_a_decided_or_cancelled_order_and_nobodys_has_none(self):
        order = self.make_paid_contract()
        self.confirm(order)
        cancelled = self.make_order(self.make_lead())
        cancelled._action_cancel()
        other = self.env["res.partner"].create({"name": "Walked in"})
        nobodys = self.make_order(partner_id=other.id)
        for record in (order, cancelled, nobodys):
            with self.subTest(order=record.name):
                self.assertEqual(self.expected(record), [])
                self.assertFalse(record.with_user(self.sales).referral_forecast)

    def test_a_contract_is_forecast_by_the_plan_it_was_signed_under(self):
        order = self.make_contract(self.make_lead())
        self.make_plan([{"name": "Much more", "rate": 50}])._activate()
        self.assertEqual(
            self.expected(order), [(self.member, 0, 600.0), (self.inviter, 1, 60.0)]
        )
        quotation = self.make_order(self.make_lead())
        self.assertEqual(self.expected(quotation), [(self.member, 0, 60000.0)])

    def test_the_queue_is_read_in_one_go(self):
        orders = self.env["sale.order"]
        for number in range(6):
            customer = self.env["res.partner"].create({"name": f"C{number}"})
            orders += self.make_contract(self.make_lead(), partner_id=customer.id)
        names = [
            "referral_forecast_text",
            "referral_received_amount",
            "referral_missing_amount",
            "referral_state",
        ]
        self.assertReadInOneGo(orders, names, self.finance)


@tagged("post_install", "-at_install")
class TestManyContracts(ContractCase):
    """One contract more costs next to nothing more (rule C3)."""

    def count(self, action):
        self.env.flush_all()
        self.env.invalidate_all()
        before = self.env.cr.sql_log_count
        action()
        self.env.flush_all()
        return self.env.cr.sql_log_count - before

    def make_some(self, number):
        orders = self.env["sale.order"]
        for _index in range(number):
            customer = self.env["res.partner"].create({"name": "C"})
            orders += self.make_order(self.make_lead(), partner_id=customer.id)
        return orders

    def test_a_signature_takes_as_many_queries_whatever_was_signed_before(self):
        self.make_contract(self.make_lead())
        counts = []
        for _index in range(3):
            order = self.make_order(self.make_lead())
            counts.append(self.count(order.action_confirm))
            self.make_contract(self.make_lead())
        self.assertEqual(len(set(counts[1:])), 1, counts)

    def test_many_are_confirmed_in_one_go(self):
        """The figures of each are kept; nothing else is done one by one."""
        orders = self.make_some(10)
        orders.action_confirm()
        for order in orders:
            self.pay(self.invoice(order))
        self.confirm(orders[:1])  # warms up what is cached for good
        few, many = orders[1:3].ids, orders[3:].ids
        confirm = [
            self.count(lambda ids=ids: self.confirm(orders.browse(ids)))
            for ids in (few, many)
        ]
        self.assertEqual(set(orders.mapped("referral_state")), {"confirmed"})
        self.assertLessEqual(confirm[1] - confirm[0], len(many) - len(few), confirm)
