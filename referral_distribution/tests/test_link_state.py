from datetime import datetime, timedelta

import psycopg2
from freezegun import freeze_time

from odoo import fields
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from odoo.addons.referral_distribution.engine.visit import Visit

from .common import ReferralCase

TRACKED = {"tracking_disable": False, "mail_notrack": False}


class LinkCase(ReferralCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.media = cls.make_user("rd_media", "media_operator")
        cls.content = cls.make_user("rd_content", "content_operator")

    def obtain(self, url="/blog/a-1", **values):
        link = self.env["referral.link"]._obtain(self.member, self.channel, url)
        link.write(values)
        return link


@tagged("post_install", "-at_install")
class TestState(LinkCase):
    """Open or not, and why not (threat S7)."""

    def close(self, how):
        """Close the member's links for a reason; return how to open them again."""
        records = {
            "off": (self.link, {"active": False}),
            "expired": (self.link, {"expires_at": fields.Datetime.now()}),
            "suspended": (self.member, {"member_state": "suspended"}),
            "left": (self.member, {"member_state": "left"}),
            "archived": (self.member, {"active": False}),
            "channel": (self.channel, {"active": False}),
        }
        record, values = records[how]
        before = {name: record[name] for name in values}
        if how == "archived":
            self.portal.active = False
        record.write(values)
        return lambda: record.write(before)

    def test_a_link_says_whether_it_is_open_and_the_door_agrees(self):
        clicks, door = self.env["referral.click"], self.link.code
        self.assertEqual(self.link.state, "open")
        for how, state in (
            ("off", "off"),
            ("expired", "expired"),
            ("suspended", "owner_inactive"),
            ("left", "owner_inactive"),
            ("archived", "owner_inactive"),
            ("channel", "channel_ended"),
        ):
            reopen = self.close(how)
            self.env.flush_all()
            with self.subTest(how=how):
                self.assertEqual(self.link.state, state)
                self.assertIsNone(clicks._find(door))
                self.assertFound(state)
            reopen()
            self.env.flush_all()
            self.assertEqual(self.link.state, "open")
            self.assertTrue(clicks._find(door))
            self.assertFound("open")

    def assertFound(self, state):
        """The search finds the link by this state and by no other one."""
        links = self.env["referral.link"].with_context(active_test=False)
        selection = dict(links._fields["state"].selection)
        found = {
            name
            for name in selection
            if self.link in links.with_user(self.sales).search([("state", "=", name)])
        }
        self.assertEqual(found, {state})
        others = links.search([("state", "not in", [state])])
        self.assertNotIn(self.link, others)

    def test_a_link_expires_at_its_moment_and_not_before(self):
        self.link.expires_at = datetime(2024, 5, 1, 16)
        self.env.flush_all()
        for moment, state in (
            ("2024-05-01 15:59:59", "open"),
            ("2024-05-01 16:00:00", "expired"),
        ):
            self.env.invalidate_all()
            with self.subTest(moment=moment), freeze_time(moment):
                self.assertEqual(self.link.state, state)
                found = self.env["referral.click"]._find(self.link.code)
                self.assertEqual(bool(found), state == "open")
                self.assertFound(state)

    def test_states_of_a_list_are_read_in_one_go(self):
        links = self.env["referral.link"]
        for number in range(12):
            links += self.obtain(f"/page/{number}")
        names = ["state", "short_url", "target_kind", "lead_count", "share_count"]
        for user in (self.sales, self.finance, self.media, self.content, self.manager):
            with self.subTest(user=user.login):
                self.assertReadInOneGo(links, [*names, "click_count"], user)

    def test_leads_and_shares_are_counted_also_for_who_may_not_read_them(self):
        self.make_lead(active=False)
        self.make_lead()
        self.env["referral.share"].create({"link_id": self.link.id, "method": "copy"})
        for user in (self.finance, self.content, self.portal):
            link = self.link.with_user(user)
            with self.subTest(user=user.login):
                self.assertEqual((link.lead_count, link.share_count), (2, 1))

    def test_a_link_has_a_picture_to_scan(self):
        self.assertTrue(self.link.with_user(self.media).short_qr)


@tagged("post_install", "-at_install")
class TestAlias(LinkCase):
    """A name of its own beside the code (rule S2)."""

    def test_the_short_link_shows_the_alias_and_both_work(self):
        link = self.link.with_user(self.media)
        link.alias = " spring-fair "
        self.assertEqual(link.alias, "spring-fair")
        self.assertTrue(link.short_url.endswith("/s/spring-fair"))
        self.assertEqual(link.display_name, "spring-fair")
        self.env.flush_all()
        clicks = self.env["referral.click"]
        self.assertEqual(clicks._find("spring-fair")[0], link.id)
        self.assertEqual(clicks._find(link.code)[0], link.id)
        link.alias = ""
        self.env.flush_all()
        self.assertIsNone(clicks._find("spring-fair"))
        self.assertTrue(link.short_url.endswith(f"/s/{link.code}"))

    def test_each_fault_of_an_alias_has_its_own_words(self):
        for alias, words in (
            ("ab", "has 2 signs"),
            ("a" * 41, "has 41 signs"),
            ("Spring", "small letters"),
            ("春天的约会", "small letters"),
            ("a_b", "small letters"),
            ("a--b", "small letters"),
            ("login", "looks like a page"),
        ):
            with (
                self.subTest(alias=alias),
                self.assertRaisesRegex(ValidationError, words),
                self.env.cr.savepoint(),
            ):
                self.link.with_user(self.manager).alias = alias

    def test_an_alias_is_one_links_whoever_owns_the_other(self):
        """Also another company's, which the manager cannot see (threat P3)."""
        company = self.env["res.company"].create({"name": "Elsewhere"})
        theirs = self.env["referral.link"].with_company(company)
        theirs = theirs._obtain(self.inviter, self.channel, "/theirs")
        theirs.write({"alias": "spring-fair", "active": False})
        with self.assertRaisesRegex(ValidationError, "called “spring-fair” already"):
            self.link.with_user(self.manager).alias = "spring-fair"

    def test_an_alias_is_no_code_that_is_out_there(self):
        """Codes made before this version may be without a capital."""
        old = self.obtain()
        old.code = "abc-def-ghi2"
        with self.assertRaisesRegex(ValidationError, "already"):
            self.link.with_user(self.manager).alias = "abc-def-ghi2"

    def test_the_database_holds_the_form_and_the_uniqueness(self):
        self.obtain(alias="spring-fair")
        self.env.flush_all()
        change = "UPDATE referral_link SET alias = %s WHERE id = %s"
        for alias, error in (
            ("spring-fair", psycopg2.errors.UniqueViolation),
            ("Spring", psycopg2.errors.CheckViolation),
        ):
            with self.subTest(alias=alias), self.assertDatabaseRefuses(error):
                self.env.cr.execute(change, (alias, self.link.id))

    def test_merged_contacts_keep_their_aliases(self):
        """Threat M2: both codes and aliases were shared."""
        twin = self.make_member("Twin")
        theirs = self.env["referral.link"]._obtain(twin, self.channel, "/shop")
        theirs.alias = "from-the-twin"
        self.link.alias = "from-the-member"
        merge = self.env["base.partner.merge.automatic.wizard"]
        with mute_logger("odoo.addons.base.models.ir_cron"):
            merge._merge((self.member | twin).ids, self.member)
        self.env.flush_all()
        for alias, link in (
            ("from-the-twin", theirs),
            ("from-the-member", self.link),
        ):
            self.assertEqual(self.env["referral.click"]._find(alias)[0], link.id)
            self.assertEqual(link.partner_id, self.member)
        self.assertEqual((self.link | theirs).mapped("state"), ["open", "open"])
        self.assertEqual(self.obtain("/shop"), self.link)

    def test_an_erased_member_leaves_no_alias_behind(self):
        """Threat M3: an alias may be a name, and so may an earlier one."""
        link = self.link.with_context(**TRACKED)
        for alias in ("li-meihua", "meihua-li"):
            link.alias = alias
            self.flush_tracking()
        self.assertIn("li-meihua", self.read_tracked())
        self.portal.active = False
        self.member._end_membership()
        self.flush_tracking()
        self.assertFalse(self.link.alias)
        self.assertEqual(self.read_tracked(), [])

    def flush_tracking(self):
        self.env.flush_all()
        self.env.cr.precommit.run()

    def read_tracked(self):
        values = self.link.sudo().message_ids.tracking_value_ids
        values.invalidate_recordset()
        return [name for name in values.mapped("old_value_char") if name]


@tagged("post_install", "-at_install")
class TestChanges(LinkCase):
    """What may change, who changes it, and that it is written down."""

    def test_managers_and_media_operators_change_page_alias_and_expiry(self):
        for user in (self.manager, self.media):
            link = self.obtain(f"/{user.login}")
            code = link.code
            with Form(link.with_user(user)) as form:
                form.target_url = f"/new-{user.login}"
                form.alias = user.login.replace("_", "-")
                form.expires_at = fields.Datetime.now() + timedelta(days=7)
            self.assertEqual((link.code, link.state), (code, "open"))
            link.with_user(user).action_archive()
            self.assertEqual(link.state, "off")

    def test_nobody_else_changes_a_link(self):
        for user in (self.sales, self.finance, self.content, self.portal):
            for values in ({"alias": "mine"}, {"active": False}, {"target_url": "/x"}):
                with self.subTest(user=user.login), self.assertRaises(AccessError):
                    self.link.with_user(user).write(values)

    def test_nobody_moves_a_link_to_another_owner_or_channel(self):
        other = self.env["referral.channel"].create({"name": "Other"})
        for values in (
            {"partner_id": self.inviter.id},
            {"channel_id": other.id},
            {"code": "CODE"},
            {"company_id": self.company.id},
            {"merged": True},
        ):
            for user in (self.manager, self.media):
                with (
                    self.subTest(values=values, user=user.login),
                    self.assertRaisesRegex(AccessError, "never changed"),
                ):
                    self.link.with_user(user).write(values)

    def test_changes_are_written_down(self):
        link = self.link.with_user(self.media).with_context(**TRACKED)
        link.write({"target_url": "/new", "alias": "spring-fair"})
        link.write({"expires_at": "2030-01-01 00:00:00", "active": False})
        self.env.flush_all()
        self.env.cr.precommit.run()
        notes = self.link.sudo().message_ids
        self.assertEqual(
            set(notes.tracking_value_ids.field_id.mapped("name")),
            {"target_url", "alias", "expires_at", "active"},
        )
        self.assertEqual(notes.author_id, self.media.partner_id)
        [page] = notes.tracking_value_ids.filtered(
            lambda value: value.field_id.name == "target_url"
        )
        self.assertEqual((page.old_value_char, page.new_value_char), ("/shop", "/new"))

    def test_members_do_not_read_what_is_said_about_their_links(self):
        """Threat P1: nor strangers what happened to them."""
        link = self.link.with_user(self.media).with_context(**TRACKED)
        link.target_url = "/new"
        self.env.flush_all()
        self.env.cr.precommit.run()
        tracked = self.link.sudo().message_ids
        said = link.message_post(body="Watch this one", message_type="comment")
        for user, hidden in (
            (self.portal, said),
            (self.stranger, said | tracked),
        ):
            messages = self.env["mail.message"].with_user(user)
            domain = [("model", "=", "referral.link"), ("res_id", "=", link.id)]
            self.assertFalse(messages.search(domain))
            for message in hidden:
                with self.assertRaises(AccessError):
                    message.with_user(user).read(["body"])
            with self.assertRaises(AccessError):
                self.link.with_user(user).message_post(body="Mine")

    def test_clicks_and_leads_stay_when_the_page_changes(self):
        self.env["referral.click"]._record(self.link.code, Visit("10.0.0.1", "browser"))
        lead = self.make_lead()
        self.link.with_user(self.media).target_url = "/new"
        self.env.flush_all()
        clicks = self.env["referral.click"].search([("link_id", "=", self.link.id)])
        self.assertEqual(len(clicks), 1)
        self.assertEqual(lead.referral_link_id, self.link)
        found = self.env["referral.click"]._find(self.link.code)
        self.assertEqual(found.target_url, "/new")

    def test_a_page_that_has_a_link_already_is_refused_by_name(self):
        self.obtain("/taken", alias="taken-one")
        with self.assertRaisesRegex(ValidationError, "already has a link.*taken-one"):
            self.link.with_user(self.media).target_url = "/taken"
