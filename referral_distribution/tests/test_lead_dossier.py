from odoo.exceptions import AccessError
from odoo.tests import HttpCase, tagged
from odoo.tools import mute_logger

from .test_timeline import TimelineCase

REPORT = "referral_distribution.lead_dossier"


@tagged("post_install", "-at_install")
class TestLeadDossier(TimelineCase, HttpCase):
    """What is printed of a lead for a dispute."""

    def render(self, lead=None, user=None):
        reports = self.env["ir.actions.report"].with_user(user or self.sales)
        html, _kind = reports._render_qweb_html(REPORT, (lead or self.lead).ids)
        return " ".join(html.decode().split())

    def get_status(self, user, lead=None):
        self.authenticate(user.login, user.login)
        with mute_logger("odoo.http"):
            path = f"/report/html/{REPORT}/{(lead or self.lead).id}"
            response = self.url_open(path, allow_redirects=False)
        self.assertTrue(response.status_code == 200 or "Harvest" not in response.text)
        return response.status_code

    def test_a_dossier_holds_facts_history_and_proof(self):
        # rule L3
        self.lead.with_user(self.sales).action_referral_validate()
        order = self.make_paid_contract(self.lead)
        order.with_user(self.finance).action_referral_confirm()
        self.env.flush_all()
        self.env["referral.trail.seal"].sudo()._seal(self.company)
        text = self.render()
        entries = self.lead.sudo().referral_trail_ids
        for entry in entries:
            self.assertIn(entry.hash, text)
        for part in (
            "Harvest Foods",
            "Set by hand.",
            "Found valid by rd_sales",
            f"Finance confirmed the reward for {order.name}",
            f"Yes: all {len(entries)} entries were recomputed",
            "Daily seals that hold it",
            self.env["referral.trail.seal"].sudo().search([], limit=1).hash,
        ):
            self.assertIn(part, text)
        self.assertLess(text.find("shared"), text.find("Found valid"))

    def test_a_dossier_of_an_altered_trail_says_so(self):
        # threat A1
        self.env.flush_all()
        self.env.cr.execute("ALTER TABLE referral_trail_entry DISABLE TRIGGER USER")
        self.env.cr.execute(
            "UPDATE referral_trail_entry SET node = 'lost'"
            " WHERE lead_id = %s AND sequence = 2",
            [self.lead.id],
        )
        self.env.cr.execute("ALTER TABLE referral_trail_entry ENABLE TRIGGER USER")
        text = self.render()
        self.assertIn("No: the history was altered", text)
        self.assertIn("Entry 2 was changed after it was written.", text)
        self.assertIn("not part of a daily seal yet", text)

    def test_sales_and_managers_print_it_and_nobody_else(self):
        # threats P1, P2
        self.assertEqual(self.get_status(self.sales), 200)
        self.assertEqual(self.get_status(self.manager), 200)
        for user in (self.clerk, self.portal, self.stranger):
            self.assertNotEqual(self.get_status(user), 200, user.login)
            with self.assertRaises(AccessError):
                self.render(user=user)

    def test_another_companys_lead_is_not_printed(self):
        # threat P3
        company = self.env["res.company"].create({"name": "Elsewhere"})
        lead = self.make_lead(company_id=company.id, partner_name="Harvest")
        self.assertNotEqual(self.get_status(self.sales, lead), 200)

    def test_names_are_escaped_in_print(self):
        # threat L3
        script = "<script>alert(1)</script>"
        self.lead.write({"name": script, "partner_name": script})
        self.lead._referral_log("stage_changed", content={"from": "a", "to": script})
        self.assertNotIn(script, self.render())
