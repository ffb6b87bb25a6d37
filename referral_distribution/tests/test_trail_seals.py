import base64
from datetime import date
from unittest.mock import patch

import psycopg2
from freezegun import freeze_time

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..engine import seal
from .common import ReferralCase

TABLES = (
    "referral_trail_entry",
    "referral_trail_head",
    "referral_trail_seal",
    "referral_trail_seal_line",
)


@tagged("post_install", "-at_install")
class SealCase(ReferralCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.trail = cls.env["referral.trail.entry"]
        cls.seals = cls.env["referral.trail.seal"]
        cls.checks = cls.env["referral.trail.check"]
        cls.lead = cls.make_lead(company_id=cls.company.id)
        cls.other = cls.make_lead(name="Other", company_id=cls.company.id)
        cls.lead._referral_log("assigned")
        cls.first = cls.seals._seal(cls.company)
        cls.lead._referral_log("assigned")
        cls.second = cls.seals._seal(cls.company)

    def execute(self, query, *params):
        self.env.cr.execute(query, params)
        self.env.invalidate_all()

    def disable_triggers(self):
        for table in TABLES:
            self.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            query = f"ALTER TABLE {table} ENABLE TRIGGER USER"
            self.addCleanup(self.execute, query)

    def run_cron(self, name="trail_seal"):
        with self.enter_registry_test_mode():
            cron = self.env.ref(f"referral_distribution.ir_cron_{name}")
            cron.method_direct_trigger()
        self.env.invalidate_all()

    def mine(self):
        return self.seals.search([("company_id", "=", self.company.id)], order="number")


class TestSealing(SealCase):
    """What a seal holds, and when it is written (rule L3)."""

    def test_a_seal_has_a_line_for_each_trail_that_has_grown(self):
        lines = self.first.line_ids
        self.assertIn(self.lead, lines.lead_id)
        self.assertIn(self.other, lines.lead_id)
        self.assertEqual(self.first.lead_count, len(lines))
        [line] = self.second.line_ids
        entry = self.lead.referral_trail_ids.sorted("sequence")[-1]
        self.assertEqual(
            (line.lead_id, line.entry_count, line.hash),
            (self.lead, entry.sequence, entry.hash),
        )

    def test_seals_are_numbered_and_chained(self):
        self.assertEqual(self.second.number, self.first.number + 1)
        self.assertEqual(self.second.prev_hash, self.first.hash)

    def test_a_day_without_anything_new_has_a_seal_too(self):
        third = self.seals._seal(self.company)
        self.assertEqual((third.lead_count, third.number), (0, self.second.number + 1))

    def test_many_leads_make_several_seals(self):
        leads = self.lead + self.other + self.make_lead(company_id=self.company.id)
        leads._referral_log("assigned")
        with patch(
            "odoo.addons.referral_distribution.models.referral_trail_seal.SIZE", 2
        ):
            made = self.seals._seal(self.company)
        self.assertEqual(made.mapped("lead_count"), [2, 1])
        self.assertEqual(made.line_ids.lead_id, leads)
        self.assertEqual(self.checks._start(self.company).state, "intact")

    def test_the_job_seals_the_last_whole_day_of_the_company_once(self):
        self.company.partner_id.tz = "Asia/Shanghai"
        before = self.mine()
        with freeze_time("2031-03-10 15:59:00"):  # the 10th, 23:59 in Shanghai
            self.run_cron()
            self.run_cron()
        with freeze_time("2031-03-10 16:01:00"):
            self.run_cron()
        self.assertEqual(
            (self.mine() - before).mapped("day"),
            [date(2031, 3, 9), date(2031, 3, 10)],
        )

    def test_a_company_without_a_trail_has_no_seal(self):
        other = self.env["res.company"].create({"name": "Other"})
        with freeze_time("2031-03-10 16:01:00"):
            self.run_cron()
        self.assertFalse(self.seals.search([("company_id", "=", other.id)]))

    def test_leads_without_a_company_are_sealed_by_the_first(self):
        lead = self.make_lead(company_id=False)
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE crm_lead SET company_id = NULL WHERE id = %s", (lead.id,)
        )
        main = self.seals._get_main_company()
        self.assertIn(lead, self.seals._seal(main).line_ids.lead_id)

    def test_a_deleted_lead_is_sealed_by_the_company_it_had(self):
        other = self.env["res.company"].create({"name": "Other"})
        lead = self.make_lead(company_id=other.id)
        lead.unlink()
        self.assertNotIn(lead.id, self.seals._seal(self.company).line_ids.lead_id.ids)
        self.assertEqual(self.seals._seal(other).line_ids.lead_id.ids, lead.ids)

    def test_a_company_that_fails_stops_no_other(self):
        other = self.env["res.company"].create({"name": "Other"})
        self.make_lead(company_id=other.id)
        original = type(self.seals)._seal_next
        poison = self.company  # comes first

        def seal_next(seals, company, after):
            if company == poison:
                raise ValueError("poison")
            return original(seals, company, after)

        with (
            patch.object(type(self.seals), "_seal_next", seal_next),
            mute_logger("odoo.addons.referral_distribution.models.referral_trail_seal"),
            freeze_time("2031-03-10 16:01:00"),
        ):
            self.run_cron()
        self.assertTrue(self.seals.search([("company_id", "=", other.id)]))

    def test_a_meeting_with_another_transaction_is_tried_again(self):
        original = type(self.seals)._seal_next
        tries = []

        def seal_next(seals, company, after):
            tries.append(company)
            if len(tries) == 1:
                raise psycopg2.errors.SerializationFailure
            return original(seals, company, after)

        before = self.mine()
        with (
            patch.object(type(self.seals), "_seal_next", seal_next),
            patch("time.sleep"),
            freeze_time("2031-03-10 16:01:00"),
            patch.object(self.env.cr, "rollback"),
            patch.object(type(self.env["ir.cron"]), "_commit_progress"),
        ):
            self.seals._seal_in_steps(self.company)
        self.assertEqual((len(tries), len(self.mine() - before)), (2, 1))

    def test_the_database_refuses_any_change(self):
        for table in TABLES[2:]:
            for statement in (
                f"UPDATE {table} SET hash = 'x'",
                f"DELETE FROM {table}",
                f"TRUNCATE {table} CASCADE",
            ):
                with (
                    self.subTest(statement=statement),
                    self.assertDatabaseRefuses(psycopg2.errors.RestrictViolation),
                ):
                    self.env.cr.execute(statement)

    def test_the_orm_refuses_everybody(self):
        for records in (self.first, self.first.line_ids[0]):
            for user in (self.manager, self.env.user):
                mine = records.with_user(user)
                with self.subTest(model=records._name, user=user.login):
                    with self.assertRaises(UserError):
                        mine.write({"hash": "x"})
                    with self.assertRaises(UserError):
                        mine.unlink()
                    with self.assertRaises(UserError):
                        mine.create(mine.copy_data()[0])

    def test_two_seals_never_have_one_number(self):
        with self.assertDatabaseRefuses(psycopg2.errors.UniqueViolation):
            self.env.cr.execute(
                "INSERT INTO referral_trail_seal (company_id, number, day, sealed_at,"
                " lead_count, lines_hash, prev_hash, hash) SELECT company_id, number,"
                " day, sealed_at, lead_count, lines_hash, prev_hash, hash"
                " FROM referral_trail_seal WHERE id = %s",
                (self.first.id,),
            )


