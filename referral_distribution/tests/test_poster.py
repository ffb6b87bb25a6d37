import os
import random
from contextlib import suppress
from datetime import timedelta
from unittest.mock import patch

from freezegun import freeze_time

from odoo import fields
from odoo.exceptions import AccessError
from odoo.tests import HttpCase, tagged
from odoo.tools import mute_logger

from odoo.addons.referral_distribution.engine import poster
from odoo.addons.referral_distribution.models import referral_poster_picture as cache
from odoo.addons.referral_distribution.models.referral_link_poster import Picture

from .common import ReferralCase
from .test_poster_engine import make_picture, read

SEED = 20260401
TRIES = 300


@tagged("post_install", "-at_install")
class PosterCase(ReferralCase, HttpCase):
    def setUp(self):
        super().setUp()
        self.pictures = self.env["referral.poster.picture"]

    def get(self, link=None, query="", kind="poster", **headers):
        code = (link or self.link).code
        return self.url_open(f"/referral/{kind}/{code}.png{query}", headers=headers)

    def count_drawings(self):
        return patch.object(poster, "render", side_effect=poster.render)


class TestPosterPages(PosterCase):
    """/referral/poster and /referral/qr: for everybody (rule S6)."""

    def test_everybody_gets_the_poster_and_its_code_leads_to_the_link(self):
        response = self.get()
        self.assertEqual(response.status_code, 200)
        self.assertEqual(response.headers["Content-Type"], "image/png")
        image, codes = read(response.content)
        self.assertEqual(image.size, (750, 1334))
        self.assertEqual(codes, [self.link.short_url])

    def test_the_qr_code_leads_to_the_link_at_any_size(self):
        for query, size in (
            ("", 480),
            ("?size=300", 300),
            ("?size=1", 120),
            ("?size=99999", 1200),
            ("?size=x", 480),
        ):
            image, codes = read(self.get(kind="qr", query=query).content)
            self.assertEqual((image.width, codes), (size, [self.link.short_url]))

    def test_it_says_only_what_is_public_anyway(self):
        """Threat P1: the member's name, the company's, the page's."""
        self.member.write({"email": "x@example.com", "phone": "138", "city": "苏州"})
        with patch.object(poster, "render", return_value=b"") as render:
            self.get()
        content = render.call_args.args[1]
        self.assertEqual(
            content,
            poster.Content(
                url=self.link.short_url,
                title=self.company.name,
                member=f"{self.member.name} recommends",
                call="Scan the code to read on",
                company=self.company.name,
            ),
        )

    def test_no_session_or_cookie_is_made(self):
        for kind in ("poster", "qr"):
            self.assertNotIn("Set-Cookie", self.get(kind=kind).headers)

    def test_closed_links_have_no_poster(self):
        """Threat S7."""
        other = self.make_member("Other")
        for close in (
            lambda: self.link.write({"active": False}),
            lambda: other.write({"active": False}),
            lambda: other._set_member_state("suspended", "Why"),
        ):
            self.link.write({"active": True, "partner_id": other.id})
            other.write({"active": True})
            self.assertEqual(self.get().status_code, 200)
            close()
            for kind in ("poster", "qr"):
                with self.subTest(kind=kind):
                    response = self.get(kind=kind)
                    self.assertEqual(response.status_code, 404)
                    self.assertEqual(response.headers["Cache-Control"], "no-store")
                    self.assertFalse(response.content)

    def test_who_has_it_is_told_so(self):
        for kind in ("poster", "qr"):
            first = self.get(kind=kind)
            self.assertIn("max-age=300", first.headers["Cache-Control"])
            again = self.get(kind=kind, **{"If-None-Match": first.headers["ETag"]})
            self.assertEqual((again.status_code, again.content), (304, b""))
            other = self.get(kind=kind, **{"If-None-Match": '"other"'})
            self.assertEqual(other.status_code, 200)

    def test_an_unknown_design_is_the_first_one(self):
        first = self.get()
        night = self.env.ref("referral_distribution.poster_design_night")
        other_company = self.env["res.company"].create({"name": "Other"})
        theirs = night.copy({"company_id": other_company.id})
        for query in (
            "?design=999999",
            "?design=x",
            "?design=",
            f"?design={theirs.id}",
        ):
            with self.subTest(query=query):
                self.assertEqual(self.get(query=query).content, first.content)
        second = self.get(query=f"?design={night.id}")
        self.assertNotEqual(second.content, first.content)
        night.active = False
        self.assertEqual(self.get(query=f"?design={night.id}").content, first.content)

    def test_without_any_design_there_is_a_plain_poster(self):
        self.env["referral.poster.design"].search([]).active = False
        self.assertEqual(read(self.get().content)[1], [self.link.short_url])

    def test_the_designs_speak_the_language_that_is_asked_for(self):
        self.env["res.lang"]._activate_lang("zh_CN")
        design = self.env.ref("referral_distribution.poster_design_clear")
        design.with_context(lang="zh_CN").call_text = "扫一扫"
        english, chinese = self.get(), self.get(query="?lang=zh_CN")
        self.assertNotEqual(english.content, chinese.content)
        self.assertEqual(self.get(query="?lang=xx_YY").content, english.content)
        self.link.target_url = "/zh_CN/shop"
        self.assertEqual(self.link._get_poster_language(), "zh_CN")

    def test_junk_is_answered_with_a_picture_or_not_found(self):
        """Threats P6, S1: a fixed seed, so that a failure can be repeated."""
        dice = random.Random(SEED)
        junk = [
            *("%00", "%ff", "../", "%2e%2e%2f", "'", '"', "<", "-1", "9" * 30, "٣"),
            *("%0d%0a", "1e9", "null", "[]", "&", "=", self.link.code, ".png"),
            "x" * 2000,
        ]
        names = ["design", "lang", "size", "code", "design_id", "db", "debug", "x"]
        with patch.object(poster, "render", return_value=b"\x89PNG"):
            for _try in range(TRIES):
                kind = dice.choice(["poster", "qr", "poster/design"])
                # line breaks and steps upwards never get here: no route has them
                words = junk[:2] + junk[4:10] + junk[11:]
                code = dice.choice(
                    [self.link.code, "1", "".join(dice.choices(words, k=2))]
                )
                query = "&".join(
                    f"{dice.choice(names)}={''.join(dice.choices(junk, k=2))}"
                    for _parameter in range(dice.randrange(4))
                )
                path = f"/referral/{kind}/{code}.png?{query}"
                with self.subTest(path=path), mute_logger("odoo.http"):
                    answer = self.url_open(path, allow_redirects=False)
                    self.assertIn(answer.status_code, (200, 400, 404, 308, 301))

    def test_thumbnails_are_of_active_designs_only(self):
        design = self.env.ref("referral_distribution.poster_design_clear")
        path = f"/referral/poster/design/{design.id}.png"
        self.assertEqual(read(self.url_open(path).content)[0].width, 225)
        design.active = False
        self.assertEqual(self.url_open(path).status_code, 404)


