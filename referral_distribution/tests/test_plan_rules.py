import psycopg2

from odoo.exceptions import UserError, ValidationError
from odoo.fields import Command, Date
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import ReferralCase


class RuleCase(ReferralCase):
    """Contracts of the member under a plan of the test's own, to the reward."""

    def give(self, rules, amount=1000.0, **values):
        """Return the contract of ``amount`` that ``rules`` have rewarded."""
        self.make_plan(rules)._activate()
        return self.reward(amount, **values)

    def reward(self, amount=1000.0, **values):
        order = self.make_paid_contract(amount=amount, **values)
        order.with_user(self.finance).action_referral_confirm()
        return order

    def assertEarned(self, order, expected):
        """Compare ``{partner: sum}`` of what a contract has given."""
        found = {}
        for line in order.sudo().referral_commission_ids:
            found[line.partner_id] = found.get(line.partner_id, 0) + line.amount
        self.assertEqual(found, expected)

    def tier(self, name):
        return self.env.ref(f"referral_distribution.res_partner_grade_{name}")

    def sign_off_three_levels(self):
        self.env.cr.execute(
            "UPDATE res_company SET referral_paying_levels = '3' WHERE id = %s",
            (self.company.id,),
        )
        self.company.invalidate_recordset()


@tagged("post_install", "-at_install")
class TestWorkedFigures(RuleCase):
    """The figures of the rules C1, C2, C5 and M4."""

    def test_a_first_contract_of_120000_earns_600_and_60(self):
        """Rules C1, M4."""
        order = self.reward(120000)
        self.assertRewards(order, [(self.member, 0, 600.0), (self.inviter, 1, 60.0)])

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

    def test_a_suspended_inviter_earns_nothing_and_the_member_all_the_same(self):
        """Rule M4."""
        self.inviter.member_state = "suspended"
        self.assertEarned(self.reward(120000), {self.member: 600.0})

    def test_a_share_out_of_the_reward_leaves_it(self):
        """Rule M4: 600 are 540 and 60."""
        rules = [
            {"name": "First", "rate": 0.5},
            {
                "name": "Inviter",
                "level": 1,
                "base": "member_reward",
                "rate": 10,
                "sharing": "out_of",
            },
        ]
        order = self.give(rules, 120000)
        self.assertEarned(order, {self.member: 540.0, self.inviter: 60.0})
        own = order.sudo().referral_commission_ids.filtered(lambda line: not line.level)
        own._reverse("Half refunded", 270)
        self.assertEarned(order, {self.member: 270.0, self.inviter: 30.0})


@tagged("post_install", "-at_install")
class TestRoles(RuleCase):
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

    def test_an_agent_who_brings_it_gets_all_and_nobody_below_zero(self):
        self.member.grade_id = self.tier("agent")
        order = self.give(self.RULES)
        self.assertEarned(order, {self.member: 150.0})

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

    def test_no_more_people_of_a_chain_are_paid_than_there_are_paying_levels(self):
        """Threat G1: also by roles; two levels unless three are signed off."""
        self.env.cr.execute("UPDATE res_company SET referral_paying_levels = '2'")
        self.company.invalidate_recordset()
        order = self.give(self.RULES)
        self.assertEarned(order, {self.member: 50.0, self.inviter: 50.0})

    def test_a_suspended_distributor_is_not_passed_over_to_another_one(self):
        self.inviter.member_state = "suspended"
        order = self.give(self.RULES)
        self.assertEarned(order, {self.member: 50.0, self.grandparent: 100.0})

    def test_tiers_differ_in_rates_by_a_condition(self):
        rules = [
            {"name": "M", "rate": 1, "tier_ids": self.tier("member").ids},
            {"name": "D", "rate": 2, "tier_ids": self.tier("distributor").ids},
        ]
        self.assertEarned(self.give(rules), {self.member: 10.0})


