from datetime import datetime, timedelta

from freezegun import freeze_time

from odoo.exceptions import AccessError
from odoo.tests import tagged

from .test_reopening import ReopenCase

REVIEW = "referral_distribution.mail_activity_type_review"
NOON = datetime(2026, 3, 10, 12)


@tagged("post_install", "-at_install")
class TestDeadline(ReopenCase):
    """A lead is reviewed within the company's hours (rule L2)."""

    def setUp(self):
        super().setUp()
        self.clock = self.startClassPatcher(freeze_time(NOON))

    def overdue(self):
        found = self.env["crm.lead"].search([("referral_review_overdue", "=", True)])
        return found & self.leads

    def test_the_clock_starts_when_a_lead_has_a_referrer(self):
        self.company.referral_review_hours = 6
        lead = self.make_lead()
        cold = self.env["crm.lead"].create({"name": "Cold"})
        self.assertEqual(lead.referral_review_deadline, NOON + timedelta(hours=6))
        self.assertFalse(cold.referral_review_deadline)
        self.clock.move_to(NOON + timedelta(hours=1))
        cold.referrer_id = self.member
        self.assertEqual(cold.referral_review_deadline, NOON + timedelta(hours=7))
        self.clock.move_to(NOON + timedelta(hours=2))
        cold.referrer_id = self.inviter
        self.assertEqual(cold.referral_review_deadline, NOON + timedelta(hours=7))
        cold.referrer_id = False
        self.assertFalse(cold.referral_review_deadline)

    def test_no_hours_no_clock(self):
        self.company.referral_review_hours = 0
        lead = self.make_lead(user_id=self.sales.id)
        self.assertFalse(lead.referral_review_deadline)
        self.assertFalse(lead.referral_review_overdue)
        self.assertFalse(lead.activity_ids)

    def test_what_waits_too_long_is_overdue_and_is_found(self):
        self.leads = late, reviewed, fresh = self.env["crm.lead"].union(
            *(self.make_lead() for _time in range(3))
        )
        self.validate(reviewed)
        fresh_for = NOON + timedelta(hours=24)
        self.clock.move_to(fresh_for)
        self.assertFalse(self.overdue())
        self.clock.move_to(fresh_for + timedelta(seconds=1))
        fresh.with_user(self.sales).action_referral_invalidate("No")
        self.reopen(fresh)
        self.leads.invalidate_recordset()
        self.assertEqual(self.overdue(), late)
        self.assertEqual(self.leads.filtered("referral_review_overdue"), late)
        self.assertEqual(fresh.referral_review_clock, "in 1 day")
        on_time = self.env["crm.lead"].search([("referral_review_overdue", "=", False)])
        self.assertEqual(on_time & self.leads, reviewed + fresh)

    def test_what_waits_is_counted_in_one_statement(self):
        def count():
            self.env.flush_all()
            return leads.referral_review_counts()

        leads = self.env["crm.lead"].with_user(self.sales)
        before = count()
        self.make_lead(user_id=self.sales.id)
        self.make_lead(user_id=False)
        self.validate(self.make_lead(user_id=False))
        leads.create({"name": "Cold"})
        self.clock.move_to(NOON + timedelta(hours=25))
        self.make_lead(user_id=self.manager.id)
        with self.assertQueryCount(1):
            after = count()
        grown = {name: after[name] - before[name] for name in after}
        self.assertEqual(
            grown, {"to_review": 3, "overdue": 2, "mine": 1, "unassigned": 1}
        )
        with self.assertRaises(AccessError):
            leads.with_user(self.clerk).referral_review_counts()

    def test_age_and_time_left_are_in_the_readers_language(self):
        self.env["res.lang"]._activate_lang("zh_CN")
        lead = self.make_lead()
        self.env.cr.execute(
            "UPDATE crm_lead SET create_date = %s WHERE id = %s",
            (NOON - timedelta(days=3), lead.id),
        )
        lead.invalidate_recordset()
        self.assertEqual(lead.referral_age, "3 days")
        chinese = lead.with_context(lang="zh_CN")
        self.assertEqual(chinese.referral_age, "3天")
        self.assertEqual(chinese.referral_review_clock, "1天后")

    def test_a_verdict_leaves_the_deadline_and_reopening_starts_it_anew(self):
        lead = self.make_lead()
        self.clock.move_to(NOON + timedelta(hours=30))
        self.validate(lead)
        self.assertEqual(lead.referral_review_deadline, NOON + timedelta(hours=24))
        self.reopen(lead)
        self.assertEqual(lead.referral_review_deadline, NOON + timedelta(hours=54))

    def test_the_deadline_is_not_written_created_or_defaulted(self):
        lead = self.make_lead()
        never = "2036-01-01 00:00:00"
        leads = self.env["crm.lead"].with_user(self.manager)
        with self.assertRaises(AccessError):
            lead.with_user(self.manager).referral_review_deadline = never
        with self.assertRaises(AccessError):
            leads.create({"name": "X", "referral_review_deadline": never})
        by_context = leads.with_context(default_referral_review_deadline=never)
        lead = by_context.create({"name": "X", "referrer_id": self.member.id})
        self.assertEqual(lead.referral_review_deadline, NOON + timedelta(hours=24))


