"""People who open a link: browsers, addresses, and what their requests look like."""

import itertools

DESKTOPS = (
    "Windows NT 10.0; Win64; x64",
    "Windows NT 6.1; WOW64",
    "Macintosh; Intel Mac OS X 10_15_7",
    "X11; Linux x86_64",
)
PHONES = ("SM-S9180", "23127PN0CC", "ALN-AL00", "V2309A", "PHK110")
IOS = ("16_7_2", "17_5_1", "18_1")
CHROMES = (109, 120, 128, 131)
WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"


def _list_agents():
    """Yield what the browsers of the day call themselves, those inside apps too."""
    for desktop, chrome in itertools.product(DESKTOPS, CHROMES):
        name = f"Mozilla/5.0 ({desktop}) {WEBKIT} Chrome/{chrome}.0.0.0 Safari/537.36"
        yield name
        if desktop == DESKTOPS[0]:
            yield f"{name} Edg/{chrome}.0.0.0"
            yield f"Mozilla/5.0 ({desktop}; rv:{chrome}.0) Gecko/20100101"
    for phone, chrome in itertools.product(PHONES, CHROMES[1:]):
        start = f"Mozilla/5.0 (Linux; Android 14; {phone}) {WEBKIT}"
        yield f"{start} Chrome/{chrome}.0.0.0 Mobile Safari/537.36"
        if chrome == CHROMES[1]:
            yield (
                f"{start} Version/4.0 Chrome/{chrome}.0.0.0 Mobile Safari/537.36"
                " MicroMessenger/8.0.49.2600(0x2800315A) NetType/WIFI Language/zh_CN"
            )
    for system in IOS:
        start = (
            f"Mozilla/5.0 (iPhone; CPU iPhone OS {system} like Mac OS X)"
            " AppleWebKit/605.1.15 (KHTML, like Gecko)"
        )
        yield f"{start} Version/17.5 Mobile/15E148 Safari/604.1"
        yield f"{start} Mobile/15E148 MicroMessenger/8.0.50 NetType/4G Language/zh_CN"


AGENTS = tuple(_list_agents())


def make_address(number):
    """Return the address of a visitor; 2 ** 27 numbers give as many addresses.

    >>> make_address(1), make_address(2), make_address(2**27 + 1) == make_address(1)
    ('70.55.121.177', '68.110.243.98', True)
    """
    mixed = number * 2_654_435_761 % 2**27  # odd factor: no two alike
    return f"{64 + (mixed >> 24)}.{mixed >> 16 & 255}.{mixed >> 8 & 255}.{mixed & 255}"


def write_request(path, port, headers=(), method="GET"):
    """Return a navigation of a browser as bytes.

    :param headers: ``(name, value)`` pairs to add.
    """
    lines = [
        f"{method} {path} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Accept: text/html,application/xhtml+xml,*/*;q=0.8",
        "Accept-Language: en-US,en;q=0.9",
        "Sec-Fetch-Dest: document",
        "Sec-Fetch-Mode: navigate",
        "Sec-Fetch-Site: cross-site",
        *(f"{name}: {value}" for name, value in headers),
    ]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode()


def visit_as_strangers(path, port, first=0):
    """Yield requests without end, each of another visitor behind the same proxy."""
    for number in itertools.count(first):
        yield write_request(
            path,
            port,
            (
                ("User-Agent", AGENTS[number % len(AGENTS)]),
                ("X-Forwarded-For", make_address(number)),
                ("X-Forwarded-Host", f"127.0.0.1:{port}"),
            ),
        )
