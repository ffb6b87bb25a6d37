"""From the lead pool to a dossier: sales, the manager and the member, in browsers.

Rules L2, L3, L5, X4 and threat P1, in English and Chinese: what one language's walk
leaves to review, the other one takes.
"""

import io
import re
import unicodedata
from pathlib import Path

import pytest
from conftest import RpcError
from journeys import PHONE, go, log_in, new_profile, query
from lxml import html
from office import at_the_office
from PyPDF2 import PdfReader

ENGLISH = {
    "lang": "en_US",
    "title": "Referred Leads",
    "valid": "Valid",
    "invalid": "Invalid",
    "duplicate": "Duplicate",
    "to_review": "To review",
    "release": "Release Reward",
    "refuse": "Refuse Reward",
    "dossier": "Print Dossier",
    "paper": "Dossier of a lead",
    "path": "",
}
CHINESE = {
    "lang": "zh_CN",
    "title": "推荐线索",
    "valid": "有效",
    "invalid": "无效",
    "duplicate": "重复",
    "to_review": "待审核",
    "release": "放行奖励",
    "refuse": "拒绝奖励",
    "dossier": "打印档案",
    "paper": "线索档案",
    "path": "/zh_CN",
}
# Requests of the story, by the English half of their names. The oldest wait first.
SPELLING, ORIGINAL = "Stock and invoices in one", "Invoices straight from stock"
CUSTOMER, LOUD, OWN = "An app for the service team", "Everything, quickly", "my studio"
BY_KEYBOARD = 6
AT_ONCE = (
    "Invoices for park visitors",
    "Question about interfaces",
    "Two seats at the open day",
    CUSTOMER,
    "A visit with the owner",
    "A workshop without paper",
    "Delivery dates we can keep",
    "Dye house without paper",
    "Qingshan Environment",
    "AI that reads contracts",
    "Export and digital invoices",
    "Orders before the boats are in",
    LOUD,
)
TYPED_IN, SECRET = "Qingshan Environment", "between colleagues 20-7-3"
NOTE = f"""
lead = env["crm.lead"].search([("name", "=like", "%{TYPED_IN}")])
note = lead.message_post(
    body="{SECRET}", attachments=[("{SECRET}.txt", b"{SECRET}")]
)
env.cr.commit()
print("IDS", lead.id, note.id, note.attachment_ids.id)
"""
DOSSIER = "referral_distribution.lead_dossier"
REFUSED = r"odoo\.http: (You are not allowed to access|The requested operation cannot)"
REWARDS = """
SELECT count(*) FILTER (WHERE level = 0) AS given, sum(amount) AS amount
FROM referral_commission WHERE lead_id = %s AND trigger = 'lead_valid'
"""


def find_lead(db, request):
    """Return the row of the one lead whose name ends like that."""
    statement = "SELECT * FROM crm_lead WHERE name LIKE %s AND active"
    [lead] = query(db, statement, f"%{request}")
    return lead


def count_rewards(db, lead_id):
    """Return how often a lead was rewarded; the inviter's share does not count."""
    return query(db, REWARDS, lead_id)[0]["given"]


@pytest.fixture(scope="module")
def reviewed(server, house, browser):
    """Sales' walk through the pool, in both languages: what stood in the pool first."""
    connection = house.server.connect(server.db)
    try:
        waiting = query(
            connection,
            "SELECT id, name FROM crm_lead WHERE referrer_id IS NOT NULL AND active"
            " AND referral_validity = 'to_review' AND name ~ '^[一-龥]'",
        )
    finally:
        connection.close()
    with at_the_office(browser, server, "sales", ENGLISH) as office:
        review_by_keyboard(office)
    with at_the_office(browser, server, "sales", CHINESE) as office:
        review_at_once(office)
    return waiting


def review_by_keyboard(office):
    """Decide about the oldest leads, one after the other, hands on the keyboard."""
    office.open_pool()
    assert office.get_title() == office.words["title"]
    office.page.locator(".o_data_row .o_data_cell[name=name]").first.click()
    for number in range(BY_KEYBOARD):
        office.expect_verdict(office.words["to_review"])
        if office.get_title().endswith(SPELLING):
            alert = office.page.locator(".alert [name=referral_hold_text]").inner_text()
            assert ORIGINAL in alert  # says of what it is a duplicate
            office.press("d")
            office.give_reason("Mr Zhou asked two days before")
            office.expect_verdict(office.words["duplicate"])
        else:
            office.press("y")
            office.expect_verdict(office.words["valid"])
        if number < BY_KEYBOARD - 1:
            office.go_on()


