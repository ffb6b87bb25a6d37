import re

from odoo.fields import Command
from odoo.tests import tagged

from .test_plan_rules import RuleCase

STEPS = [
    Command.create({"amount_from": 0, "rate": 1}),
    Command.create({"amount_from": 1000, "rate": 2.5}),
]
ABOVE = {"level": 1, "base": "member_reward", "rate": 10}
FIXED = {"rate_type": "fixed", "amount": 10}
RULES = (
    {"trigger": "share", **FIXED},
    {"trigger": "lead_valid", **FIXED},
    {"trigger": "lead_valid", "beneficiary": "channel_partner", **FIXED},
    {"beneficiary": "channel_partner", "rate_type": "terms"},
    {"trigger": "payment", "rate": 0.5, "base": "total"},
    {"trigger": "manual", **FIXED},
    {**ABOVE, "sharing": "on_top"},
    {**ABOVE, "sharing": "out_of", "level": 2},
    *(
        {"beneficiary": "role", "role": role, "rate_type": "differential"}
        for role in ("agent", "distributor", "member")
    ),
    {"beneficiary": "territory", "rate": 1},
    *(
        {"rate_type": "bracket", "bracket_ids": STEPS, "bracket_period": period}
        for period in ("order", "month", "year")
    ),
    {"rate_type": "expression", "expression": "1 + 1"},
    {"rate": 1, "phase": "first", "channel_kind": "own"},
    {"rate": 1, "phase": "repeat", "channel_kind": "partner"},
    {"rate": 1, "phase": "range", "phase_from": 2, "phase_to": 3},
    {"rate": 1, "phase": "range", "phase_from": 2, "fulfilment": "prepaid"},
    {"rate": 1, "territory": "held", "times_per_customer": 3},
    {"rate": 1, "territory": "free"},
)
LIMITS = {
    "rate": 1,
    "amount_from": 1000,
    "amount_to": 2000,
    "date_from": "2026-01-01",
    "date_to": "2026-12-31",
    "domain": "[('amount_untaxed', '>', 1)]",
    "cap_order": 1,
    "cap_customer": 2,
    "cap_person": 3,
    "cap_month": 4,
    "cap_year": 5,
}


@tagged("post_install", "-at_install")
class TestSentences(RuleCase):
    """A rule says what it does, whatever is chosen, in both languages (rule C8)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["res.lang"]._activate_lang("zh_CN")
        modules = cls.env["ir.module.module"].search(
            [("name", "=", "referral_distribution")]
        )
        modules._update_translations(["zh_CN"])

    def rules(self):
        """Return a draft's rules, every choice among them once."""
        contact = self.env["res.partner"].create({"name": "张三"})
        agent = self.make_agent("李四")
        goods = self.env["product.category"].create({"name": "服务"})
        tier = self.env["res.partner.grade"].create({"name": "金牌"})
        mine = {"territory": "chosen", "territory_agent_ids": agent.ids}
        rules = [
            *RULES,
            {"trigger": "order_line", "rate": 1, "category_ids": goods.ids},
            {"beneficiary": "contact", "partner_id": contact.id, "rate": 1},
            {"rate": 1, "tier_ids": tier.ids, "fulfilment": "direct"},
            {**LIMITS, **mine, "category_ids": goods.ids, "category_use": "contract"},
        ]
        named = [{"name": str(number), **rule} for number, rule in enumerate(rules)]
        return self.make_plan(named).rule_ids

    def test_each_choice_has_its_words(self):
        rules = self.rules().with_user(self.manager)
        choices = ("trigger", "beneficiary", "rate_type", "sharing", "phase")
        for name in (*choices, "bracket_period", "territory", "fulfilment"):
            values = set(rules._fields[name].get_values(self.env))
            with self.subTest(field=name):
                self.assertEqual(values, set(rules.mapped(name)))
        sentences = rules.mapped("sentence")
        self.assertEqual(len(set(sentences)), len(rules), "no two say the same")
        for sentence in sentences:
            self.assertNotRegex(sentence, r"\(\)|  |\b(None|False)\b")

    def test_in_chinese_no_english_is_left(self):
        rules = self.rules().with_user(self.manager).with_context(lang="zh_CN")
        for rule in rules:
            currency = rf"{self.currency.name}|{re.escape(self.currency.symbol)}"
            rest = re.sub(currency, "", rule.sentence)
            with self.subTest(sentence=rule.sentence):
                self.assertNotRegex(rest, "[A-Za-z]{2,}")
                self.assertRegex(rest, "[\u4e00-\u9fff]")

    def test_some_of_them_word_by_word(self):
        rules = self.rules().with_user(self.manager)
        money = re.escape(self.currency.symbol)
        for number, pattern in (
            (6, r"the inviter gets 10 % of the reward of who brought it \(On top"),
            (7, r"the inviter's inviter gets 10 % .* \(Out of the reward\)"),
            (8, r"the role “Agent”, from who brought it upwards gets 0 % of"),
            (12, r"1 % from .*0.00.*, 2.5 % from .*1,000.00.* \(Each contract"),
            (18, r"Only phases 2 to 3\."),
            (19, r"Only from phase 2 on; From prepaid stock\."),
            (-1, rf"At most .*{money}.* per contract; .* per person and year\."),
        ):
            self.assertRegex(rules[number].sentence, pattern)

    def test_the_trial_says_how_each_amount_comes_about(self):
        """A line in both languages, with the amounts (rules C4, C8)."""
        rules = [
            {"name": "一", "rate": 0.5, "cap_order": 500},
            {"name": "二", "level": 1, "base": "member_reward", "rate": 10},
            {
                "name": "三",
                "level": 1,
                "rate_type": "differential",
                "rate": 1,
            },
            {
                "name": "四",
                "rate_type": "expression",
                "expression": "1",
                "level": 1,
            },
        ]
        plan = self.make_plan(rules, name="方案")
        for lang, words in (
            ("en_US", ["limited from", "given below", "by the rule"]),
            ("zh_CN", ["公式"]),
        ):
            trial = (
                self.env["referral.plan.trial"]
                .with_user(self.manager)
                .with_context(lang=lang)
                .create({"plan_id": plan.id, "referrer_id": self.member.id})
            )
            for word in (*words, "500.00", "50.00", "700.00", "1.00"):
                with self.subTest(lang=lang, word=word):
                    self.assertIn(word, trial.result)
            if lang == "zh_CN":
                text = re.sub("<[^>]*>|rd_portal|Inviter|v[0-9]+", " ", trial.result)
                text = text.replace(self.currency.name, "")
                self.assertNotRegex(text, "[A-Za-z]{3,}")