@tagged("post_install", "-at_install")
class TestConditions(RuleCase):
    """A rule pays when all that it asks for holds, and not otherwise (rule C4)."""

    def holds(self, **conditions):
        """Tell whether a rule of 1 % with these conditions pays for a contract."""
        self.make_plan([{"name": "R", "rate": 1, **conditions}])._activate()
        return bool(self.reward().sudo().referral_commission_ids)

    def test_phases_from_and_to(self):
        values = {"phase": "range", "phase_from": 2, "phase_to": 3}
        self.make_plan([{"name": "R", "rate": 1, **values}])._activate()
        lead = self.make_lead()
        paid = [bool(self.reward(lead=lead).referral_commission_ids) for _n in range(4)]
        self.assertEqual(paid, [False, True, True, False])

    def test_amounts_reach_up_to_the_next_slice(self):
        for limits, expected in (
            ({"amount_from": 1000}, True),
            ({"amount_from": 1000.01}, False),
            ({"amount_to": 1000.01}, True),
            ({"amount_to": 1000}, False),
        ):
            with self.subTest(limits=limits):
                self.assertEqual(self.holds(**limits), expected)

    def test_days_of_the_signature(self):
        today = self.company._referral_today()
        earlier, later = Date.subtract(today, days=2), Date.add(today, days=2)
        for days, expected in (
            ({"date_from": earlier, "date_to": later}, True),
            ({"date_from": later}, False),
            ({"date_to": earlier}, False),
        ):
            with self.subTest(days=days):
                self.assertEqual(self.holds(**days), expected)

    def test_channels(self):
        self.assertTrue(self.holds(channel_kind="own"))
        self.assertFalse(self.holds(channel_kind="partner"))

    def test_a_further_condition_of_odoos_own_kind(self):
        self.assertTrue(self.holds(domain="[('amount_untaxed', '>=', 1000)]"))
        self.assertFalse(self.holds(domain="[('amount_untaxed', '>', 1000)]"))

    def test_fulfilment_is_direct_until_goods_come_from_prepaid_stock(self):
        """Rule G2."""
        self.assertTrue(self.holds(fulfilment="direct"))
        self.assertFalse(self.holds(fulfilment="prepaid"))

    def test_so_many_times_per_customer_over_all_versions(self):
        plan = self.make_plan([{"name": "R", "rate": 1, "times_per_customer": 2}])
        plan._activate()
        lead = self.make_lead()
        self.assertTrue(self.reward(lead=lead).referral_commission_ids)
        action = plan.with_user(self.manager).action_new_version()
        self.env["referral.plan"].browse(action["res_id"])._activate()
        paid = [bool(self.reward(lead=lead).referral_commission_ids) for _n in range(2)]
        self.assertEqual(paid, [True, False])

    def test_only_amounts_of_a_category_and_all_that_lie_in_it(self):
        top = self.env["product.category"].create({"name": "Top"})
        below = top.create({"name": "Below", "parent_id": top.id})
        vals = {"name": "Goods", "type": "service", "invoice_policy": "order"}
        goods = self.product.create({**vals, "categ_id": below.id})
        for use, expected in (("lines", 3.0), ("contract", 13.0)):
            rule = {"name": use, "rate": 1, "category_ids": top.ids}
            self.make_plan([{**rule, "category_use": use}])._activate()
            lines = [
                Command.create({"product_id": one, "price_unit": price, "tax_ids": []})
                for one, price in ((self.product.id, 1000), (goods.id, 300))
            ]
            with self.subTest(use=use):
                order = self.reward(order_line=lines)
                self.assertEarned(order, {self.member: expected})

    def test_each_line_may_be_rewarded_by_itself(self):
        rule = {"name": "L", "trigger": "order_line", "rate_type": "fixed", "amount": 7}
        self.make_plan([rule])._activate()
        vals = {"product_id": self.product.id, "price_unit": 10, "tax_ids": []}
        line = Command.create(vals)
        order = self.reward(order_line=[line, line])
        self.assertEarned(order, {self.member: 14.0})
        lines = order.sudo().referral_commission_ids
        self.assertEqual(lines.order_line_id, order.order_line)
        order.with_user(self.finance).action_referral_confirm()
        self.assertEarned(order, {self.member: 14.0})

    def test_the_agent_of_the_territory_earns(self):
        """Rule M5."""
        agent = self.make_agent("Agent")
        country = self.env.ref("base.cn")
        self.env["referral.territory"].create(
            {"agent_id": agent.id, "country_id": country.id}
        )
        self.customer.country_id = country
        rule = {"name": "T", "beneficiary": "territory", "rate": 2}
        order = self.give([rule])
        self.assertEarned(order, {agent: 20.0})
        self.assertTrue(self.holds(territory="held"))
        self.assertFalse(self.holds(territory="free"))
        mine = {"territory": "chosen", "territory_agent_ids": agent.ids}
        self.assertTrue(self.holds(**mine))
        other = self.make_agent("Other")
        self.assertFalse(self.holds(**mine | {"territory_agent_ids": other.ids}))

    def test_a_named_contact_earns_and_never_a_share_of_its_own_reward(self):
        contact = self.env["res.partner"].create({"name": "Lecturer"})
        rule = {"name": "C", "beneficiary": "contact", "partner_id": contact.id}
        own = {"name": "Own", "rate": 1}
        share = {**rule, "base": "member_reward", "rate": 10}
        order = self.give([own, share])
        self.assertEarned(order, {self.member: 10.0, contact: 1.0})
        circular = {**share, "partner_id": self.member.id}
        order = self.give([own, circular])
        self.assertEarned(order, {self.member: 10.0})


