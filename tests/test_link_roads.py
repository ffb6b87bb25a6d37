"""Personal links under fire: real workers, real connections, both roads (rule S2).

Every test asks from loopback addresses of its own, so that no visitor of one is known
to another.
"""

import itertools
import re
import time
from random import Random, SystemRandom

import pytest
from journeys import COOKIE, query

from house.load import Crowd
from house.visitors import AGENTS, write_request

COLLISION = r"SERIALIZATION_FAILURE|could not serialize|deadlock detected"
# Odoo hangs up on who waited long for a place in its queue: nobody's click
HUNG_UP = r"werkzeug: .* Request timed out"
addresses = itertools.count(SystemRandom().randrange(2**22))


def new_address(_number=0):
    """Return a loopback address nobody has asked from."""
    number = next(addresses)
    return f"127.{100 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"


@pytest.fixture
def link(db):
    """The id, code and target of an open link of the demo."""
    statement = """
        SELECT link.id, code, target_url FROM referral_link link
        JOIN res_partner member ON member.id = link.partner_id
        WHERE link.active AND member_state = 'active' ORDER BY link.id LIMIT 1
    """
    return query(db, statement)[0]


@pytest.fixture
def rows(db, link):
    """Returns how many clicks the link got since the test began."""

    def count():
        statement = "SELECT count(*) FROM referral_click WHERE link_id = %s"
        return query(db, statement, link["id"])[0]["count"] - before

    before = 0
    before = count()
    return count


def stay_within_an_hour(seconds=30):
    """Limits are per hour: wait for the next one when this one ends in a moment."""
    left = 3600 - time.time() % 3600
    if left < seconds:
        time.sleep(left + 1)


def visit(road, link, agent=AGENTS[0], method="GET", **headers):
    """Return the bytes of a request for the link."""
    pairs = [("User-Agent", agent)] if agent else []
    pairs += [(name.replace("_", "-"), value) for name, value in headers.items()]
    return write_request(f"/s/{link['code']}", road.pages, pairs, method)


def knock(road, request, source=None):
    """Send one request; return the answer's status and its head as text."""
    crowd = Crowd(road.pages, 1, keep=True, source=source or new_address)
    answers = crowd.ask([request])
    assert not answers.errors
    [status] = answers.statuses
    return status, answers.kept[0].partition(b"\r\n\r\n")[0].decode("latin-1")


# --- what is asked for may be anything -------------------------------------------


JUNK = (
    b"\x00", b"%00", b"../", b"..%2f", b"%2e%2e/", b"//", b"\\", b"%5c", b"%", b"%zz",
    b"%0d%0aSet-Cookie:%20a=b", b"%0a", b"\xff\xfe", b"%ff%fe", b"%c0%af", b"%s", b"{}",
    "转发".encode(), "😀".encode(), b"%F0%9F%98%80", b"'", b'"', b"<script>", b"%3C",
    b";", b"?", b"#", b"&referral=", b"*", b"$", b".png", b"a" * 10_000, b"/" * 99,
)  # fmt: skip
AGENT = AGENTS[0].encode()
COOKIES = (
    b"referral_touch=" + b"A" * 8_000,
    b"referral_touch=%00; session_id=../../x",
    b"=;=;",
    b"session_id=" + b"\xff" * 84,
    b"\x00",
)
REFERRERS = (b"http://[", b"\xff", b"x" * 9_000)


def write_junk(random, code):
    """Return a request for something that is no link's code, as rude as it gets."""
    pieces = [bytes(random.sample(code, len(code))), code[: random.randrange(12)]]
    pieces += random.choices(JUNK, k=random.randint(1, 3))
    random.shuffle(pieces)
    path = b"/s/" + b"".join(pieces)
    if random.random() < 0.1:
        path = b"http://evil.example" + path
    lines = [
        b" ".join((random.choice((b"GET", b"GET", b"HEAD")), path, b"HTTP/1.1")),
        b"Host: " + random.choice((b"127.0.0.1", b"127.0.0.1:80", b"evil.example")),
        b"User-Agent: " + random.choice((AGENT, b"", b"\x00", b"\xff\xfe")),
    ]
    if random.random() < 0.3:
        lines.append(b"Cookie: " + random.choice(COOKIES))
    if random.random() < 0.2:
        lines.append(b"Referer: " + random.choice(REFERRERS))
    if random.random() < 0.05:
        lines.append(b"X-Big: " + b"b" * 70_000)
    return b"\r\n".join([*lines, b"Connection: close", b"", b""])


def on_roads(in_front, ordinary):
    """Parametrise a test with a number per road: the ordinary one takes longer."""
    numbers = [("in front", in_front), ("ordinary", ordinary)]
    return pytest.mark.parametrize(("road", "count"), numbers, indirect=["road"])


