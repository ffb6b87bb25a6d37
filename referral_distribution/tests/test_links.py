import psycopg2

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from odoo.addons.referral_distribution.engine.visit import Visit

from .common import ReferralCase


@tagged("post_install", "-at_install")
class TestLinks(ReferralCase):
    """Personal links (rules M1, S2; threat S2)."""

    def obtain(self, member=None, channel=None, url="/blog/a-1"):
        links = self.env["referral.link"]
        return links._obtain(member or self.member, channel or self.channel, url)

    def test_the_same_member_channel_and_page_have_one_link(self):
        link = self.obtain()
        self.assertEqual(self.obtain(), link)
        host = self.env["referral.link"].get_base_url()
        self.assertEqual(self.obtain(url=f"{host}/blog/a-1"), link)

    def test_another_member_channel_or_page_has_another_link(self):
        other = self.env["referral.channel"].create({"name": "Second"})
        links = [
            self.obtain(),
            self.obtain(member=self.inviter),
            self.obtain(channel=other),
            self.obtain(url="/blog/a-2"),
        ]
        self.assertEqual(len({link.id for link in links}), 4)
        self.assertEqual(len({link.code for link in links}), 4)

    def test_a_link_that_was_switched_off_stays_off(self):
        """Threat S7: asking again is no way to switch it on."""
        link = self.obtain()
        link.active = False
        self.assertEqual(self.obtain(), link)
        self.assertFalse(link.active)

    def test_only_active_members_get_a_link(self):
        """Rule M1."""
        contact = self.env["res.partner"].create({"name": "No member"})
        with self.assertRaises(UserError):
            self.obtain(member=contact)
        for state in ("candidate", "suspended", "left"):
            self.member.member_state = state
            with self.subTest(state=state), self.assertRaises(UserError):
                self.obtain()

    def test_a_target_elsewhere_is_refused_when_obtained_created_or_written(self):
        """Threat S2, through each way in."""
        link = self.obtain()
        values = {"partner_id": self.member.id, "channel_id": self.channel.id}
        for url in ("//evil.example", "https://evil.example/", "javascript:alert(1)"):
            with self.subTest(url=url), self.assertRaises(UserError):
                self.obtain(url=url)
            with self.subTest(url=url), self.assertRaises(UserError):
                link.with_user(self.manager).target_url = url
            with self.subTest(url=url), self.assertRaises(UserError):
                self.env["referral.link"].create({**values, "target_url": url})

    def test_the_short_link_ends_in_the_code(self):
        link = self.obtain()
        self.assertTrue(link.short_url.endswith(f"/s/{link.code}"))

    def test_the_database_holds_one_link_a_code_and_a_page(self):
        link = self.obtain()
        for changed in ({"target_url": "/other"}, {"code": "another-code"}):
            with (
                self.subTest(changed=changed),
                self.assertDatabaseRefuses(psycopg2.errors.UniqueViolation),
            ):
                link.copy({"code": link.code, **changed})

    def test_a_member_asks_for_a_link_at_the_lowest_role(self):
        """Portal pages call it in superuser mode; the ORM refuses a member's own."""
        links = self.env["referral.link"].with_user(self.portal)
        vals = {
            "partner_id": self.member.id,
            "channel_id": self.channel.id,
            "target_url": "/",
        }
        with self.assertRaises(AccessError):
            links.create(vals)
        link = links.sudo()._obtain(self.member, self.channel, "/mine")
        self.assertEqual(link.create_uid, self.portal)

    def test_clicks_are_counted_for_all_links_of_a_list_at_once(self):
        links = self.env["referral.link"]
        for number in range(20):
            links += self.obtain(url=f"/page/{number}")
            self.env["referral.click"]._record(
                links[-1].code, Visit("10.0.0.1", "agent")
            )
        self.roll_up()
        self.assertEqual(links.mapped("click_count"), [1] * 20)
        for user in (self.sales, self.finance, self.manager):
            with self.subTest(user=user.login):
                names = ["code", "click_count", "short_url"]
                self.assertReadInOneGo(links, names, user)