class TestPosterCache(PosterCase):
    """Drawn once, then read; never stale, never somebody else's to read."""

    def test_it_is_drawn_once(self):
        with self.count_drawings() as render:
            contents = {self.get().content for _time in range(3)}
        self.assertEqual((render.call_count, len(contents)), (1, 1))
        self.assertEqual(len(self.pictures.search([])), 1)

    def test_any_change_of_what_is_on_it_makes_another(self):
        design = self.env.ref("referral_distribution.poster_design_clear")
        seen = {self.get().headers["ETag"]}
        for number, change in enumerate(
            (
                lambda: self.member.write({"name": "Renamed"}),
                lambda: self.company.write({"name": "Renamed Ltd"}),
                lambda: design.write({"call_text": "Come in"}),
                lambda: design.write({"member_text": "from {name}"}),
                lambda: design.box_ids[0].write({"x": 71}),
                lambda: design.write({"background": False}),
                lambda: design.write({"sequence": 99}),
                lambda: self.env["ir.config_parameter"].set_param(
                    "web.base.url", "https://elsewhere.example"
                ),
            ),
            start=2,
        ):
            change()
            seen.add(self.get().headers["ETag"])
            self.assertEqual(len(seen), number)

    def test_another_picture_of_the_page_makes_another(self):
        content = {"title": "T", "summary": "", "picture": None}
        prints = set()
        for picture in (None, Picture("1", make_picture), Picture("2", make_picture)):
            found = {**content, "picture": picture}
            with patch.object(
                type(self.link), "_get_poster_content", return_value=found
            ):
                prints.add(self.link._draft_poster(self.choose()).fingerprint)
        self.assertEqual(len(prints), 3)

    def choose(self):
        return self.env["referral.poster.design"]._choose(self.company, 0)

    def test_a_file_that_got_lost_is_drawn_anew(self):
        first = self.get().content
        attachment = self.attachment()
        with patch.object(os.path, "exists", return_value=False):
            again = self.get()
        self.assertEqual((again.status_code, again.content), (200, first))
        self.assertFalse(attachment.exists())
        self.assertEqual(self.get().content, first)

    def test_it_works_where_files_are_kept_in_the_database(self):
        self.env["ir.config_parameter"].set_param("ir_attachment.location", "db")
        contents = {self.get().content for _time in range(2)}
        self.assertEqual(len(contents), 1)
        self.assertTrue(self.attachment().db_datas)

    def attachment(self):
        return self.env["ir.attachment"].search(
            [
                ("res_model", "=", "referral.poster.picture"),
                ("res_field", "=", "image"),
            ]
        )

    def test_its_file_is_nobodys_to_read_or_list(self):
        """Threat P1: the poster's address is the only way to it."""
        self.get()
        attachment, [picture] = self.attachment(), self.pictures.search([])
        self.assertTrue(attachment)
        for user in (self.portal, self.stranger, self.sales, self.manager):
            mine = self.env(user=user)
            files = mine["ir.attachment"]
            ours = [("res_model", "=", self.pictures._name)]
            for domain in (ours, [*ours, ("res_field", "!=", False)]):
                with suppress(AccessError):
                    self.assertFalse(files.search(domain))
            for record in (attachment, picture):
                with self.subTest(user=user.login), self.assertRaises(AccessError):
                    record.with_user(user).read(["display_name"])
        for login in (None, "rd_portal", "rd_manager"):
            self.authenticate(login, login)
            for path in (
                f"/web/image/{attachment.id}",
                f"/web/content/{attachment.id}",
                f"/web/image/referral.poster.picture/{picture.id}/image",
            ):
                with self.subTest(login=login, path=path):
                    answer = self.url_open(path)
                    self.assertNotEqual(answer.content, picture.image)
                    self.assertNotIn(b"IHDR\x00\x00\x02\xee", answer.content[:40])

    def test_many_drawings_a_minute_are_put_off(self):
        name, _default = cache.LIMIT_LINK
        self.env["ir.config_parameter"].set_param(name, "2")
        designs = self.env["referral.poster.design"].search([])
        answers = [self.get(query=f"?design={design.id}") for design in designs[:3]]
        self.assertEqual([a.status_code for a in answers], [200, 200, 429])
        self.assertEqual(answers[2].headers["Retry-After"], "60")
        self.assertEqual(answers[2].headers["Cache-Control"], "no-store")
        self.assertEqual(self.get().status_code, 200)  # is there already
        self.env.cr.execute(
            "UPDATE referral_poster_picture SET create_date = create_date"
            " - interval '61 seconds'"
        )
        last = self.get(query=f"?design={designs[2].id}")
        self.assertEqual(last.status_code, 200)

    def test_one_address_does_not_draw_for_ever(self):
        name, _default = cache.LIMIT_ADDRESS
        self.env["ir.config_parameter"].set_param(name, "1")
        other = self.env["referral.link"]._obtain(self.member, self.channel, "/other")
        codes = [self.get(link).status_code for link in (self.link, other)]
        self.assertEqual(codes, [200, 429])
        draft = other._draft_poster(self.choose())
        _path, data = self.pictures.sudo()._obtain(other, draft, "192.0.2.77")
        self.assertTrue(data.startswith(b"\x89PNG"))

    def test_junk_in_a_limit_is_the_default(self):
        for value in ("", "x", "-5", "1e3"):
            self.env["ir.config_parameter"].set_param("t.limit", value)
            self.assertEqual(self.pictures._get_number(("t.limit", 7)), 7)

    def test_who_waited_finds_what_the_other_drew(self):
        draft = self.link.sudo()._draft_poster(self.choose())
        pictures = self.pictures.sudo()
        first = pictures._obtain(self.link, draft, "192.0.2.1")[1]
        with self.count_drawings() as render:
            path, _none = pictures._obtain(self.link, draft, "192.0.2.2")
        self.assertFalse(render.call_count)
        with open(path, "rb") as file:
            self.assertEqual(file.read(), first)

    def make_pictures(self, *ages):
        """Return pictures of so many days, the oldest first."""
        made = self.pictures.browse()
        for age in ages:
            with freeze_time(fields.Datetime.now() - timedelta(days=age)):
                made |= self.pictures.create(
                    {
                        "link_id": self.link.id,
                        "fingerprint": f"{len(made)}",
                        "address_hash": "a",
                        "image": "eA==",
                    }
                )
        self.env.flush_all()
        for picture, age in zip(made, ages, strict=True):
            self.env.cr.execute(
                "UPDATE referral_poster_picture SET create_date = now() at time zone"
                " 'utc' - %s * interval '1 day' WHERE id = %s",
                (age, picture.id),
            )
        self.env.invalidate_all()
        return made

    def run_cron(self):
        cron = self.env.ref("referral_distribution.ir_cron_poster_picture")
        cron.method_direct_trigger()

    def test_old_ones_and_too_many_are_dropped_with_their_files(self):
        made = self.make_pictures(40, 31, 20, 10, 2, 0)
        self.run_cron()
        self.assertEqual(made.exists(), made[2:])
        self.env["ir.config_parameter"].set_param(cache.KEPT_NUMBER[0], "3")
        self.run_cron()
        self.assertEqual(made.exists(), made[3:])
        self.assertEqual(len(self.attachment()), 3)

    def test_addresses_are_forgotten_after_a_day(self):
        old, new = self.make_pictures(2, 0)
        self.run_cron()
        self.env.invalidate_all()
        self.assertEqual((old.address_hash, new.address_hash), (False, "a"))

    def test_an_erased_member_is_on_no_poster_any_more(self):
        """Threat M3."""
        self.get()
        self.assertTrue(self.pictures.search([]))
        self.member._referral_erase("Asked for it")
        self.assertFalse(self.pictures.search([]))
        self.assertFalse(self.attachment())

    def test_finding_a_drawn_poster_takes_few_questions(self):
        self.get()
        self.env.invalidate_all()
        with self.assertQueryCount(7):
            link = self.env["referral.link"]._find_for_poster(self.link.code)
            draft = link._in_poster_language("")._draft_poster(self.choose())
            self.assertTrue(self.pictures.sudo()._find(draft.fingerprint))


