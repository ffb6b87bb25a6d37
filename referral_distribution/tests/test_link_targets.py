from odoo.exceptions import UserError
from odoo.modules import get_module_path
from odoo.modules.module import load_script
from odoo.tests import tagged

from .test_link_state import TRACKED, LinkCase


@tagged("post_install", "-at_install")
class TestOutside(LinkCase):
    """The company's list of outside hosts (threat S2)."""

    URL = "https://mp.weixin.qq.com/s?__biz=1"

    def allow(self, *hosts, company=None):
        (company or self.company).referral_target_hosts = "\n".join(hosts)

    def test_a_link_may_lead_to_a_listed_host_over_https_only(self):
        self.allow("mp.weixin.qq.com")
        link = self.obtain(self.URL)
        self.assertEqual((link.target_url, link.target_kind), (self.URL, "outside"))
        self.assertEqual(self.obtain(self.URL.replace("mp.", "MP.")), link)
        for url in (
            self.URL.replace("https", "http"),
            self.URL.replace(".com", ".com:8443"),
            self.URL.replace("mp.", "evil.mp."),
            "https://qq.com/",
        ):
            with self.subTest(url=url), self.assertRaisesRegex(UserError, "mp.weixin"):
                self.obtain(url)

    def test_without_a_list_there_is_the_own_site_only(self):
        with self.assertRaisesRegex(UserError, r"for example /blog\.\Z"):
            self.obtain(self.URL)

    def test_the_list_is_the_companys_own(self):
        """Threat P3."""
        other = self.env["res.company"].create({"name": "Elsewhere"})
        self.allow("mp.weixin.qq.com", company=other)
        with self.assertRaises(UserError):
            self.obtain(self.URL)
        links = self.env["referral.link"].with_company(other)
        channel = self.env["referral.channel"].create(
            {"name": "Theirs", "company_id": other.id}
        )
        for found in (
            links._obtain(self.member, channel, self.URL),
            links._obtain(self.member, self.channel, self.URL),
        ):
            self.assertEqual(found.company_id, other)
            found.with_company(self.company).target_url = f"{self.URL}&x=1"

    def test_hosts_are_kept_as_browsers_send_them(self):
        self.allow(" https://MP.weixin.qq.com/ ", "", "例子.中国", "mp.weixin.qq.com")
        self.assertEqual(
            self.company.referral_target_hosts,
            "mp.weixin.qq.com\nxn--fsqu00a.xn--fiqs8s",
        )
        self.assertEqual(
            self.obtain("https://例子.中国/页").target_url,
            "https://xn--fsqu00a.xn--fiqs8s/%E9%A1%B5",
        )
        self.allow("")
        self.assertFalse(self.company.referral_target_hosts)
        made = self.env["res.company"].create(
            {"name": "New", "referral_target_hosts": "Weibo.com"}
        )
        self.assertEqual(made.referral_target_hosts, "weibo.com")

    def test_what_is_no_host_is_named_and_changes_nothing(self):
        self.allow("weibo.com")
        for line in ("*.weibo.com", "10.0.0.1", "localhost", "http://weibo.com", "a b"):
            with self.subTest(line=line), self.assertRaises(UserError) as caught:
                self.allow("qq.com", line)
            self.assertIn(f"“{line}”", caught.exception.args[0])
        many = [f"host-{number}.example" for number in range(201)]
        with self.assertRaisesRegex(UserError, "201 hosts"):
            self.allow(*many)
        self.assertEqual(self.company.referral_target_hosts, "weibo.com")

    def test_a_host_taken_off_the_list_closes_its_links_and_says_so(self):
        self.allow("mp.weixin.qq.com", "weibo.com")
        gone, stays = self.obtain(self.URL), self.obtain("https://weibo.com/a")
        own = self.obtain("/https://mp.weixin.qq.com".replace("//", "/"))
        self.allow("weibo.com")
        self.assertEqual(
            [link.state for link in (gone, stays, own)], ["off", "open", "open"]
        )
        self.env.flush_all()
        self.assertIsNone(self.env["referral.click"]._find(gone.code))
        self.allow("mp.weixin.qq.com", "weibo.com")
        self.assertEqual(gone.state, "off")
        gone.with_user(self.media).active = True
        self.assertEqual(gone.state, "open")

    def test_the_note_about_it_is_on_the_link(self):
        self.allow("weibo.com")
        link = self.obtain("https://weibo.com/a")
        self.env.flush_all()
        company = self.company.with_context(**TRACKED)
        company.referral_target_hosts = False
        self.env.flush_all()
        self.env.cr.precommit.run()
        [note] = link.message_ids.filtered("tracking_value_ids")
        self.assertIn("may not lead to this host", note.body)

    def test_another_companys_links_stay_open(self):
        other = self.env["res.company"].create({"name": "Elsewhere"})
        for company in (self.company, other):
            self.allow("weibo.com", company=company)
        links = self.env["referral.link"].with_company(other)
        theirs = links._obtain(self.member, self.channel, "https://weibo.com/a")
        self.allow()
        self.assertEqual(theirs.state, "open")

    def test_a_closed_link_is_not_switched_on_while_its_host_is_off_the_list(self):
        self.allow("weibo.com")
        link = self.obtain("https://weibo.com/a")
        self.allow()
        with self.assertRaises(UserError):
            link.with_user(self.media).active = True

    def test_housekeeping_closes_what_slipped_through(self):
        """A link made at the very moment the list became shorter."""
        self.allow("weibo.com")
        link = self.obtain("https://weibo.com/a")
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE res_company SET referral_target_hosts = NULL WHERE id = %s",
            (self.company.id,),
        )
        self.env.invalidate_all()
        self.env["referral.link"]._gc_foreign_targets()
        self.assertEqual(link.state, "off")