def review_at_once(office):
    """Decide about many rows of the list with one button."""
    office.open_pool()
    assert office.get_title() == office.words["title"]
    office.select(AT_ONCE)
    office.press_button(office.words["valid"])
    gone = office.page.locator(".o_data_row").filter(has_text=AT_ONCE[0])
    gone.wait_for(state="detached")
    office.select([OWN])
    office.press_button(office.words["invalid"])
    office.give_reason("会员本人的邮箱 / The member's own mailbox")
    office.page.locator(".o_data_row").filter(has_text=OWN).wait_for(state="detached")


def test_sales_reviews_twenty_leads_by_keyboard_and_at_once(db, reviewed):
    assert len(reviewed) == 20
    ids = [lead["id"] for lead in reviewed]
    verdicts = query(
        db,
        "SELECT referral_validity AS verdict, count(*) FROM crm_lead"
        " WHERE id = ANY(%s) GROUP BY 1",
        ids,
    )
    assert {row["verdict"]: row["count"] for row in verdicts} == {
        "valid": 18,
        "duplicate": 1,
        "invalid": 1,
    }


def test_each_valid_lead_is_rewarded_once_and_none_that_is_held(db, reviewed):
    # rule L2, L5; who declines commissions gets none
    expected = {SPELLING: 0, CUSTOMER: 0, LOUD: 0, OWN: 0, "park visitors": 0}
    for lead in reviewed:
        wanted = next(
            (count for name, count in expected.items() if lead["name"].endswith(name)),
            1,
        )
        assert count_rewards(db, lead["id"]) == wanted, lead["name"]


@pytest.fixture(scope="module")
def decided(server, house, browser, reviewed):
    """The manager's walk: one held reward is given, in English, one refused.

    Each time, the manager prints the dossier after it.
    """
    leads = {}
    connection = house.server.connect(server.db)
    try:
        for name in (CUSTOMER, LOUD):
            leads[name] = find_lead(connection, name)["id"]
            assert count_rewards(connection, leads[name]) == 0
    finally:
        connection.close()
    with at_the_office(browser, server, "manager", ENGLISH) as office:
        decide(office, leads[CUSTOMER], "release", "Another plant of theirs")
        papers = {leads[CUSTOMER]: print_dossier(office, leads[CUSTOMER])}
    with at_the_office(browser, server, "manager", CHINESE) as office:
        decide(office, leads[LOUD], "refuse", "机器点击 / Clicks of a machine")
        papers[leads[LOUD]] = print_dossier(office, leads[LOUD])
    return {**leads, "papers": papers}


def decide(office, lead_id, word, reason):
    """Decide about the held reward of a lead, with a reason."""
    office.open_lead(lead_id)
    alert = office.page.locator(".alert[name=referral_hold]")
    button = alert.get_by_role("button", name=office.words[word], exact=True)
    button.click()
    office.give_reason(reason)
    button.wait_for(state="hidden")


def print_dossier(office, lead_id):
    """Return the words on the printed dossier of the lead that is open, and what is
    printed there.

    Latin letters in a font of the page are drawn on the paper: they are read before
    they are printed. Chinese ones are on it as text.
    """
    office.page.locator(".o_notebook .nav-link[name=referral]").click()
    with office.page.expect_download() as download:
        office.page.get_by_role("button", name=office.words["dossier"]).click()
    sheets = PdfReader(io.BytesIO(Path(download.value.path()).read_bytes())).pages
    paper = "".join(sheet.extract_text() for sheet in sheets)
    address = f"{office.url}/report/html/{DOSSIER}/{lead_id}"
    page = html.fromstring(office.page.request.get(address).text())
    return unicodedata.normalize("NFKC", paper), page.text_content()


@pytest.mark.parametrize(
    ("words", "name"),
    [(ENGLISH, CUSTOMER), (CHINESE, LOUD)],
    ids=["English", "Chinese"],
)
def test_the_dossier_arrives_with_the_leads_reference(db, decided, words, name):
    # rule L3: a paper for disputes names the trail's last hash
    lead_id = decided[name]
    paper, text = decided["papers"][lead_id]
    [lead] = query(db, "SELECT name FROM crm_lead WHERE id = %s", lead_id)
    [chinese] = re.findall("^[一-龥]+", lead["name"])
    assert chinese in "".join(paper.split())
    text = "".join(text.split())
    statement = "SELECT hash FROM referral_trail_head WHERE lead_id = %s"
    [head] = query(db, statement, lead_id)
    for part in (words["paper"], name, f"({lead_id})", head["hash"]):
        assert "".join(part.split()) in text, part


