"""Which article a path of the own site names: plain Python, no database."""

import re
from collections.abc import Collection
from urllib.parse import urlsplit

# /blog/<blog>/<article>, each a slug that ends in its id; "post/" is Odoo's older
# form. Pages, tags and feeds of a blog have no id in one of the two places.
_ARTICLE = re.compile(r"/blog/(?:[^/]*-)?[0-9]+/(?:post/)?(?:[^/]*-)?([0-9]+)/?")
_MAX_ID = 2**31 - 1  # of a PostgreSQL integer


def get_article_id(target: str, languages: Collection[str] = ()) -> int | None:
    """Return the id of the article that ``target`` leads to, None if to no article.

    :param target: a path, query and fragment allowed.
    :param languages: what may stand in front of the path ("zh_CN", "fr").

    >>> get_article_id("/blog/our-cases-1/a-factory-in-suzhou-42")
    42
    >>> get_article_id("/zh_CN/blog/1/42?utm_source=weibo#top", {"zh_CN"})
    42
    >>> get_article_id("/blog/our-cases-1/post/old-form-7/")
    7

    Everything else is no article, however strange it is:

    >>> for other in ("", "/", "/blog", "/blog/our-cases-1", "/blog/page/2",
    ...               "/blog/tag/cloud-3", "/blog/1/page/2", "/blog/1/feed",
    ...               "/xx/blog/1/42", "/blog/1/42/43", "/shop/blog/1/42",
    ...               "/blog/1/no-id", "/blog/1/x-99999999999", "/blog/1/0",
    ...               "http://[", "https://elsewhere.example/blog/1/42"):
    ...     assert get_article_id(other, {"zh_CN"}) is None, other
    """
    try:
        parts = urlsplit(target)
    except ValueError:
        return None
    path = "" if parts.netloc else parts.path
    head, slash, rest = path.removeprefix("/").partition("/")
    if head in languages:
        path = slash + rest
    match = _ARTICLE.fullmatch(path)
    article_id = int(match[1]) if match else 0
    return article_id if 0 < article_id <= _MAX_ID else None