class TestPosterPictures(PosterCase):
    """Which pictures of the own site may be on a poster."""

    def find(self, path):
        return self.env["referral.link"]._find_poster_picture(path)

    def test_static_files_and_public_attachments_are_found(self):
        image = make_picture()
        shown = self.env["ir.attachment"].create(
            {"name": "a.jpg", "raw": image, "public": True, "url": "/pictures/a.jpg"}
        )
        for path in (
            f"/web/image/{shown.id}",
            f"/web/image/{shown.id}-abc123/a.jpg",
            f"/web/image/{shown.id}/a.jpg?unique=1",
            "/pictures/a.jpg",
        ):
            with self.subTest(path=path):
                self.assertEqual(self.find(path).read(), image)
        static = "/referral_distribution/static/src/img/poster/sample.jpg"
        self.assertTrue(self.find(static).read().startswith(b"\xff\xd8"))

    def test_nothing_else_is(self):
        """Threat P1: what a cover names is read as superuser: it has to be public."""
        attachments = self.env["ir.attachment"]
        hidden = attachments.create({"name": "a", "raw": make_picture()})
        for path in (
            None,
            "",
            f"/web/image/{hidden.id}",
            "/web/image/999999999",
            "/web/image/res.partner/1/image_1920",
            "/web/image/base.main_company",
            "https://evil.example/a.jpg",
            "//evil.example/a.jpg",
            "/base/static/../../../etc/passwd",
            "/referral_distribution/static/../models/referral_link.py",
            "/referral_distribution/static/src/img/referral.svg",
            "/web/static/nothing.png",
            "/nowhere.png",
            "/a\0b",
        ):
            with self.subTest(path=path):
                self.assertIsNone(self.find(path))
