"""What a personal link may be called besides its code: ``/s/spring-fair``."""

import re

MIN_LENGTH, MAX_LENGTH = 3, 40
PATTERN = "[a-z0-9]+(-[a-z0-9]+)*"
# What a reader would take for a page of the site itself, or for the company's word.
RESERVED = re.compile(
    "about|accounts?|admin|administrator|api|app|assets|auth|barcode|blog|bot|cart"
    "|checkout|codes?|contactus|database|debug|download|events?|favicon|feed|forum|help"
    "|home|https?|images?|index|invite|invoices?|jsonrpc|legal|links?|livechat"
    "|localhost|log-?in|log-?out|mail|mailing|members?|null|odoo|official|orders?"
    "|pages?|password|pay|payments?|portal|posters?|privacy|profile|referral|reset"
    "|robots|root|rpc|security|sessions?|settings|shares?|shop|sign-?in|sign-?up"
    "|sitemap|slides|static|support|system|terms|undefined|users?|verify|wallet|web"
    "|webhooks?|website|www|xmlrpc"
)


def find_problem(alias: str) -> str:
    """Return what is wrong with an alias, "" if nothing.

    :return: "length", "signs" or "reserved".

    >>> [find_problem(alias) for alias in ("spring-fair", "618", "a" * 40)]
    ['', '', '']
    >>> [find_problem(alias) for alias in ("ab", "", "a" * 41)]
    ['length', 'length', 'length']
    >>> [find_problem(alias) for alias in ("Spring", "春天的约会", "a_b_c", "a/../b",
    ...     "-abc", "abc-", "a--b", "abc\\n", "аbc")]  # the last a is Cyrillic
    ['signs', 'signs', 'signs', 'signs', 'signs', 'signs', 'signs', 'signs', 'signs']
    >>> [find_problem(alias) for alias in ("login", "my", "web", "shop")]
    ['reserved', 'length', 'reserved', 'reserved']
    """
    if not MIN_LENGTH <= len(alias) <= MAX_LENGTH:
        return "length"
    if not re.fullmatch(PATTERN, alias, re.ASCII):
        return "signs"
    return "reserved" if RESERVED.fullmatch(alias) else ""
