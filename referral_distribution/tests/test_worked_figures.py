from odoo.fields import Command, Date
from odoo.tests import tagged

from .test_plan_rules import RuleCase
from .test_true_up import PAYMENT_RULES, TrueUpCase

SHARE = {"name": "Inviter", "level": 1, "base": "member_reward", "rate": 10}
STEPS = [
    Command.create({"amount_from": 0, "rate": 1}),
    Command.create({"amount_from": 1000, "rate": 2}),
]
BRACKETS = {"name": "B", "rate_type": "bracket", "bracket_ids": STEPS}


class FigureCase(RuleCase, TrueUpCase):
    """The worked figures of the rules, from the order to the reward.

    Real orders, invoices, payments and finance's confirmation. In points the same
    figures are in ``referral_points``.
    """


@tagged("post_install", "-at_install")
class TestLevels(FigureCase):
    """Rules C1, C2, M4: what a contract of 120,000 gives."""

    def test_a_first_contract_of_120000_earns_600_and_60(self):
        """Rules C1, M4; the sentence says so (rule C8)."""
        order = self.reward(120000)
        self.assertRewards(order, [(self.member, 0, 600.0), (self.inviter, 1, 60.0)])
        own, share = order.sudo().referral_commission_ids.sorted("level")
        self.assertRegex(own.explanation_text, r"120,000.00.* × 0.5 % = .*600.00")
        self.assertRegex(share.explanation_text, r"level 1: 10 % of .*600.00")

    def test_a_second_contract_of_120000_earns_1200_and_120(self):
        """Rules C2, M4."""
        lead = self.make_lead()
        self.reward(1, lead=lead)
        order = self.reward(120000, lead=lead)
        self.assertRewards(order, [(self.member, 0, 1200.0), (self.inviter, 1, 120.0)])

    def test_whose_referrer_declines_earns_nothing_and_neither_does_the_inviter(self):
        """Rule M4."""
        self.member.accepts_commission = False
        self.assertEarned(self.reward(120000), {})

    def test_an_inviter_who_declines_leaves_the_member_all_the_same(self):
        """Rule M4: it is each one's own choice."""
        self.inviter.accepts_commission = False
        self.assertEarned(self.reward(120000), {self.member: 600.0})

    def test_a_suspended_inviter_earns_nothing_and_the_member_all_the_same(self):
        """Rule M4."""
        self.inviter.member_state = "suspended"
        self.assertEarned(self.reward(120000), {self.member: 600.0})

    def test_a_share_on_top_leaves_the_reward_and_one_out_of_it_takes_from_it(self):
        """Rule M4: 600 and 60, or 540 and 60."""
        first = {"name": "First", "rate": 0.5}
        order = self.give([first, SHARE], 120000)
        self.assertEarned(order, {self.member: 600.0, self.inviter: 60.0})
        order = self.give([first, {**SHARE, "sharing": "out_of"}], 120000)
        self.assertEarned(order, {self.member: 540.0, self.inviter: 60.0})
        own = order.sudo().referral_commission_ids.filtered(lambda line: not line.level)
        own._reverse("Half refunded", 270)
        self.assertEarned(order, {self.member: 270.0, self.inviter: 30.0})

    def test_a_fixed_amount_is_no_share_whatever_was_chosen_before(self):
        """Rule M4: 88 on top, though "out of the reward" is left behind it."""
        fixed = {**SHARE, "rate_type": "fixed", "amount": 88, "sharing": "out_of"}
        order = self.give([{"name": "First", "rate": 0.5}, fixed], 120000)
        self.assertEarned(order, {self.member: 600.0, self.inviter: 88.0})

    def test_on_a_partner_channel_its_partner_earns_and_no_member(self):
        """Rule S4: 2 % of 120,000."""
        club = self.env["res.partner"].create({"name": "Club"})
        channel = self.env["referral.channel"].create(
            {"name": "Club", "kind": "partner", "partner_id": club.id}
        )
        link = self.env["referral.link"]._obtain(self.member, channel, "/")
        agent = self.make_agent("Agent")
        self.env["referral.territory"].create(
            {"agent_id": agent.id, "country_id": self.env.ref("base.cn").id}
        )
        self.customer.country_id = self.env.ref("base.cn")
        rules = [
            {"name": "M", "rate": 1},
            SHARE,
            {"name": "P", "beneficiary": "channel_partner", "rate": 2},
            {"name": "R", "beneficiary": "role", "role": "member", "rate": 1},
            {"name": "T", "beneficiary": "territory", "rate": 1},
            {
                "name": "C",
                "beneficiary": "contact",
                "partner_id": self.grandparent.id,
                "rate": 1,
            },
        ]
        lead = self.make_lead(referral_link_id=link.id)
        self.assertEarned(self.give(rules, 120000, lead=lead), {club: 2400.0})


