import base64
from datetime import datetime

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from odoo.addons.referral_distribution.engine import link_code

from .test_link_state import LinkCase


@tagged("post_install", "-at_install")
class TestObtainMany(LinkCase):
    """Many links at once (rule S2)."""

    def setUp(self):
        super().setUp()
        self.members = self.member | self.inviter | self.grandparent
        self.second = self.env["referral.channel"].create({"name": "Second"})
        self.channels = self.channel | self.second
        self.pages = ["/blog/a-1", "/shop/desk-12", "/blog/a-1?referral=X"]

    def obtain_many(self, **changes):
        given = {"members": self.members, "channels": self.channels}
        given |= {"targets": self.pages, **changes}
        return self.env["referral.link"]._obtain_many(*given.values())

    def test_each_member_channel_and_page_gets_one_link(self):
        links = self.obtain_many()
        self.assertEqual(len(links), 3 * 2 * 2)
        keys = {(k.partner_id, k.channel_id, k.target_url) for k in links}
        self.assertEqual(len(keys), 12)
        self.assertEqual(len(set(links.mapped("code"))), 12)
        self.assertEqual(set(links.mapped("state")), {"open"})

    def test_asked_again_it_gives_the_same_links(self):
        before = self.obtain_many(members=self.member)
        before[0].active = False
        after = self.obtain_many()
        self.assertLessEqual(before, after)
        self.assertEqual(self.obtain_many(), after)
        self.assertFalse(before[0].active)
        one = self.env["referral.link"]._obtain(self.member, self.channel, "/blog/a-1")
        self.assertIn(one, after)

    def test_a_link_made_in_bulk_is_like_one_made_by_the_orm(self):
        """In every column but those that make it another one."""
        [bulk] = self.obtain_many(
            members=self.member, channels=self.channel, targets=["/shop/desk-12"]
        )
        made = self.env["referral.link"].create(
            {
                "partner_id": self.member.id,
                "channel_id": self.second.id,
                "target_url": "/shop/desk-12",
            }
        )
        self.env.flush_all()
        rows = []
        for link in (bulk, made):
            self.env.cr.execute(
                "SELECT to_jsonb(l) - '{id,code,channel_id,create_date,write_date}'"
                "::text[] FROM referral_link l WHERE id = %s",
                link.ids,
            )
            rows += self.env.cr.fetchone()
        self.assertEqual(*rows)
        self.assertEqual(rows[0]["target_kind"], "product")

    def test_a_code_that_is_taken_is_drawn_again(self):
        taken = self.link.code
        drawn = iter([[taken, "AAAAAAAAAAAA"], ["BBBBBBBBBBBB", "CCCCCCCCCCCC"]])
        self.patch(link_code, "generate", lambda count: next(drawn)[:count])
        links = self.obtain_many(
            members=self.member, channels=self.channel, targets=["/x", "/y"]
        )
        self.assertEqual(set(links.mapped("code")), {"AAAAAAAAAAAA", "BBBBBBBBBBBB"})

    def test_the_number_of_queries_does_not_depend_on_the_number_of_links(self):
        many = self.env["res.partner"].create(
            [{"name": f"M{n}", "member_state": "active"} for n in range(60)]
        )
        counts = []
        for members, pages in ((many[:2], 1), (many[:2], 2), (many, 20)):
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            targets = [f"/p{len(members)}/{n}" for n in range(pages)]
            self.obtain_many(members=members, targets=targets)
            self.env.flush_all()
            counts.append(self.env.cr.sql_log_count - before)
        self.assertEqual(counts[1], counts[2])

    def test_one_bad_member_or_page_and_nothing_is_made(self):
        before = self.env["referral.link"].search_count([])
        contact = self.env["res.partner"].create({"name": "No member"})
        archived = self.make_member("Archived", active=False)
        for changes in (
            {"members": self.members | contact},
            {"members": self.members | archived},
            {"targets": ["/a", "//evil.example"]},
        ):
            with self.subTest(changes=changes), self.assertRaises(UserError):
                self.obtain_many(**changes)
        self.assertEqual(self.env["referral.link"].search_count([]), before)

    def test_nothing_asked_for_is_nothing_made(self):
        self.assertFalse(self.obtain_many(members=self.env["res.partner"]))
        self.assertFalse(self.obtain_many(targets=[]))


