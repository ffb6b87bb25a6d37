from lxml import etree

from odoo.exceptions import AccessError
from odoo.tests import tagged

from .access import AccessCase

READERS = {"sales", "manager", "finance"}


@tagged("post_install", "-at_install")
class TestLeadAccess(AccessCase):
    """Who works with leads, who reads them, and who is not even offered any."""

    def setUp(self):
        super().setUp()
        self.lead = self.make_lead()
        self.plain = self.make_lead(referral_link_id=False, referrer_id=False)

    def test_finance_reads_what_members_brought_and_nothing_else(self):
        """Rules X1, L3: who confirms a reward sees what it is for."""
        leads = (self.lead + self.plain).with_user(self.finance)
        self.assertEqual(leads.search([("id", "in", leads.ids)]).ids, self.lead.ids)
        self.assertTrue(leads[0].read(["name", "referral_trail_ids", "tag_ids"]))
        self.env.invalidate_all()
        with self.assertRaises(AccessError):
            leads[1].read(["name"])

    def test_finance_changes_no_lead(self):
        lead = self.lead.with_user(self.finance)
        for change in (
            lambda: lead.write({"name": "Other"}),
            lambda: lead.copy(),
            lambda: lead.unlink(),
            lambda: lead.message_post(body="Words"),
            lambda: lead.action_referral_validate(),
            lambda: lead.action_referral_invalidate("Because"),
        ):
            with self.subTest(change=change), self.assertRaises(AccessError):
                change()

    def test_operators_and_members_read_no_lead(self):
        for role in set(self.users) - READERS:
            self.env.invalidate_all()
            with self.subTest(role=role), self.assertRaises(AccessError):
                self.lead.with_user(self.users[role]).read(["name"])

    def test_the_buttons_of_sales_are_not_offered_to_finance(self):
        for role, offered in (("sales", True), ("finance", False)):
            arch = self.get_arch("crm.lead", self.users[role])
            with self.subTest(role=role):
                self.assertEqual(bool(arch.findall(".//header/button")), offered)
                self.assertTrue(arch.findall(".//field[@name='referrer_id']"))

    def test_no_form_offers_leads_to_who_may_not_read_them(self):
        offered = {}
        for role in ("sales", "finance", "content", "media"):
            for model in ("referral.channel", "referral.link"):
                arch = self.get_arch(model, self.users[role])
                if self.find_ways_to_leads(model, arch):
                    offered.setdefault(role, set()).add(model)
        self.assertEqual(offered.get("sales"), {"referral.channel", "referral.link"})
        self.assertFalse(offered.keys() - READERS, offered)

    def get_arch(self, model, user):
        views = self.env[model].with_user(user).get_views([(False, "form")])["views"]
        return etree.fromstring(views["form"]["arch"])

    def find_ways_to_leads(self, model, arch):
        """Return what a form shows of leads: embedded lists, buttons that open them."""
        ways = []
        for field in arch.findall(".//field"):
            if field.findall("list"):
                comodel = self.env[model]._fields[field.get("name")].comodel_name
                ways += [field] if comodel == "crm.lead" else []
        for button in arch.findall(".//button[@type='action']"):
            action = self.env["ir.actions.actions"].browse(int(button.get("name")))
            action = self.env[action.sudo().type].sudo().browse(action.id)
            if getattr(action, "res_model", None) == "crm.lead":
                ways.append(button)
        return ways
