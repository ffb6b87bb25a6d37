import re
from urllib.parse import parse_qs, unquote, urlsplit

from lxml import html

from odoo import http
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import RULES
from .test_portal import EVIL_PAGES, PortalCase
from .test_shares import SHARE_RULE

WAYS = ["copy", "email", "native", "poster", "qr", "wechat", "weibo"]


class SheetCase(PortalCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.make_plan((*RULES, SHARE_RULE))._activate()
        channels = cls.env["referral.channel"]
        cls.h5 = channels.create({"name": "H5 pages", "platform": "h5"})
        house = cls.env["res.partner"].create({"name": "Media", "is_company": True})
        cls.media = channels.create(
            {"name": "The Media", "kind": "partner", "partner_id": house.id}
        )
        cls.house = house

    def ask(self, url="/page", channel="own", **values):
        """Return the server's answer for a page's share sheet."""
        if channel == "own":
            channel = self.channel.id
        return self.make_jsonrpc_request(
            "/my/referral/share/sheet", {"url": url, "channel": channel, **values}
        )

    def open_sheet(self, *args, **values):
        """Return the share sheet as an lxml element."""
        return html.fromstring(self.ask(*args, **values)["html"])

    def tell(self, link, method="copy"):
        return self.make_jsonrpc_request(
            "/my/referral/share/record", {"link_id": link.id, "method": method}
        )

    def open_original(self, link, **values):
        data = {"csrf_token": http.Request.csrf_token(self), "link_id": link.id}
        return self.url_open(
            "/my/referral/share/original",
            data={**data, **values},
            allow_redirects=False,
        )

    def find_link(self, url="/page", member=None):
        url = self.env["referral.link"]._normalize_target(url)
        return self.env["referral.link"].search(
            [
                ("target_url", "=", url),
                ("partner_id", "=", (member or self.member).id),
            ]
        )


@tagged("post_install", "-at_install")
class TestShareSheet(SheetCase):
    """From any page to a shared link: one tap opens, one tap shares (rule S6)."""

    def test_the_sheet_is_ready_with_a_link_made_on_the_way(self):
        self.log_in()
        sheet = self.open_sheet()
        link = self.find_link()
        address = f"{self.base_url()}/s/{link.code}"
        self.assertEqual(sheet.get("data-link-id"), str(link.id))
        self.assertEqual(sheet.get("data-share-url"), address)
        self.assertEqual(
            sheet.xpath("//input[@id='referral_short_url']/@value"), [address]
        )
        self.assertEqual(sorted(sheet.xpath("//@data-method")), WAYS)
        self.open_sheet()
        self.assertEqual(self.find_link(), link, "asked again it is the same")

    def test_weibo_and_mail_get_title_and_link_and_nothing_is_loaded_from_them(self):
        self.log_in()
        url = '/a?x="1"&y=<b>%20é'
        sheet = self.open_sheet(url)
        address = f"{self.base_url()}/s/{self.find_link(url).code}"
        [weibo] = sheet.xpath("//a[@data-method='weibo']")
        self.assertEqual(weibo.get("rel"), "noopener noreferrer")
        self.assertEqual(urlsplit(weibo.get("href")).hostname, "service.weibo.com")
        self.assertEqual(
            parse_qs(urlsplit(weibo.get("href")).query),
            {"url": [address], "title": ["/a?x=%221%22&y=%3Cb%3E%20é"]},
        )
        [mail] = sheet.xpath("//a[@data-method='email']/@href")
        self.assertTrue(mail.startswith("mailto:?subject="))
        self.assertIn(address, unquote(mail))
        self.assertNotIn("\n", mail)
        for source in sheet.xpath("//@src | //@data-src | //@action"):
            self.assertTrue(source.startswith("/") and source[1] != "/", source)

    def test_an_outside_page_is_shared_under_the_alias_of_its_link(self):
        self.company.referral_target_hosts = "h5.example"
        link = self.env["referral.link"]._obtain(
            self.member, self.h5, "https://h5.example/a"
        )
        link.alias = "spring-fair"
        self.log_in()
        sheet = self.open_sheet("https://h5.example/a", channel=self.h5.id)
        self.assertTrue(sheet.get("data-share-url").endswith("/s/spring-fair"))
        self.assertEqual(sheet.get("data-forward-url"), "/s/spring-fair")
        response = self.open_original(link)
        self.assertEqual(response.headers["Location"], "https://h5.example/a")

    def test_what_a_page_is_called_stays_text(self):
        # threat P5
        self.log_in()
        url = '/x"><script>alert(1)</script>'
        text = self.ask(url)["html"]
        self.assertNotIn("<script", text)
        self.assertIn("script", html.fromstring(text).get("data-share-title"))
        page = self.get_page(f"/my/referral/share/link/{self.find_link(url).id}")
        self.assertNotIn("<script>alert(1)", page)

    def test_a_page_elsewhere_is_refused_and_nothing_written(self):
        # threats S2, P6
        self.log_in()
        before = self.count("referral.link")
        for url in (*EVIL_PAGES, None, 7, ["/"], {}):
            answer = self.ask(url)
            self.assertIn("leads to a page of this site", answer["problem"], url)
        for channel in (self.media.id, -1, 0, 2**70):
            answer = self.ask(channel=channel)
            self.assertIn("Choose one of our channels", answer["problem"], channel)
        self.assertEqual(self.count("referral.link"), before)
        for channel in ("1", True, [1], {}):  # no number: the usual channel
            self.assertIn("html", self.ask(channel=channel), channel)

    def test_who_is_no_member_gets_no_sheet(self):
        before = self.count("referral.link")
        self.log_in(self.stranger)
        self.assertIn("problem", self.ask())
        self.member.member_state = "suspended"
        self.log_in()
        self.assertIn("Only active members", self.ask()["problem"])
        self.assertEqual(self.count("referral.link"), before)

    def test_the_channel_used_last_is_taken_up_again(self):
        self.log_in()
        self.assertTrue(self.ask(channel=None)["html"])
        second = self.env["referral.channel"].create({"name": "Second"})
        self.env["referral.share"]._record(
            self.env["referral.link"]._obtain(self.member, second, "/x"), "copy"
        )
        self.env["referral.share"]._record(
            self.env["referral.link"]._obtain(self.member, self.h5, "/x"),
            "copy",
            original_opened=True,
        )
        [chosen] = self.open_sheet(channel=None).xpath("//button[@aria-current]/@value")
        self.assertEqual(chosen, str(second.id))

    def test_each_way_is_recorded_and_the_first_says_thank_you(self):
        # rules S2, S5, S6
        self.log_in()
        answers = [self.tell(self.link, method) for method in WAYS]
        self.assertEqual({answer["recorded"] for answer in answers}, {True})
        self.assertIn("Thank you", answers[0]["message"])
        self.assertEqual({answer["message"] for answer in answers[1:]}, {""})
        self.assertEqual(sorted(self.link.share_ids.mapped("method")), WAYS)
        self.assertEqual(
            self.tell(self.link), {"recorded": False, "message": "", "problem": ""}
        )

    def test_another_members_link_is_not_shared_and_not_opened(self):
        # threat P1
        self.log_in()
        self.assertFalse(self.tell(self.other_link)["recorded"])
        with mute_logger("odoo.http"):
            self.assertEqual(self.open_original(self.other_link).status_code, 404)
        self.assertFalse(self.other_link.share_ids)
        self.assertFalse(self.other_link.original_opened_on)

    def test_on_an_h5_channel_the_original_is_opened_first(self):
        # rule S3
        self.log_in()
        sheet = self.open_sheet(channel=self.h5.id)
        link = self.find_link()
        self.assertEqual(len(sheet.xpath("//button[@data-method][@disabled]")), 2)
        self.assertFalse(sheet.xpath("//a[@data-method]/@href"))
        self.assertIn("Open the original first", self.tell(link)["problem"])
        self.assertFalse(link.share_ids)
        response = self.open_original(link)
        self.assertEqual(response.status_code, 303)
        self.assertEqual(urlsplit(response.headers["Location"]).path, "/page")
        sheet = self.open_sheet(channel=self.h5.id)
        self.assertFalse(sheet.xpath("//*[@disabled]"))
        self.assertEqual(len(sheet.xpath("//a[@data-method]/@href")), 5)
        self.assertTrue(self.tell(link)["recorded"])

    @mute_logger("odoo.http")
    def test_opening_the_original_needs_the_token_and_a_post(self):
        # threat P4
        self.log_in()
        self.ask(channel=self.h5.id)
        link = self.find_link()
        response = self.open_original(link, csrf_token="wrong")
        self.assertEqual(response.status_code, 400)
        self.url_open(f"/my/referral/share/original?link_id={link.id}")
        for junk in ("", "abc", "-1", "9" * 30, "²"):
            self.assertEqual(self.open_original(link, link_id=junk).status_code, 404)
        self.assertFalse(link.original_opened_on)

    def test_on_a_partners_channel_a_member_is_told_why_not(self):
        # rule S4
        link = self.env["referral.link"]._obtain(self.member, self.media, "/page")
        self.log_in()
        page = self.get_page(f"/my/referral/share/link/{link.id}")
        self.assertIn("The Media is a partner", html.fromstring(page).text_content())
        self.assertIn("partner's channel", self.tell(link)["problem"])
        self.assertFalse(link.share_ids)

    def test_the_partners_people_share_on_their_channel(self):
        # rule S4
        self.member.parent_id = self.house
        self.log_in()
        sheet = self.open_sheet(channel=self.media.id)
        self.assertFalse(sheet.xpath("//*[@role='alert']"))
        self.assertTrue(self.tell(self.find_link())["recorded"])

    def test_a_share_that_needs_a_click_keeps_where_the_member_was(self):
        # rule S5: as the door sees the same browser
        self.company.referral_share_needs_click = True
        self.log_in()
        self.assertIn("once somebody opens", self.tell(self.link)["message"])
        self.url_open(f"/s/{self.link.code}", allow_redirects=False)
        self.env.cr.execute(
            "SELECT share.visitor_hash = click.visitor_hash,"
            " share.ip_hash = click.ip_hash FROM referral_share share"
            " JOIN referral_click click USING (link_id) WHERE link_id = %s",
            (self.link.id,),
        )
        self.assertEqual(self.env.cr.fetchall(), [(True, True)])
        self.assertEqual(self.env["referral.share"]._reward_clicked(), 0)

    def test_the_overview_shows_the_point_of_the_day_and_recent_shares(self):
        # rule S5
        self.log_in()
        page = self.get_page("/my/referral")
        self.assertIn("Your first share today earns", page)
        self.assertNotIn("Recent shares", page)
        self.tell(self.link)
        self.tell(self.link, "wechat")
        page = self.get_page("/my/referral")
        self.assertIn("Your first share today earned", page)
        self.assertIn("Copy link, WeChat", page)
        self.member.accepts_commission = False
        self.assertNotIn("Your first share today", self.get_page("/my/referral"))

    def test_the_overview_costs_the_same_whatever_was_shared(self):
        self.log_in()
        self.tell(self.link)
        few = self.count_queries("/my/referral")
        for number in range(30):
            link = self.env["referral.link"]._obtain(
                self.member, self.channel, f"/p{number}"
            )
            self.env["referral.share"]._record(link, "copy")
        self.env.flush_all()
        self.env.invalidate_all()
        self.assertLessEqual(self.count_queries("/my/referral"), few)

    def test_the_earnings_name_the_share(self):
        self.log_in()
        self.tell(self.link)
        self.assertIn("First share of the day", self.get_page("/my/referral/earnings"))

    def test_an_address_in_the_search_field_is_the_page_to_share(self):
        # rule S6: any page of the site
        self.log_in()
        page = self.get_page("/my/referral/share?search=/some/page")
        self.assertIn('data-url="/some/page"', page)
        long = f"/other/{'x' * 200}"
        page = self.get_page(f"/my/referral/share?search={self.base_url()}{long}")
        self.assertIn(f'data-url="{long}"', page)


@tagged("post_install", "-at_install")
class TestShareSheetInABrowser(SheetCase):
    """With the script running: what a finger does (rules S3, S6)."""

    def follow(self, path, script, ready=""):
        self.browser_js(
            path,
            f"(async () => {{ {SCRIPT_TOOLS} {script} done(); }})()"
            ".catch((error) => console.error(error));",
            ready or "!!document.querySelector('.o_referral_portal')",
            login=self.portal.login,
        )

    def methods(self, *domain):
        shares = self.env["referral.share"].search(list(domain))
        return sorted(shares.mapped("method"))

    def test_two_taps_from_a_content_to_a_copied_link(self):
        self.follow(
            "/my/referral/share",
            """
            press(".o_referral_share_open button");
            await found("dialog[open] .o_referral_sheet");
            window.navigator.clipboard.writeText = async (text) => (window.text = text);
            await pause(300);
            press("dialog .o_referral_copy");
            await until(() => find(".o_referral_sheet_said")?.textContent);
            check(window.text.includes("/s/"), "the link is copied");
            check(!find("dialog .o_referral_point"), "the point is earned");
            press("dialog [data-panel='qr']");
            await until(() => find("dialog [data-name='qr'] img").naturalWidth > 0);
            await pause(500);
            """,
        )
        self.assertEqual(self.methods(), ["copy", "qr"])
        self.assertEqual(len(self.find_link("/")), 1)

    def test_the_phones_own_share_sheet_gets_title_and_link(self):
        self.follow(
            f"/my/referral/share/link/{self.link.id}",
            """
            const native = find(".o_referral_native");
            check(native.matches(".d-none") === !navigator.share, "hidden");
            """,
        )
        self.follow(
            "/my/referral/share",
            """
            let given;
            const share = async (what) => (given = what);
            Object.defineProperty(navigator, "share", { value: share });
            press(".o_referral_share_open button");
            await found("dialog .o_referral_native:not(.d-none)");
            press("dialog [data-method='native']");
            await until(() => find(".o_referral_sheet_said")?.textContent);
            check(given.url.includes("/s/") && given.title, "title and link");
            """,
        )
        self.assertEqual(self.methods(), ["native"])

    def test_in_wechat_the_open_page_is_made_the_members_own(self):
        self.follow(
            "/my/referral/share",
            """
            const agent = "Mozilla/5.0 (iPhone) MicroMessenger/8.0";
            Object.defineProperty(navigator, "userAgent", { value: agent });
            press(".o_referral_share_open button");
            await found("dialog .o_referral_sheet");
            const here = window.location.pathname;  // as if this page were shared
            find("dialog .o_referral_sheet").dataset.forwardUrl = here + "?referral=x";
            await pause(300);
            press("dialog [data-panel='wechat']");
            await found("dialog .o_referral_panel_inside:not(.d-none)");
            check(window.location.search === "?referral=x", "the code is in it");
            """,
        )
        self.assertEqual(self.methods(), ["wechat"])

    def test_on_an_h5_channel_the_buttons_wake_up_after_the_original(self):
        link = self.env["referral.link"]._obtain(self.member, self.h5, "/some/page")
        self.follow(
            "/my/referral/share",
            """
            const opener = find(".o_referral_share_open");
            opener.dataset.url = "/some/page";
            opener.dataset.channel = "CHANNEL";
            press(".o_referral_share_open button");
            await found("dialog .o_referral_original");
            check(find("dialog .o_referral_copy").disabled, "locked");
            find("dialog .o_referral_original").target = "elsewhere";
            const frame = document.createElement("iframe");
            frame.name = "elsewhere";
            document.body.append(frame);
            await pause(300);
            press("dialog .o_referral_original button");
            await until(() => find("dialog .o_referral_copy")?.disabled === false);
            """.replace("CHANNEL", str(self.h5.id)),
        )
        self.assertTrue(link.original_opened_on)


SCRIPT_TOOLS = re.sub(
    r"\s+",
    " ",
    """
    const find = (selector) => document.querySelector(selector);
    const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    const until = async (ready) => {
        for (let time = 0; time < 100; time++) {
            if (ready()) { return; }
            await pause(100);
        }
        throw new Error("waited in vain: " + ready);
    };
    const found = (selector) => until(() => find(selector));
    const press = (selector) => find(selector).click();
    const check = (right, what) => {
        if (!right) { throw new Error(what); }
    };
    const done = () => console.log("test successful");
    const script = "@referral_distribution/js/share_sheet";
    await until(() => odoo.loader?.modules.get(script));
    await pause(1000);
    """,
)