@tagged("post_install", "-at_install")
class TestMakeLinks(LinkCase):
    """The window “Make Links” and the table (rule S2)."""

    def make(self, user=None, **values):
        vals = {
            "partner_ids": (self.member | self.inviter).ids,
            "channel_ids": self.channel.ids,
            "pages": "/blog/a-1\n\n /shop \n/shop",
            **values,
        }
        return (
            self.env["referral.link.batch"].with_user(user or self.media).create(vals)
        )

    def test_operators_and_managers_make_links_for_members(self):
        for user in (self.media, self.manager):
            batch = self.make(user)
            self.assertEqual(batch.link_count, 4)
            action = batch.action_make()
            links = self.env["referral.link"].with_user(user).search(action["domain"])
            self.assertEqual(len(links), 4)
            self.assertEqual(set(links.mapped("target_url")), {"/blog/a-1", "/shop"})

    def test_all_active_members_of_a_tier_get_links(self):
        grade = self.env["res.partner.grade"].create({"name": "Tier"})
        self.grandparent.grade_id = self.inviter.grade_id = grade
        self.make_member("Left", grade_id=grade.id).member_state = "left"
        other = self.env["res.company"].create({"name": "Elsewhere"})
        self.make_member("Theirs", grade_id=grade.id, company_id=other.id)
        self.media.company_ids += other
        both = self.media.with_context(allowed_company_ids=(self.company + other).ids)
        batch = self.make(audience="tier", grade_id=grade.id, pages="/a")
        batch = batch.with_context(**both.env.context)
        self.assertEqual(batch.link_count, 2)
        links = self.env["referral.link"].search(batch.action_make()["domain"])
        self.assertEqual(links.partner_id, self.grandparent | self.inviter)

    def test_other_roles_make_none(self):
        for user in (self.sales, self.finance, self.content, self.portal):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                self.make(user)
        batch = self.make().with_user(self.sales).sudo(False)
        for name in ("action_make", "action_download"):
            with self.assertRaisesRegex(AccessError, "needs the role"):
                getattr(batch, name)()

    def test_what_is_missing_or_wrong_is_said(self):
        partner = self.env["referral.channel"].create(
            {"name": "Club", "kind": "partner", "partner_id": self.customer.id}
        )
        for values, words in (
            ({"partner_ids": []}, "Choose for whom"),
            ({"audience": "tier"}, "Choose for whom"),
            ({"channel_ids": []}, "Choose a channel"),
            ({"pages": " \n"}, "Write a page"),
            ({"pages": "https://evil.example/"}, "page of this site"),
            ({"channel_ids": partner.ids}, "own channels only"),
            ({"partner_ids": self.customer.ids}, "Only active members"),
            ({"pages": "\n".join(f"/{n}" for n in range(50_001))}, "100002 links"),
        ):
            with self.subTest(words=words), self.assertRaisesRegex(UserError, words):
                self.make(**values).action_make()

    def test_the_table_names_member_channel_page_and_link_without_formulas(self):
        """Threat L3."""
        self.inviter.name = "=HYPERLINK(1)"
        rows = self.read_table(self.make(pages="/blog/a-1").action_download())
        self.assertEqual(rows[0], ["Member", "Channel", "Page", "Short link"])
        link = self.env["referral.link"]._obtain(
            self.inviter, self.channel, "/blog/a-1"
        )
        self.assertIn(
            ["'=HYPERLINK(1)", "Our community", "/blog/a-1", link.short_url], rows
        )

    def read_table(self, action):
        table_id = int(action["url"].split("/")[4])
        table = self.env["referral.csv.download"].with_user(self.media)
        text = base64.b64decode(table.browse(table_id).content).decode("utf-8-sig")
        return [line.split(",") for line in text.splitlines()]

    def test_chosen_links_are_downloaded_from_the_list(self):
        self.link.alias = "spring-fair"
        rows = self.read_table(self.link.with_user(self.media).action_export())
        self.assertEqual(len(rows), 2)
        self.assertTrue(rows[1][3].endswith("/s/spring-fair"))
        for user in (self.sales, self.content, self.finance, self.portal):
            with (
                self.subTest(user=user.login),
                self.assertRaisesRegex(AccessError, "needs the role"),
            ):
                self.link.with_user(user).action_export()

    def test_the_context_of_a_client_adds_nothing_to_the_links(self):
        batch = self.make(pages="/ctx").with_context(
            default_merged=True, default_alias="smuggled", default_active=False
        )
        links = self.env["referral.link"].search(batch.action_make()["domain"])
        clean = self.env["referral.link"].with_context(**batch.env.context)
        links |= clean._obtain(self.grandparent, self.channel, "/ctx")
        self.assertEqual(len(links), 3)
        self.assertFalse(links.filtered(lambda k: k.merged or k.alias or not k.active))
        self.assertLessEqual(links[0].create_date, datetime.now())
