import base64
import json
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError

from ..engine import seal
from ..models.referral_trail_entry_verify import Problem
from .test_trail_seals import TABLES, SealCase


class TestFinding(SealCase):
    """Five of five, and the seals themselves (threat A1)."""

    def setUp(self):
        super().setUp()
        self.disable_triggers()
        self.length = len(self.lead.referral_trail_ids)

    def kinds(self, check=None):
        check = check or self.checks._start(self.company)
        return {(kind, lead) for kind, lead, _entry, _seal in check.problems or []}

    def assertFound(self, kind):
        """The lead's own verification finds it, and the company's."""
        self.assertTrue(self.trail._verify(self.lead))
        check = self.checks._start(self.company)
        self.assertEqual(check.state, "broken")
        self.assertIn((kind, self.lead.id), self.kinds(check))
        self.assertNotIn(self.other.id, {lead for _kind, lead in self.kinds(check)})

    def cut(self, length):
        """Cut the tail and set the head back to it, as a careful forger would."""
        self.execute(
            "DELETE FROM referral_trail_entry WHERE lead_id = %s AND sequence > %s",
            self.lead.id,
            length,
        )
        self.execute(
            "UPDATE referral_trail_head head SET entry_count = entry.sequence,"
            " hash = entry.hash FROM referral_trail_entry entry"
            " WHERE entry.lead_id = head.lead_id AND entry.lead_id = %s"
            " AND entry.sequence = %s",
            self.lead.id,
            length,
        )

    def test_nothing_wrong_is_intact(self):
        check = self.checks._start(self.company)
        self.assertRecordValues(check, [{"state": "intact", "problem_count": 0}])
        self.assertGreaterEqual(check.lead_count, 2)
        self.assertGreaterEqual(check.entry_count, self.length + 3)
        self.assertGreaterEqual(check.seal_count, 2)
        self.assertTrue(check.finished_at)

    def test_an_edit(self):
        self.execute(
            "UPDATE referral_trail_entry SET node = 'paid'"
            " WHERE lead_id = %s AND sequence = 2",
            self.lead.id,
        )
        self.assertFound("content")

    def test_a_deletion_in_the_middle(self):
        self.execute(
            "DELETE FROM referral_trail_entry WHERE lead_id = %s AND sequence = 2",
            self.lead.id,
        )
        self.assertFound("gap")

    def test_a_tail_cut_together_with_its_head(self):
        self.cut(self.length - 1)
        self.assertFound("sealed")

    def test_a_tail_cut_after_a_day_without_entries(self):
        """What only an earlier seal has a line for."""
        self.seals._seal(self.company)
        self.cut(self.length - 2)
        self.assertFound("sealed")

    def test_a_trail_removed_with_its_head_and_its_lead(self):
        lead_id = self.lead.id
        for table in TABLES[:2]:
            self.execute(f"DELETE FROM {table} WHERE lead_id = %s", lead_id)
        self.execute("DELETE FROM crm_lead WHERE id = %s", lead_id)
        self.assertTrue(self.trail._verify(self.lead))
        self.assertIn(("sealed", lead_id), self.kinds())

    def test_a_head_removed_with_its_lead(self):
        lead_id = self.lead.id
        query = "DELETE FROM referral_trail_head WHERE lead_id = %s"
        self.execute(query, lead_id)
        self.execute("DELETE FROM crm_lead WHERE id = %s", lead_id)
        self.assertIn(("tail", lead_id), self.kinds())

    def test_a_trail_and_its_head_removed_before_any_seal(self):
        lead = self.make_lead(company_id=self.company.id)
        for table in TABLES[:2]:
            self.execute(f"DELETE FROM {table} WHERE lead_id = %s", lead.id)
        self.assertIn(("missing", lead.id), self.kinds())

    def test_an_insertion(self):
        self.execute(
            "INSERT INTO referral_trail_entry (lead_id, sequence, node, occurred_at,"
            " actor_id, content, prev_hash, hash, version) SELECT lead_id,"
            " sequence + 1, node, occurred_at, actor_id, content, hash, hash, version"
            " FROM referral_trail_entry WHERE lead_id = %s AND sequence = %s",
            self.lead.id,
            self.length,
        )
        self.assertFound("tail")

    def test_a_reorder(self):
        for old, new in ((2, 99), (3, 2), (99, 3)):
            self.execute(
                "UPDATE referral_trail_entry SET sequence = %s"
                " WHERE lead_id = %s AND sequence = %s",
                new,
                self.lead.id,
                old,
            )
        self.assertFound("link")

    def test_a_chain_written_anew_with_its_head(self):
        """A forger who knows how the hashes are made is stopped by the seals."""
        self.cut(self.length - 1)
        for table in TABLES:
            self.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        self.lead._referral_log("validated")
        self.assertFound("sealed")

    def test_a_changed_line_of_a_seal(self):
        for change in (
            "UPDATE referral_trail_seal_line SET entry_count = 0 WHERE id = %s",
            "UPDATE referral_trail_seal_line SET hash = repeat('1', 64) WHERE id = %s",
            "DELETE FROM referral_trail_seal_line WHERE id = %s",
        ):
            with self.subTest(change=change), self.env.cr.savepoint() as point:
                self.execute(change, self.second.line_ids.id)
                self.assertIn(("seal_lines", None), self.kinds())
                point.rollback()
            self.env.invalidate_all()

    def test_a_changed_seal(self):
        for change in (
            "day = day - 1",
            "sealed_at = sealed_at + interval '1 second'",
            "lead_count = lead_count + 1",
            "hash = repeat('1', 64)",
            "number = number + 7",
            "prev_hash = repeat('1', 64)",
        ):
            with self.subTest(change=change), self.env.cr.savepoint() as point:
                query = f"UPDATE referral_trail_seal SET {change} WHERE id = %s"
                self.execute(query, self.first.id)
                self.assertEqual(self.checks._start(self.company).state, "broken")
                point.rollback()
            self.env.invalidate_all()

    def test_a_removed_seal(self):
        for table, column in (
            ("referral_trail_seal_line", "seal_id"),
            ("referral_trail_seal", "id"),
        ):
            query = f"DELETE FROM {table} WHERE {column} = %s"
            self.execute(query, self.first.id)
        self.assertIn(("seal_gap", None), self.kinds())

    def test_a_forged_seal_is_found_by_its_file(self):
        """Lines, hashes and chain made anew; only the file kept outside tells."""
        told = seal.read_file(self.second._prepare_file())
        self.cut(self.length - 1)
        last = self.lead.referral_trail_ids.sorted("sequence")[-1]
        line = (self.lead.id, last.sequence, last.hash)
        self.execute(
            "UPDATE referral_trail_seal_line SET entry_count = %s, hash = %s"
            " WHERE id = %s",
            *line[1:],
            self.second.line_ids.id,
        )
        facts = {**self.second._get_facts(), "lines_hash": seal.digest_lines([line])}
        self.execute(
            "UPDATE referral_trail_seal SET lines_hash = %s, hash = %s WHERE id = %s",
            facts["lines_hash"],
            seal.digest(self.second.prev_hash, facts),
            self.second.id,
        )
        self.assertEqual(self.checks._start(self.company).state, "intact")
        check = self.checks._start(self.company, told=told, file_name="kept.json")
        self.assertEqual(
            self.kinds(check), {("file_differs", None), ("file_line", self.lead.id)}
        )
        head = {name: told[name] for name in told if name != "lines"}
        check = self.checks._start(self.company, told=head, file_name="kept.json")
        self.assertEqual(self.kinds(check), {("file_differs", None)})

    def test_the_last_seals_removed_are_found_by_their_file(self):
        told = seal.read_file(self.second._prepare_file(with_lines=False))
        for table, column in (
            ("referral_trail_seal_line", "seal_id"),
            ("referral_trail_seal", "id"),
        ):
            self.execute(f"DELETE FROM {table} WHERE {column} = %s", self.second.id)
        self.assertEqual(self.checks._start(self.company).state, "intact")
        check = self.checks._start(self.company, told=told)
        self.assertEqual(self.kinds(check), {("file_missing", None)})

    def test_slices_and_pages_find_what_one_go_finds(self):
        self.execute(
            "UPDATE referral_trail_entry SET node = 'paid'"
            " WHERE lead_id = %s AND sequence IN (2, 3)",
            self.lead.id,
        )
        whole = self.checks._start(self.company)
        models = "odoo.addons.referral_distribution.models."
        with (
            patch(f"{models}referral_trail_check.SLICE", 1),
            patch(f"{models}referral_trail_check.SEALS", 1),
            patch(f"{models}referral_trail_entry_verify.PAGE", 2),
        ):
            sliced = self.checks._start(self.company)
        names = ("lead_count", "entry_count", "seal_count", "problem_count", "problems")
        for name in names:
            self.assertEqual(sliced[name], whole[name], name)

    def test_other_companies_are_not_blamed(self):
        other = self.env["res.company"].create({"name": "Other"})
        self.cut(self.length - 1)
        check = self.checks._start(other)
        self.assertRecordValues(check, [{"state": "intact", "lead_count": 0}])


