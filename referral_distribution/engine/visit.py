"""What a request at ``/s/<code>`` says about its visitor, read from a WSGI environ.

Plain values in, plain values out: both roads to a personal link, the one in front of
Odoo's dispatcher and the ordinary route, read a visit here (rule S2; threats S5, S6,
C4).

>>> phone = {"REQUEST_METHOD": "GET", "REMOTE_ADDR": "203.0.113.7",
...          "HTTP_USER_AGENT": "Mozilla/5.0 (Linux; Android 14) Mobile MicroMessenger",
...          "HTTP_REFERER": "https://Weibo.com/u/1?x",
...          "HTTP_SEC_FETCH_DEST": "document"}
>>> visit = read_visit(phone)
>>> visit.counts, visit.device, visit.referrer_host
(True, 'mobile', 'weibo.com')

Looked at, fetched ahead, embedded or read by a machine: sent on, but no visit.

>>> for more in ({"REQUEST_METHOD": "HEAD"}, {"HTTP_SEC_PURPOSE": "prefetch;prerender"},
...              {"HTTP_SEC_FETCH_DEST": "image"}, {"HTTP_SEC_FETCH_DEST": "iframe"},
...              {"HTTP_USER_AGENT": "Slackbot-LinkExpanding 1.0"},
...              {"HTTP_USER_AGENT": ""}):
...     print(read_visit(phone | more).counts)
False
False
False
False
False
False
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

CODE = re.compile(r"[A-Za-z0-9_-]{1,64}")
ADDRESS_LENGTH = 64
AGENT_LENGTH = 512
HOST_LENGTH = 128

# Words of machines' names. Odoo knows most of them (``ir.http.bots``); its "instagram"
# and "pinterest" are left out, which are names of browsers inside those apps too.
MACHINES = (
    "bot",
    "crawl",
    "slurp",
    "spider",
    "curl/",
    "wget",
    "facebookexternalhit",
    "whatsapp",
    "trendsmapresolver",
    "google-pagerenderer",
    "preview",
    "embedly",
    "linkexpand",
    "url-manager",
    "vkshare",
)
# A browser opens a link as a document of its own; anything else was not a person's tap.
_OPENED = {"", "document"}
_AHEAD = ("prefetch", "prerender", "preview")
_AHEAD_HEADERS = ("HTTP_SEC_PURPOSE", "HTTP_PURPOSE", "HTTP_X_PURPOSE", "HTTP_X_MOZ")
_DEVICES = (
    ("tablet", re.compile(r"ipad|tablet|android(?!.*mobile)", re.IGNORECASE)),
    ("mobile", re.compile(r"mobile|iphone|ipod|android|windows phone", re.IGNORECASE)),
    ("computer", re.compile(r"windows|macintosh|linux|x11|cros", re.IGNORECASE)),
)


@dataclass(frozen=True)
class Visit:
    """One request for a personal link.

    ``counts`` is whether it is a person's visit: only such are recorded and remembered
    in the visitor's cookie. ``user_id`` is the res.users id of the visitor's session.
    """

    address: str = ""
    agent: str = ""
    counts: bool = True
    device: str | None = None
    referrer_host: str | None = None
    country_code: str | None = None
    user_id: int | None = None


def read_visit(
    environ: Mapping,
    machines: Iterable[str] = MACHINES,
    country_code: str | None = None,
    user_id: int | None = None,
) -> Visit:
    """Return what a WSGI environ says; the address is the connection's own.

    An ``X-Forwarded-For`` is read by Odoo's proxy mode before, or not at all: what a
    client writes into it is worth nothing (threat S5).
    """
    agent = _clean(environ.get("HTTP_USER_AGENT"), AGENT_LENGTH)
    return Visit(
        address=_clean(environ.get("REMOTE_ADDR"), ADDRESS_LENGTH),
        agent=agent,
        counts=_is_opened(environ) and not is_machine(agent, machines),
        device=next((name for name, form in _DEVICES if form.search(agent)), None),
        referrer_host=_get_host(environ.get("HTTP_REFERER")),
        country_code=country_code,
        user_id=user_id,
    )


def is_machine(agent: str, machines: Iterable[str] = MACHINES) -> bool:
    """Tell whether a browser's name is a machine's, or no name at all (threat S6).

    >>> is_machine("Mozilla/5.0 (compatible; Baiduspider/2.0)"), is_machine("")
    (True, True)
    >>> is_machine("Mozilla/5.0 (iPhone) Mobile Instagram 300.0")
    False
    """
    agent = agent.lower()
    return not agent or any(word in agent for word in machines)


def add_code(url: str, code: str) -> str:
    """Return ``url`` with the link's code in its query, for who keeps no cookies.

    >>> add_code("/blog/a-1", "Ab3"), add_code("/x?y=1#top", "Ab3")
    ('/blog/a-1?referral=Ab3', '/x?y=1&referral=Ab3#top')
    """
    url, hash_sign, fragment = url.partition("#")
    return f"{url}{'&' if '?' in url else '?'}referral={code}{hash_sign}{fragment}"


def _is_opened(environ):
    if environ.get("REQUEST_METHOD") != "GET":
        return False
    if environ.get("HTTP_SEC_FETCH_DEST", "") not in _OPENED:
        return False
    ahead = " ".join(environ.get(name, "") for name in _AHEAD_HEADERS).lower()
    return not any(word in ahead for word in _AHEAD)


def _get_host(referrer):
    """Return the lower-case host name of an address, None if it says none.

    >>> _get_host("https://a.example:8443/x"), _get_host("[bad"), _get_host("about:x")
    ('a.example', None, None)
    """
    try:
        host = urlsplit(_clean(referrer, 2000)).hostname
    except ValueError:
        return None
    return host[:HOST_LENGTH] if host else None


def _clean(text, length):
    """Return a header as text the database can take.

    >>> _clean("a\\x00b\\udcff", 10), _clean(None, 10), _clean("abc", 2)
    ('ab?', '', 'ab')
    """
    text = (text or "")[:length].replace("\0", "")
    return text.encode("utf-8", "replace").decode()
