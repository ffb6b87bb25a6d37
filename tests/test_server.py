"""The live server itself: pages, websocket and logins, without leaving this machine."""

import re
import time


def test_the_website_loads_nothing_from_other_hosts(server, browser):
    page = browser.new_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    for path in ("/", "/contactus", "/blog", "/zh_CN", "/web/login"):
        page.goto(server.url + path)
        page.wait_for_load_state("networkidle")
    page.close()
    foreign = [
        url for url in asked if not url.startswith((server.url, "data:", "blob:"))
    ]
    assert asked and not foreign


def test_the_back_office_opens_and_its_websocket_connects(server, browser):
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{server.url}/web/login")
    page.fill("input[name=login]", "admin")
    page.fill("input[name=password]", "admin")
    page.click(".oe_login_form button[type=submit]")
    page.wait_for_selector(".o_main_navbar", timeout=60_000)
    page.wait_for_timeout(2000)
    context.close()
    # a worker of the browser holds the connection, and Odoo logs it when it ends
    assert wait_for_log(server, r'"GET /websocket\?\S+ HTTP/1.1" 101')


def wait_for_log(server, pattern, patience=20):
    """True as soon as a line of the server's log matches, False after a while."""
    deadline = time.time() + patience
    while time.time() < deadline:
        if re.search(pattern, server.log_path.read_text(errors="replace")):
            return True
        time.sleep(0.2)
    return False


def test_the_company_is_chinese_and_speaks_two_languages(server):
    rpc = server.rpc("admin", "admin")
    [company] = rpc("res.company", "search_read", [], ["currency_id", "country_code"])
    assert company["currency_id"][1] == "CNY"
    assert company["country_code"] == "CN"
    languages = rpc("res.lang", "search_read", [], ["code"])
    assert {"en_US", "zh_CN"} <= {language["code"] for language in languages}


def test_a_connection_reads_what_the_server_writes(server, db):
    rpc = server.rpc("admin", "admin")
    partner = rpc("res.partner", "create", {"name": "Seen from outside"})
    with db.cursor() as cursor:
        cursor.execute("SELECT name FROM res_partner WHERE id = %s", [partner])
        assert cursor.fetchone() == ("Seen from outside",)
