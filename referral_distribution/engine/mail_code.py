r"""Codes of members and of their links in what a stranger sends: a mail, a chat.

>>> hosts = {"shop.example"}
>>> list(find_codes(("sales+Ab3dE@shop.example",), "", "", hosts))
['Ab3dE']
>>> list(find_codes((), "Referral code: WANG2345", "", hosts))
['WANG2345']
>>> list(find_codes((), "", "你好\n推荐码：WANG-2345。\n谢谢", hosts))
['WANG-2345']
>>> text = "seen at https://shop.example/s/Ab3dE and HTTP://shop.example/x?a=1&referral=q_9"
>>> list(find_codes((), "", text, hosts))
['Ab3dE', 'q_9']

Of other sites, and of what somebody else wrote before, nothing counts:

>>> list(find_codes((), "", "https://evil.example/s/Ab3dE", hosts))
[]
>>> list(find_codes((), "", "Hello\n> Referral code: WANG2345", hosts))
[]
>>> list(find_codes((), "", "Hi\n-----Original Message-----\nReferral code: A1", hosts))
[]
"""

import re

CODE = "[A-Za-z0-9_-]{1,64}"
LENGTH = 20_000  # characters of a mail that are read
MOST = 20  # codes that are looked up; more is noise
_LABELS = "referral code|invite code|invitation code|推荐码|邀请码|推薦碼|邀請碼"
_LINE = re.compile(
    rf"(?:^|\n)[^\S\n]*(?:{_LABELS})[^\S\n]*[:：][^\S\n]*({CODE})(?![A-Za-z0-9_-])",
    re.IGNORECASE,
)
_SUBJECT = re.compile(
    rf"(?:{_LABELS})\s*[:：]\s*({CODE})(?![A-Za-z0-9_-])", re.IGNORECASE
)
_TAGGED = re.compile(rf"[^\s@<>\",;+]+\+({CODE})@[^\s@<>\",;]+")
_URL = re.compile(
    rf"https?://([^\s/?#<>\"@]+)(?:/[a-z]{{2}}(?:_[A-Z]{{2}})?)?"
    rf"(?:/s/({CODE})(?![A-Za-z0-9_-])"
    rf"|[^\s<>\"]{{0,500}}?[?&]referral=({CODE})(?![A-Za-z0-9_-]))",
    re.IGNORECASE,
)
# Where a mail program begins to repeat the mail before.
_QUOTED = re.compile(
    r"(?m)^[^\S\n]*(?:"
    r"-{2,}[^\S\n]*(?:original message|forwarded message|原始邮件|转发邮件|原始郵件)"
    r"|_{10,}[^\S\n]*$"
    r"|(?:on\b.{3,200}\bwrote|在.{3,200}写道|.{3,200}于.{3,100}写道)[^\S\n]*[:：]?[^\S\n]*$"
    r"|(?:from|发件人)[^\S\n]*[:：].*\n[^\S\n]*(?:sent|date|发送时间|日期)[^\S\n]*[:：]"
    r").*",
    re.IGNORECASE,
)
_MARKED = re.compile(r"(?m)^[^\S\n]*>.*$")


def find_codes(addresses, subject: str, text: str, hosts):
    """Yield what may be codes, the most deliberate first, each once.

    A plus-address, then a line that says so, then links to the own site.

    :param addresses: texts with e-mail addresses the message went to.
    :param str text: plain text of the message.
    :param hosts: host names (with port) of the own site, in small letters.
    """
    own = own_words(text[:LENGTH])
    found = [code for address in addresses for code in _TAGGED.findall(address[:2000])]
    found += _SUBJECT.findall(subject[:1000]) + _LINE.findall(own)
    for host, short, parameter in _URL.findall(f"{subject[:1000]}\n{own}"):
        if host.lower() in hosts:
            found.append(short or parameter)
    yield from list(dict.fromkeys(found))[:MOST]


def own_words(text: str) -> str:
    r"""Return a text without what it repeats of an earlier one.

    >>> own_words("a\n> b\nc\nOn Monday, Wang wrote:\nd")
    'a\n\nc\n'
    """
    quote = _QUOTED.search(text)
    return _MARKED.sub("", text[: quote.start()] if quote else text)


def without_tag(address: str) -> str:
    """Return an address without its tag: where a plus-address is delivered to.

    >>> without_tag("Sales+Ab3@x.example"), without_tag("a@x"), without_tag("+a@x")
    ('Sales@x.example', 'a@x', '+a@x')
    """
    name, at, host = address.rpartition("@")
    plain = name.partition("+")[0]
    return f"{plain}{at}{host}" if plain and at else address