class TestHandingOut(SealCase):
    """A seal leaves the house as a file and by mail (threat A1)."""

    def test_managers_and_finance_download_it(self):
        for user in (self.manager, self.finance):
            mine = self.second.with_user(user)
            url = mine.action_download()["url"]
            self.assertIn(f"/web/content/referral.trail.seal/{mine.id}/file/", url)
            told = seal.read_file(base64.b64decode(mine.file))
            self.assertEqual(told["hash"], self.second.hash)
            self.assertEqual(len(told["lines"]), 1)
        with self.assertRaises(AccessError):
            self.second.with_user(self.sales).action_download()

    def mails(self):
        return self.env["mail.mail"].search(
            [("email_to", "=", "auditor@example.com")], order="id"
        )

    def test_it_is_mailed_once_it_is_committed(self):
        self.company.referral_seal_email = "auditor@example.com"
        third = self.seals._seal(self.company)
        mail = self.mails()
        self.assertEqual(mail.state, "outgoing")  # sent from the queue
        self.assertIn(third.hash, mail.body_html)
        told = seal.read_file(mail.attachment_ids.raw)
        self.assertEqual(told["hash"], third.hash)
        self.assertNotIn("lines", told)

    def test_one_mail_a_day_however_many_seals(self):
        self.company.referral_seal_email = "auditor@example.com"
        (self.lead + self.other)._referral_log("assigned")
        path = "odoo.addons.referral_distribution.models.referral_trail_seal.SIZE"
        with patch(path, 2):
            made = self.seals._seal(self.company)
        self.assertEqual(len(made), 1)
        self.assertEqual(len(self.mails()), 1)

    def test_without_an_address_there_is_no_mail(self):
        before = self.env["mail.mail"].search_count([])
        self.seals._seal(self.company)
        self.assertEqual(self.env["mail.mail"].search_count([]), before)

    def test_a_mail_that_fails_breaks_no_seal(self):
        self.company.referral_seal_email = "auditor@example.com"
        self.env.ref("referral_distribution.trail_seal_mail").sudo().unlink()
        path = "odoo.addons.referral_distribution.models.referral_trail_seal"
        with mute_logger(path):
            self.assertTrue(self.seals._seal(self.company))

    def test_the_address_is_checked(self):
        for text in ("nobody", "a@example.com, nobody", "=1+1"):
            with self.subTest(text=text), self.assertRaises(ValidationError):
                self.company.referral_seal_email = text
        self.company.referral_seal_email = "a@example.com, b@example.com"
