"""A month of finance, in browsers: from the queue to the statement, in both languages.

Rules C3, C6, C7 and C8. Three colleagues settle: one submits, another one approves, a
third one pays. Then the customer is given something back, and what the beneficiary owes
since is taken from the next month's settlement.

No clock is moved. What can have a date has one of its own; what is due on the first of
the next month is due then, so between the months all that a beneficiary has got moves
a month into the past, see ``pass_month``.
"""

import io
import re
import unicodedata
from pathlib import Path
from types import SimpleNamespace

import pytest
from journeys import query
from lxml import html
from office import at_the_office
from PyPDF2 import PdfReader

ENGLISH = {
    "lang": "en_US",
    "queue": "Rewards to Confirm",
    "confirm": "Confirm Reward",
    "confirmed": "Confirmed",
    "refuse": "Refuse Rewards",
    "settlements": "Settlements",
    "settle": "Settle What Is Due",
    "submit": "Submit",
    "submitted": "Submitted",
    "approve": "Approve",
    "approved": "Approved",
    "pay": "Pay",
    "paid": "Paid",
    "payments": "Payments",
    "statement": "Statement",
    "paper": "Statement of rewards",
    "credit": "Credit note",
}
CHINESE = {
    "lang": "zh_CN",
    "queue": "待确认奖励",
    "confirm": "确认奖励",
    "confirmed": "已确认",
    "refuse": "拒绝奖励",
    "settlements": "结算单",
    "settle": "结算已到期的",
    "submit": "提交",
    "submitted": "已提交",
    "approve": "批准",
    "approved": "已批准",
    "pay": "付款",
    "paid": "已付款",
    "payments": "付款",
    "statement": "结算明细",
    "paper": "奖励结算明细",
    "credit": "退款单",
}
LANGUAGES = (ENGLISH, CHINESE)
STATEMENT = "referral_distribution.settlement_statement"
REASON = "客户与渠道为同一家公司"
# A partner channel gets 2 % of what its customers sign: 120,000 and 80,000. A quarter
# of the first contract is credited after it was paid for.
FIRST, CREDITED, OWED, SECOND = 2400.0, 0.25, -600.0, 1600.0
NAMES = {
    "en_US": ("Harbour Radio", "Grey Cranes", "Sister Company"),
    "zh_CN": ("海港电台", "灰鹤机械", "姊妹公司"),
}
# Made as the demo's story is, through what sales and finance call: a plan that settles
# each month, two partner channels, and what their customers have signed and paid.
MAKE = """
from types import SimpleNamespace
demo = env["referral.demo"].with_context(mail_create_nosubscribe=True)
staff = {user.login: user for user in env["res.users"].search([])}
plans = env["referral.plan"].with_user(staff["manager"])
plan = plans._get_active(env.company, kind="partner")
new = plan.with_context(referral_new_version=True).copy(
    {"settlement_mode": "month", "payout_minimum": 10})
new.action_activate()
tier = env.ref("referral_distribution.res_partner_grade_channel_partner").id
services = {code: env["product.product"].search([("list_price", "=", price)], limit=1)
    for code, price in (("erp", 120000.0), ("mini", 80000.0))}
scene = {"staff": staff, "services": services}
for lang, (name, customer, related) in NAMES.items():
    partner = env["res.partner"].create({"name": name, "is_company": True,
        "lang": lang, "grade_id": tier, "member_state": "active"})
    bank = env["res.partner.bank"].create(
        {"partner_id": partner.id, "acc_number": f"62 {partner.id}"})
    bank.allow_out_payment = True
    channel = env["referral.channel"].create({"name": name, "kind": "partner",
        "platform": "media", "stage": "cooperating", "partner_id": partner.id,
        "terms": "deal_share", "deal_share": 2,
        "date_from": env.company._referral_today()})
    link = env["referral.link"]._obtain(partner, channel, "/blog")
    for who, sold in ((customer, ("erp", "mini")), (related, ("erp",))):
        lead = demo._ask(link, 1, {"name": who, "partner_name": who,
            "user_id": staff["sales"].id, "type": "opportunity"})
        lead.with_user(staff["sales"]).action_referral_validate()
        told = {"lead": lead}
        for service in sold:
            demo._sign_order(scene, SimpleNamespace(), service, "paid", told)
            invoice = told[service].invoice_ids
            print("MADE", lang, partner.id, who, service, told[service].id,
                told[service].name, invoice.id, sep="|")
env.cr.commit()
"""
LINES = """
SELECT amount, reverses_id IS NOT NULL AS back, state, settlement_id
FROM referral_commission WHERE partner_id = %s ORDER BY id
"""
PASS_MONTH = """
UPDATE referral_commission SET due_date = due_date - interval '1 month'
    WHERE partner_id = %(partner)s;
UPDATE referral_settlement SET date_from = date_from - interval '1 month',
    date_to = date_from - 1 WHERE partner_id = %(partner)s;
"""
STAFF = """
SELECT login, user_.id FROM res_users user_
WHERE login IN ('finance', 'controller', 'cashier')
"""
SETTLEMENT = """
SELECT settlement.*, bill.payment_state, payer.login AS payer
FROM referral_settlement settlement
LEFT JOIN account_move bill ON bill.id = settlement.bill_id
LEFT JOIN account_move__account_payment rel ON rel.invoice_id = bill.id
LEFT JOIN account_payment payment ON payment.id = rel.payment_id
LEFT JOIN res_users payer ON payer.id = payment.create_uid
WHERE settlement.partner_id = %s ORDER BY settlement.id
"""