@tagged("post_install", "-at_install")
class TestTodo(ReopenCase):
    """Who reviews a lead has a to-do until it is reviewed (rule L2)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.kind = cls.env.ref(REVIEW)
        cls.team = cls.env["crm.team"].create(
            {"name": "Reviewers", "user_id": cls.manager.id, "company_id": False}
        )

    def make(self, **values):
        return self.make_lead(
            **{"user_id": self.sales.id, "team_id": self.team.id, **values}
        )

    def todos(self, leads, active=True):
        todos = self.env["mail.activity"].with_context(active_test=False)
        return todos.search(
            [
                ("activity_type_id", "=", self.kind.id),
                ("res_model", "=", "crm.lead"),
                ("res_id", "in", leads.ids),
                ("active", "=", active),
            ],
            order="id",
        )

    def assertDesk(self, lead, user):
        self.assertEqual(self.todos(lead).mapped("user_id"), user)
        self.assertLessEqual(len(self.todos(lead)), 1)

    def test_the_salesperson_has_a_to_do_of_the_deadlines_day_there(self):
        self.sales.tz = "Asia/Shanghai"
        with freeze_time("2026-03-10 17:00:00"):  # the 11th in Shanghai
            lead = self.make()
        todo = self.todos(lead)
        self.assertEqual(todo.user_id, self.sales)
        self.assertEqual(str(todo.date_deadline), "2026-03-12")

    def test_without_one_who_reviews_it_is_on_the_team_leaders_desk(self):
        self.assertDesk(self.make(user_id=False), self.manager)
        self.assertDesk(self.make(user_id=self.clerk.id), self.manager)

    def test_it_is_on_nobodys_desk_when_nobody_reviews(self):
        self.team.user_id = self.clerk
        self.assertDesk(self.make(user_id=False), self.env["res.users"])
        self.manager.active = False
        self.team.user_id = self.manager
        self.assertDesk(self.make(user_id=False), self.env["res.users"])

    def test_it_follows_the_lead_to_another_desk(self):
        lead = self.make(user_id=False)
        self.assertDesk(lead, self.manager)
        todo = self.todos(lead)
        lead.with_user(self.manager).user_id = self.sales
        self.assertDesk(lead, self.sales)
        self.assertEqual(self.todos(lead), todo)
        lead.with_user(self.sales).write({"user_id": False, "team_id": False})
        self.assertDesk(lead, self.env["res.users"])

    def test_the_review_has_it_done_by_who_reviewed(self):
        leads = self.make() + self.make() + self.make()
        one, two, three = leads
        self.validate(one, self.manager)
        self.refuse(two)
        self.assertEqual(self.todos(leads).mapped("res_id"), three.ids)
        done = self.todos(one + two, active=False)
        self.assertTrue(all(done.mapped("date_done")))
        self.assertEqual(done.mapped("write_uid"), self.manager + self.sales)

    def test_reopening_puts_it_back(self):
        lead = self.make()
        self.validate(lead)
        self.reopen(lead)
        self.assertDesk(lead, self.sales)

    def test_nobody_has_to_review_what_is_lost_merged_or_without_referrer(self):
        lost, orphan, weak, head = (self.make() for _time in range(4))
        lost.action_set_lost()
        self.assertDesk(lost, self.env["res.users"])
        lost.action_unarchive()
        self.assertDesk(lost, self.sales)
        orphan.write({"referral_link_id": False, "referrer_id": False})
        self.assertDesk(orphan, self.env["res.users"])
        weak.type = "lead"
        (weak + head).with_user(self.sales).merge_opportunity()
        self.assertEqual(len(self.todos(weak + head)), 1)

    def test_a_reviewed_lead_is_nobodys_to_do_whoever_gets_it(self):
        lead = self.make()
        self.validate(lead)
        lead.user_id = self.manager
        self.assertFalse(self.todos(lead))

    def test_a_lead_is_born_without_the_kind_of_to_do(self):
        """Somebody may have deleted it."""
        self.env["ir.model.data"].search(
            [("name", "=", "mail_activity_type_review")]
        ).unlink()
        lead = self.make()
        self.validate(lead)
        self.assertEqual(lead.referral_validity, "valid")

    def test_to_dos_of_many_leads_take_as_many_queries_as_of_two(self):
        counts = []
        for size in (2, 2, 12):
            leads = self.env["crm.lead"].union(*(self.make() for _time in range(size)))
            self.todos(leads).unlink()
            self.env.flush_all()
            before = self.env.cr.sql_log_count
            leads._update_review_todos()
            leads._find_review_todos().write({"active": False})
            self.env.flush_all()
            counts.append(self.env.cr.sql_log_count - before)
        self.assertLessEqual(counts[2], counts[1])

    def test_the_pool_reads_in_one_go(self):
        leads = self.env["crm.lead"].union(*(self.make() for _time in range(12)))
        names = [
            "referral_review_clock",
            "referral_review_overdue",
            "referral_age",
            "referral_suspicion",
            "referral_first_touch_at",
            "referrer_id",
        ]
        self.assertReadInOneGo(leads, names, self.sales)
