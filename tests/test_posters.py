"""Posters on a live server: real processes, real connections (rule S6)."""

import io
from concurrent.futures import ThreadPoolExecutor

import requests
import zxingcpp
from PIL import Image

AT_ONCE = 8


def read_links(db, number):
    with db.cursor() as cursor:
        cursor.execute(
            "SELECT link.id, link.code FROM referral_link link"
            " JOIN res_partner member ON member.id = link.partner_id"
            " WHERE link.active AND member.member_state = 'active'"
            " ORDER BY link.id LIMIT %s",
            [number],
        )
        return cursor.fetchall()


def count_drawn(db, link_id):
    with db.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM referral_poster_picture WHERE link_id = %s", [link_id]
        )
        return cursor.fetchone()[0]


def test_who_asks_at_the_same_moment_gets_one_drawing(server, db):
    [(link_id, code)] = read_links(db, 1)
    url = f"{server.url}/referral/poster/{code}.png"
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(
            pool.map(lambda _n: requests.get(url, timeout=60), range(AT_ONCE))
        )
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert count_drawn(db, link_id) == 1
    with db.cursor() as cursor:  # nobody keeps a lock of the drawing
        cursor.execute(
            "SELECT count(*) FROM pg_locks"
            " JOIN pg_database ON pg_database.oid = pg_locks.database"
            " WHERE locktype = 'advisory' AND datname = current_database()"
            " AND pid <> pg_backend_pid()"
        )
        assert cursor.fetchone()[0] == 0


def test_every_design_of_the_demo_scans_in_both_languages(server, db):
    _first, (_link_id, code) = read_links(db, 2)
    with db.cursor() as cursor:
        cursor.execute("SELECT id FROM referral_poster_design WHERE active")
        designs = [row[0] for row in cursor.fetchall()]
    assert len(designs) >= 3
    pictures = set()
    for design in designs:
        for language in ("en_US", "zh_CN"):
            answer = requests.get(
                f"{server.url}/referral/poster/{code}.png",
                params={"design": design, "lang": language},
                timeout=60,
            )
            image = Image.open(io.BytesIO(answer.content))
            [found] = zxingcpp.read_barcodes(image)
            assert found.text.endswith(f"/s/{code}")
            pictures.add(answer.content)
    assert len(pictures) == 2 * len(designs)
