import base64

from freezegun import freeze_time

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .common import ReferralCase

HEADER = "Name,E-mail,Phone,Tier,Invite code,Inviter e-mail,External reference"
# Columns of res_partner that differ between any two members.
OWN = {
    "id",
    "name",
    "complete_name",
    "commercial_partner_id",
    "create_date",
    "write_date",
    "write_uid",  # the ORM notes who flushes last, and a mail does that as superuser
    "member_since",
}


class ImportCase(ReferralCase):
    def make_wizard(self, content, user=None, **values):
        if isinstance(content, str):
            content = content.encode()
        return (
            self.env["referral.member.import"]
            .with_user(user or self.manager)
            .create({"file": base64.b64encode(content), **values})
        )

    def read_file(self, *lines, header=HEADER, **values):
        """Import lines; return the wizard, and the new members in their order."""
        wizard = self.make_wizard("\n".join([header, *lines]), **values)
        newest = self.newest()
        action = wizard.action_import()
        members = self.env["res.partner"].search([("id", ">", newest)], order="id")
        if action["res_model"] == "res.partner":
            self.assertEqual(self.env["res.partner"].search(action["domain"]), members)
        return wizard, members

    def newest(self):
        return (
            self.env["res.partner"]
            .with_context(active_test=False)
            .search([], order="id desc", limit=1)
            .id
        )

    def assertProblem(self, text, *lines, **values):
        wizard, members = self.read_file(*lines, **values)
        self.assertFalse(members, "something was imported")
        self.assertRegex(wizard.problem_table.replace("\n", " "), text)
        return wizard