@tagged("post_install", "-at_install")
class TestAmounts(RuleCase):
    """Brackets over periods, formulas, limits, own rates (rule C4)."""

    def test_brackets_over_the_month_go_on_where_the_last_contract_ended(self):
        steps = [
            Command.create({"amount_from": 0, "rate": 1}),
            Command.create({"amount_from": 1000, "rate": 2}),
        ]
        rule = {"name": "B", "rate_type": "bracket", "bracket_ids": steps}
        order = self.give([{**rule, "bracket_period": "month"}], 800)
        self.assertEarned(order, {self.member: 8.0})
        order = self.reward(700)
        self.assertEarned(order, {self.member: 12.0})

    def test_contracts_confirmed_together_count_for_each_other(self):
        rule = {"name": "R", "rate": 10, "cap_month": 150}
        self.make_plan([rule])._activate()
        orders = self.env["sale.order"]
        for _number in range(2):
            orders |= self.make_paid_contract(amount=1000)
        orders.with_user(self.finance).action_referral_confirm()
        amounts = orders.referral_commission_ids.mapped("amount")
        self.assertEqual(sorted(amounts), [50.0, 100.0])

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

    def test_what_was_taken_back_does_not_count_towards_a_limit(self):
        rule = {"name": "R", "rate": 10, "cap_person": 100}
        order = self.give([rule])
        order.sudo().referral_commission_ids._reverse("Refunded", 40)
        self.assertEarned(self.reward(), {self.member: 40.0})

    def test_a_formula_pays_what_it_gives(self):
        text = "min(amount / 200, 1000) if phase == 1 else 0"
        rule = {"name": "F", "rate_type": "expression", "expression": text}
        order = self.give([rule], 120000)
        self.assertEarned(order, {self.member: 600.0})

    def test_a_formula_that_divides_by_zero_stops_with_its_name(self):
        text = "amount / (phase - 1)"
        rule = {"name": "Odd", "rate_type": "expression", "expression": text}
        self.make_plan([rule])._activate()
        order = self.make_paid_contract()
        with self.assertRaisesRegex(UserError, "Odd.*divides by zero"):
            order.with_user(self.finance).action_referral_confirm()

    def test_a_formula_that_is_no_arithmetic_is_refused(self):
        """Threat P8."""
        for text in (
            "__import__('os').system('true')",
            "amount.__class__",
            "import os",
            "[amount for x in (1, 2)]",
            "(lambda: amount)()",
            "10 ** 10 ** 10",
            "9" * 400,
            "amount / 0 and",
            "while True: pass",
            "unknown",
            "",
        ):
            rule = {"name": "F", "rate_type": "expression", "expression": text}
            with self.subTest(text=text), self.assertRaises(ValidationError):
                self.make_plan([rule])

    def test_an_own_rate_takes_the_place_of_the_plans(self):
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

    def test_an_own_rate_holds_on_its_days(self):
        today = self.company._referral_today()
        rate = self.env["referral.rate"].create(
            {
                "partner_id": self.member.id,
                "rate": 3,
                "date_from": Date.subtract(today, days=9),
                "date_to": Date.subtract(today, days=3),
            }
        )
        self.assertEarned(self.give([{"name": "R", "rate": 1}]), {self.member: 10.0})
        rate.date_to = False
        self.assertEarned(self.reward(), {self.member: 30.0})

    def test_two_own_rates_do_not_overlap(self):
        values = {"partner_id": self.member.id, "rate": 3}
        rate = self.env["referral.rate"].create(values)
        self.env.flush_all()
        with self.assertDatabaseRefuses(psycopg2.errors.ExclusionViolation):
            rate.copy()
            self.env.flush_all()
        with self.assertRaises(ValidationError):
            rate.copy({"customer_id": self.member.id})


