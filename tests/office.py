"""What colleagues do in the back office, in a browser of their own, by keyboard too."""

from contextlib import contextmanager

from journeys import HERE

POOL = "/odoo/action-referral_distribution.crm_lead_action_referral"
PATIENCE = 120_000  # milliseconds: a new database first makes the client's files
WIDE = {"width": 1280, "height": 900}


class Office:
    """A colleague's browser on the lead pool, in the colleague's language.

    :param words: what buttons and fields are called in that language.
    """

    def __init__(self, page, url, words):
        self.page, self.url, self.words = page, url, words
        self.errors = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def open_pool(self):
        self.page.goto(self.url + POOL)
        self.page.locator(".o_list_view .o_data_row").first.wait_for()

    def open_lead(self, lead_id):
        self.page.goto(f"{self.url}{POOL}/{lead_id}")
        self.page.locator(".o_form_view").wait_for()

    def get_title(self):
        return self.page.locator(".o_last_breadcrumb_item").inner_text().strip()

    def get_verdict(self):
        return self.page.locator(".o_referral_review [name=referral_validity]")

    def press(self, key):
        """Press a hotkey as the colleague does: with Alt."""
        self.page.keyboard.press(f"Alt+{key}")

    def expect_verdict(self, text):
        self.get_verdict().filter(has_text=text).wait_for()

    def go_on(self):
        """Take the next lead of the list, by keyboard."""
        before = self.get_title()
        self.press("n")
        self.page.wait_for_function(
            "before => document.querySelector('.o_last_breadcrumb_item')"
            "?.innerText.trim() !== before",
            arg=before,
        )

    def select(self, names):
        """Select the rows of the list that are called so.

        Odoo shows a list as it was before until the server has answered, and what is
        selected by then is lost: it is selected until it stays so.
        """
        rows = [
            self.page.locator(".o_data_row").filter(has_text=name) for name in names
        ]
        boxes = [row.locator(".o_list_record_selector input") for row in rows]
        while True:
            for box in boxes:
                box.check()
            self.page.wait_for_timeout(500)
            if all(box.is_checked() for box in boxes):
                return

    def press_button(self, label):
        """Press a button of the control panel; there are more of them than room."""
        place = self.page.locator(".o_control_panel")
        place.get_by_role("button", name=label, exact=True).first.click()

    def give_reason(self, text):
        """Answer the question for a reason, and wait until it is closed."""
        dialog = self.page.locator(".modal")
        dialog.locator("[name=reason] input, [name=reason] textarea").fill(text)
        dialog.locator("footer button.btn-primary:visible").click()
        dialog.wait_for(state="detached")


@contextmanager
def at_the_office(browser, server, login, words):
    """Log a colleague in, in the language of ``words``; yields an ``Office``."""
    rpc = server.rpc(login, "demo")
    rpc("res.users", "write", [rpc.uid], {"lang": words["lang"]})
    rpc = server.rpc(login, "demo")  # the session knows its language from its login
    context = browser.new_context(**HERE, viewport=WIDE, accept_downloads=True)
    context.set_default_timeout(PATIENCE)
    for name, value in rpc.http.cookies.items():
        context.add_cookies([{"name": name, "value": value, "url": server.url}])
    try:
        office = Office(context.new_page(), server.url, words)
        yield office
        assert not office.errors
    finally:
        context.close()
        rpc("res.users", "write", [rpc.uid], {"lang": "en_US"})
