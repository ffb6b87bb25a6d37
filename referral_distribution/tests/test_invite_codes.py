import base64
from unittest.mock import patch

from freezegun import freeze_time

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from odoo.addons.referral_distribution.models import referral_invite_code

from .common import ReferralCase


@tagged("post_install", "-at_install")
class TestCodesForManagers(ReferralCase):
    """Batches, withdrawal, download (rules M2, M6)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.codes = cls.env["referral.invite.code"]

    def make_batch(self, user=None, owners=None, **values):
        batch = (
            self.env["referral.invite.code.batch"]
            .with_user(user or self.manager)
            .create({"partner_ids": (owners or self.member).ids, **values})
        )
        return self.codes.search(batch.action_make()["domain"])

    def test_a_manager_makes_a_batch_for_each_owner(self):
        owners = self.member | self.inviter
        codes = self.make_batch(owners=owners, count=25, date_expiry="2099-12-31")
        self.assertEqual(len(codes), 50)
        for owner in owners:
            own = codes.filtered(lambda code, owner=owner: code.partner_id == owner)
            self.assertEqual(len(own), 25)
        self.assertEqual(set(codes.mapped("kind")), {"single_use"})
        self.assertEqual(set(codes.mapped("status")), {"usable"})
        self.assertEqual(codes.company_id, self.company)
        self.assertEqual(len(set(codes.mapped("code"))), 50)
        self.assertFalse(
            set("".join(codes.mapped("code"))) - set(referral_invite_code.ALPHABET)
        )
        newcomer = self.env["res.partner"].create({"name": "Newcomer"})
        newcomer._referral_join(self.company, self.codes._find(codes[0].code))
        self.assertEqual(newcomer.inviter_id, codes[0].partner_id)

    def test_ten_thousand_codes_take_few_statements(self):
        self.make_batch(count=1)
        before = self.env.cr.sql_log_count
        self.assertEqual(len(self.make_batch(count=10_000)), 10_000)
        self.assertLess(self.env.cr.sql_log_count - before, 40)

    def test_a_code_that_is_taken_is_drawn_again(self):
        taken = self.member.invite_code
        draws = [[taken, "AAAA2222", "AAAA2222"], ["BBBB2222", "CCCC2222"]]
        with patch.object(
            type(self.codes), "_generate", lambda _self, _count: draws.pop(0)
        ):
            codes = self.make_batch(count=3)
        self.assertEqual(
            sorted(codes.mapped("code")), ["AAAA2222", "BBBB2222", "CCCC2222"]
        )

    def test_what_nobody_could_use_is_not_made(self):
        suspended = self.make_member("Suspended")
        suspended.member_state = "suspended"
        for values, message in (
            ({"count": 0}, "1 to 10000"),
            ({"count": -1}, "1 to 10000"),
            ({"count": 10_001}, "1 to 10000"),
            ({"count": 5001, "owners": self.member | self.inviter}, "1 to 10000"),
            ({"owners": self.customer}, "no active member"),
            ({"owners": suspended}, "no active member"),
            ({"date_expiry": "2020-01-01"}, "expired"),
        ):
            before = self.codes.search_count([])
            with self.subTest(message), self.assertRaisesRegex(UserError, message):
                self.make_batch(**values)
            self.assertEqual(self.codes.search_count([]), before)

    def test_the_last_day_is_a_day_of_the_companys_time_zone(self):
        self.company.partner_id.tz = "Asia/Shanghai"
        with freeze_time("2026-05-31 15:59:00"):
            self.assertTrue(self.make_batch(date_expiry="2026-05-31", count=1))
        with freeze_time("2026-05-31 16:00:00"), self.assertRaises(UserError):
            self.make_batch(date_expiry="2026-05-31", count=1)

    def test_only_managers_make_withdraw_and_download_codes(self):
        code = self.make_batch(count=1)
        batch = self.env["referral.invite.code.batch"].create(
            {"partner_ids": self.member.ids}
        )
        for user in (self.sales, self.finance, self.portal):
            for records, name in (
                (batch, "action_make"),
                (code, "action_withdraw"),
                (code, "action_export"),
            ):
                with (
                    self.subTest(user=user.login, name=name),
                    self.assertRaisesRegex(AccessError, "needs the role"),
                ):
                    getattr(records.with_user(user), name)()
            with self.subTest(user.login), self.assertRaises(AccessError):
                self.codes.with_user(user).create(
                    {"partner_id": self.member.id, "kind": "single_use"}
                )
        self.assertTrue(code.active)

    def test_nobody_writes_by_hand_what_a_code_is(self):
        codes = self.codes.with_user(self.manager)
        own = {"partner_id": self.member.id, "kind": "single_use"}
        code = codes.create(own)
        for values in (
            {"code": "FREEBEER"},
            {"used_by_id": self.customer.id},
            {"used_at": "2026-01-01 00:00:00"},
        ):
            with self.subTest(values=values):
                with self.assertRaises(AccessError):
                    codes.create({**own, **values})
                with self.assertRaises(AccessError):
                    code.write(values)
        for values in (
            {"kind": "personal"},
            {"partner_id": self.inviter.id},
            {"company_id": False},
        ):
            with self.subTest(values=values), self.assertRaises(AccessError):
                code.write(values)
        with self.assertRaisesRegex(UserError, "by itself"):
            codes.create({"partner_id": self.member.id})
        code.date_expiry = "2099-01-01"

    def test_a_withdrawn_code_admits_nobody_and_stays_on_record(self):
        code = self.make_batch(count=1)
        code.with_user(self.manager).action_withdraw()
        self.assertEqual(code.status, "withdrawn")
        self.assertIn("no longer in use", code._get_problem(self.company))

    def test_the_download_holds_links_and_no_formula(self):
        """Threat L3."""
        self.member.name = '=HYPERLINK("http://evil")'
        codes = self.make_batch(count=2, date_expiry="2099-12-31")
        action = codes.with_user(self.manager).action_export()
        table = self.env["referral.csv.download"].browse(
            int(action["url"].split("/")[4])
        )
        lines = base64.b64decode(table.content).decode("utf-8-sig").splitlines()
        self.assertEqual(lines[0], "Code,Sign-up link,Owner,Expires,Status")
        self.assertEqual(len(lines), 3)
        self.assertIn(f"{codes[0].code},{codes[0].signup_url},", lines[1])
        self.assertIn("'=HYPERLINK", lines[1])
        self.assertTrue(lines[1].endswith("2099-12-31,Usable"))
        other = self.make_user("rd_manager_2", "manager")
        with self.assertRaises(AccessError):
            table.with_user(other).read(["content"])

    def test_the_qr_code_is_a_picture(self):
        code = self.member.invite_code_ids[0]
        self.assertEqual(base64.b64decode(code.signup_qr)[:4], b"\x89PNG")


@tagged("post_install", "-at_install")
class TestQueries(ReferralCase):
    """What a screen costs does not grow with its rows."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.team = cls.env["res.partner"].create(
            [
                {
                    "name": f"Member {number}",
                    "member_state": "active",
                    "inviter_id": cls.member.id,
                    "grade_id": cls.env.ref(
                        "referral_distribution.res_partner_grade_member"
                    ).id,
                }
                for number in range(12)
            ]
        )

    def count(self, call):
        counts = []
        for some in (self.team[:2], self.team[:2], self.team):
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            call(some)
            counts.append(self.env.cr.sql_log_count - before)
        return counts[1:]

    def test_the_list_and_the_form_of_members(self):
        names = [
            "name",
            "grade_id",
            "inviter_id",
            "invite_depth",
            "invite_direct_size",
            "invite_team_size",
            "member_since",
            "member_state",
            "invite_code",
            "invite_code_ids",
            "referral_external_ref_ids",
        ]
        self.assertReadInOneGo(self.team, names, self.sales)

    def test_the_list_of_codes(self):
        codes = self.team.invite_code_ids
        names = ["code", "partner_id", "status", "signup_url", "used_by_id"]
        self.assertReadInOneGo(codes, names, self.sales)

    def test_the_hierarchy(self):
        names = (
            "name",
            "avatar_128",
            "grade_id",
            "referral_role",
            "member_state",
            "invite_direct_size",
            "invite_team_size",
            "invitee_ids",
        )
        specification = {name: {} for name in names}
        specification["grade_id"] = {"fields": {"display_name": {}}}

        def read(some):
            found = (
                self.env["res.partner"]
                .with_user(self.sales)
                .hierarchy_read(
                    [("id", "in", some.ids)], specification, "inviter_id", "invitee_ids"
                )
            )
            self.assertEqual(len(found), len(some))

        few, many = self.count(read)
        self.assertLessEqual(many, few)
