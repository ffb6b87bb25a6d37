import psycopg2

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .common import ReferralCase

TABLE = "referral_trail_entry"


@tagged("post_install", "-at_install")
class TrailCase(ReferralCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lead = cls.make_lead()
        cls.lead._referral_log("assigned", content={"from": "a", "to": "b"})
        cls.lead._referral_log("validated", content={"reason": ""})
        cls.trail = cls.env["referral.trail.entry"]

    def execute(self, query, *params):
        self.env.cr.execute(query, params)
        self.env.invalidate_all()


class TestProtection(TrailCase):
    """Nobody changes or deletes an entry (rule L3, threat W8's sibling)."""

    def test_the_database_refuses_update_delete_and_truncate(self):
        for statement in (
            f"UPDATE {TABLE} SET node = 'paid'",
            f"UPDATE {TABLE} SET sequence = sequence WHERE lead_id = {self.lead.id}",
            f"DELETE FROM {TABLE} WHERE lead_id = {self.lead.id}",
            f"TRUNCATE {TABLE}",
        ):
            with (
                self.subTest(statement=statement),
                self.assertDatabaseRefuses(psycopg2.errors.RestrictViolation),
            ):
                self.execute(statement)

    def test_the_orm_refuses_everybody_the_superuser_too(self):
        entry = self.lead.referral_trail_ids[0]
        values = entry.copy_data()[0]
        for user in (self.sales, self.finance, self.manager, self.env.user):
            with self.subTest(user=user.login):
                with self.assertRaises(UserError):
                    entry.with_user(user).write({"node": "paid"})
                with self.assertRaises(UserError):
                    entry.with_user(user).unlink()
                with self.assertRaises(UserError):
                    self.trail.with_user(user).create(values)

    def test_nothing_written_to_no_entry_is_no_error(self):
        """Odoo's merge of contacts does that."""
        self.assertTrue(self.trail.write({"node": "paid"}))
        self.assertTrue(self.trail.unlink())

    def test_two_entries_never_have_one_number(self):
        """Threat A2: the database refuses a fork."""
        with self.assertDatabaseRefuses(psycopg2.errors.UniqueViolation):
            self.execute(
                f"INSERT INTO {TABLE} (lead_id, sequence, node, occurred_at, actor_id,"
                " content, prev_hash, hash) SELECT lead_id, sequence, node,"
                f" occurred_at, actor_id, content, prev_hash, hash FROM {TABLE}"
                " WHERE lead_id = %s LIMIT 1",
                self.lead.id,
            )

    def test_a_head_only_goes_forward_by_one_entry_that_is_there(self):
        for statement in (
            "UPDATE {} SET entry_count = entry_count - 1",
            "UPDATE {} SET entry_count = entry_count + 1",
            "UPDATE {} SET entry_count = entry_count + 2",
            "UPDATE {} SET hash = repeat('1', 64)",
            "UPDATE {} SET lead_id = lead_id + 100000",
            "INSERT INTO {} (lead_id, entry_count, hash) VALUES (0, 1, '')",
            "INSERT INTO {} (lead_id, entry_count, hash) VALUES (0, 0, 'x')",
            "DELETE FROM {}",
            "TRUNCATE {}",
        ):
            with (
                self.subTest(statement=statement),
                self.assertDatabaseRefuses(psycopg2.errors.RestrictViolation),
            ):
                self.execute(statement.format("referral_trail_head"))

    def test_a_head_moves_to_no_entry_but_the_next_of_its_chain(self):
        query = (
            f"INSERT INTO {TABLE} (lead_id, sequence, node, occurred_at, actor_id,"
            " content, prev_hash, hash) SELECT entry.lead_id, entry_count + %s, node,"
            " occurred_at, actor_id, content, COALESCE(%s, head.hash), 'x'"
            f" FROM {TABLE} entry JOIN referral_trail_head head USING (lead_id)"
            " WHERE lead_id = %s ORDER BY sequence DESC LIMIT 1"
        )
        for steps, prev_hash in ((1, "other"), (2, None)):
            self.execute(query, steps, prev_hash, self.lead.id)
            with (
                self.subTest(steps=steps),
                self.assertDatabaseRefuses(psycopg2.errors.RestrictViolation),
            ):
                self.execute(
                    "UPDATE referral_trail_head SET entry_count = entry_count + %s,"
                    " hash = 'x' WHERE lead_id = %s",
                    steps,
                    self.lead.id,
                )

    def test_heads_are_for_nobody(self):
        for user in (self.sales, self.finance, self.manager):
            heads = self.env["referral.trail.head"].with_user(user)
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                heads.search([])


class TestVerify(TrailCase):
    """What was changed behind the triggers' back is found (threat A1)."""

    def setUp(self):
        super().setUp()
        self.assertEqual(self.verify(), [])
        for table in (TABLE, "referral_trail_head"):
            self.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            query = f"ALTER TABLE {table} ENABLE TRIGGER USER"
            self.addCleanup(self.execute, query)

    def verify(self):
        return self.trail._verify(self.lead)

    def change(self, assignment, *params, sequence=2):
        self.execute(
            f"UPDATE {TABLE} SET {assignment} WHERE lead_id = %s AND sequence = %s",
            *params,
            self.lead.id,
            sequence,
        )

    def delete(self, sequence):
        self.execute(
            f"DELETE FROM {TABLE} WHERE lead_id = %s AND sequence = %s",
            self.lead.id,
            sequence,
        )

    def test_an_edit_of_any_column_is_found(self):
        other = self.make_lead(name="Other")
        cases = {
            "node = 'paid'": (),
            "occurred_at = occurred_at + interval '1 second'": (),
            "actor_id = %s": (self.finance.id,),
            "document = %s": (f"crm.lead,{other.id}",),
            "document = NULL": (),
            'content = \'{"reason": "x"}\'': (),
            "content = '{\"amount\": 1.5}'": (),
            "hash = repeat('0', 64)": (),
            "prev_hash = repeat('0', 64)": (),
        }
        for assignment, params in cases.items():
            with self.subTest(column=assignment), self.env.cr.savepoint() as point:
                self.change(assignment, *params)
                self.assertTrue(self.verify())
                point.rollback()
            self.env.invalidate_all()
        self.assertEqual(self.verify(), [])

    def test_a_deleted_entry_is_found_in_the_middle_and_at_either_end(self):
        last = len(self.lead.referral_trail_ids)
        for sequence in (1, 2, last):
            with self.subTest(sequence=sequence), self.env.cr.savepoint() as point:
                self.delete(sequence)
                self.assertTrue(self.verify())
                point.rollback()

    def test_an_entry_slipped_in_is_found(self):
        self.execute(
            f"INSERT INTO {TABLE} (lead_id, sequence, node, occurred_at, actor_id,"
            " document, content, prev_hash, hash) SELECT lead_id, sequence + 1, node,"
            f" occurred_at, actor_id, document, content, hash, hash FROM {TABLE}"
            " WHERE lead_id = %s ORDER BY sequence DESC LIMIT 1",
            self.lead.id,
        )
        self.assertTrue(self.verify())

    def test_swapped_entries_are_found(self):
        self.change("sequence = 99", sequence=2)
        self.change("sequence = 2", sequence=3)
        self.change("sequence = 3", sequence=99)
        self.assertTrue(self.verify())

    def test_a_trail_that_vanished_as_a_whole_is_found(self):
        self.execute(f"DELETE FROM {TABLE} WHERE lead_id = %s", self.lead.id)
        self.assertTrue(self.verify())
        self.execute("DELETE FROM referral_trail_head WHERE lead_id = %s", self.lead.id)
        self.assertTrue(self.verify())

    def test_the_break_names_lead_entry_and_kind(self):
        self.change("node = 'paid'")
        self.assertEqual(self.verify(), [f"crm.lead,{self.lead.id}: entry 2: content"])

    def test_other_leads_are_not_blamed(self):
        other = self.make_lead(name="Other")
        self.change("node = 'paid'")
        self.assertEqual(self.trail._verify(other), [])


class TestAppend(TrailCase):
    """Entries say what happened, when, by whom and to what (rule L3)."""

    def test_an_entry_names_person_time_and_document(self):
        self.lead.with_user(self.sales).with_context(tz="Asia/Shanghai")._referral_log(
            "stage_changed", content={"from": "Neu", "to": "Gewonnen"}
        )
        entry = self.lead.referral_trail_ids.sorted("sequence")[-1]
        self.assertEqual(entry.actor_id, self.sales)
        self.assertEqual(entry.document, self.lead)
        self.assertEqual(entry.content_text, "Neu · Gewonnen")
        age = self.env.cr.now() - entry.occurred_at
        self.assertLess(abs(age.total_seconds()), 600)

    def test_several_leads_are_written_at_once(self):
        leads = self.lead + self.make_lead() + self.make_lead()
        self.lead._referral_log("assigned")
        with self.assertQueryCount(8):
            leads._referral_log("assigned")
        self.assertEqual(self.trail._verify(leads), [])
        for lead in leads:
            self.assertEqual(self.nodes(lead)[-1], "assigned")

    def test_no_lead_no_entry(self):
        before = self.trail.search_count([])
        self.env["crm.lead"]._referral_log("assigned")
        self.assertEqual(self.trail.search_count([]), before)

    def test_any_text_survives_storage_unbroken(self):
        texts = ("", "王芳", "\u202eabc", "😀" * 100, "a\\b\"c'd", "=1+1", "x" * 10_000)
        for text in texts:
            self.lead._referral_log("assigned", content={"to": text})
        self.env.invalidate_all()
        self.assertEqual(self.trail._verify(self.lead), [])

    def test_an_amount_travels_as_text(self):
        """A float has no one spelling, so it cannot be chained."""
        with self.assertRaises(TypeError), self.env.cr.savepoint():
            self.lead._referral_log("paid", content={"amount": 1.5})

    def test_a_deleted_document_does_not_break_the_chain(self):
        order = self.make_order(self.lead)
        self.lead._referral_log("quoted", document=order)
        self.env.flush_all()
        order._action_cancel()
        order.sudo().unlink()
        self.env.invalidate_all()
        self.assertEqual(self.trail._verify(self.lead), [])
