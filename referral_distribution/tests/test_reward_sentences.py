import re

from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import tagged

from .common import ReferralCase

SPACE = re.compile(r"\s")


@tagged("post_install", "-at_install")
class TestRewardSentences(ReferralCase):
    """The sentence of each kind of reward, in both languages, to the cent (rule C8)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["res.lang"]._activate_lang("zh_CN")
        cls.currency.write({"symbol": "¥", "position": "before"})

    def give(self, *rules, amount=120000, **values):
        """Return what rules, named in Chinese, give for a contract of 120,000."""
        plan = self.make_plan(
            [{"name": f"规则{n}", **rule} for n, rule in enumerate(rules, 1)],
            name="方案",
        )
        plan._activate()
        order = self.make_paid_contract(self.make_lead(), amount, **values)
        order.with_user(self.finance).action_referral_confirm()
        return order.with_env(self.env).referral_commission_ids.sorted("id")

    def assertTold(self, reward, english, chinese):
        """Both sentences, spaces aside; the Chinese one has no English word in it."""
        where = f"方案 v{reward.plan_id.version}，" if reward.plan_id else ""
        for lang, expected in (("en_US", english), ("zh_CN", chinese)):
            told = reward.with_context(lang=lang).explanation_text
            plan = where if lang == "zh_CN" else where.replace("，", ", ")
            expected = expected.replace("{plan}", plan)
            self.assertEqual(SPACE.sub("", told), SPACE.sub("", expected))
            if lang == "zh_CN":
                bare = re.sub(r" v\d+|INV/\S+|S\d+", "", told)
                self.assertNotRegex(bare, "[A-Za-z]")

    def test_a_first_and_a_second_contract_and_the_inviter(self):
        """120,000: 600 and 60 (rules C1, M4)."""
        own, share = self.give({"rate": 0.5}, {"level": 1, **SHARE})
        self.assertTold(
            own,
            "¥120,000.00 × 0.5 % = ¥600.00 ({plan}规则1, phase 1)",
            "¥120,000.00 × 0.5 % = ¥600.00（{plan}规则1，第 1 期）",
        )
        self.assertTold(
            share,
            "inviter level 1: 10 % of ¥600.00 = ¥60.00 ({plan}规则2, phase 1)",
            "第 1 级邀请人：¥600.00 的 10 % = ¥60.00（{plan}规则2，第 1 期）",
        )

    def test_a_share_of_somebody_who_invited_nobody(self):
        expert = self.env["res.partner"].create({"name": "Expert"})
        contact = {"beneficiary": "contact", "partner_id": expert.id}
        _own, share = self.give({"rate": 0.5}, {**contact, **SHARE})
        self.assertTold(
            share,
            "10 % of ¥600.00 = ¥60.00 ({plan}规则2, phase 1)",
            "¥600.00 的 10 % = ¥60.00（{plan}规则2，第 1 期）",
        )

    def test_a_fixed_amount(self):
        [own] = self.give({"rate_type": "fixed", "amount": 88})
        self.assertTold(
            own, "¥88.00 ({plan}规则1, phase 1)", "¥88.00（{plan}规则1，第 1 期）"
        )

    def test_a_valid_lead_has_no_phase(self):
        lead_rule = {"trigger": "lead_valid", "rate_type": "fixed", "amount": 10}
        self.make_plan([{"name": "有效", **lead_rule}], name="方案")._activate()
        lead = self.make_lead()
        lead.with_user(self.sales).action_referral_validate()
        reward = lead.with_env(self.env).referral_commission_ids
        self.assertTold(reward, "¥10.00 ({plan}有效)", "¥10.00（{plan}有效）")

    def test_brackets_and_what_counted_before(self):
        steps = [
            Command.create({"amount_from": 0, "rate": 1}),
            Command.create({"amount_from": 100000, "rate": 2}),
        ]
        rule = {"rate_type": "bracket", "bracket_ids": steps, "bracket_period": "year"}
        [first] = self.give(rule)
        self.assertTold(
            first,
            "¥120,000.00 by brackets = ¥1,400.00 ({plan}规则1, phase 1)",
            "¥120,000.00 按阶梯计算 = ¥1,400.00（{plan}规则1，第 1 期）",
        )
        order = self.make_paid_contract(self.make_lead(), 10000)
        order.with_user(self.finance).action_referral_confirm()
        self.assertTold(
            order.with_env(self.env).referral_commission_ids,
            "¥10,000.00 by brackets, after ¥120,000.00 before = ¥200.00"
            " ({plan}规则1, phase 2)",
            "¥10,000.00 按阶梯计算（此前累计 ¥120,000.00） = ¥200.00"
            "（{plan}规则1，第 2 期）",
        )

    def test_what_is_given_below_is_deducted(self):
        """Rule C5."""
        self.inviter.grade_id = self.env.ref(
            "referral_distribution.res_partner_grade_agent"
        )
        role = {"beneficiary": "role", "role": "agent", "rate_type": "differential"}
        lines = self.give({"rate": 5}, {**role, "rate": 15}, amount=1000)
        self.assertTold(
            lines.filtered(lambda line: line.partner_id == self.inviter),
            "¥1,000.00 × 15 % − ¥50.00 given below = ¥100.00 ({plan}规则2, phase 1)",
            "¥1,000.00 × 15 % − 下级已得 ¥50.00 = ¥100.00（{plan}规则2，第 1 期）",
        )

    def test_a_formula(self):
        text = "min(amount / 200, 1000)"
        [own] = self.give({"rate_type": "expression", "expression": text})
        self.assertTold(
            own,
            "¥120,000.00 by the rule's formula = ¥600.00 ({plan}规则1, phase 1)",
            "¥120,000.00 按规则公式计算 = ¥600.00（{plan}规则1，第 1 期）",
        )

    def test_limits_and_a_rate_of_ones_own_and_what_went_to_inviters(self):
        self.make_rate(rate=3)
        inside = {"level": 1, **SHARE, "sharing": "out_of"}
        own, _share = self.give({"rate": 0.5, "cap_order": 1000}, inside)
        self.assertTold(
            own,
            "¥120,000.00 × 3 % = ¥900.00 ({plan}规则1, phase 1); a rate agreed with"
            " this person; limited from ¥3,600.00; ¥100.00 of it went to inviters",
            "¥120,000.00 × 3 % = ¥900.00（{plan}规则1，第 1 期）; 采用与该人员单独约定"
            "的比例; 原为 ¥3,600.00，已按上限限额; 其中 ¥100.00 分给了邀请人",
        )

    def test_what_takes_back_tells_why_and_of_what(self):
        [own] = self.give({"rate": 0.5})
        taken = own._reverse("价格有误", 100)
        self.assertTold(
            taken,
            "¥-100.00, taken back of ¥120,000.00 × 0.5 % = ¥600.00"
            " ({plan}规则1, phase 1): 价格有误",
            "¥-100.00，收回 ¥120,000.00 × 0.5 % = ¥600.00"
            "（{plan}规则1，第 1 期）：价格有误",
        )

    def test_a_part_tells_what_was_due(self):
        """A payment of 40,000 of 120,000 (rule C6)."""
        self.make_plan(
            [{"name": "回款", "trigger": "payment", "rate": 0.5}], name="方案"
        )._activate()
        order = self.make_contract(self.make_lead())
        self.pay(self.invoice(order), 40000)
        [part] = order.with_env(self.env).sudo().referral_commission_ids
        self.assertTold(
            part,
            "¥200.00: ¥40,000.00 of ¥120,000.00 is paid, so ¥200.00 is due; ¥0.00 was"
            " given before. In whole ¥120,000.00 × 0.5 % = ¥600.00"
            " ({plan}回款, phase 1)",
            "¥200.00：合同 ¥120,000.00 已收 ¥40,000.00，应得 ¥200.00，此前已给 ¥0.00。"
            "全额 ¥120,000.00 × 0.5 % = ¥600.00（{plan}回款，第 1 期）",
        )
        self.assertEqual(part.replay_state, "same")

    def test_what_is_granted_by_hand(self):
        [own] = self.give({"rate": 0.5})
        grant = self.env["referral.commission.grant"].with_user(self.manager)
        grant = grant.create(
            {
                "partner_id": self.member.id,
                "order_id": own.order_id.id,
                "amount": 500,
                "reason": "促成会谈",
            }
        )
        grant.action_submit()
        grant.with_user(self.finance).action_approve()
        self.assertTold(
            grant.sudo().commission_ids,
            "¥500.00, granted by hand: 促成会谈",
            "¥500.00，人工发放：促成会谈",
        )

    # ------------------------------------------------------------ what members read

    def test_members_read_nothing_of_what_the_company_earns(self):
        """Threat P9: the margin, and so the cost."""
        own, share = self.give({"rate": 0.5}, {"level": 1, **SHARE})
        formula = {"rate_type": "expression", "expression": "margin / 200"}
        for secret in ({"base": "margin"}, formula):
            self.env.flush_all()
            for name, value in secret.items():
                self.env.cr.execute(
                    f"UPDATE referral_plan_rule SET {name} = %s WHERE id = %s",
                    [value, own.rule_id.id],
                )
            self.env.invalidate_all()
            staff = own.with_user(self.finance)
            member = own.with_user(self.portal)
            self.assertIn("120,000", staff.explanation_text)
            for reader in (
                member,
                member.sudo(),
                staff.with_context(referral_to_member=True),
            ):
                self.assertNotIn("120,000", reader.explanation_text)
                self.assertNotIn("0.5", reader.explanation_text)
                self.assertIn("600.00", reader.explanation_text)
            self.env.cr.execute(
                "UPDATE referral_plan_rule SET base = 'untaxed' WHERE id = %s",
                [own.rule_id.id],
            )
            self.env.invalidate_all()
        self.assertIn("10 % of", share.with_user(self.finance).explanation_text)

    def test_statement_bill_and_export_are_members_to_read(self):
        own, _share = self.give({"rate": 0.5}, {"level": 1, **SHARE})
        own.with_user(self.finance).action_collect()
        settlement = own.settlement_id
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE referral_plan_rule SET base = 'margin' WHERE id = %s",
            [own.rule_id.id],
        )
        self.env.invalidate_all()
        [line] = settlement._prepare_bill_lines()
        report = self.env["ir.actions.report"].with_user(self.finance)
        page, _kind = report._render_qweb_html(
            "referral_distribution.settlement_statement", settlement.ids
        )
        told = self.member.sudo()._prepare_commission_data()
        for text in (line["name"], page.decode(), str(told)):
            self.assertIn("600.00", text)
            self.assertNotIn("120,000", text)

    def test_members_read_no_figures_and_no_documents_of_their_rewards(self):
        """Threats P1, P9: another member's lead, customer, reward and the contract."""
        _own, share = self.give({"rate": 0.5}, {"level": 1, **SHARE})
        inviter = self.stranger
        inviter.partner_id = self.inviter
        mine = share.with_user(inviter)
        self.assertEqual(mine.read(["amount"])[0]["amount"], 60)
        self.assertIn("10 %", mine.read(["explanation_text"])[0]["explanation_text"])
        documents = ("lead_id", "order_id", "order_line_id", "share_id")
        figures = ("base_amount", "full_amount", "contract_amount")
        for name in (
            *(*documents, *figures, "explanation"),
            *("calculation_id", "replay_state", "replay_line_ids"),
        ):
            with self.subTest(field=name), self.assertRaises(AccessError):
                mine.read([name])
        for name in (*documents, *figures, "calculation_id"):
            with self.subTest(field=name):
                with self.assertRaises(AccessError):
                    mine.search([(name, ">", 1)])
                with self.assertRaises(AccessError):
                    mine.search([], order=name)
                with self.assertRaises(AccessError):
                    mine.formatted_read_group([], [name], ["__count"])
        self.assertNotIn("lead_id", mine.read()[0])


SHARE = {"base": "member_reward", "rate": 10}
