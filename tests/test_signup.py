"""Many sign up at once: real processes and connections (rules M2, M6)."""

import re
from concurrent.futures import ThreadPoolExecutor

import requests

PEOPLE = 20
PASSWORD = "a-long-password"


def make_single_use_code(rpc):
    """Return the text of a new single-use code, and its owner's id."""
    members = rpc("res.partner", "search", [("member_state", "=", "active")], limit=1)
    values = {"partner_id": members[0], "kind": "single_use"}
    code = rpc("referral.invite.code", "create", values)
    [read] = rpc("referral.invite.code", "read", [code], ["code"])
    return read["code"], members[0]


def sign_up(url, login, invite):
    """Fill in the form as a browser of its own; return the last response."""
    session = requests.Session()
    page = session.get(f"{url}/web/signup", params={"invite": invite}, timeout=120)
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)[1]
    consent = re.search(r'name="consent"[^>]* value="([0-9a-f]+)"', page.text)[1]
    values = {
        "csrf_token": token,
        "name": login,
        "login": login,
        "password": PASSWORD,
        "confirm_password": PASSWORD,
        "invite": invite,
        "consent": consent,
    }
    return session.post(f"{url}/web/signup", data=values, timeout=120)


def sign_up_together(server, invite, prefix):
    logins = [f"{prefix}{number}@example.com" for number in range(PEOPLE)]
    with ThreadPoolExecutor(PEOPLE) as pool:
        answers = pool.map(lambda login: sign_up(server.url, login, invite), logins)
        return logins, list(answers)


def read_inviters(db, logins):
    """Return ``[inviter id or None]`` of those who have an account."""
    with db.cursor() as cursor:
        cursor.execute(
            "SELECT partner.inviter_id FROM res_users account"
            " JOIN res_partner partner ON partner.id = account.partner_id"
            " WHERE account.login = ANY(%s) AND partner.member_state IS NOT NULL",
            [logins],
        )
        return [row[0] for row in cursor.fetchall()]


def set_scope(rpc, scope):
    websites = rpc("website", "search", [])
    rpc("website", "write", websites, {"auth_signup_uninvited": scope})


def test_of_twenty_with_one_single_use_code_one_gets_the_inviter(server, db):
    # threat I3
    rpc = server.rpc("admin", "admin")
    set_scope(rpc, "b2c")
    code, owner = make_single_use_code(rpc)
    logins, answers = sign_up_together(server, code, "open")
    assert {answer.status_code for answer in answers} == {200}
    inviters = read_inviters(db, logins)
    assert len(inviters) == PEOPLE  # nobody was turned away
    assert sorted(inviters, key=bool) == [None] * (PEOPLE - 1) + [owner]
    without = [answer for answer in answers if "was used already" in answer.text]
    assert len(without) == PEOPLE - 1


def test_on_invitation_the_code_opens_the_door_once(server, db):
    # threat I3
    rpc = server.rpc("admin", "admin")
    set_scope(rpc, "b2b")
    try:
        code, owner = make_single_use_code(rpc)
        logins, answers = sign_up_together(server, code, "invited")
    finally:
        set_scope(rpc, "b2c")
    assert {answer.status_code for answer in answers} == {200}
    assert read_inviters(db, logins) == [owner]
    with db.cursor() as cursor:  # no contact without an account is left behind
        query = "SELECT count(*) FROM res_partner WHERE name = ANY(%s)"
        cursor.execute(query, [logins])
        assert cursor.fetchone() == (1,)