@tagged("post_install", "-at_install")
class TestImport(ImportCase):
    """Many members from a table, all or none (rules M1-M3)."""

    def test_members_come_in_with_inviter_tier_code_and_reference(self):
        agent = self.env.ref("referral_distribution.res_partner_grade_agent")
        _wizard, (ann, bob, wang) = self.read_file(
            f"Ann,Ann@Example.com,13800138000,Agent,{self.member.invite_code},,A-1",
            "Bob,bob@example.com,,,,ann@example.com,",
            "王伟,,,,,,",
        )
        self.assertRecordValues(
            ann | bob | wang,
            [
                {
                    "name": "Ann",
                    "email_normalized": "ann@example.com",
                    "phone_sanitized": "+8613800138000",
                    "inviter_id": self.member.id,
                    "invite_depth": 3,
                    "grade_id": agent.id,
                    "member_state": "active",
                },
                {
                    "name": "Bob",
                    "email_normalized": "bob@example.com",
                    "phone_sanitized": False,
                    "inviter_id": ann.id,
                    "invite_depth": 4,
                    "grade_id": wang.grade_id.id,
                    "member_state": "active",
                },
                {
                    "name": "王伟",
                    "email_normalized": False,
                    "phone_sanitized": False,
                    "inviter_id": False,
                    "invite_depth": 0,
                    "grade_id": wang.grade_id.id,
                    "member_state": "active",
                },
            ],
        )
        self.assertEqual(wang.referral_role, "member")

    def test_each_gets_a_code_and_a_place_and_nothing_else_remains(self):
        _wizard, members = self.read_file(
            *[f"M{n},,,,{self.member.invite_code},,R-{n}" for n in range(3)]
        )
        self.assertEqual(len(set(members.mapped("invite_code"))), 3)
        refs = members.referral_external_ref_ids
        self.assertEqual(sorted(refs.mapped("ref")), ["R-0", "R-1", "R-2"])
        self.assertEqual(self.member.invite_team_size, 3)
        self.assertFalse(self.env["res.partner"].search([("name", "=", "Prototype")]))

    @freeze_time("2026-03-04 10:00:00")  # both of the same second
    def test_an_imported_member_equals_one_made_by_the_orm(self):
        """The guard against addons that add a column: compare all of res_partner."""
        grade = self.env.ref("referral_distribution.res_partner_grade_agent")
        grade.default_pricelist_id = self.env["product.pricelist"].create(
            {"name": "Agents"}
        )
        _wizard, imported = self.read_file(
            f"Imported,same@example.com,13800138000,Agent,{self.member.invite_code},,"
        )
        made = (
            self.env["res.partner"]
            .with_user(self.manager)
            .create(
                {
                    "name": "Made",
                    "email": "same@example.com",
                    "phone": "13800138000",
                    "inviter_id": self.member.id,
                }
            )
        )
        made.write({"grade_id": grade.id, "member_state": "active"})
        self.env.flush_all()
        self.env.cr.execute(
            "SELECT to_jsonb(partner) FROM res_partner partner WHERE id IN %s"
            " ORDER BY id",
            ((imported.id, made.id),),
        )
        ours, theirs = ({**row} for (row,) in self.env.cr.fetchall())
        for row in (ours, theirs):
            self.assertEqual(row["commercial_partner_id"], row["id"])
            self.assertEqual(row["complete_name"], row["name"])
            self.assertTrue(row["member_since"])
            for column in OWN:
                del row[column]
        self.assertEqual(ours, theirs)
        self.assertEqual(
            imported.property_product_pricelist, made.property_product_pricelist
        )

    def test_an_inviter_may_stand_on_a_later_line(self):
        _wizard, (first, second, third) = self.read_file(
            "First,1@example.com,,,,2@example.com,",
            "Second,2@example.com,,,,3@example.com,",
            "Third,3@example.com,,,,,",
        )
        self.assertEqual(first.invite_path, f"{third.id}/{second.id}/{first.id}/")

    def test_a_single_use_code_is_used_up(self):
        code = self.env["referral.invite.code"].create(
            {"partner_id": self.member.id, "kind": "single_use"}
        )
        _wizard, ann = self.read_file(f"Ann,,,,{code.code},,")
        self.assertEqual(code.used_by_id, ann)
        self.assertEqual(code.status, "used")

    def test_candidates_wait_without_a_code(self):
        _wizard, ann = self.read_file("Ann,,,,,,", member_state="candidate")
        self.assertEqual(ann.member_state, "candidate")
        self.assertFalse(ann.invite_code or ann.member_since)

    def test_headers_delimiters_and_encodings_are_understood(self):
        for number, (content, values) in enumerate(
            [
                ("姓名,邮箱\n王伟1,w1@example.com\n".encode(), {}),
                (b"\xef\xbb\xbf" + "姓名;邮箱\n王伟2;w2@example.com\n".encode(), {}),
                (
                    "姓名\t邮箱\r\n王伟3\tw3@example.com\r\n".encode("gb18030"),
                    {"encoding": "gb18030"},
                ),
                (
                    'NAME;email\n"王伟4";w4@example.com\n'.encode(),
                    {"delimiter": ";"},
                ),
            ],
            1,
        ):
            with self.subTest(number):
                newest = self.newest()
                self.make_wizard(content, **values).action_import()
                member = self.env["res.partner"].search([("id", ">", newest)])
                self.assertRecordValues(
                    member,
                    [{"name": f"王伟{number}", "email": f"w{number}@example.com"}],
                )

    def test_formulas_and_markup_stay_text(self):
        """Threat L3."""
        _wizard, members = self.read_file(
            "\"=cmd|'/C calc'!A0\",,,,,,", "<script>alert(1)</script>,,,,,,"
        )
        self.assertEqual(members[0].name, "=cmd|'/C calc'!A0")
        wizard = self.assertProblem(
            "&lt;script&gt;", "x,<script>alert(1)</script>,,,,,"
        )
        action = wizard.action_download_problems()
        self.assertIn("'=1+1", self.download(self.make_bad("x,=1+1,,,,,")))
        self.assertEqual(action["type"], "ir.actions.act_url")

    def make_bad(self, line):
        return self.make_wizard(f"{HEADER}\n{line}").action_download_problems()

    def download(self, action):
        table = int(action["url"].split("/")[4])
        content = self.env["referral.csv.download"].browse(table).content
        return base64.b64decode(content).decode("utf-8-sig")

    def test_the_template_can_be_imported(self):
        for lang in ("en_US", "zh_CN"):
            wizard = self.make_wizard(b"x").with_context(lang=lang)
            content = self.download(wizard.action_download_template())
            with self.subTest(lang):
                checked = self.make_wizard(content).with_context(lang=lang)
                checked.action_check()
                self.assertFalse(checked.problem_count, checked.problem_table)
                self.assertEqual(checked.line_count, 2)

    def test_only_a_manager_imports(self):
        wizard = self.make_wizard(f"{HEADER}\nAnn,,,,,,")
        for user in (self.sales, self.finance, self.portal):
            for name in ("action_check", "action_import", "action_download_template"):
                with (
                    self.subTest(user=user.login, name=name),
                    self.assertRaisesRegex(AccessError, "needs the role"),
                ):
                    getattr(wizard.with_user(user), name)()

    def test_100_members_take_as_many_queries_as_10(self):
        counts = []
        for size in (10, 10, 100):
            lines = [f"M,{size}{n}-{len(counts)}@example.com,,,,," for n in range(size)]
            wizard = self.make_wizard("\n".join([HEADER, *lines]))
            before = self.env.cr.sql_log_count
            wizard.action_import()
            counts.append(self.env.cr.sql_log_count - before)
        self.assertLessEqual(counts[2], counts[1])


