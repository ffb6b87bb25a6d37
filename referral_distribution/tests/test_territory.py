import psycopg2

from odoo.tests import tagged

from .common import ReferralCase


@tagged("post_install", "-at_install")
class TestTerritory(ReferralCase):
    """Two agents never hold the same territory at the same time (rule M5)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.china = cls.env.ref("base.cn")
        cls.state = cls.env["res.country.state"].search(
            [("country_id", "=", cls.china.id)], limit=1
        )
        cls.category = cls.env["product.category"].create({"name": "Design"})
        cls.territories = cls.env["referral.territory"].with_user(cls.manager)

    def hold(self, agent=None, **values):
        territory = self.territories.create(
            {
                "agent_id": (agent or self.member).id,
                "country_id": self.china.id,
                "date_from": "2026-01-01",
                **values,
            }
        )
        self.env.flush_all()
        return territory

    def assertTaken(self, **values):
        with self.assertDatabaseRefuses(psycopg2.errors.ExclusionViolation):
            self.hold(self.inviter, **values)

    def test_the_same_region_and_category_is_taken(self):
        for what in (
            {},
            {"state_id": self.state.id},
            {"categ_id": self.category.id},
            {"state_id": self.state.id, "categ_id": self.category.id},
        ):
            with self.subTest(what=what):
                self.hold(**what)
                self.assertTaken(**what)

    def test_a_more_specific_one_may_stand_beside_a_wider_one(self):
        self.hold()
        self.hold(self.inviter, state_id=self.state.id)
        self.hold(self.inviter, categ_id=self.category.id)

    def test_periods_that_share_a_day_overlap(self):
        self.hold(date_to="2026-06-30")
        self.assertTaken(date_from="2026-06-30")
        self.assertTaken(date_from="2025-01-01", date_to="2026-01-01")
        self.assertTaken(date_from="2025-01-01")
        self.hold(self.inviter, date_from="2026-07-01")
        self.hold(self.inviter, date_from="2025-01-01", date_to="2025-12-31")

    def test_without_an_end_it_is_held_for_ever(self):
        self.hold()
        self.assertTaken(date_from="2099-01-01")

    def test_moving_into_a_taken_period_is_refused(self):
        self.hold(date_to="2026-06-30")
        later = self.hold(self.inviter, date_from="2026-07-01")
        with self.assertDatabaseRefuses(psycopg2.errors.ExclusionViolation):
            later.date_from = "2026-06-01"
            self.env.flush_all()

    def test_another_company_draws_its_own_map(self):
        self.hold()
        other = self.env["res.company"].create({"name": "Other"})
        self.territories.sudo().create(
            {
                "company_id": other.id,
                "agent_id": self.inviter.id,
                "country_id": self.china.id,
                "date_from": "2026-01-01",
            }
        ).flush_recordset()

    def test_an_end_before_the_start_is_refused(self):
        with self.assertDatabaseRefuses():
            self.hold(date_to="2025-12-31")