@on_roads(1_500, 500)
def test_junk_is_refused_and_leaves_no_row(road, count, link, rows, db):
    # threat S1
    random = Random(20_261_122)
    code = link["code"].encode()
    asked = [write_junk(random, code) for _number in range(count)]
    with road.expects(r"werkzeug: .* code 4\d\d, message "):  # no HTTP at all
        answers = Crowd(road.pages, 8, keep=True, source=new_address).ask(asked)
    assert not answers.errors
    wrong = [
        (request[:200], answer[:200])
        for request, answer in zip(asked, answers.kept, strict=True)
        if not answer.startswith((b"HTTP/1.0 4", b"HTTP/1.0 30", b"HTTP/1.1 4"))
    ]
    assert not wrong[:5]
    assert not road.complaints()
    assert rows() == 0


# --- many at once ------------------------------------------------------------------


@on_roads(1_500, 250)
def test_fifty_at_once_on_one_link_are_all_counted(road, count, house, link, rows):
    # threat S3
    stay_within_an_hour()
    logs = [road.log_path]
    if house.server.is_private:
        logs.append(house.server.data / "server.log")
    starts = [path.stat().st_size for path in logs]
    asked = [visit(road, link, AGENTS[n % len(AGENTS)]) for n in range(count)]
    with road.expects(HUNG_UP):
        answers = Crowd(road.pages, 50, source=new_address).ask(asked)
    assert set(answers.statuses) == {302} and answers.errors.total() < count / 20
    assert rows() == answers.statuses[302]
    for path, start in zip(logs, starts, strict=True):
        assert not re.findall(COLLISION, path.read_text(errors="replace")[start:])


def test_one_visitor_who_asks_a_hundred_times_at_once_is_counted_once(road, link, rows):
    # threat S4
    stay_within_an_hour()
    address = new_address()
    crowd = Crowd(road.pages, 100, source=lambda _number: address)
    with road.expects(HUNG_UP):
        answers = crowd.ask([visit(road, link)] * 100)
    assert set(answers.statuses) == {302} and answers.errors.total() < 5
    assert rows() == 1


def test_on_whichever_road_a_visitor_comes_again_it_is_the_same_visitor(
    server, ordinary, link, rows
):
    stay_within_an_hour()
    address = new_address()
    for road in (server, ordinary, server):
        status, _head = knock(road, visit(road, link), lambda _number: address)
        assert status == 302
    assert rows() == 1


@pytest.fixture
def limit(db):
    """How many clicks an hour count from one address, for this test."""
    statement = "UPDATE res_company SET referral_click_limit_address = %s"
    with db.cursor() as cursor:
        cursor.execute(statement, [50])
        yield 50
        cursor.execute(statement, [300])


@on_roads(10_000, 300)
def test_a_flood_with_forged_addresses_stops_counting_at_the_limit(
    road, count, link, rows, limit
):
    # threat S5: one machine, another name and another "address" each time
    stay_within_an_hour(60)
    address = new_address()
    asked = (
        visit(
            road,
            link,
            f"{AGENTS[0]} {number}",
            X_Forwarded_For=f"203.0.{number >> 8}.{number & 255}",
            X_Forwarded_Host="127.0.0.1",
        )
        for number in range(count)
    )
    answers = Crowd(road.pages, 8, source=lambda _number: address).ask(asked)
    assert answers.statuses == {302: count} and not answers.errors
    # what the other worker writes at the same moment cannot be seen
    assert limit <= rows() <= limit + 1


# --- who is no visitor ---------------------------------------------------------------


NO_VISITORS = {
    "search engine": {"agent": "Mozilla/5.0 (compatible; Baiduspider/2.0)"},
    "no name": {"agent": None},
    "look at the head": {"method": "HEAD"},
    "prefetch": {"Sec_Purpose": "prefetch"},
    "prerender": {"Sec_Purpose": "prefetch;prerender"},
    "older prefetch": {"Purpose": "prefetch"},
    "chat preview": {"agent": "WhatsApp/2.23.20.0"},
    "work chat preview": {
        "agent": "Slackbot-LinkExpanding 1.0 (+https://api.slack.com)"
    },
    "social preview": {"agent": "facebookexternalhit/1.1"},
}


def test_machines_are_sent_on_but_neither_counted_nor_remembered(road, link, rows):
    # threats S6, C4
    for who, headers in NO_VISITORS.items():
        status, head = knock(road, visit(road, link, **headers))
        assert status == 302, who
        assert f"Location: {link['target_url']}" in head, who
        assert COOKIE not in head, who
    assert rows() == 0


# --- when recording fails ------------------------------------------------------------


def test_a_visitor_goes_on_though_nothing_can_be_written(road, link, rows, house):
    # threat S8: somebody else holds the table
    not_recorded = r"ERROR .* click on a personal link not recorded"
    stay_within_an_hour()
    blocker = house.server.connect(road.database)
    try:
        blocker.autocommit = False
        with blocker.cursor() as cursor, road.expects(not_recorded) as logged:
            cursor.execute("LOCK TABLE referral_click IN ACCESS EXCLUSIVE MODE")
            began = time.time()
            status, head = knock(road, visit(road, link))
            waited = time.time() - began
        blocker.rollback()
    finally:
        blocker.close()
    assert status == 302 and COOKIE in head
    assert waited < 5
    assert len(logged) == 1
    assert rows() == 0
    assert knock(road, visit(road, link))[0] == 302
    assert rows() == 1