@tagged("post_install", "-at_install")
class TestBadFiles(ImportCase):
    """Each a clear message, and nothing written."""

    def test_a_file_that_cannot_be_read_says_what_to_do(self):
        gb = "姓名\n王伟".encode("gb18030")
        for content, values, message in (
            (b"", {}, "no members"),
            (HEADER, {}, "no members"),
            (gb, {}, "Line 1 is not UTF-8"),
            ("姓名\n王伟", {"encoding": "gb18030"}, "not GB18030"),
            ("Name\nAnn".encode("utf-16"), {}, "not UTF-8"),
            ("Name\nAnn\x00", {}, "Line 2 has a NUL"),
            ('Name\nAnn\n"Bob', {}, "Line 3 cannot be read"),
            ("E-mail\nann@example.com", {}, "Column “Name”"),
            ("Name,Shoe size\nAnn,40", {}, "Column “Shoe size”"),
            ("Name,name\nAnn,Bob", {}, "Column “name”"),
            ("\n".join(["Name", *["x"] * 200_001]), {}, "more than 200000 members"),
        ):
            with self.subTest(message), self.assertRaisesRegex(UserError, message):
                newest = self.newest()
                try:
                    self.make_wizard(content, **values).action_import()
                finally:
                    self.assertEqual(self.newest(), newest)

    def test_each_problem_names_its_line(self):
        self.member.write({"email": "taken@example.com", "phone": "13800138000"})
        self.customer.email = "customer@example.com"
        other = self.env["res.company"].create({"name": "Other"})
        foreign = self.make_member("Foreign", company_id=other.id).invite_code
        expired = self.env["referral.invite.code"].create(
            {
                "partner_id": self.member.id,
                "kind": "single_use",
                "date_expiry": "2020-01-01",
            }
        )
        code = self.member.invite_code
        for line, message in (
            (",a@example.com,,,,,", "name is missing"),
            ("A,no address,,,,,", "no e-mail address"),
            ("A,,12,,,,", "no phone number"),
            ("A,,,Emperor,,,", "no tier"),
            ("A,,,,ZZZZZZZZ,,", "no such invite code"),
            (f"A,,,,{foreign},,", "no longer in use"),
            (f"A,,,,{expired.code},,", "expired"),
            (f"A,,,,{code},taken@example.com,", "not both"),
            ("A,,,,,nobody@example.com,", "No active member"),
            ("A,,,,,customer@example.com,", "No active member"),
            ("A,a@example.com,,,,a@example.com,", "own inviter"),
            ("A,Taken@Example.com,,,,,", "is a member already"),
            ("A,,+86 138-0013-8000,,,,", "is a member already"),
            ("A,customer@example.com,,,,,", "is a contact already"),
            ("A,,,,,,,surplus", "More cells"),
            ('"A\nB",,,,,,', "control"),
            ("x" * 129 + ",,,,,,", "Too long"),
        ):
            with self.subTest(message):
                self.assertProblem(f"<td>3</td>.*{message}", "Good,,,,,,", line)

    def test_duplicates_within_the_file_are_found(self):
        for first, second in (
            ("A,same@example.com,,,,,", "B,Same@Example.com,,,,,"),
            ("A,,13800138000,,,,", "B,,+86 138 0013 8000,,,,"),
            ("A,,,,,,R-1", "B,,,,,,R-1"),
        ):
            with self.subTest(first):
                self.assertProblem("<td>3</td>.*same as on line 2", first, second)

    def test_a_single_use_code_admits_one_line(self):
        code = self.env["referral.invite.code"].create(
            {"partner_id": self.member.id, "kind": "single_use"}
        )
        lines = (f"A,,,,{code.code},,", f"B,,,,{code.code},,")
        self.assertProblem("<td>3</td>.*admits one person", *lines)
        self.assertFalse(code.used_by_id)

    def test_a_loop_of_inviters_is_found(self):
        """Rule M3."""
        self.assertProblem(
            "form a loop",
            "A,a@example.com,,,,b@example.com,",
            "B,b@example.com,,,,c@example.com,",
            "C,c@example.com,,,,a@example.com,",
        )

    def test_ten_thousand_bad_lines_are_counted_and_fifty_shown(self):
        wizard = self.assertProblem(
            "no e-mail", *[f"M{number},bad,,,,," for number in range(10_000)]
        )
        self.assertEqual(wizard.line_count, 10_000)
        self.assertEqual(wizard.problem_count, 10_000)
        self.assertEqual(wizard.problem_table.count("<tr>"), 51)

    def test_ten_thousand_good_lines_come_in(self):
        _wizard, members = self.read_file(
            *[f"M{number},m{number}@example.com,,,,," for number in range(10_000)]
        )
        self.assertEqual(len(members), 10_000)
