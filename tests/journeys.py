"""What people do on the site, each in a browser profile of their own."""

import base64
import hashlib
import hmac
import io
import json
import time
from contextlib import contextmanager

import zxingcpp
from PIL import Image

DAY = 86_400
COOKIE = "referral_touch"
HERE = {"locale": "en-US", "timezone_id": "Asia/Shanghai"}
PHONE = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 3,
    "is_mobile": True,
    "has_touch": True,
    "permissions": ["clipboard-read", "clipboard-write"],
}


def query(db, statement, *values):
    """Return the rows of a query as dicts."""
    with db.cursor() as cursor:
        cursor.execute(statement, values)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


# --- browser profiles ----------------------------------------------------------


@contextmanager
def new_profile(browser, **options):
    """A browser that was never used before; yields its first page."""
    context = browser.new_context(**HERE, **options)
    try:
        yield context.new_page()
    finally:
        context.close()


@contextmanager
def new_profile_without_cookies(chromium, folder):
    """A browser told to keep no cookies and no site data; yields its first page.

    :param chromium: what starts a Chromium, see `conftest.Chromium`.
    """
    settings = {"profile": {"default_content_setting_values": {"cookies": 2}}}
    (folder / "Default").mkdir(parents=True)
    (folder / "Default" / "Preferences").write_text(json.dumps(settings))
    context = chromium(folder, **HERE)
    try:
        yield context.pages[0]
    finally:
        context.close()


READY = "body[is-ready=true]"  # Odoo's scripts have started; forms were reset


def go(page, action):
    """Do what leads to another page, and wait until that one can be used."""
    with page.expect_navigation():
        action()
    page.wait_for_selector(READY)


# --- the member ----------------------------------------------------------------


def log_in(page, url, login):
    """Log in with the demo's password; the blog comes up."""
    page.goto(f"{url}/web/login?redirect=/blog")
    page.wait_for_selector(READY)
    page.fill("input[name=login]", login)
    page.fill("input[name=password]", "demo")
    go(page, lambda: page.tap(".oe_login_form button[type=submit]"))


def share_an_article(page):
    """Copy the link of the blog's newest article in two taps; return what was copied.

    The share sheet stays open over the article, with the QR code shown.
    """
    article = page.locator("#o_wblog_posts_loop a[href*='/blog/']").first
    go(page, article.tap)
    page.get_by_role("link", name="Share and earn").tap()
    with page.expect_response("**/my/referral/share/record"):
        page.locator("dialog .o_referral_copy").tap()
    page.locator("dialog [data-panel=qr]").tap()
    return page.evaluate("navigator.clipboard.readText()")


def scan(picture):
    """Return the text of the one QR code in a picture, read from its pixels."""
    picture.evaluate("image => image.decode()")  # it may still be on its way
    image = Image.open(io.BytesIO(picture.screenshot()))
    [code] = zxingcpp.read_barcodes(image)
    assert code.format == zxingcpp.BarcodeFormat.QRCode
    return code.text


# --- the visitor ---------------------------------------------------------------


def read_on(page):
    """Read the article to its end and take the way to an offer it shows there."""
    page.wait_for_selector(READY)
    page.mouse.wheel(0, 20_000)
    go(page, page.get_by_role("link", name="Order entry").click)


def ask(page, who):
    """Fill in the contact form as somebody with that e-mail address, and send it."""
    page.wait_for_selector(READY)
    form = page.locator("#contactus_form")
    form.locator("[name=contact_name]").fill("A visitor")
    form.locator("[name=email_from]").fill(who)
    form.locator("[name=name]").fill("One ERP for two workshops")
    form.locator("[name=description]").fill("What would it cost us?")
    with page.expect_navigation(url="**/contactus-thank-you"):
        form.get_by_role("button", name="Submit").click()


def read_cookie(page):
    """Return the value of the attribution cookie of a profile, None without one."""
    jar = {cookie["name"]: cookie["value"] for cookie in page.context.cookies()}
    return jar.get(COOKIE)


@contextmanager
def come_back_later(page, browser, db, days):
    """The visitor's browser, started again some days after what it did so far.

    The server's clock is left alone; instead, what happened moves into the past. Of
    the profile's cookies those of the session are gone, the others are that much
    nearer their end, and the attribution cookie is what the server would have signed
    that many days ago. Yields a page.
    """
    state = page.context.storage_state()
    kept = []
    for cookie in state["cookies"]:
        cookie["expires"] -= days * DAY
        if cookie["expires"] > time.time():
            if cookie["name"] == COOKIE:
                cookie["value"] = backdate(db, cookie["value"], days * DAY)
            kept.append(cookie)
    state["cookies"] = kept
    with new_profile(browser, storage_state=state) as later:
        yield later


def backdate(db, cookie, seconds):
    """Return the attribution cookie as the server would have signed it before.

    Odoo's signed text is a version, when it ends, a signature and what it says: here
    a list in which only moments are so large.
    """
    assert sign(db, *unpack(cookie)) == cookie, "not how the server signs"
    end, numbers = unpack(cookie)
    now = time.time()
    moments = [abs(number - now) < 90 * DAY for number in numbers]
    assert any(moments)
    earlier = [
        number - seconds if is_moment else number
        for number, is_moment in zip(numbers, moments, strict=True)
    ]
    return sign(db, end - seconds, earlier)


def unpack(cookie):
    """Return when a signed text ends (seconds since 1970) and what it says."""
    token = base64.urlsafe_b64decode(cookie + "===")
    return int.from_bytes(token[1:9], "little"), json.loads(token[41:])


def sign(db, end, numbers):
    """Sign the way Odoo's ``hash_sign`` does, with the database's own secret."""
    with db.cursor() as cursor:
        query = "SELECT value FROM ir_config_parameter WHERE key = 'database.secret'"
        cursor.execute(query)
        [secret] = cursor.fetchone()
    text = json.dumps(numbers)
    scope = f"referral-touch:{db.info.dbname}"
    message = repr((scope, f"1:{text}:{end}")).encode()
    signature = hmac.digest(secret.encode(), message, hashlib.sha256)
    token = b"\x01" + end.to_bytes(8, "little") + signature + text.encode()
    return base64.urlsafe_b64encode(token).decode().rstrip("=")