@tagged("post_install", "-at_install")
class TestBadInput(RuleCase):
    """Clear messages, and nothing half done."""

    def refuse(self, **values):
        """By the model, or by a constraint of the database with its own message."""
        try:
            with mute_logger("odoo.sql_db"), self.env.cr.savepoint():
                self.make_plan([{"name": "Bad", **values}])
                self.env.flush_all()
        except (UserError, psycopg2.IntegrityError):
            return
        self.fail(f"not refused: {values}")

    def test_rates_amounts_and_limits_out_of_range(self):
        for rate in (-1, 101, float("nan"), float("inf")):
            with self.subTest(rate=rate):
                self.refuse(rate=rate)
        for name in ("cap_order", "cap_customer", "cap_person", "cap_month"):
            for amount in (-1, float("nan"), 1e13):
                with self.subTest(name=name, amount=amount):
                    self.refuse(**{name: amount})
        self.refuse(amount_from=-1)
        self.refuse(amount_from=10, amount_to=5)
        self.refuse(date_from="2026-02-01", date_to="2026-01-01")
        self.refuse(times_per_customer=-1)

    def test_senseless_choices(self):
        company = self.company.partner_id.id
        archived = self.env["res.partner"].create({"name": "Gone", "active": False})
        for values in (
            {"beneficiary": "role"},
            {"beneficiary": "contact"},
            {"beneficiary": "contact", "partner_id": company},
            {"beneficiary": "contact", "partner_id": archived.id},
            {"beneficiary": "channel_partner", "base": "member_reward"},
            {"beneficiary": "territory", "rate_type": "differential"},
            {"level": 1, "rate_type": "differential", "base": "member_reward"},
            {"phase": "range"},
            {"phase": "range", "phase_from": 3, "phase_to": 2},
            {"territory": "chosen"},
            {"domain": "[('no_such_field', '=', 1)]"},
            {"domain": "__import__('os')"},
            {"base": "margin"},
        ):
            with self.subTest(values=values):
                self.refuse(**values)

    def test_a_currency_without_a_rate_is_refused_on_activation(self):
        currency = self.env["res.currency"].create({"name": "ZZZ", "symbol": "Z"})
        self.env["res.currency.rate"].search(
            [("currency_id", "in", (currency | self.currency).ids)]
        ).unlink()
        plan = self.make_plan([{"name": "Z", "rate": 1, "currency_id": currency.id}])
        with self.assertRaisesRegex(UserError, "ZZZ has no rate"):
            plan.with_user(self.manager).action_activate()
        self.assertEqual((plan.state, self.plan.state), ("draft", "active"))