@tagged("post_install", "-at_install")
class TestMoney(FigureCase):
    """Rules C3, C6, C7, C8: instalments, refunds, currencies."""

    def test_a_down_payment_and_two_instalments_pay_as_they_come(self):
        """Rule C6: 36,000 + 42,000 + 42,000 -> 180 + 210 + 210, and a tenth."""
        self.make_plan(PAYMENT_RULES)._activate()
        order = self.make_contract(self.make_lead())
        self.pay(self.down_payment(order, 30))
        self.assertEqual(self.left(order), [180, 18])
        final = self.invoice(order)
        self.pay(final, 42000)
        self.assertEqual(self.left(order), [390, 39])
        self.pay(final)
        self.assertEqual(self.left(order), [600, 60])

    def test_by_contract_they_pay_at_once_when_all_of_it_is_there(self):
        """Rule C3: nothing before the final payment and finance's confirmation."""
        order = self.make_contract(self.make_lead())
        self.pay(self.down_payment(order, 30))
        final = self.invoice(order)
        self.pay(final, 42000)
        self.pay(final)
        self.assertEqual(self.left(order), [0, 0])
        self.confirm(order)
        self.assertEqual(self.left(order), [600, 60])

    def test_a_credit_note_of_a_part_after_the_payout_is_owed_and_netted(self):
        """Rule C7: 30,000 of 120,000 takes 150 and 15; the next contract pays it."""
        order = self.reward(120000)
        paid = self.settle(order.referral_commission_ids)
        self.assertEqual(sorted(paid.mapped("amount_total")), [60, 600])
        self.refund(order.invoice_ids, 30000)
        self.assertEqual(self.left(order), [450, 45])
        following = self.reward(120000, lead=self.env["crm.lead"])
        self.assertEqual(following.project_phase, 2)
        settled = self.settle(following.referral_commission_ids)
        self.assertEqual(sorted(settled.mapped("amount_total")), [120 - 15, 1200 - 150])

    def test_two_currencies(self):
        """Rule C8: a contract of 60,000 at 2 for 1 is worth 120,000; paid in a third,
        at 4 for 1, that is 2,400 and 240."""
        contract, paid = self.make_currency("XTS", 0.5), self.make_currency("XTT", 4)
        prices = self.env["product.pricelist"].create(
            {"name": "Foreign", "currency_id": contract.id}
        )
        rules = [{"name": "First", "rate": 0.5}, SHARE]
        order = self.give(
            [{**rule, "currency_id": paid.id} for rule in rules],
            60000,
            pricelist_id=prices.id,
        )
        self.assertEqual(order.currency_id, contract)
        self.assertEarned(order, {self.member: 2400.0, self.inviter: 240.0})
        lines = order.sudo().referral_commission_ids
        self.assertEqual(lines.currency_id, paid)
        self.assertEqual(lines.sorted("level").mapped("base_amount"), [120000, 2400])

    def make_currency(self, name, rate):
        return self.env["res.currency"].create(
            {
                "name": name,
                "symbol": name,
                "rounding": 0.01,
                "rate_ids": [Command.create({"name": "2020-01-01", "rate": rate})],
            }
        )

    def test_the_version_in_force_at_the_signature_stays(self):
        """Rule C4, threat F5: 600, though 50 per cent are in force since."""
        order = self.make_paid_contract()
        self.make_plan([{"name": "Generous", "rate": 50}])._activate()
        self.confirm(order)
        self.assertEarned(order, {self.member: 600.0, self.inviter: 60.0})


