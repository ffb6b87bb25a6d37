from odoo.tests import HttpCase, tagged

from .common import PointsCommon

PAGE = "/my/referral/wallet"


@tagged("post_install", "-at_install")
class TestPortalWallet(PointsCommon, HttpCase):
    """The member's own page of points."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.portal_member = cls.portal.partner_id
        cls.wallet = cls._open_wallet(member=cls.portal_member)

    def _fill(self, number):
        self.wallet._post_batch(
            [
                {
                    "wallet_id": self.wallet.id,
                    "entry_type": "earn",
                    "points": 1,
                    "idempotency_key": f"fill:{self.wallet.entry_ids[:1].id}:{index}",
                    "note": f"Gift {index}.",
                }
                for index in range(number)
            ]
        )

    def _open(self, path=PAGE):
        self.authenticate(self.portal.login, self.portal.login)
        response = self.url_open(path)
        self.assertEqual(response.status_code, 200)
        return response.text

    def test_the_sums_and_the_reasons_are_shown(self):
        # rules P1, C8
        self._open_wallet(1234.5, member=self.portal_member)
        self.wallet._post("hold", 34.5, "hold")
        lead = self.env["crm.lead"].create(
            {
                "name": "Inquiry",
                "partner_name": "ACME",
                "referrer_id": self.portal_member.id,
            }
        )
        lead.with_user(self.sales).action_referral_validate()
        page = self._open()
        for text in ("1,244.50", "34.50", "1,210.00", "Valid lead: ACME", "+<span"):
            self.assertIn(text, page)
        self.assertNotIn("alert-warning", page)

    def test_the_overview_shows_the_points(self):
        self._open_wallet(1234.5, member=self.portal_member)
        self.assertIn("1,234.50", self._open("/my/referral"))

    def test_a_debt_is_explained(self):
        # threat W13
        self.wallet._post("reverse", 5, "refund")
        self.assertIn("taken back after you had used them", self._open())

    def test_somebody_without_points_learns_how_to_earn_them(self):
        self.portal.partner_id = self._create_member("New")
        self.assertIn("No points yet", self._open())

    def test_a_contact_who_is_no_member_sees_no_wallet(self):
        self._open_wallet(1234.5, member=self.portal_member)
        self.portal_member.member_state = "left"
        self.assertNotIn("1,234.50", self._open())

    def test_what_a_parameter_cannot_mean_is_its_default(self):
        # threat P6
        self._fill(25)
        for path in (
            f"{PAGE}/page/0",
            f"{PAGE}/page/-1",
            f"{PAGE}/page/abc",
            f"{PAGE}/page/{'9' * 1000}",
            f"{PAGE}/page/%C2%B2",
            f"{PAGE}?page=%00&filterby=%27--&sortby=x",
        ):
            with self.subTest(path[:60]):
                page = self._open(path)
                self.assertTrue("Gift 24." in page or "Gift 0." in page)

    def test_entries_are_paged_and_filtered(self):
        self._fill(25)
        self.wallet._post("hold", 3, "hold", note="Reserved.")
        first, second = self._open(), self._open(f"{PAGE}/page/2")
        self.assertIn("Gift 24.", first)
        self.assertNotIn("Gift 5.", first)
        self.assertIn("Gift 5.", second)
        held = self._open(f"{PAGE}?filterby=held")
        self.assertIn("Reserved.", held)
        self.assertNotIn("Gift", held)
        self.assertIn("Nothing of this kind", self._open(f"{PAGE}?filterby=out"))

    def test_a_page_costs_the_same_whatever_the_wallet_holds(self):
        self._fill(5)
        self._open()
        few = self._count_queries()
        self._fill(500)
        self._open()
        self.assertLessEqual(self._count_queries(), few + 1)  # the pager's count

    def _count_queries(self):
        self.env.invalidate_all()
        before = self.cr.sql_log_count
        self.url_open(PAGE)
        return self.cr.sql_log_count - before
