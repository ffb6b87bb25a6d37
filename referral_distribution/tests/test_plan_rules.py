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

    def test_contracts_confirmed_together_count_for_each_other(self):
        rule = {"name": "R", "rate": 10, "cap_month": 150}
        self.make_plan([rule])._activate()
        orders = self.env["sale.order"]
        for _number in range(2):
            orders |= self.make_paid_contract(amount=1000)
        orders.with_user(self.finance).action_referral_confirm()
        amounts = orders.referral_commission_ids.mapped("amount")
        self.assertEqual(sorted(amounts), [50.0, 100.0])

    def test_what_was_taken_back_does_not_count_towards_a_limit(self):
        rule = {"name": "R", "rate": 10, "cap_person": 100}
        order = self.give([rule])
        order.sudo().referral_commission_ids._reverse("Refunded", 40)
        self.assertEarned(self.reward(), {self.member: 40.0})

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
            "amount / 0",
            "amount / (phase - phase)",
            "amount ** 99",
            "-" * 100 + "amount",
            "(" * 400,
            "amount + " * 100 + "1",
            "round(amount, 7)",
            "amount > 5",
            "'a' * 9",
            "",
        ):
            rule = {"name": "F", "rate_type": "expression", "expression": text}
            with self.subTest(text=text), self.assertRaises(ValidationError):
                self.make_plan([rule])


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
        for amount in (float("nan"), float("inf")):
            with self.subTest(payout=amount), self.assertRaises(ValidationError):
                self.make_plan(payout_minimum=amount)
        with self.assertDatabaseRefuses():
            self.make_plan(payout_minimum=-1)

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
        rule = {"name": "Z", "rate": 1, "currency_id": currency.id}
        plan = self.make_plan([rule])
        with self.assertRaisesRegex(UserError, "ZZZ has no rate"):
            plan.with_user(self.manager).action_activate()
        self.assertEqual((plan.state, self.plan.state), ("draft", "active"))

    def test_nor_does_one_whose_last_rate_was_deleted_count_as_one_for_one(self):
        currency = self.env["res.currency"].create({"name": "ZZZ", "symbol": "Z"})
        self.env["res.currency.rate"].search(
            [("currency_id", "=", self.currency.id)]
        ).unlink()
        values = {"currency_id": currency.id, "name": "2020-01-01", "rate": 2}
        rate = self.env["res.currency.rate"].create(values)
        self.give([{"name": "Z", "rate": 1, "currency_id": currency.id}])
        rate.unlink()
        order = self.make_paid_contract(lead=self.env["crm.lead"])
        with self.assertRaisesRegex(UserError, "ZZZ has no rate"):
            order.with_user(self.finance).action_referral_confirm()
