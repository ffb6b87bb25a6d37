from datetime import timedelta

from freezegun import freeze_time

from odoo.exceptions import AccessError
from odoo.fields import Command, Date
from odoo.tests import tagged

from .test_tree_figures import TreeCase


@tagged("post_install", "-at_install")
class TestEvidence(TreeCase):
    """The printed report says what was measured (rule M7)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.reports = cls.env["referral.compliance.report"]
        cls.model = cls.env["report.referral_distribution.compliance_evidence"]

    def ask(self, user, company=None, **values):
        company = company or self.company
        return self.reports.with_user(user).create({"company_id": company.id, **values})

    def evidence(self, asked):
        values = self.model.with_user(asked.env.user)._get_report_values(asked.ids)
        return values["evidence"][asked.id]

    def test_trees_are_those_of_the_day(self):
        self.set_line()
        root, *_others = self.make_tree(3, 3)
        self.make_tree(2, 2)
        self.count("2026-03-02")
        self.join(root)
        self.count("2026-04-02")
        for day, expected in {
            "2026-03-01": (0, 0, 0, 0, 0, 0, 0),
            "2026-03-31": (2, 5, 3, 3, 1, 0, 3),
            "2026-04-02": (2, 6, 4, 3, 0, 1, 4),
        }.items():
            with self.subTest(day=day), freeze_time("2026-04-03"):
                facts = self.evidence(self.ask(self.officer, self.own, date=day))
                trees = facts["trees"]
                trees.pop("counted_on")
                self.assertEqual(tuple(trees.values()), expected)
                self.assertEqual(len(facts["listed"]), min(expected[0], 1))
        self.assertEqual(
            [
                (str(month["date"]), month["trees"], month["people"])
                for month in facts["trend"][-3:]
            ],
            [("2026-02-28", 0, 0), ("2026-03-31", 2, 5), ("2026-04-02", 2, 6)],
        )
        self.assertEqual(len(facts["trend"]), 12)
        bands, rows = facts["spread"]
        self.assertEqual(bands, ["2–2", "3–3", "≥ 4"])
        self.assertEqual(rows, [(2, [1, 0, 0]), (3, [0, 0, 1])])

    def test_rewards_and_their_proof_are_counted(self):
        order = self.make_paid_contract()
        order.with_user(self.finance).action_referral_confirm()
        lead = self.make_lead()
        lead.with_user(self.sales).action_referral_validate()
        before = self.evidence(self.ask(self.manager))
        self.assertEqual(before["proof"]["without_source"], 0)
        self.assertEqual(before["proof"]["unproven"], 0)
        self.assertGreaterEqual(before["proof"]["rewards"], 3)
        found = {
            (reward["level"], reward["currency"], reward["count"], reward["amount"])
            for reward in before["rewards"]
        }
        self.assertLessEqual(
            {(0, self.currency, 1, 600.0), (1, self.currency, 1, 60.0)}, found
        )
        self.env.cr.execute(
            "UPDATE crm_lead SET referral_validity = 'invalid' WHERE id = %s",
            (lead.id,),
        )
        after = self.evidence(self.ask(self.manager))
        self.assertEqual(after["proof"]["unproven"], 1)

    def test_it_prints_in_both_languages_with_names_and_reasons(self):
        signoffs = self.env["referral.compliance.signoff"].with_user(self.manager)
        signoff = signoffs.create({"reason": "Opinion of counsel"})
        signoff.with_user(self.make_user("rd_manager_2", "manager")).action_sign()
        self.env["res.lang"]._activate_lang("zh_CN")
        self.set_line()
        for lang in ("en_US", "zh_CN"):
            html = (
                self.env["ir.actions.report"]
                .with_user(self.manager)
                ._render_qweb_html(
                    "referral_distribution.compliance_evidence",
                    self.ask(self.manager, lang=lang).ids,
                )[0]
                .decode()
            )
            for text in ("Opinion of counsel", "rd_manager_2", "Money plan"):
                self.assertIn(text, html)

    def test_only_managers_and_finance_print_it_and_only_of_their_company(self):
        self.assertTrue(self.ask(self.finance).action_print())
        for user in (self.sales, self.clerk, self.portal):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                self.ask(user)
        with self.assertRaises(AccessError):
            self.ask(self.manager, self.own)
        asked = self.ask(self.officer, self.own)
        for user in (self.manager, self.sales):
            self.env.invalidate_all()
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                self.model.with_user(user).sudo()._get_report_values(asked.ids)
        mine = self.ask(self.manager)
        self.env.invalidate_all()
        mine.company_id = self.own
        with self.assertRaises(AccessError):
            self.evidence(mine)

    def test_a_company_without_anything_prints_too(self):
        empty = self.env["res.company"].create({"name": "Empty"})
        officer = self.make_user(
            "rd_empty",
            "manager",
            company_id=empty.id,
            company_ids=[Command.set(empty.ids)],
        )
        facts = self.evidence(
            self.ask(officer, empty, date=Date.today() - timedelta(1))
        )
        self.assertFalse(facts["plan"] or facts["rewards"] or facts["signoffs"])
