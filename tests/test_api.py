"""The interface for outside sites, over HTTP with an API key, on several workers."""

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier

import pytest
import requests

PARALLEL = 20


class Site:
    """An outside site: calls `referral.api` with a key, and keeps the last status."""

    def __init__(self, server, key):
        self.url, self.key = f"{server.url}/json/2/referral.api", key

    def __call__(self, method, **arguments):
        answer = requests.post(
            f"{self.url}/{method}",
            data=json.dumps(arguments),  # as a careless client: NaN and all
            headers={
                "Authorization": f"Bearer {self.key}",
                "Content-Type": "application/json",
            },
            timeout=120,
        )
        return answer.status_code, answer.json()


def make_key(server, group):
    """Return the API key of a new user of a role, made the way people make them."""
    admin, login = server.rpc("admin", "admin"), f"site-{uuid.uuid4().hex}"
    [found] = admin(
        "ir.model.data",
        "search_read",
        [("module", "=", group.split(".")[0]), ("name", "=", group.split(".")[1])],
        ["res_id"],
    )
    [internal] = admin(
        "ir.model.data",
        "search_read",
        [("module", "=", "base"), ("name", "=", "group_user")],
        ["res_id"],
    )
    groups = list({internal["res_id"], found["res_id"]})
    values = {"name": login, "login": login, "password": login, "group_ids": groups}
    admin("res.users", "create", [values])
    user = server.rpc(login, login)
    until = datetime.now() + timedelta(days=1)
    [wizard] = user(
        "res.users.apikeys.description",
        "create",
        [{"name": "test", "expiration_date": f"{until:%Y-%m-%d %H:%M:%S}"}],
    )
    check = user("res.users.apikeys.description", "make_key", [wizard])
    if check["res_model"] == "res.users.identitycheck":
        check = user(
            "res.users.identitycheck",
            "run_check",
            [check["res_id"]],
            context={"password": login},
        )
    return check["context"]["default_key"]


@pytest.fixture(scope="module")
def site(server):
    return Site(server, make_key(server, "referral_distribution.group_integration"))


@pytest.fixture
def code(db):
    """The personal code of an active member."""
    with db.cursor() as cursor:
        cursor.execute(
            "SELECT code.code FROM referral_invite_code code"
            " JOIN res_partner owner ON owner.id = code.partner_id"
            " WHERE code.kind = 'personal' AND code.active AND owner.active"
            " AND owner.member_state = 'active' ORDER BY code.id LIMIT 1"
        )
        return cursor.fetchone()[0]


def count(db, email):
    with db.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM res_partner WHERE email_normalized = %s", [email]
        )
        return cursor.fetchone()[0]


def person(code, **values):
    key = uuid.uuid4().hex
    return {
        "name": "From outside",
        "email": f"{key}@example.com",
        "invite_code": code,
        "external_ref": key,
        "idempotency_key": key,
        **values,
    }


def test_a_site_registers_a_member(site, code, db):
    arguments = person(code)
    status, answer = site("register_member", **arguments)
    assert status == 200, answer
    assert answer["state"] in ("active", "candidate")
    assert answer["created"] and answer["inviter_id"] and answer["problem"] == ""
    assert site("register_member", **arguments) == (200, answer)
    assert count(db, arguments["email"]) == 1


def test_twenty_requests_at_once_with_one_key_make_one_member(site, code, db):
    """Threat W4: the same answer for all, and one member."""
    arguments = person(code)
    with ThreadPoolExecutor(PARALLEL) as pool:
        answers = list(
            pool.map(lambda _n: site("register_member", **arguments), range(PARALLEL))
        )
    assert {status for status, _answer in answers} == {200}, answers
    assert all(answer == answers[0][1] for _status, answer in answers)
    assert count(db, arguments["email"]) == 1


def test_twenty_keys_at_once_with_one_reference_make_one_member(site, code):
    """The person is one, however often a site asks."""
    arguments = person(code)

    def register(_number):
        return site(
            "register_member", **{**arguments, "idempotency_key": uuid.uuid4().hex}
        )

    with ThreadPoolExecutor(PARALLEL) as pool:
        answers = list(pool.map(register, range(PARALLEL)))
    assert {status for status, _answer in answers} == {200}, answers
    assert len({answer["member_id"] for _status, answer in answers}) == 1
    assert sum(answer["created"] for _status, answer in answers) == 1


def test_twenty_people_at_once_and_one_single_use_code(server, site, db):
    """Threat I3: it admits exactly one, the others are told."""
    admin = server.rpc("admin", "admin")
    [owner] = admin("res.partner", "search", [("member_state", "=", "active")], limit=1)
    [made] = admin(
        "referral.invite.code",
        "create",
        [{"partner_id": owner, "kind": "single_use"}],
    )
    [code] = admin("referral.invite.code", "read", [made], ["code"])
    with ThreadPoolExecutor(PARALLEL) as pool:
        answers = list(
            pool.map(
                lambda _n: site("register_member", **person(code["code"])),
                range(PARALLEL),
            )
        )
    invited = [a for status, a in answers if status == 200 and a["inviter_id"]]
    assert len(invited) == 1, answers
    others = [a for status, a in answers if not (status == 200 and a["inviter_id"])]
    assert all("used already" in (a.get("problem") or a["message"]) for a in others)