@tagged("post_install", "-at_install")
class TestTiers(FigureCase):
    """Agent 15, distributor 10, member 5 per cent: each less what is below (C5, G1)."""

    RULES = tuple(
        {
            "name": role,
            "beneficiary": "role",
            "role": role,
            "rate_type": "differential",
            "rate": rate,
        }
        for role, rate in (("agent", 15), ("distributor", 10), ("member", 5))
    )

    def setUp(self):
        super().setUp()
        self.sign_off_three_levels()
        self.member.grade_id = self.tier("member")
        self.inviter.grade_id = self.tier("distributor")
        self.grandparent.grade_id = self.tier("agent")

    def test_each_gets_the_difference_to_what_is_below(self):
        order = self.give(self.RULES)
        earned = {self.member: 50.0, self.inviter: 50.0, self.grandparent: 50.0}
        self.assertEarned(order, earned)

    def test_without_a_distributor_the_agent_gets_that_too(self):
        self.inviter.grade_id = self.tier("member")
        order = self.give(self.RULES)
        self.assertEarned(order, {self.member: 50.0, self.grandparent: 100.0})

    def test_a_suspended_distributor_is_not_passed_over_to_another_one(self):
        self.inviter.member_state = "suspended"
        order = self.give(self.RULES)
        self.assertEarned(order, {self.member: 50.0, self.grandparent: 100.0})

    def test_an_agent_who_brings_it_gets_all_and_nobody_below_zero(self):
        self.member.grade_id = self.tier("agent")
        order = self.give(self.RULES)
        self.assertEarned(order, {self.member: 150.0})

    def test_a_lower_tier_above_a_higher_one_gets_nothing(self):
        """Never below zero: 10 less 15."""
        self.inviter.grade_id = self.tier("agent")
        self.grandparent.grade_id = self.tier("distributor")
        order = self.give(self.RULES)
        self.assertEarned(order, {self.member: 50.0, self.inviter: 100.0})

    def test_a_role_is_found_however_far_up(self):
        """Beyond the paying levels, which count who earns."""
        top = self.make_agent("Top")
        chain = top
        for number in range(5):
            chain = self.make_member(
                f"C{number}", inviter_id=chain.id, grade_id=self.tier("member").id
            )
        link = self.env["referral.link"]._obtain(chain, self.channel, "/shop")
        self.make_plan(self.RULES)._activate()
        order = self.reward(lead=self.make_lead(referral_link_id=link.id))
        self.assertEarned(order, {chain: 50.0, top: 100.0})

    def test_tiers_differ_in_rates_by_a_condition(self):
        rules = [
            {"name": "M", "rate": 1, "tier_ids": self.tier("member").ids},
            {"name": "D", "rate": 2, "tier_ids": self.tier("distributor").ids},
        ]
        self.assertEarned(self.give(rules), {self.member: 10.0})


@tagged("post_install", "-at_install")
class TestLegalGuard(FigureCase):
    """Threat G1: a fourth level, a third without sign-off; see ``test_compliance`` for
    the sign-off, ``test_compliance_guards`` for heads and fees."""

    def setUp(self):
        super().setUp()
        self.member.grade_id = self.tier("member")
        self.inviter.grade_id = self.tier("distributor")
        self.grandparent.grade_id = self.tier("agent")

    def test_no_more_people_of_a_chain_are_paid_than_there_are_paying_levels(self):
        """By roles too; two levels unless three are signed off."""
        order = self.give(TestTiers.RULES)
        self.assertEarned(order, {self.member: 50.0, self.inviter: 50.0})

    def test_nor_by_several_events_of_one_contract(self):
        """Two by the contract, and the agent as money comes or by the line."""
        two = [{"name": "M", "rate": 1}, SHARE]
        agent = {"name": "A", "beneficiary": "role", "role": "agent", "rate": 5}
        for trigger in ("payment", "order_line"):
            with self.subTest(trigger=trigger):
                order = self.give([*two, {**agent, "trigger": trigger}])
                earners = order.sudo().referral_commission_ids.partner_id
                self.assertEqual(len(earners), 2)
        self.sign_off_three_levels()
        order = self.give([*two, {**agent, "trigger": "payment"}])
        earned = {self.member: 10.0, self.inviter: 1.0, self.grandparent: 50.0}
        self.assertEarned(order, earned)

    def test_nor_line_by_line(self):
        """One line for the member and the distributor, another for the agent."""
        goods = self.env["product.category"].create({"name": "Goods"})
        vals = {"name": "G", "type": "service", "invoice_policy": "order"}
        other = self.product.create({**vals, "categ_id": goods.id})
        line = {"trigger": "order_line", "beneficiary": "role", "rate": 1}
        self.product.categ_id = self.env["product.category"].create({"name": "Own"})
        own = {"category_ids": self.product.categ_id.ids}
        self.make_plan(
            [
                {**line, **own, "name": "M", "role": "member"},
                {**line, **own, "name": "D", "role": "distributor"},
                {**line, "name": "A", "role": "agent", "category_ids": goods.ids},
            ]
        )._activate()
        order = self.reward(
            order_line=[
                Command.create({"product_id": one.id, "price_unit": 100, "tax_ids": []})
                for one in (self.product, other)
            ]
        )
        self.assertEarned(order, {self.member: 1.0, self.inviter: 1.0})