def end_connections(db, road):
    """End every connection of a server's workers to the database; return how many."""
    statement = """
        SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = %s
    """
    return query(db, statement, f"odoo-{road.process.pid}")[0]["count"]


def test_after_its_connections_were_ended_a_worker_serves_the_next_click(
    road, link, rows, db
):
    # threat O5
    stay_within_an_hour()
    handed_over = r" (WARNING|ERROR) .*(handed over to Odoo|not recorded|odoo.sql_db)"
    for _worker in range(4):
        knock(road, visit(road, link))
    before = rows()
    assert before == 4 and end_connections(db, road)
    with road.expects(handed_over):
        asked = [visit(road, link)] * 20
        answers = Crowd(road.pages, 4, source=new_address).ask(asked)
    assert answers.statuses == {302: 20} and not answers.errors
    assert rows() - before == 20


# --- several databases ----------------------------------------------------------------


# The two newest links of members who take part get codes of our own.
RENAME = """
UPDATE referral_link link SET code = renamed.code, target_url = renamed.target
FROM (
    SELECT link.id, row_number() OVER (ORDER BY link.id DESC) AS number
    FROM referral_link link JOIN res_partner member ON member.id = link.partner_id
    WHERE link.active AND member_state = 'active'
) newest
JOIN (VALUES (1, 'in-both', %(target)s), (2, %(own)s, %(target)s || '&only'))
    AS renamed (number, code, target) ON renamed.number = newest.number
WHERE link.id = newest.id
"""


@pytest.fixture(scope="module")
def targets(house, databases):
    """Where two databases lead the code they share, and one of their own each."""
    found = {}
    for number, database in enumerate(databases):
        found[database] = f"/blog?page={number}"
        values = {"target": found[database], "own": f"only-{number}"}
        house.server.query(RENAME, values, database=database)
    return found


def count_clicks(house, database):
    statement = "SELECT count(*) FROM referral_click"
    return house.server.query(statement, database=database)[0][0]


def ask_host(hosts, host, code, source=None, **headers):
    request = visit(hosts, {"code": code}, **headers)
    here = f"Host: 127.0.0.1:{hosts.pages}".encode()
    return knock(hosts, request.replace(here, f"Host: {host}".encode()), source)


BEHIND = {"X_Forwarded_Host": "{host}", "X_Forwarded_For": "{address}"}
WAYS = {
    "name": ("{host}", {}),
    "name and port": ("{host}:8069", {}),
    "www": ("www.{host}", {}),
    "proxy": ("inside", BEHIND),
    "header": ("{host}", {"X_Odoo_Database": "{host}"}),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_host_says_whose_link_it_is(hosts, house, targets, way):
    stay_within_an_hour()
    host, headers = WAYS[way]
    for database, target in targets.items():
        [other] = set(targets) - {database}
        before = {name: count_clicks(house, name) for name in targets}
        values = {"host": database, "address": new_address()}
        sent = {name: text.format(**values) for name, text in headers.items()}
        status, head = ask_host(hosts, host.format(**values), "in-both", **sent)
        assert status == 302 and f"Location: {target}" in head
        assert count_clicks(house, database) == before[database] + 1
        assert count_clicks(house, other) == before[other]


def test_a_link_of_one_database_is_unknown_at_the_others_host(
    hosts, house, databases, targets
):
    first, second = databases
    before = [count_clicks(house, name) for name in databases]
    assert ask_host(hosts, first, "only-1")[0] == 404
    assert ask_host(hosts, second, "only-0")[0] == 404
    # whoever asks cannot choose a database that is not the host's
    for host, headers in ((second, {"X_Odoo_Database": first}), ("nobody.example", {})):
        status, head = ask_host(hosts, host, "only-0", **headers)
        assert status < 500 and targets[first] not in head
    assert [count_clicks(house, name) for name in databases] == before


def test_behind_a_proxy_a_visitor_is_who_the_proxy_says(hosts, house, targets):
    # threat S5: it appends the address it was asked from to what a visitor claims
    stay_within_an_hour()
    database, proxy = next(iter(targets)), new_address()
    first, second = new_address(), new_address()
    counted = [count_clicks(house, database)]
    for said in (first, second, f"203.0.113.1, {first}", f"203.0.113.2, {first}"):
        headers = {"X_Forwarded_Host": database, "X_Forwarded_For": said}
        status, _head = ask_host(hosts, database, "in-both", lambda _: proxy, **headers)
        assert status == 302
        counted.append(count_clicks(house, database) - counted[0])
    assert counted[1:] == [1, 2, 2, 2]