@pytest.fixture(scope="module")
def contracts(server, house):
    """What was signed and paid: ``{language: namespace}``."""
    script = MAKE.replace("NAMES", repr(NAMES))
    made = {}
    for line in house.runner.script(server.db, script).splitlines():
        if not line.startswith("MADE|"):
            continue
        _word, lang, partner, who, service, order, name, invoice = line.split("|")
        here = made.setdefault(lang, SimpleNamespace(partner=int(partner), orders={}))
        here.orders[who, service] = SimpleNamespace(
            id=int(order), name=name, invoice=int(invoice)
        )
    return made


def pass_month(connection, partner):
    """Let a month go by: what a beneficiary has got moves a month into the past."""
    with connection.cursor() as cursor:
        cursor.execute(PASS_MONTH, {"partner": partner})


# --- what finance does ------------------------------------------------------------


class Books:
    """What colleagues of finance do in the back office, and what they read there."""

    def __init__(self, browser, server, connection, words):
        self.browser, self.server, self.words = browser, server, words
        self.connection = connection
        self.read = []  # the text of each screen on the way

    def at_desk(self, login):
        return at_the_office(self.browser, self.server, login, self.words)

    def open_menu(self, office, app, section, menu):
        """Go there as a person does, through the menus."""
        page = office.page
        page.goto(f"{self.server.url}/odoo")
        page.locator(".o_navbar_apps_menu button").click()
        page.locator(f".o-dropdown--menu [data-menu-xmlid='{app}']").click()
        page.locator(f".o_menu_sections [data-menu-xmlid='{section}']").click()
        page.locator(f".o-dropdown--menu [data-menu-xmlid='{menu}']").click()

    def expect_title(self, office, word):
        title = office.page.locator(".o_last_breadcrumb_item")
        title.filter(has_text=self.words[word]).wait_for()

    def look(self, office):
        """Keep the text of the screen, but for the messages below it: they were
        written in the language of who wrote them."""
        page = office.page
        dialog = page.locator(".modal-content")
        place = dialog if dialog.count() else page.locator(".o_action_manager")
        text = place.first.inner_text()
        for messages in page.locator(".o-mail-Chatter").all_inner_texts():
            text = text.replace(messages, "")
        self.read.append(text)

    def open_queue(self, office):
        invoicing = "account.menu_finance"
        menu = "referral_distribution.sale_order_menu_to_confirm_accounting"
        self.open_menu(office, invoicing, f"{invoicing}_receivables", menu)
        self.expect_title(office, "queue")
        office.page.locator(".o_data_row").first.wait_for()

    def confirm(self, office, order, expected):
        """Open a contract from the queue, see what it rewards, confirm."""
        page = office.page
        self.open_queue(office)
        self.look(office)
        page.locator(".o_data_row").filter(has_text=order.name).locator(
            "[name=partner_id]"
        ).click()
        page.locator(".o_form_view").wait_for()
        forecast = page.locator("[name=referral_forecast]").inner_text()
        assert f"{expected:,.2f}" in forecast
        self.look(office)
        page.get_by_role("button", name=self.words["confirm"], exact=True).click()
        self.expect_state(office, "referral_state", "confirmed")
        self.look(office)

    def refuse(self, office, order):
        """Refuse a contract in the queue, with a reason."""
        self.open_queue(office)
        office.select([order.name])
        office.press_button(self.words["refuse"])
        office.page.locator(".modal [name=reason]").first.wait_for()
        self.look(office)
        office.give_reason(REASON)
        row = office.page.locator(".o_data_row").filter(has_text=order.name)
        row.wait_for(state="detached")

    def expect_state(self, office, field, word):
        current = office.page.locator(f"[name={field}] .o_arrow_button_current")
        current.filter(has_text=self.words[word]).wait_for()

    def run(self, office, name):
        """Settle what is due; open the beneficiary's draft."""
        app = "referral_distribution.menu_root"
        section = "referral_distribution.menu_rewards"
        menu = "referral_distribution.referral_settlement_menu"
        self.open_menu(office, app, section, menu)
        self.expect_title(office, "settlements")
        office.page.locator(".o_data_row").first.wait_for()
        self.look(office)
        before = office.page.locator(".o_pager_value").inner_text()
        office.press_button(self.words["settle"])
        office.page.wait_for_function(
            "before => document.querySelector('.o_pager_value')?.innerText !== before",
            arg=before,
        )
        row = office.page.locator(".o_data_row").filter(has_text=name)
        row.locator("[name=partner_id]").click()
        office.page.locator(".o_form_view").wait_for()
        self.look(office)

    def open_settlement(self, office, settlement_id):
        path = "/odoo/action-referral_distribution.referral_settlement_action"
        office.page.goto(f"{self.server.url}{path}/{settlement_id}")
        office.page.locator(".o_form_view").wait_for()

    def step(self, office, button, state):
        """Press a button of the open settlement, and see it move."""
        bar = office.page.locator(".o_form_statusbar")
        bar.get_by_role("button", name=self.words[button], exact=True).first.click()
        self.expect_state(office, "state", state)
        self.look(office)

    def pay(self, office, settlement_id):
        """Pay an approved settlement from the bank."""
        self.open_settlement(office, settlement_id)
        bar = office.page.locator(".o_form_statusbar")
        bar.get_by_role("button", name=self.words["pay"], exact=True).click()
        dialog = office.page.locator(".modal")
        dialog.locator("[name=journal_id]").first.wait_for()
        self.look(office)
        dialog.locator("footer button[name=action_pay]").click()
        dialog.wait_for(state="detached")
        self.expect_title(office, "payments")
        self.open_settlement(office, settlement_id)
        self.expect_state(office, "state", "paid")
        self.look(office)

    def credit(self, office, order, share):
        """Credit a share of an invoice, as Odoo does it."""
        page = office.page
        path = "/odoo/action-account.action_move_out_invoice_type"
        page.goto(f"{self.server.url}{path}/{order.invoice}")
        page.locator("button[name=action_reverse]").first.click()
        page.locator(".modal button[name=refund_moves]").click()
        page.locator(".o_form_statusbar button[name=action_post]").first.wait_for()
        line = page.locator("[name=invoice_line_ids] .o_data_row").first
        line.locator("[name=quantity]").click()
        line.locator("[name=quantity] input").fill(str(share))
        page.locator(".o_form_statusbar button[name=action_post]").first.click()
        page.locator("button[name=button_draft]").first.wait_for()

    def print_statement(self, office, settlement_id):
        """Print the open settlement's statement.

        Latin letters and figures in a font of the page are drawn on the paper: they are
        read before they are printed.

        :return: the Chinese words on the paper, and the words of what was printed.
        """
        page = office.page
        page.locator(".o_cp_action_menus button").first.click()
        label = self.words["statement"]
        with page.expect_download() as download:
            page.locator(".o_menu_item:has(.fa-print)").filter(has_text=label).click()
        paper = PdfReader(io.BytesIO(Path(download.value.path()).read_bytes()))
        printed = "".join(sheet.extract_text() for sheet in paper.pages)
        answer = page.request.get(
            f"{self.server.url}/report/html/{STATEMENT}/{settlement_id}"
        )
        shown = html.fromstring(answer.text()).text_content()
        return unicodedata.normalize("NFKC", printed), "".join(shown.split())

    def get_settlements(self, partner):
        return query(self.connection, SETTLEMENT, partner)


