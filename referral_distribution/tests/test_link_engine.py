import random
import re
from collections import Counter
from urllib.parse import parse_qs, urlsplit

from werkzeug.urls import iri_to_uri
from werkzeug.utils import redirect

from odoo.tests import BaseCase, tagged

from odoo.addons.referral_distribution.engine import link_alias, link_code, target

COUNT = 20_000
OWN = frozenset({"shop.example", "localhost:8069", "xn--fsqu00a.xn--fiqs8s"})
LISTED = frozenset({"mp.weixin.qq.com", "weibo.com"})
BASE = "https://shop.example/s/CODE"
WEIRD = "".join(map(chr, [*range(33), 127, 133, 160, 8203, 8232, 12288, 65295, 65283]))
WEIRD += "\\/:?#@%.[];,&=<>\"'`{}|^ＡａеоасＷ。．｡ß例ü\ud800"
PIECES = (
    *("http:", "https:", "HTTPS:", "javascript:", "data:", "ftp:", "file:", "//", "/"),
    *("https://", "http://", "\\\\", "\\/", "/\\", "///", "..", ".", "%2e%2e", "%2f"),
    *("%5c", "%00", "%0d%0aLocation:", "\r\nLocation: //evil.example", "\t", "\n", "@"),
    *("user:pw@", "shop.example@", ":443", ":80", ":8069", ":8443", ":0", ":x", "?"),
    *("#", "?referral=X", "&referral=Y", "?a=b&c=d", "#top", "s/CODE", "web/session/"),
    *(
        "shop.example",
        "SHOP.example",
        "localhost:8069",
        "例子.中国",
        "mp.weixin.qq.com",
    ),
    *(
        "weibo.com",
        "weibo.com.",
        "weibо.com",
        "ｗeibo.com",
        "weibo。com",
        "evil.example",
    ),
    *("shop.example.evil.example", "evil.example/weibo.com", "127.0.0.1", "[::1]"),
    *("0x7f.1", "blog", "a-1/b-2", "zh_CN", "关于", "a b", "xn--", "", " "),
)


def read_as_browsers(base_host, text):
    """Return (scheme, host, path) as browsers find them: the URL standard's steps.

    Tabs and line ends vanish wherever they are, a backslash is a slash, and any number
    of slashes may stand before a host.
    """
    text = re.sub(r"[\t\r\n]", "", text.strip("".join(map(chr, range(33)))))
    text = re.split("[?#]", text, maxsplit=1)[0].replace("\\", "/")
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]*):", text)
    if scheme:
        rest = text[scheme.end() :]
        if scheme[1].lower() not in ("http", "https"):
            return scheme[1].lower(), "", rest
        if scheme[1].lower() == "https" and not rest.startswith("//"):
            return "https", base_host, rest  # relative to the base, oddly
    elif text.startswith("//"):
        rest = text
    else:
        return "https", base_host, text
    authority, slash, path = rest.lstrip("/").partition("/")
    host = authority.rpartition("@")[2].lower()
    return (scheme[1].lower() if scheme else "https"), host, slash + path


@tagged("post_install", "-at_install")
class TestCodes(BaseCase):
    """engine/link_code.py: not to be guessed, not to be misread."""

    def test_twenty_thousand_codes_are_sound_and_all_different(self):
        codes = link_code.generate(COUNT)
        self.assertEqual(len(set(codes)), COUNT)
        for code in codes:
            self.assertEqual(len(code), link_code.LENGTH)
            self.assertLessEqual(set(code), set(link_code.ALPHABET))
            self.assertNotEqual(link_alias.find_problem(code), "")

    def test_the_alphabet_has_no_look_alikes(self):
        self.assertFalse(set("0Oo1lIi-_") & set(link_code.ALPHABET))
        self.assertEqual(len(set(link_code.ALPHABET)), len(link_code.ALPHABET))

    def test_each_sign_has_the_same_chance(self):
        """So the bits are as many as they look (seeded)."""
        codes = link_code.generate(COUNT, draw=random.Random(1).randbytes)
        counts = Counter("".join(codes))
        expected = COUNT * link_code.LENGTH / len(link_code.ALPHABET)
        for sign in link_code.ALPHABET:
            self.assertAlmostEqual(counts[sign] / expected, 1, delta=0.08, msg=sign)

    def test_without_randomness_of_the_system_there_is_no_code(self):
        noise = random.Random(1)
        first = link_code.generate(3, draw=noise.randbytes)
        self.assertNotEqual(first, link_code.generate(3, draw=noise.randbytes))
        self.assertEqual(link_code.generate(3, draw=random.Random(1).randbytes), first)


@tagged("post_install", "-at_install")
class TestAliases(BaseCase):
    def test_junk_is_no_alias(self):
        """Whatever is accepted is safe in a path, and never a code (seeded)."""
        dice = random.Random(20_241)
        good, bad = "abcxyz019-", "-_./%\\ ABZ" + WEIRD
        accepted = 0
        for _number in range(COUNT):
            alias = "".join(dice.choices(good, k=dice.randint(0, 45)))
            if dice.random() < 0.7:
                at = dice.randint(0, len(alias))
                alias = alias[:at] + dice.choice(bad) + alias[at:]
            if link_alias.find_problem(alias):
                continue
            accepted += 1
            self.assertRegex(alias, r"\A(?=.{3,40}\Z)[a-z0-9]+(-[a-z0-9]+)*\Z")
        self.assertGreater(accepted, 100)


