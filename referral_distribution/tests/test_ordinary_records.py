import re
from contextlib import contextmanager
from unittest.mock import patch

from odoo.sql_db import Cursor
from odoo.tests import tagged

from .common import ReferralCase

OURS = re.compile(r"(?:FROM|JOIN|INTO|UPDATE)\s+\"?(referral_\w+)")


@tagged("post_install", "-at_install")
class TestOrdinaryRecords(ReferralCase):
    """What has nothing to do with referrals costs no query of ours.

    Odoo converts and merges leads by the hundred, and counts its queries.
    """

    @contextmanager
    def assertNothingOfOurs(self):
        """No statement inside reads or writes a table of this addon."""
        self.env.flush_all()
        asked, execute = set(), Cursor.execute

        def listen(cursor, query, *args, **kwargs):
            code = query.code if hasattr(query, "code") else query
            asked.update(OURS.findall(code if isinstance(code, str) else ""))
            return execute(cursor, query, *args, **kwargs)

        with patch.object(Cursor, "execute", listen):
            yield
            self.env.flush_all()
        self.assertEqual(asked, set())

    def make_cold_lead(self, **values):
        vals = {"name": "Cold", "user_id": self.clerk.id, **values}
        return self.env["crm.lead"].with_user(self.clerk).create(vals)

    def test_a_contact_is_made_and_changed(self):
        contacts = self.env["res.partner"]
        contacts.create({"name": "Warm up"}).write({"city": "X"})
        with self.assertNothingOfOurs():
            contacts.create({"name": "Ordinary"}).write({"city": "X", "phone": "1"})

    def test_a_contact_gets_a_grade_of_odoo_s_own(self):
        """Odoo's partnership grades contacts who are no members."""
        grade = self.env["res.partner.grade"].create({"name": "Ordinary"})
        contact = self.env["res.partner"].create({"name": "A"})
        with self.assertNothingOfOurs():
            contact.grade_id = grade

    def test_a_lead_is_worked(self):
        stage = self.env["crm.stage"].create({"name": "One"})
        lead = self.make_cold_lead()
        with self.assertNothingOfOurs():
            lead.write({"city": "X", "stage_id": stage.id})
            lead.write({"user_id": False, "team_id": False})

    def test_a_lead_is_converted(self):
        lead = self.make_cold_lead(type="lead", email_from="a@customer.example")
        with self.assertNothingOfOurs():
            lead.convert_opportunity(self.customer, user_ids=self.clerk.ids)

    def test_leads_that_nobody_brought_are_merged_without_our_fields(self):
        leads = self.make_cold_lead() + self.make_cold_lead()
        self.assertFalse({"referrer_id"} & set(leads._merge_get_fields()))
        leads[1].sudo().referrer_id = self.member
        self.assertTrue({"referrer_id"} & set(leads._merge_get_fields()))
