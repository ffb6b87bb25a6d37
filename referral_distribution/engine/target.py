r"""Where a personal link may lead: the own site, or a host the company lists (S2).

What comes out is plain ASCII: a path of the own site, or ``https://host/...`` of a
listed host, spelled one way only. So the check and the browser read the same thing,
and what is compared byte by byte (the unique index) is the same page.

>>> normalize_target("/blog/news-1/post-2?x=1#top")
'/blog/news-1/post-2?x=1#top'
>>> own, listed = {"shop.example", "localhost:8069"}, {"mp.weixin.qq.com"}
>>> normalize_target("https://Shop.example:443/a", own)
'/a'
>>> normalize_target("http://localhost:8069?a=1", own)
'/?a=1'
>>> normalize_target("https://MP.weixin.qq.com/s?__biz=Mz%3D&mid=2", own, listed)
'https://mp.weixin.qq.com/s?__biz=Mz%3D&mid=2'

One page has one spelling, and no code of another member travels along:

>>> normalize_target("/关于?词=一 二".replace(" ", "+"))
'/%E5%85%B3%E4%BA%8E?%E8%AF%8D=%E4%B8%80+%E4%BA%8C'
>>> normalize_target("/a?referral=CODE&x=1"), normalize_target("/a?referral=CODE")
('/a?x=1', '/a')

Everything else is refused:

>>> evil = ["//evil.example", "/\\evil", "javascript:alert(1)", "", "blog/1",
...         "/a\r\nSet-Cookie: x", "https://shop.example@evil.example/", "///",
...         "https:evil.example", "https:///evil.example", "ftp://shop.example/a",
...         "http://mp.weixin.qq.com/", "https://mp.weixin.qq.com:8443/",
...         "https://mp.weixin.qq.com.evil.example/", "https://evil.example/",
...         "/..//evil.example", "/%2e%2e/a", "/a//evil.example", "/s/CODE",
...         "/%73/CODE", "/zh_CN/s/CODE", "/web/session/logout", "https://mp.weixin.qq.cоm/"]
>>> for url in evil:
...     try:
...         print(normalize_target(url, own, listed))
...     except ValueError:
...         pass
"""

import re
from collections.abc import Collection
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import idna

MAX_LENGTH = 2000
MAX_HOSTS = 200
# The code that the door adds to the address; who copies the address copies it too.
OWN_PARAMETER = "referral"

_CONTROL = re.compile(r"[\x00-\x20\x7f\\]")
_SAFE = "%/:@!$&'()*+,;=~-._"
_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"(?:{_LABEL}\.)+(?:[a-z]{{2,63}}|xn--[a-z0-9-]{{2,59}})")
_PORTS = {"http": 80, "https": 443}
# What does something by being opened: the door itself, a logout. In any language.
_CLOSED = re.compile(
    r"(?:/[a-z]{2,3}(?:[_@-]\w+)*)?/(?:s|referral|web/session|web/database)(?:/.*)?",
    re.DOTALL,
)


def normalize_target(
    url: str,
    own_hosts: Collection[str] = (),
    outside_hosts: Collection[str] = (),
) -> str:
    """Return the page that ``url`` names: a path, or an https URL of a listed host.

    :param url: a path ("/blog/x-1?a=b"), or an absolute http(s) URL.
    :param own_hosts: hosts of the own site, with port where the address has one.
    :param outside_hosts: hosts as ``normalize_host`` returns them.
    :raises ValueError: for anything that could lead elsewhere.
    """
    if not isinstance(url, str) or not url or len(url) > MAX_LENGTH:
        raise ValueError("empty or too long")
    if _CONTROL.search(url):
        raise ValueError("control character or backslash")
    parts = urlsplit(url)  # raises ValueError
    host = ""
    if parts.scheme or parts.netloc:
        host = _read_host(parts, own_hosts, outside_hosts)
    elif not url.startswith("/") or url.startswith("//"):
        raise ValueError("not a path of the own site")
    path = quote(parts.path or "/", safe=_SAFE)
    query = parts.query
    if not host:
        _check_path(path)
        query = _drop_parameter(query)
    tail = f"?{quote(query, safe=_SAFE + '?')}" if query else ""
    tail += f"#{quote(parts.fragment, safe=_SAFE + '?')}" if parts.fragment else ""
    target = (f"https://{host}" if host else "") + path + tail
    if len(target) > MAX_LENGTH:
        raise ValueError("too long")
    return target


def _read_host(parts, own_hosts, outside_hosts) -> str:
    """Return the listed host of an absolute URL, "" for the own site's."""
    if parts.scheme not in _PORTS:
        raise ValueError("scheme")
    if "@" in parts.netloc or "%" in parts.netloc or not parts.hostname:
        raise ValueError("no plain host")
    port = parts.port  # raises ValueError
    host = _to_ascii(parts.hostname)
    if ":" in host:
        host = f"[{host}]"
    if port in (None, _PORTS[parts.scheme]):
        netlocs = {host, f"{host}:{_PORTS[parts.scheme]}"}
    else:
        netlocs = {f"{host}:{port}"}
    if netlocs & {_to_ascii(own) for own in own_hosts}:
        return ""
    if parts.scheme != "https" or host not in netlocs or host not in outside_hosts:
        raise ValueError("foreign host")
    return host


def _to_ascii(host: str) -> str:
    """Return a host (and port) as browsers send it."""
    if host.isascii():
        return host.lower()
    name, colon, port = host.partition(":")
    return idna.encode(name, uts46=True).decode() + colon + port  # a ValueError if not


