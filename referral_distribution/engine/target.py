"""Where a personal link may lead: a page of the own site (threat S2)."""

import re
from urllib.parse import urlsplit

_CONTROL = re.compile(r"[\x00-\x20\x7f\\]")
MAX_LENGTH = 2000


def normalize_target(url: str, own_hosts: frozenset[str] = frozenset()) -> str:
    """Return the path on the own site that ``url`` names.

    :param url: a path ("/blog/x-1?a=b"), or an absolute http(s) URL of an own host.
    :param own_hosts: lower-case host names (with port, if any) of the own site.
    :raises ValueError: for anything that could lead elsewhere.

    >>> normalize_target("/blog/news-1/post-2?x=1#top")
    '/blog/news-1/post-2?x=1#top'
    >>> normalize_target("https://Shop.example/a", frozenset({"shop.example"}))
    '/a'
    >>> normalize_target("https://shop.example", frozenset({"shop.example"}))
    '/'
    >>> for evil in ("//evil.example", "/\\\\evil", "javascript:alert(1)", "",
    ...              "/a\\r\\nSet-Cookie: x", "https://shop.example@evil.example/",
    ...              "ftp://shop.example/a", "/" * 3, "blog/1"):
    ...     try:
    ...         print(normalize_target(evil, frozenset({"shop.example"})))
    ...     except ValueError:
    ...         pass
    """
    if not isinstance(url, str) or not url or len(url) > MAX_LENGTH:
        raise ValueError("empty or too long")
    if _CONTROL.search(url):
        raise ValueError("control character or backslash")
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise ValueError("not a URL") from error
    if parts.scheme or parts.netloc:
        if parts.scheme not in ("http", "https"):
            raise ValueError("scheme")
        if parts.netloc.lower() not in own_hosts:
            raise ValueError("foreign host")
        url = parts._replace(scheme="", netloc="").geturl() or "/"
    if not url.startswith("/") or url.startswith("//"):
        raise ValueError("not a path of the own site")
    return url