@pytest.fixture(scope="module", params=LANGUAGES, ids=["English", "Chinese"])
def told(request, server, house, browser, contracts):
    """The whole walk in one language; what the tests look at."""
    words = request.param
    lang = words["lang"]
    name, customer, related = NAMES[lang]
    here = contracts[lang]
    orders = here.orders
    connection = house.server.connect(server.db)
    books = Books(browser, server, connection, words)
    told = SimpleNamespace(words=words, here=here, books=books)
    try:
        with books.at_desk("finance") as office:
            books.confirm(office, orders[customer, "erp"], FIRST)
            books.refuse(office, orders[related, "erp"])
            pass_month(connection, here.partner)
            books.run(office, name)
            books.step(office, "submit", "submitted")
        [first] = books.get_settlements(here.partner)
        with books.at_desk("controller") as office:
            books.open_settlement(office, first["id"])
            books.step(office, "approve", "approved")
        with books.at_desk("cashier") as office:
            books.pay(office, first["id"])
        [told.first] = books.get_settlements(here.partner)
        with books.at_desk("finance") as office:
            books.credit(office, orders[customer, "erp"], CREDITED)
            told.after_credit = query(connection, LINES, here.partner)
            books.confirm(office, orders[customer, "mini"], SECOND)
            pass_month(connection, here.partner)
            books.run(office, name)
            second = books.get_settlements(here.partner)[1]
            told.printed, told.shown = books.print_statement(office, second["id"])
            books.step(office, "submit", "submitted")
        told.settlements = books.get_settlements(here.partner)
        told.lines = query(connection, LINES, here.partner)
        yield told
    finally:
        connection.close()


