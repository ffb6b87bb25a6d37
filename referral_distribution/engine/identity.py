"""Whether two people look like one: who would be their own inviter (threat I2).

A likeness is a reason to look, no proof: colleagues share a company, couples share a
phone. So who joins with such a code waits for a manager instead of being turned away.

>>> a = Identity(emails=("Wang.Wei+news@Example.com",), phones=("+86 138-0013-8000",))
>>> b = Identity(emails=("wang.wei@example.com",), phones=("13800138000",))
>>> likeness(a, b)
('email', 'phone')
>>> likeness(a, Identity())
()
"""

from dataclasses import dataclass

# Mailboxes that ignore dots, so "w.w@" and "ww@" are one.
_DOTLESS = {"gmail.com": "gmail.com", "googlemail.com": "gmail.com"}
# The end of a phone number: with or without country code and trunk prefix.
_PHONE_DIGITS = 8


@dataclass(frozen=True)
class Identity:
    """What tells people apart: e-mails, phones, company family, bank accounts."""

    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    family: int | None = None
    accounts: tuple[str, ...] = ()


def plain_email(email: str) -> str:
    """Return the mailbox behind an address, "" if it is none.

    >>> plain_email(" W.W+x+y@GMail.com"), plain_email("a@b@c.cn"), plain_email("no")
    ('ww@gmail.com', '', '')
    """
    name, at, host = email.strip().lower().partition("@")
    name = name.partition("+")[0]
    if not (name and at and host) or "@" in host:
        return ""
    if host in _DOTLESS:
        host, name = _DOTLESS[host], name.replace(".", "")
    return f"{name}@{host}"


def plain_phone(phone: str) -> str:
    """Return the last digits of a number, "" if there are too few to tell.

    >>> plain_phone("0086 (0)138 0013 8000"), plain_phone("110")
    ('00138000', '')
    """
    digits = "".join(character for character in phone if character.isdecimal())
    return digits[-_PHONE_DIGITS:] if len(digits) >= _PHONE_DIGITS else ""


def likeness(one: Identity, other: Identity) -> tuple[str, ...]:
    """Return in what two people are alike: "email", "phone", "company", "bank".

    >>> likeness(Identity(family=7, accounts=("6222 02",)),
    ...          Identity(family=7, accounts=("622202",)))
    ('company', 'bank')
    """

    def common(plain, ours, theirs):
        return bool(set(map(plain, ours)) & set(map(plain, theirs)) - {""})

    def account(number):
        return "".join(number.split()).upper()

    found = {
        "email": common(plain_email, one.emails, other.emails),
        "phone": common(plain_phone, one.phones, other.phones),
        "company": one.family is not None and one.family == other.family,
        "bank": common(account, one.accounts, other.accounts),
    }
    return tuple(kind for kind, alike in found.items() if alike)


def masked(name: str | None) -> str:
    """Return a person's name as others may see it: the first letter and two stars.

    >>> masked("Wang Wei"), masked(" 王伟"), masked(None)
    ('W**', '王**', '**')
    """
    return f"{(name or '').strip()[:1]}**"


def shown_name(company: str | None, person: str | None, masking: str) -> str:
    """Return a customer's name as the member who brought it may see it.

    :param company: the customer's company, if it is known.
    :param person: the person's name, or whatever else there is.
    :param masking: "masked": nobody is named; "company": companies are; "full": all.

    >>> [shown_name("Acme", "Li Na", how) for how in ("masked", "company", "full")]
    ['A**', 'Acme', 'Acme']
    >>> [shown_name(None, "Li Na", how) for how in ("masked", "company", "full")]
    ['L**', 'L**', 'Li Na']
    >>> shown_name(" ", None, "full")
    '**'
    """
    company, person = (company or "").strip(), (person or "").strip()
    if company and masking != "masked":
        return company
    if person and masking == "full":
        return person
    return masked(company or person)