class TestVerifying(SealCase):
    """The manager's button and what it shows."""

    def verify(self, user=None, leads=None, **vals):
        wizards = self.env["referral.trail.verify"].with_user(user or self.manager)
        if leads:
            wizards = wizards.with_context(
                active_model="crm.lead", active_ids=leads.ids
            )
        action = wizards.create(vals).action_verify()
        return self.checks.with_user(user or self.manager).browse(action["res_id"])

    def upload(self, content, **vals):
        return self.verify(
            seal_file=base64.b64encode(content), seal_file_name="kept.json", **vals
        )

    def test_chosen_leads_alone_are_verified(self):
        check = self.verify(leads=self.lead)
        self.assertRecordValues(
            check,
            [
                {
                    "scope": "leads",
                    "lead_count": 1,
                    "state": "intact",
                    "user_id": self.manager.id,
                }
            ],
        )

    def test_an_archived_lead_may_be_chosen(self):
        self.lead.action_archive()
        self.assertEqual(self.verify(leads=self.lead).lead_count, 1)

    def test_the_report_is_readable(self):
        self.disable_triggers()
        self.lead.name = "<b>Attack</b>"
        self.execute(
            "UPDATE referral_trail_entry SET node = 'paid'"
            " WHERE lead_id = %s AND sequence = 2",
            self.lead.id,
        )
        check = self.verify(leads=self.lead)
        self.assertIn("Entry 2 was changed after it was written.", check.report)
        self.assertIn("&lt;b&gt;Attack", check.report)
        self.assertNotIn("<b>Attack", check.report)
        self.env["res.lang"]._activate_lang("zh_CN")
        chinese = check.with_context(lang="zh_CN").report
        self.assertNotIn("Entry 2", chinese)

    def test_every_kind_of_break_has_a_sentence(self):
        check = self.checks._start(self.company)
        kinds = "missing gap link content tail sealed seal_gap seal_link seal_content"
        kinds += " seal_lines file_missing file_differs file_line"
        for kind in kinds.split():
            self.assertTrue(check._get_problem_text(Problem(kind, 1, 2, 3)))

    def test_a_long_verification_goes_on_by_itself(self):
        models = "odoo.addons.referral_distribution.models.referral_trail_check."
        with patch(f"{models}PATIENCE", -1), patch(f"{models}SLICE", 1):
            check = self.verify()
            self.assertEqual(check.state, "running")
            self.run_cron("trail_check")
        self.assertEqual(check.state, "intact")
        self.assertEqual(
            check.entry_count, self.checks._start(self.company).entry_count
        )

    def test_only_managers_verify(self):
        for user in (self.sales, self.finance, self.portal):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                self.verify(user)
        wizard = self.env["referral.trail.verify"].create({})
        with self.assertRaises(AccessError):
            wizard.with_user(self.finance).action_verify()

    def test_nobody_writes_a_result_by_hand(self):
        check = self.checks._start(self.company)
        for user in (self.manager, self.env.user):
            with self.subTest(user=user.login):
                with self.assertRaises(UserError):
                    check.with_user(user).write({"state": "broken"})
                with self.assertRaises(UserError):
                    self.checks.with_user(user).create(check.copy_data()[0])
                with self.assertRaises(UserError):
                    check.with_user(user).unlink()

    def test_a_seal_given_back_is_compared(self):
        for content in (
            self.second._prepare_file(),
            self.second._prepare_file(with_lines=False),
        ):
            check = self.upload(content)
            self.assertRecordValues(
                check, [{"state": "intact", "file_name": "kept.json"}]
            )

    def test_a_file_that_is_no_seal_is_refused_in_words(self):
        good = json.loads(self.second._prepare_file())
        for content in (
            b"",
            b"\x00",
            b"{}",
            b"[" * 100_000,
            b'{"format": "referral-trail-seal"}',
            json.dumps({**good, "version": 2}).encode(),
            json.dumps({**good, "number": "1"}).encode(),
            json.dumps({**good, "lines": [[1, 2]]}).encode(),
            json.dumps({**good, "lines": [[1, 2**40, "0" * 64]]}).encode(),
            json.dumps({**good, "lead_count": 1e400}).encode(),
        ):
            if not content:
                continue
            with (
                self.subTest(content=content[:40]),
                self.assertRaisesRegex(UserError, "is no seal"),
            ):
                self.upload(content)
        for vals in ({"day": "2020-01-01"}, {"lead_count": 9}, {"lines": []}):
            with (
                self.subTest(vals=vals),
                self.assertRaisesRegex(UserError, "has changed this file"),
            ):
                self.upload(json.dumps({**good, **vals}).encode())

    def test_a_seal_of_another_company_is_refused_in_words(self):
        other = self.env["res.company"].create({"name": "Other"})
        self.make_lead(company_id=other.id)
        theirs = self.seals._seal(other)
        with self.assertRaisesRegex(UserError, "another company"):
            self.upload(theirs._prepare_file())
