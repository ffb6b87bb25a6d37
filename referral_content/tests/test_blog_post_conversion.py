from odoo.exceptions import AccessError
from odoo.tests import tagged

from odoo.addons.referral_distribution.engine.visit import Visit

from .common import ContentCase

FIGURES = [
    "referral_click_count",
    "referral_lead_count",
    "referral_valid_lead_count",
    "referral_contract_count",
    "referral_contract_amount",
]


@tagged("post_install", "-at_install")
class TestConversion(ContentCase):
    """Rule T4: operators see what their articles bring, up to the contract."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other = cls.make_article(cls.anna, "Another", referral_kind="hot_topic")
        cls.link = cls.make_link(cls.article)
        cls.env.flush_all()
        for visitor in ("a", "b", "c"):
            cls.env["referral.click"]._record(
                cls.link.code, Visit("192.0.2.1", visitor)
            )
        cls.env["referral.click.figure"]._roll_up_here()
        lead = cls.make_lead(cls.link)
        lead.action_referral_validate()
        cls.make_lead(cls.link).action_set_lost()
        cls.make_contract(lead, 120000)
        quotation = cls.env["sale.order"].create(
            {"partner_id": lead.partner_id.id, "opportunity_id": lead.id}
        )
        assert quotation.state == "draft"
        cls.env.invalidate_all()

    def test_the_figures_lead_from_clicks_to_the_amount(self):
        for user in (self.anna, self.max, self.sam, self.eve):
            self.assertRecordValues(
                self.article.with_user(user),
                [dict(zip(FIGURES, (3, 2, 1, 1, 120000.0), strict=True))],
            )

    def test_an_article_nobody_shared_has_zeros(self):
        self.assertRecordValues(
            self.other.with_user(self.anna), [dict.fromkeys(FIGURES, 0)]
        )

    def test_a_later_contract_of_the_customer_counts_too(self):  # rule C2
        lead = self.article.env["crm.lead"].search(
            [("blog_post_id", "=", self.article.id), ("active", "=", True)], limit=1
        )
        later = self.make_contract(lead, 80000)
        self.assertEqual(later.project_phase, 2)
        self.article.invalidate_recordset()
        self.assertRecordValues(
            self.article.with_user(self.anna),
            [{"referral_contract_count": 2, "referral_contract_amount": 200000.0}],
        )

    def test_amounts_in_other_currencies_are_converted(self):
        company = self.env.company
        foreign = self.env["res.currency"].create({"name": "XTS", "symbol": "x"})
        self.env["res.currency.rate"].create(
            {"currency_id": foreign.id, "company_id": company.id, "rate": 4}
        )
        lead = self.make_lead(self.make_link(self.other))
        pricelist = self.env["product.pricelist"].create(
            {"name": "Foreign", "currency_id": foreign.id}
        )
        lead.partner_id.property_product_pricelist = pricelist
        order = self.make_contract(lead, 1)
        self.assertEqual(order.currency_id, foreign)
        order.order_line.price_unit = 1000
        self.env.flush_all()
        self.other.invalidate_recordset()
        self.assertEqual(
            self.other.with_user(self.anna).referral_contract_amount, 250.0
        )

    def test_the_list_costs_the_same_for_one_article_and_for_many(self):
        def count_queries(articles):
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            articles.with_user(self.anna).read(FIGURES)
            return self.env.cr.sql_log_count - before

        many = self.article + self.other
        for index in range(10):
            more = self.make_article(self.anna, f"More {index}")
            self.make_lead(self.make_link(more))
            many += more
        count_queries(many)
        self.assertLessEqual(count_queries(many), count_queries(self.article) + 1)
        self.env.invalidate_all()
        # clicks, leads and contracts, the company and the currency of its contracts
        with self.assertQueryCount(5):
            many.with_user(self.anna).read(FIGURES)

    def test_another_companys_leads_do_not_count(self):  # threat P3
        company = self.env["res.company"].create({"name": "Elsewhere"})
        self.make_lead(
            self.link, company_id=company.id, partner_id=False, user_id=False
        )
        self.article.invalidate_recordset()
        self.assertEqual(self.article.with_user(self.anna).referral_lead_count, 2)

    def test_members_and_visitors_see_no_figures(self):  # threat P1
        self.publish(self.article)
        for user in (self.mia, self.env.ref("base.public_user")):
            for field in (*FIGURES, "originator_id", "review_state"):
                with self.assertRaises(AccessError):
                    self.article.with_user(user).read([field])

    def test_leads_keep_their_article(self):  # rule L1
        groups = (
            self.env["crm.lead"]
            .with_user(self.sam)
            .with_context(active_test=False)
            ._read_group(
                [("blog_post_id", "!=", False), ("referrer_id", "=", self.member.id)],
                ["blog_post_id"],
                ["__count"],
            )
        )
        self.assertEqual(groups, [(self.article, 2)])

    def test_the_buttons_open_what_their_figures_count(self):
        article = self.article.with_user(self.sam)
        for action, figure in (
            (article.action_referral_view_leads(), "referral_lead_count"),
            (article.action_referral_view_contracts(), "referral_contract_count"),
        ):
            records = (
                self.env[action["res_model"]]
                .with_context(**action["context"])
                .search_count(action["domain"])
            )
            self.assertEqual(records, article[figure])
        action = self.article.with_user(self.max).action_referral_view_links()
        links = self.env["referral.link"].with_user(self.max).search(action["domain"])
        self.assertEqual(links, self.link)
        self.assertEqual(links.click_count, 3)