@tagged("post_install", "-at_install")
class TestPages(LinkCase):
    def test_one_page_has_one_link_however_it_is_written(self):
        link = self.obtain("/关于?a=1")
        host = link.get_base_url()
        for url in ("/%E5%85%B3%E4%BA%8E?a=1", f"{host}/关于?a=1&referral=OTHERCODE"):
            self.assertEqual(self.obtain(url), link)

    def test_every_way_in_stores_the_same_spelling(self):
        """Created, written and obtained (threat S2)."""
        values = {"partner_id": self.member.id, "channel_id": self.channel.id}
        links = self.env["referral.link"]
        base = links.get_base_url()
        made = links.create({**values, "target_url": f"{base}/a?referral=X"})
        self.assertEqual(made.target_url, "/a")
        made.with_user(self.media).target_url = f"{base}/页"
        self.assertEqual(made.target_url, "/%E9%A1%B5")

    def test_every_address_of_the_company_is_the_own_site(self):
        self.env["ir.config_parameter"].set_param("web.base.url", "https://own.example")
        links = self.env["referral.link"]
        self.assertEqual(links._normalize_target("https://OWN.example/a"), "/a")

    def test_a_link_knows_what_kind_of_page_it_leads_to(self):
        for url, kind in (
            ("/", "page"),
            ("/shop/desk-12", "product"),
            ("/event/fair-7/register", "event"),
            ("/contactus", "page"),
        ):
            link = self.obtain(url)
            self.assertEqual(link.target_kind, kind, url)
        link.with_user(self.media).target_url = "/shop/chair-3"
        self.assertEqual(link.target_kind, "product")
        groups = self.env["referral.link"].with_user(self.content)
        found = groups._read_group([], ["target_kind"], ["__count"])
        self.assertEqual(dict(found)["product"], 2)

    def test_pages_of_the_version_before_are_spelled_anew(self):
        """So that they are found again; a second link to a page stays as it is."""
        links = self.env["referral.link"]
        for url in ("/old", "/taken", "/%E9%A1%B5", "/gone"):
            links |= self.obtain(url)
        self.env.flush_all()
        before = ["/关于", "/页", "/%E9%A1%B5", "/s/CODE"]
        for link, url in zip(links.sorted("id"), before, strict=True):
            self.env.cr.execute(
                "UPDATE referral_link SET target_url = %s WHERE id = %s", (url, link.id)
            )
        path = get_module_path("referral_distribution")
        path = f"{path}/migrations/19.0.1.2.0/post-link-target.py"
        script = load_script(path, "post_link_target")
        for _time in range(2):
            script.migrate(self.env.cr, "19.0.1.1.0")
            self.env.invalidate_all()
            self.assertEqual(
                links.sorted("id").mapped("target_url"),
                ["/%E5%85%B3%E4%BA%8E", "/页", "/%E9%A1%B5", "/s/CODE"],
            )
        self.assertEqual(self.obtain("/关于"), links.sorted("id")[0])