@tagged("post_install", "-at_install")
class TestTargets(BaseCase):
    """engine/target.py: a link leads to the own site or a listed host (threat S2)."""

    def make_url(self, dice):
        if dice.random() < 0.3:  # one edit of something good
            good = dice.choice(
                ["/blog/a-1", "https://weibo.com/x?a=1", "https://shop.example/a#b"]
            )
            at = dice.randint(0, len(good))
            return good[:at] + dice.choice([*PIECES, *WEIRD]) + good[at:]
        pieces = dice.choices(PIECES, k=dice.randint(1, 7))
        if dice.random() < 0.4:
            pieces.insert(dice.randint(0, len(pieces)), dice.choice(WEIRD))
        return "".join(pieces)

    def test_whatever_is_accepted_leads_to_the_own_site_or_a_listed_host(self):
        """30,000 seeded addresses, each result read by three parsers."""
        dice = random.Random(4)
        kinds = {"own": 0, "outside": 0, "refused": 0}
        for _number in range(30_000):
            url = self.make_url(dice)
            try:
                found = target.normalize_target(url, OWN, LISTED)
            except ValueError:
                kinds["refused"] += 1
                continue
            with self.subTest(url=url, found=found):
                self.assertSafe(found)
                self.assertEqual(target.normalize_target(found, OWN, LISTED), found)
            kinds["outside" if target.get_host(found) else "own"] += 1
        self.assertGreater(min(kinds.values()), 500, kinds)

    def assertSafe(self, found):
        self.assertRegex(found, r"\A[!-~]+\Z")  # ASCII, no blank, no control character
        self.assertNotIn("\\", found)
        self.assertLessEqual(len(found), target.MAX_LENGTH)
        parts = urlsplit(iri_to_uri(found))
        scheme, host, path = read_as_browsers("shop.example", found)
        self.assertEqual(path, parts.path)
        sent = redirect(found).get_wsgi_headers({})["Location"]
        self.assertEqual(sent, found)
        if parts.netloc:
            self.assertEqual((parts.scheme, scheme), ("https", "https"))
            self.assertIn(parts.netloc, LISTED)
            self.assertEqual(host, parts.netloc)
        else:
            self.assertEqual((parts.scheme, host), ("", "shop.example"))
            self.assertRegex(found, r"\A/(?![/\\])")
            self.assertNotIn("referral", parse_qs(parts.query))

    def test_names_and_passwords_of_visitors_are_no_part_of_a_page(self):
        """Nor do they hide which host is meant."""
        for url in (
            "https://user@weibo.com/a",
            "https://weibo.com:secret@shop.example/a",
            "https://shop.example@evil.example/a",
            "https://weibo.com%2f@evil.example/a",
        ):
            with self.subTest(url=url), self.assertRaises(ValueError):
                target.normalize_target(url, OWN, LISTED)

    def test_what_only_looks_harmless_is_refused(self):
        """Odoo reads a path without its escapes; and escaping makes a page longer."""
        for url in ("/%5cevil.example", "/a%0d%0ab", "/a%00", "/" + "页" * 700):
            with self.subTest(url=url[:20]), self.assertRaises(ValueError):
                target.normalize_target(url)

    def test_the_reader_of_the_fuzz_sees_what_browsers_see(self):
        """Else it would agree with anything."""
        for url, host in (
            ("//evil.example/a", "evil.example"),
            ("/\\evil.example", "evil.example"),
            ("\\\\evil.example", "evil.example"),
            ("\t/\n/evil.example", "evil.example"),
            ("https://a@evil.example", "evil.example"),
            ("http:evil.example", "evil.example"),
            ("/a//b", "shop.example"),
        ):
            self.assertEqual(read_as_browsers("shop.example", url)[1], host, url)

    def test_lists_of_hosts_hold_names_only(self):
        """20,000 seeded lines: what is accepted is one plain host each."""
        dice = random.Random(7)
        names = ["weibo", "com", "qq", "例子", "中国", "ü", "127", "0", "a-b", "cn"]
        pieces = [".", "*", "*.", "-", ":443", "/", "https://", "http://", "@", "xn--"]
        pieces += WEIRD
        accepted = set()
        for _number in range(COUNT):
            line = ".".join(dice.choices(names, k=dice.randint(1, 4)))
            if dice.random() < 0.5:
                at = dice.randint(0, len(line))
                line = line[:at] + dice.choice(pieces) + line[at:]
            try:
                accepted.add(target.normalize_host(line))
            except ValueError:
                continue
        self.assertGreater(len(accepted), 30)
        for host in accepted:
            self.assertRegex(host, r"\A([a-z0-9-]+\.)+[a-z][a-z0-9-]+\Z")
            self.assertEqual(urlsplit(f"https://{host}/").netloc, host)

    def test_pages_that_do_something_are_no_targets(self):
        """The door of another link, and a logout for whoever opens it."""
        for url in (
            *("/s/CODE", "/s", "/zh_CN/s/CODE", "/%73/CODE", "/web/session/logout"),
            *("/fr/web/session/logout?x=1", "/web/%73ession/logout", "/referral/qr/x"),
            "https://shop.example/s/CODE",
        ):
            with self.subTest(url=url), self.assertRaises(ValueError):
                target.normalize_target(url, OWN)
        for url in (
            "/support",
            "/shop/s",
            "/web/signup",
            "/web/content/7",
            "/blog/s/a",
        ):
            self.assertEqual(target.normalize_target(url, OWN), url)