def test_a_manager_gives_a_held_reward_with_a_reason(db, decided):
    # rule L5
    assert count_rewards(db, decided[CUSTOMER]) == 1
    statement = (
        "SELECT DISTINCT hold.state, hold.reason, login FROM referral_lead_hold hold"
        " JOIN res_users decider ON decider.id = hold.decided_by_id"
        " WHERE lead_id = %s"
    )
    assert query(db, statement, decided[CUSTOMER]) == [
        {"state": "released", "reason": "Another plant of theirs", "login": "manager"}
    ]


def test_a_manager_refuses_a_held_reward(db, decided):
    assert count_rewards(db, decided[LOUD]) == 0
    [state] = query(
        db,
        "SELECT referral_hold_state AS state FROM crm_lead WHERE id = %s",
        decided[LOUD],
    )
    assert state == {"state": "refused"}


@pytest.mark.parametrize("words", [ENGLISH, CHINESE], ids=["English", "Chinese"])
def test_the_member_sees_what_became_of_a_lead(server, db, browser, decided, words):
    lead = find_lead(db, TYPED_IN)
    with new_profile(browser, **PHONE) as page:
        log_in(page, server.url, "member")
        page.goto(f"{server.url}{words['path']}/my/referral/leads")
        row = page.locator("main li").filter(has_text=lead["partner_name"])
        row.get_by_text(words["valid"], exact=True).wait_for()
        go(page, row.get_by_role("link").first.tap)
        assert page.url.endswith(f"/my/referral/leads/{lead['id']}")
        assert page.locator("main .o_referral_event").count() >= 3
        width = page.evaluate("document.documentElement.scrollWidth")
        text = page.locator("main").inner_text()
    assert width <= PHONE["viewport"]["width"]  # nothing sticks out of a phone
    for kept in (lead["email_from"], lead["phone"], lead["contact_name"]):
        assert kept not in text


@pytest.fixture(scope="module")
def chatter(server, house):
    """A note on a member's lead, with a file: ids of lead, message and attachment."""
    printed = house.runner.script(server.db, NOTE)
    ids = re.search(r"IDS (\d+) (\d+) (\d+)", printed).groups()
    return dict(zip(("lead", "message", "file"), map(int, ids), strict=True))


@pytest.mark.parametrize("login", ["distributor", "agent"])
def test_another_member_finds_nothing_of_that_lead_by_its_id(server, chatter, login):
    # threat P1: page, dossier, message, attachment
    lead, message, file = chatter["lead"], chatter["message"], chatter["file"]
    rpc = server.rpc(login, "demo")
    for path in (
        f"/my/referral/leads/{lead}",
        f"/zh_CN/my/referral/leads/{lead}",
        f"/report/pdf/{DOSSIER}/{lead}",
        f"/report/html/{DOSSIER}/{lead}",
        f"/web/content/{file}",
        f"/web/content/ir.attachment/{file}/datas",
        f"/web/content/crm.lead/{lead}/description",
        f"/mail/view?model=crm.lead&res_id={lead}",
    ):
        check_refused(server, rpc, path)
    for model, record, name in (
        ("crm.lead", lead, "partner_name"),
        ("mail.message", message, "body"),
        ("ir.attachment", file, "name"),
    ):
        with server.expects(REFUSED), pytest.raises(RpcError, match="AccessError"):
            rpc(model, "read", [record], [name])
    answer = rpc.http.post(
        f"{server.url}/mail/thread/messages",
        json={"params": {"thread_model": "crm.lead", "thread_id": lead}},
        timeout=60,
    )
    assert SECRET not in answer.text


def check_refused(server, rpc, path):
    """A page that says no, or leads elsewhere, and shows nothing of the lead."""
    answer = rpc.http.get(server.url + path, allow_redirects=False, timeout=60)
    assert SECRET not in answer.text, path
    assert answer.status_code in (303, 403, 404), f"{path}: {answer.status_code}"
    if answer.status_code == 303:
        assert "crm.lead" not in answer.headers["Location"], path


def test_the_member_reads_the_page_of_the_lead_and_none_of_the_notes(server, chatter):
    rpc = server.rpc("member", "demo")
    page = rpc.http.get(f"{server.url}/my/referral/leads/{chatter['lead']}", timeout=60)
    assert page.status_code == 200 and "青山环保" in page.text
    assert SECRET not in page.text
    check_refused(server, rpc, f"/web/content/{chatter['file']}")
    check_refused(server, rpc, f"/report/pdf/{DOSSIER}/{chatter['lead']}")