def test_other_input_under_the_same_key_is_refused(site, code, db):
    """Threat W5."""
    arguments = person(code)
    assert site("register_member", **arguments)[0] == 200
    status, answer = site("register_member", **{**arguments, "name": "Other"})
    assert status == 422 and "other content" in answer["message"]


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("name", 7),
        ("name", ["x"]),
        ("name", "a\x00b"),
        ("name", "\ud800"),
        ("name", "x" * 10_000),
        ("email", float("nan")),
        ("email", "nobody"),
        ("phone", True),
        ("phone", "12"),
        ("lang", "xx"),
        ("invite_code", {"a": 1}),
        ("external_ref", 1e308),
        ("idempotency_key", None),
    ],
)
def test_junk_is_refused_and_nothing_is_written(site, code, db, argument, value):
    """Threat W6's kind of junk."""
    arguments = person(code)
    status, answer = site("register_member", **{**arguments, argument: value})
    assert 400 <= status < 500, answer
    assert "Traceback" not in answer["message"]
    assert count(db, arguments["email"]) == 0


def test_without_the_role_or_a_key_nothing_is_done(server, code, db):
    arguments = person(code)
    for group in ("referral_distribution.group_sales", "base.group_user"):
        status, answer = Site(server, make_key(server, group))(
            "register_member", **arguments
        )
        assert status == 403, answer
    status, _answer = Site(server, "0" * 40)("register_member", **arguments)
    assert status == 401
    assert count(db, arguments["email"]) == 0


# ------------------------------------------------------------------------- leads


@pytest.fixture
def brought(code):
    """What a site says of a lead that a member brought."""
    return {
        "company_name": "Customer Ltd",
        "phone": "+86 138 0013 8000",
        "invite_code": code,
    }


def count_leads(db, lead_name):
    with db.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM crm_lead WHERE partner_name = %s", [lead_name]
        )
        return cursor.fetchone()[0]


def test_a_site_hands_in_a_lead_and_asks_what_became_of_it(site, brought):
    key = uuid.uuid4().hex
    status, answer = site("submit_lead", idempotency_key=key, **brought)
    assert status == 200, answer
    assert answer["member_id"] and not answer["problem"]
    assert site("submit_lead", idempotency_key=key, **brought) == (200, answer)
    status, state = site("lead_status", lead_id=answer["lead_id"])
    assert status == 200
    assert state["state"] == "to_review" and state["open"] is True
    assert state["member_id"] == answer["member_id"]


def test_twenty_requests_at_once_with_one_key_make_one_lead(site, brought, db):
    brought["company_name"] = f"Customer {uuid.uuid4().hex}"
    key = uuid.uuid4().hex

    def submit(_number):
        return site("submit_lead", idempotency_key=key, **brought)

    with ThreadPoolExecutor(PARALLEL) as pool:
        answers = list(pool.map(submit, range(PARALLEL)))
    assert {status for status, _answer in answers} == {200}, answers
    assert len({answer["lead_id"] for _status, answer in answers}) == 1
    assert count_leads(db, brought["company_name"]) == 1


def spell(number):
    """Return one person's lead in two spellings."""
    key = uuid.uuid4().hex[:12]
    phone = f"139{number}{int(key, 16) % 10**7:07}"
    return (
        {"email": f"wang.{key}@gmail.com", "phone": f"+86 {phone}"},
        {"email": f"Wang{key.upper()}+shop@GoogleMail.com", "phone": f"0086{phone}"},
    )


def test_the_same_lead_of_two_sites_at_once_is_rewarded_once(server, site, code, db):
    """Threat L1: in two spellings, on two workers; both are there for sales."""
    other = Site(server, make_key(server, "referral_distribution.group_integration"))
    manager = server.rpc("manager", "demo")
    for number in range(4):
        start = Barrier(2)

        def submit(caller, spelling, start=start):
            start.wait()
            key = uuid.uuid4().hex
            arguments = {"contact_name": "Wang Wei", "invite_code": code, **spelling}
            return caller("submit_lead", idempotency_key=key, **arguments)

        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(submit, (site, other), spell(number)))
        assert {status for status, _answer in answers} == {200}, answers
        leads = [answer["lead_id"] for _status, answer in answers]
        assert len(set(leads)) == 2
        manager("crm.lead", "action_referral_validate", leads)
        with db.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM referral_commission"
                " WHERE level = 0 AND lead_id = ANY(%s)",
                [leads],
            )
            assert cursor.fetchone()[0] == 1


def test_of_the_leads_of_others_a_site_is_told_nothing(server, site, brought):
    _status, mine = site("submit_lead", idempotency_key=uuid.uuid4().hex, **brought)
    other = Site(server, make_key(server, "referral_distribution.group_integration"))
    for lead_id in (mine["lead_id"], 1, 0, -1, 2**70, "1", None, [1], float("nan")):
        status, answer = other("lead_status", lead_id=lead_id)
        assert 400 <= status < 500, (lead_id, answer)


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("company_name", "x" * 201),
        ("company_name", {"a": 1}),
        ("phone", "12"),
        ("phone", True),
        ("email", "a@b@c"),
        ("note", "x" * 2001),
        ("agreed", "yes"),
        ("invite_code", None),
        ("member_id", 1),
        ("idempotency_key", ""),
    ],
)
def test_a_lead_of_junk_is_refused_and_nothing_is_written(
    site, brought, db, argument, value
):
    brought["company_name"] = f"Customer {uuid.uuid4().hex}"
    arguments = {"idempotency_key": uuid.uuid4().hex, **brought, argument: value}
    status, answer = site("submit_lead", **arguments)
    assert 400 <= status < 500, answer
    assert count_leads(db, brought["company_name"]) == 0


def test_without_the_role_no_lead_is_handed_in(server, brought):
    sales = Site(server, make_key(server, "referral_distribution.group_sales"))
    for call, arguments in (
        ("submit_lead", {"idempotency_key": "k", **brought}),
        ("lead_status", {"lead_id": 1}),
    ):
        status, _answer = sales(call, **arguments)
        assert status in (401, 403)
