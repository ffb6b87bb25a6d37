from freezegun import freeze_time

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command, Datetime
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

    def test_companies_of_one_group_are_customers_of_their_own(self):
        """Rule C2: whoever signs for a company counts, its subsidiary does not."""
        buyer, daughter = self.env["res.partner"].create(
            [
                {"name": "Buyer", "parent_id": self.customer.id},
                {"name": "Daughter", "parent_id": self.customer.id, "is_company": True},
            ]
        )
        partners = (daughter, self.customer, buyer)
        phases = [
            self.make_contract(self.make_lead(), partner_id=partner.id).project_phase
            for partner in partners
        ]
        self.assertEqual(phases, [1, 1, 2])

    def test_an_archived_contact_of_the_customer_still_counts(self):
        buyer = self.env["res.partner"].create(
            {"name": "Buyer", "parent_id": self.customer.id}
        )
        self.make_contract(self.make_lead(), partner_id=buyer.id)
        buyer.active = False
        order = self.make_contract()
        self.assertEqual((order.referrer_id, order.project_phase), (self.member, 2))

    def test_an_earlier_contract_that_is_cancelled_does_not_count(self):
        first = self.make_contract(self.make_lead())
        self.make_contract(self.make_lead())
        first._action_cancel()
        self.assertEqual(self.make_contract(self.make_lead()).project_phase, 2)

    def test_counting_goes_on_from_a_corrected_phase(self):
        first = self.make_contract(self.make_lead()).with_user(self.finance)
        first.action_referral_set_phase(7, "The old system had six")
        second, third = (self.make_contract(self.make_lead()) for _time in range(2))
        self.assertEqual((second + third).mapped("project_phase"), [8, 9])
        third.with_user(self.finance).action_referral_set_phase(2, "It had not")
        self.assertEqual(self.make_contract(self.make_lead()).project_phase, 3)

    def test_contracts_signed_together_are_counted_one_after_another(self):
        self.make_contract(self.make_lead())
        other = self.env["res.partner"].create({"name": "Other"})
        orders = self.env["sale.order"].union(
            self.make_order(self.make_lead()),
            self.make_order(self.make_lead(), partner_id=other.id),
            self.make_order(self.make_lead()),
        )
        orders.action_confirm()
        self.assertEqual(orders.mapped("project_phase"), [2, 1, 3])
        self.assertEqual(orders.referral_plan_id, self.plan)
        self.assertEqual(orders.referral_salesperson_id, self.sales)
        for lead in orders.referral_lead_id:
            self.assertEqual(self.nodes(lead).count("contracted"), 1)

    def test_what_a_reward_is_measured_by_stays_once_it_is_signed(self):
        """Threat F5: over RPC a salesperson might pick the day, currency, customer."""
        order = self.make_contract(self.make_lead()).with_user(self.sales)
        other = self.env["res.partner"].create({"name": "Other"})
        currency = self.env["res.currency"].create({"name": "XTS", "symbol": "X"})
        for values in (
            {"date_order": "2021-05-05 00:00:00"},
            {"partner_id": other.id},
            {"currency_id": currency.id},
        ):
            with self.subTest(values=values), self.assertRaises(UserError):
                order.write(values)
        order.write({"date_order": order.date_order, "partner_id": self.customer.id})
        quotation = self.make_order(self.make_lead())
        quotation.with_user(self.sales).date_order = "2021-05-05 00:00:00"

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

    def test_of_two_referrers_the_it_stays_the_first_ones_customer(self):
        self.make_contract(self.make_lead())
        lead = self.make_lead(referral_link_id=False, referrer_id=self.inviter.id)
        buyer = self.env["res.partner"].create(
            {"name": "Buyer", "parent_id": self.customer.id}
        )
        self.make_contract(lead)
        self.make_contract(lead, partner_id=buyer.id)
        order = self.make_contract()
        self.assertEqual((order.referrer_id, order.project_phase), (self.member, 2))

    def test_a_cancelled_contract_attaches_nobody(self):
        self.make_contract(self.make_lead())._action_cancel()
        order = self.make_contract()
        self.assertFalse(order.referrer_id or order.project_phase)

    def test_nor_does_one_that_was_cancelled_past_its_button(self):
        """Over RPC a salesperson could write the state; it is not counted either."""
        for months in (0, 12):
            with self.subTest(months=months):
                self.company.referral_attachment_months = months
                self.make_contract(self.make_lead()).sudo().state = "cancel"
                self.assertFalse(self.make_order().referrer_id)
        self.assertEqual(self.make_contract(self.make_lead()).project_phase, 1)

    def test_what_is_signed_with_another_company_attaches_nobody_here(self):
        """Nor is it counted (threat P3)."""
        other = self.env["res.company"].create({"name": "Other"})
        line = {"product_id": self.product.id, "price_unit": 1, "tax_ids": []}
        orders = self.env["sale.order"].with_company(other)
        there = orders.create(
            {
                "partner_id": self.customer.id,
                "company_id": other.id,
                "referrer_id": self.member.id,
                "order_line": [Command.create(line)],
            }
        )
        there.action_confirm()
        self.assertEqual(there.project_phase, 1)
        for months in (0, 12):
            with self.subTest(months=months):
                self.company.referral_attachment_months = months
                self.assertFalse(self.make_order().referrer_id)
        self.assertEqual(self.make_contract(self.make_lead()).project_phase, 1)

    def test_the_referrer_stays_for_ever_by_default(self):
        self.first()
        order = self.later("2040-01-01 12:00:00")
        self.assertEqual((order.referrer_id, order.project_phase), (self.member, 2))

    def test_the_referrer_stays_to_the_last_day_of_the_period(self):
        """Of the company: there, 28 February ends at 16:00 UTC."""
        self.company.partner_id.tz = "Asia/Shanghai"
        self.company.referral_attachment_months = 1
        self.first()
        within = self.later("2026-02-28 15:59:59")
        after = self.later("2026-02-28 16:00:00")
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

    def test_the_plan_of_the_day_it_was_signed_counts(self):
        """Rule C4, as for every contract."""
        with freeze_time("2026-03-01 12:00:00"):
            order = self.make_contract()
        with freeze_time("2026-05-01 12:00:00"):
            later = self.make_plan([{"name": "More", "rate": 50}], date_from=False)
            later._activate()
            order.with_user(self.manager).referrer_id = self.member
            fresh = self.make_contract(self.make_lead())
        self.assertEqual((order + fresh).mapped("referral_plan_id"), self.plan + later)

    def test_nobody_else_does(self):
        order = self.make_contract()
        for user in (self.sales, self.clerk, self.finance):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                order.with_user(user).referrer_id = self.member
        self.assertFalse(order.referrer_id)

    def test_not_for_an_order_of_ones_own_nor_for_oneself(self):
        self.manager.partner_id.member_state = "active"
        order = self.make_contract()
        with self.assertRaisesRegex(UserError, "among those"), self.cr.savepoint():
            order.with_user(self.manager).referrer_id = self.manager.partner_id
        order = self.make_contract()
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

    def test_who_works_for_a_beneficiary_does_not_decide(self):
        """Nor who is its boss, nor a colleague there; but colleagues of ours do."""
        agency = self.env["res.partner"].create({"name": "Agency", "is_company": True})
        staff, boss = self.env["res.partner"].create(
            [{"name": name, "parent_id": agency.id} for name in ("Staff", "Boss")]
        )
        order = self.make_paid_contract()
        self.member.parent_id = agency
        for person in (agency, staff, boss):
            with self.subTest(person=person.name):
                self.finance.partner_id = person
                self.assertNotMine(order, self.finance, "among those")
        people = self.finance_2.partner_id | self.member
        people.parent_id = self.company.partner_id
        self.assertEqual(len(people.commercial_partner_id), 1)
        self.confirm(order, self.finance_2)

    def test_the_contact_of_a_channel_partner_does_not_decide(self):
        club = self.env["res.partner"].create({"name": "Club", "is_company": True})
        channel = self.env["referral.channel"].create(
            {"name": "Club", "kind": "partner", "partner_id": club.id}
        )
        link = self.env["referral.link"]._obtain(self.member, channel, "/")
        order = self.make_paid_contract(self.make_lead(referral_link_id=link.id))
        self.finance.partner_id.parent_id = club
        self.assertNotMine(order, self.finance, "among those")

    def test_whom_the_plan_names_or_finds_far_above_does_not_decide(self):
        """Named contacts, and agents beyond the levels that are ever paid."""
        named = self.env["res.partner"].create({"name": "Named"})
        agent = self.make_agent("Agent")
        top = self.make_member("Top", inviter_id=agent.id)
        middle = self.make_member("Middle", inviter_id=top.id)
        low = self.make_member("Low", inviter_id=middle.id)
        rules = [
            {"name": "N", "beneficiary": "contact", "partner_id": named.id, "rate": 1},
            {"name": "R", "beneficiary": "role", "role": "agent", "rate": 1},
        ]
        self.make_plan(rules)._activate()
        lead = self.make_lead(referral_link_id=False, referrer_id=low.id)
        order = self.make_paid_contract(lead)
        for person in (named, agent):
            with self.subTest(person=person.name):
                self.finance.partner_id = person
                self.assertNotMine(order, self.finance, "among those")
        self.confirm(order, self.finance_2)
        rewarded = order.referral_commission_ids.partner_id
        self.assertEqual(rewarded, named | agent)

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