@tagged("post_install", "-at_install")
class TestAmounts(FigureCase):
    """Rule C4: brackets over periods, formulas, limits, own rates."""

    def test_brackets_over_each_contract_begin_anew(self):
        order = self.give([BRACKETS], 800)
        self.assertEarned(order, {self.member: 8.0})
        self.assertEarned(self.reward(1500), {self.member: 20.0})

    def test_brackets_over_a_period_go_on_where_the_last_contract_ended(self):
        """800 at 1 %; of 700 200 at 1 % and 500 at 2 %."""
        for period in ("month", "year"):
            with self.subTest(period=period):
                order = self.give([{**BRACKETS, "bracket_period": period}], 800)
                self.assertEarned(order, {self.member: 8.0})
                self.assertEarned(self.reward(700), {self.member: 12.0})

    def test_brackets_begin_anew_with_the_companys_month(self):
        """The last contract was rewarded in the month, or year, before."""
        for period, months in (("month", 1), ("year", 12)):
            order = self.give([{**BRACKETS, "bracket_period": period}], 800)
            today = self.company._referral_today()
            self.age(order, Date.subtract(today.replace(day=1), months=months))
            with self.subTest(period=period):
                self.assertEarned(self.reward(700), {self.member: 7.0})

    def age(self, order, day):
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE referral_commission SET create_date = %s WHERE order_id = %s",
            (day, order.id),
        )
        self.env.invalidate_all()

    def test_a_contract_that_is_paid_in_parts_counts_once_and_as_a_whole(self):
        """Two halves of 800, and 700 between or after: as if it were paid at once."""
        rule = {**BRACKETS, "trigger": "payment", "bracket_period": "month"}
        for before, after in (([400], [400]), ([400, 400], [])):
            self.make_plan([rule])._activate()
            lead = self.make_lead()
            first = self.make_contract(lead, 800)
            invoice = self.invoice(first)
            for amount in before:
                self.pay(invoice, amount)
            second = self.make_contract(lead, 700)
            self.pay(self.invoice(second))
            for amount in after:
                self.pay(invoice, amount)
            with self.subTest(before=before):
                self.assertEarned(second, {self.member: 12.0})
                self.assertEarned(first, {self.member: 8.0})

    def test_limits(self):
        for limit, expected in (
            ("cap_order", [80.0, 80.0]),
            ("cap_customer", [80.0, 0]),
            ("cap_person", [80.0, 0]),
            ("cap_month", [80.0, 0]),
            ("cap_year", [80.0, 0]),
        ):
            rule = {"name": limit, "rate": 10, limit: 80}
            self.make_plan([rule])._activate()
            lead = self.make_lead()
            given = [
                sum(self.reward(lead=lead).referral_commission_ids.mapped("amount"))
                for _number in range(2)
            ]
            with self.subTest(limit=limit):
                self.assertEqual(given, expected)

    def test_a_limit_holds_whatever_order_the_money_comes_in(self):
        """At most 150: 100 for the first contract, half of it paid, leaves 50."""
        rule = {"name": "R", "trigger": "payment", "rate": 10, "cap_person": 150}
        self.make_plan([rule])._activate()
        first = self.make_contract(self.make_lead(), 1000)
        invoice = self.invoice(first)
        self.pay(invoice, 500)
        second = self.make_contract(amount=1000)
        self.pay(self.invoice(second))
        self.pay(invoice)
        self.assertEarned(first, {self.member: 100.0})
        self.assertEarned(second, {self.member: 50.0})

    def test_what_comes_back_after_others_were_rewarded_is_limited_with_them(self):
        """At most 100: refunded, given to another contract, and paid again."""
        rule = {"name": "R", "trigger": "payment", "rate": 10, "cap_person": 100}
        self.make_plan([rule])._activate()
        first = self.make_contract(self.make_lead(), 1000)
        payment = self.pay(self.invoice(first))
        payment.action_draft()
        second = self.make_contract(amount=600)
        self.pay(self.invoice(second))
        payment.action_post()
        self.assertEarned(second, {self.member: 60.0})
        self.assertLessEqual(self.left(first)[0], 40.0)

    def test_what_was_paid_in_another_currency_is_no_amount_of_this_one(self):
        """A new version pays in points: its limit of 80 is 80 points."""
        other = self.env["res.currency"].create(
            {
                "name": "XTS",
                "symbol": "X",
                "rate_ids": [Command.create({"name": "2020-01-01", "rate": 1})],
            }
        )
        rule = {"name": "R", "rate": 10, "cap_person": 80, "times_per_customer": 3}
        plan = self.make_plan([rule])
        plan._activate()
        lead = self.make_lead()
        self.assertEarned(self.reward(lead=lead), {self.member: 80.0})
        action = plan.with_user(self.manager).action_new_version()
        draft = self.env["referral.plan"].browse(action["res_id"])
        draft.rule_ids.currency_id = other
        draft._activate()
        self.assertEarned(self.reward(lead=lead), {self.member: 80.0})
        self.assertEarned(self.reward(lead=lead), {})

    def test_a_formula_pays_what_it_gives(self):
        text = "min(amount / 200, 1000) if phase == 1 else 0"
        rule = {"name": "F", "rate_type": "expression", "expression": text}
        order = self.give([rule], 120000)
        self.assertEarned(order, {self.member: 600.0})
        other = self.env["res.partner"].create({"name": "Another customer"})
        order = self.reward(500000, partner_id=other.id, lead=self.make_lead())
        self.assertEarned(order, {self.member: 1000.0})

    def test_an_own_rate_takes_the_place_of_the_plans(self):
        """1 % by the plan, 3 % for the member, 5 % for the member and the customer."""
        values = {"partner_id": self.member.id, "rate": 3}
        rate = self.env["referral.rate"].with_user(self.manager).create(values)
        self.assertEarned(self.give([{"name": "R", "rate": 1}]), {self.member: 30.0})
        rate.copy({"customer_id": self.customer.id, "rate": 5})
        self.assertEarned(self.reward(), {self.member: 50.0})
        other = self.env["res.partner"].create({"name": "Other customer"})
        lead = self.make_lead()
        self.assertEarned(
            self.reward(lead=lead, partner_id=other.id), {self.member: 30.0}
        )

    def test_in_whatever_order_rules_stand_the_figures_are_the_same(self):
        rules = [
            {"name": "First", "rate": 0.5},
            {**SHARE, "sharing": "out_of"},
            {"name": "F", "rate_type": "expression", "expression": "reward / 2"},
            {"name": "D", "rate_type": "differential", "level": 1, "rate": 2},
        ]
        found = set()
        for turned in (rules, rules[::-1], rules[2:] + rules[:2]):
            numbered = [
                {**rule, "sequence": number}
                for number, rule in enumerate(turned, start=1)
            ]
            order = self.give(numbered, 120000, lead=self.make_lead())
            sums = [self.left(order)[place] for place in (0, 1)]
            found.add(tuple(sums))
        self.assertEqual(len(found), 1)