def _check_path(path: str) -> None:
    """Refuse a path that something on the way could read as another one."""
    plain = unquote(path)
    steps = plain.split("/")[1:]
    if not path.startswith("/") or "" in steps[:-1] or {".", ".."} & set(steps):
        raise ValueError("not a plain path")
    if _CONTROL.search(plain.replace(" ", "")):
        raise ValueError("control character or backslash")
    if _CLOSED.fullmatch(plain):
        raise ValueError("no page to share")


def _drop_parameter(query: str) -> str:
    """Return a query without the code that the door adds."""
    pairs = query.split("&")
    return "&".join(
        pair
        for pair in pairs
        if OWN_PARAMETER not in dict(parse_qsl(pair, keep_blank_values=True))
    )


def normalize_host(text: str) -> str:
    """Return one line of the list of outside hosts as browsers send it.

    :raises ValueError: for what is no name of one host on the internet.

    >>> {normalize_host(line) for line in ("mp.weixin.qq.com", " MP.Weixin.QQ.com ",
    ...     "https://mp.weixin.qq.com/")}
    {'mp.weixin.qq.com'}
    >>> [normalize_host(line) for line in ("例子.中国", "bücher.example", "faß.de")]
    ['xn--fsqu00a.xn--fiqs8s', 'xn--bcher-kva.example', 'xn--fa-hia.de']
    >>> for bad in ("*.example.com", "example", "10.0.0.1", "[::1]", "a.example:8443",
    ...             "http://a.example", "https://a.example/path", "a b.example", "a..b",
    ...             "user@a.example", "-a.example", "a.example.", "0x7f.1", "..", "*"):
    ...     try:
    ...         print(normalize_host(bad))
    ...     except ValueError:
    ...         pass
    """
    name = text.strip().lower().removeprefix("https://").removesuffix("/")
    host = _to_ascii(name)
    if len(host) > 253 or not _HOST.fullmatch(host):
        raise ValueError(text)
    return host


def read_hosts(text: str | None) -> list[str]:
    """Return the hosts of a list with one on each line, in order, each once.

    :raises ValueError: with the first line that is no host, or with the number of
        hosts when there are too many.

    >>> read_hosts("mp.weixin.qq.com\\n\\nWeibo.com\\nhttps://weibo.com/")
    ['mp.weixin.qq.com', 'weibo.com']
    >>> read_hosts(None), read_hosts("")
    ([], [])
    >>> read_hosts("weibo.com\\n*.com")
    Traceback (most recent call last):
    ValueError: *.com
    """
    hosts = {}
    for line in filter(None, map(str.strip, (text or "").splitlines())):
        try:
            hosts[normalize_host(line)] = True
        except ValueError as error:
            raise ValueError(line) from error
    if len(hosts) > MAX_HOSTS:
        raise ValueError(len(hosts))
    return list(hosts)


def get_host(target: str) -> str:
    """Return the outside host of a target, "" of the own site's.

    >>> get_host("/a"), get_host("https://weibo.com/a?b")
    ('', 'weibo.com')
    """
    return target.split("/")[2] if target.startswith("https://") else ""


_LETTERS = re.compile(r"(?:%[89A-F][0-9A-F])+", re.IGNORECASE)


def get_readable(target: str) -> str:
    """Return a target as people read it: letters of any script, not their escapes.

    What could mislead a reader stays escaped: signs, blanks, marks of direction.

    >>> get_readable("/blog/%E5%BC%80%E6%94%BE%E6%97%A5-5?a=%20b#%C3%A9")
    '/blog/开放日-5?a=%20b#é'
    >>> get_readable("/%E2%80%AEfdp.exe"), get_readable("/%FF%41"), get_readable("")
    ('/%E2%80%AEfdp.exe', '/%FF%41', '')
    """
    return _LETTERS.sub(_read_letters, target)


def _read_letters(escaped) -> str:
    try:
        letters = unquote(escaped[0], errors="strict")
    except UnicodeDecodeError:
        return escaped[0]
    return letters if letters.isprintable() else escaped[0]


_SLUG = r"(?:[^/]*-)?\d+"
_KINDS = (
    ("product", re.compile(rf"/shop/(?:{_SLUG}/)?{_SLUG}/?")),
    ("event", re.compile(rf"/event/{_SLUG}(?:/.*)?")),
)


def get_kind(target: str, languages: Collection[str] = ()) -> str:
    """Return what a target is: "product", "event", "page" or "outside".

    :param languages: what may stand in front of the path ("zh_CN", "fr").

    >>> {get_kind(page) for page in ("/shop/desk-12?a=b", "/shop/12", "/shop/b-3/a-1")}
    {'product'}
    >>> {get_kind(page) for page in ("/event/fair-7/register", "/event/7")}
    {'event'}
    >>> {get_kind(page) for page in ("/", "/shop", "/shop/cart", "/event", "/blog/1/2",
    ...     "/shop/category/big-3", "/shop/page/2", "/event/page/2", "/xx/shop/1")}
    {'page'}
    >>> [get_kind(page, {"zh_CN"}) for page in ("/zh_CN/shop/desk-12", "/zh_CN")]
    ['product', 'page']
    >>> get_kind("https://weibo.com/shop/1")
    'outside'
    """
    if get_host(target):
        return "outside"
    path = re.split("[?#]", target, maxsplit=1)[0]
    head, slash, rest = path.removeprefix("/").partition("/")
    if head in languages:
        path = slash + rest
    for kind, pattern in _KINDS:
        if pattern.fullmatch(path):
            return kind
    return "page"