# --- what came of it --------------------------------------------------------------


def read_order(told, db, which, service):
    order = told.here.orders[NAMES[told.words["lang"]][which], service]
    statement = (
        "SELECT referral_state, referral_reason, referral_received_amount"
        " FROM sale_order WHERE id = %s"
    )
    return query(db, statement, order.id)[0]


def test_what_is_confirmed_is_rewarded_and_what_is_refused_is_not(told, db):
    """Rule C3."""
    refused = read_order(told, db, 2, "erp")
    assert (refused["referral_state"], refused["referral_reason"]) == (
        "refused",
        REASON,
    )
    assert read_order(told, db, 1, "mini")["referral_state"] == "confirmed"
    assert [line["amount"] for line in told.lines] == [FIRST, OWED, SECOND]


def test_the_month_is_settled_by_three_people_and_its_bill_is_paid(told, db):
    """Rule C6."""
    people = {row["login"]: row["id"] for row in query(db, STAFF)}
    first = told.first
    assert (first["amount_total"], first["state"]) == (FIRST, "paid")
    assert first["submitted_by_id"] == people["finance"]
    assert first["approved_by_id"] == people["controller"]
    assert (first["payer"], first["payment_state"]) == ("cashier", "paid")


def test_a_refund_after_the_payout_is_owed_and_finance_decides_anew(told, db):
    """Rule C7."""
    assert [(line["amount"], line["back"]) for line in told.after_credit] == [
        (FIRST, False),
        (OWED, True),
    ]
    assert told.after_credit[1]["settlement_id"] is None
    assert read_order(told, db, 1, "erp")["referral_state"] != "confirmed"


def test_the_debt_is_netted_in_the_next_months_settlement(told):
    """Rule C7."""
    first, second = told.settlements
    assert second["amount_total"] == SECOND + OWED
    assert [line["settlement_id"] for line in told.lines] == [
        first["id"],
        second["id"],
        second["id"],
    ]
    assert first["date_to"] < second["date_from"]
    for month in (first, second):
        assert month["date_from"].day == 1
        assert (month["date_to"] - month["date_from"]).days in range(27, 31)
    assert (second["date_from"] - first["date_to"]).days == 1


def test_the_statement_has_every_line_and_what_is_paid(told):
    """Rules C6, C8: the beneficiary reads it in a language of their own."""
    words, (name, *_others) = told.words, NAMES[told.words["lang"]]
    for part in (words["paper"], name, "1,600.00", "-600.00", "1,000.00"):
        assert "".join(part.split()) in told.shown, part
    if words is CHINESE:
        for part in (words["paper"], name, words["credit"]):
            assert part in told.printed, part


LATIN = re.compile(r"[A-Za-z]{3,}")
NAMED = """
SELECT name FROM res_partner UNION SELECT name FROM account_move WHERE name IS NOT NULL
UNION SELECT ref FROM account_move WHERE ref IS NOT NULL
UNION SELECT name FROM crm_lead UNION SELECT name || ' ' || symbol FROM res_currency
"""
CHINESE_TOO = {"Cookie", "blog"}  # written so in Chinese; the address of a link


def test_the_screens_speak_the_language_of_who_reads_them(told, db):
    """Rule X4: in Chinese, words in Latin letters are names and documents' numbers."""
    text, words = "\n".join(told.books.read), told.words
    for label in ("queue", "confirm", "settlements", "settle", "submit", "approve"):
        assert words[label] in text
    if words is ENGLISH:
        return
    names = {word for row in query(db, NAMED) for word in LATIN.findall(row["name"])}
    found = {
        (word, line)
        for line in text.splitlines()
        for word in LATIN.findall(line)
        if word not in names | CHINESE_TOO
    }
    assert not found
