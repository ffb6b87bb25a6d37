"""Which agent's territory a place falls in, and why, in plain Python (rule M5).

A territory says where it holds: a country, and as far as it goes into detail a state,
a city or a zip prefix, an industry, a product category, and a period. What it leaves
empty it holds whole. A place lies in every territory that says nothing it contradicts;
what is not known of a place (``0`` or ``""``) fits only a territory that does not ask.

Of several, the most specific one wins. Their order is total, compared from left to
right: longer zip prefix, city, state, industry, deeper product category, older entry:

>>> from datetime import date
>>> whole = Territory(1, agent=10, country=86)
>>> state = Territory(2, agent=20, country=86, state=44)
>>> city = Territory(3, agent=30, country=86, state=44, city="深圳")
>>> trade = Territory(4, agent=40, country=86, industry=7)
>>> place = Place(86, state=44, city="深圳", industry=7, day=date(2026, 1, 1))
>>> verdict = resolve([whole, state, city, trade], place)
>>> verdict.winner.agent
30
>>> [(rival.agent, on) for rival, on in verdict.beaten]
[(20, 'region'), (40, 'region'), (10, 'region')]

An agent who no longer serves is passed over, and said to be:

>>> from dataclasses import replace
>>> verdict = resolve([whole, state, replace(city, serving=False)], place)
>>> verdict.winner.agent, [territory.agent for territory in verdict.idle]
(20, [30])

Whoever leaves a territory open for a day has nothing on that day:

>>> resolve([replace(whole, end=date(2025, 12, 31))], place).winner is None
True
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

# What normalize_zip gives back, and a territory may ask for.
ZIP_PREFIX = re.compile(r"[0-9A-Z]{1,10}")


@dataclass(frozen=True)
class Territory:
    """What one agent holds; 0 and "" stand for "all of them"."""

    id: int
    agent: int
    country: int
    state: int = 0
    city: str = ""
    zip_prefix: str = ""
    industry: int = 0
    category: int = 0
    start: date = date.min
    end: date | None = None
    serving: bool = True


@dataclass(frozen=True)
class Place:
    """Where, in what trade, for what and when somebody asks.

    ``categories`` is the product category with those above it, the top one first.
    City and zip are as ``normalize_city`` and ``normalize_zip`` give them.
    """

    country: int
    state: int = 0
    city: str = ""
    zip: str = ""
    industry: int = 0
    categories: tuple[int, ...] = ()
    day: date = date.min


@dataclass(frozen=True)
class Verdict:
    """Who owns a place, whom they beat and on what, and who holds it in vain.

    ``beaten`` are the other territories the place lies in, the closest rival first,
    each with "region", "industry", "category" or "age". ``idle`` are those that would
    have won, had their agent still served.
    """

    winner: Territory | None = None
    beaten: tuple[tuple[Territory, str], ...] = ()
    idle: tuple[Territory, ...] = ()


def normalize_city(name: str | None) -> str:
    """Return a city's name as it is compared.

    Case, width and extra spaces do not matter, nor does whether a Chinese name ends
    with the word for city.

    >>> normalize_city("  San   Francisco "), normalize_city("深圳市")
    ('san francisco', '深圳')
    >>> normalize_city("津市"), normalize_city(None)
    ('津市', '')
    """
    text = " ".join(unicodedata.normalize("NFKC", name or "").casefold().split())
    return text[:-1] if len(text) > 2 and text.endswith("市") else text


def normalize_zip(code: str | None) -> str:
    """Return a zip code as it is compared: capitals, no spaces and no hyphens.

    >>> normalize_zip("sw1a 1aa"), normalize_zip("５１８-000"), normalize_zip(None)
    ('SW1A1AA', '518000', '')
    """
    text = unicodedata.normalize("NFKC", code or "").upper()
    return re.sub(r"[\s-]", "", text)


def find_contradiction(territory: Territory, place: Place) -> str:
    """Return what keeps a place out of a territory; "" when it lies within.

    >>> find_contradiction(Territory(1, 1, 86, state=44), Place(86))
    'state'
    """
    asked = (
        ("country", territory.country == place.country),
        ("state", territory.state in (0, place.state)),
        ("city", territory.city in ("", place.city)),
        ("zip", place.zip.startswith(territory.zip_prefix)),
        ("industry", territory.industry in (0, place.industry)),
        ("category", territory.category in (0, *place.categories)),
        ("period", territory.start <= place.day <= (territory.end or date.max)),
    )
    return next((name for name, fits in asked if not fits), "")


def rank(territory: Territory, place: Place) -> tuple:
    """Return how specific a territory is for a place that lies in it; more is larger.

    Of two territories where one lies within the other, the inner one ranks higher: it
    asks for all the outer one asks for, so no part of its rank is smaller.
    """
    depth = 0
    if territory.category:
        depth = 1 + place.categories.index(territory.category)
    region = (len(territory.zip_prefix), bool(territory.city), bool(territory.state))
    return region, bool(territory.industry), depth, -territory.id


def resolve(territories: Iterable[Territory], place: Place) -> Verdict:
    """Return whose territory ``place`` is, whatever the order they are given in."""
    fitting = [one for one in territories if not find_contradiction(one, place)]
    fitting.sort(key=lambda one: rank(one, place), reverse=True)
    winner = next((one for one in fitting if one.serving), None)
    above = fitting if winner is None else fitting[: fitting.index(winner)]
    below = [] if winner is None else fitting[len(above) + 1 :]
    return Verdict(
        winner=winner,
        beaten=tuple(
            (rival, _find_difference(winner, rival, place))
            for rival in below
            if rival.serving
        ),
        idle=tuple(above),
    )


def _find_difference(winner: Territory, rival: Territory, place: Place) -> str:
    names = ("region", "industry", "category", "age")
    pairs = zip(names, rank(winner, place), rank(rival, place), strict=True)
    return next((name for name, one, other in pairs if one != other), "age")
