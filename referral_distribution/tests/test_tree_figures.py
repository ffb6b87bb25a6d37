import random
from collections import defaultdict
from unittest.mock import patch

from freezegun import freeze_time

from odoo.exceptions import AccessError
from odoo.fields import Command, Date
from odoo.tests import tagged

from .common import ReferralCase

COUNTED = ("candidate", "active", "suspended")


class TreeCase(ReferralCase):
    """Trees of a company of its own, so that nothing else is counted."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.figures = cls.env["referral.tree.figure"]
        cls.own = cls.env["res.company"].create({"name": "Monitored"})
        (cls.grandparent + cls.inviter + cls.member).company_id = cls.company
        cls.officer = cls.make_user(
            "rd_officer",
            "manager",
            company_id=cls.own.id,
            company_ids=[Command.set(cls.own.ids)],
        )

    def set_line(self, people=4, levels=3, percent=75):
        self.own.write(
            {
                "referral_people_line": people,
                "referral_levels_line": levels,
                "referral_warn_percent": percent,
            }
        )

    def join(self, inviter=None, state="active", company=None, name="P"):
        return self.env["res.partner"].create(
            {
                "name": name,
                "member_state": state,
                "inviter_id": inviter and inviter.id,
                "company_id": (company or self.own).id,
            }
        )

    def make_tree(self, levels, people):
        """Return the members of a tree: a chain of ``levels``, the rest direct."""
        members = [self.join()]
        for _level in range(levels - 1):
            members.append(self.join(members[-1]))
        while len(members) < people:
            members.append(self.join(members[0]))
        return members

    def count(self, day=None):
        with freeze_time(day or Date.today()):
            self.figures._count(self.own)
        self.env.invalidate_all()

    def current(self, root=None):
        domain = [("company_id", "=", self.own.id), ("is_latest", "=", True)]
        if root:
            domain.append(("root_id", "=", root.id))
        return self.figures.search(domain)

    def activities(self, root):
        return self.env["mail.activity"].search(
            [("res_model", "=", "res.partner"), ("res_id", "=", root.id)]
        )


@tagged("post_install", "-at_install")
class TestCounting(TreeCase):
    def test_figures_of_random_trees_are_those_of_a_count_by_hand(self):
        """Rule M7: 400 people of all states, some shared, some of another company."""
        draw = random.Random(20130)
        shared, elsewhere = self.env["res.company"], self.company
        partners = self.env["res.partner"]
        for _number in range(400):
            joins = partners and draw.random() > 0.1
            inviter = draw.choice(partners) if joins else partners.browse()
            company = draw.choice([self.own, self.own, shared, shared, elsewhere])
            partners += partners.create(
                {
                    "name": "R",
                    "inviter_id": inviter.id,
                    "company_id": company.id,
                    "member_state": draw.choice([*COUNTED, "active", "left", False]),
                }
            )
        self.count()
        found = {
            figure.root_id: (figure.people, figure.levels, figure.invitees)
            for figure in self.current()
        }
        expected = {
            root: value
            for root, value in self.count_by_hand(partners).items()
            if value[0] > 1
        }
        self.assertGreater(len(expected), 10)
        self.assertEqual(
            {root: value for root, value in found.items() if root in partners}, expected
        )

    def count_by_hand(self, partners):
        people, levels, invitees = defaultdict(int), defaultdict(int), defaultdict(int)
        for partner in partners:
            root, level = partner, 1
            while root.inviter_id:
                root, level = root.inviter_id, level + 1
            mine = root.company_id == self.own or (
                not root.company_id and partner.company_id.id in (False, self.own.id)
            )
            if mine and partner.member_state in COUNTED:
                people[root] += 1
                levels[root] = max(levels[root], level)
                invitees[root] += partner.inviter_id == root
        return {root: (people[root], levels[root], invitees[root]) for root in people}

    def test_who_has_nobody_below_is_no_tree(self):
        alone = self.join()
        self.count()
        self.assertFalse(self.current(alone))

    def test_a_second_run_on_the_same_day_changes_nothing(self):
        self.set_line()
        self.make_tree(3, 5)
        self.count()
        before = self.read_all()
        self.count()
        self.assertEqual(self.read_all(), before)

    def read_all(self):
        self.env.flush_all()
        self.env.cr.execute(
            "SELECT t::text, xmin::text, ctid::text FROM referral_tree_figure t"
            " WHERE company_id = %s ORDER BY id",
            (self.own.id,),
        )
        return self.env.cr.fetchall()

    def test_a_day_without_a_change_adds_no_row_a_month_does(self):
        root, *_others = self.make_tree(2, 3)
        for day in ("2026-03-02", "2026-03-03", "2026-03-31", "2026-04-01"):
            self.count(day)
        self.count("2026-04-02")
        rows = self.figures.search([("root_id", "=", root.id)], order="date")
        self.assertEqual(
            [str(date) for date in rows.mapped("date")], ["2026-03-02", "2026-04-01"]
        )
        self.assertEqual(rows.mapped("is_latest"), [False, True])

    def test_a_change_on_the_same_day_is_kept_in_the_same_row(self):
        root, *_others = self.make_tree(2, 3)
        self.count("2026-03-02")
        self.join(root)
        self.count("2026-03-02")
        rows = self.figures.search([("root_id", "=", root.id)])
        self.assertEqual(rows.mapped("people"), [4])

    def test_the_change_of_30_days_is_measured_from_the_row_that_held_then(self):
        root, *_others = self.make_tree(2, 3)
        self.count("2026-03-02")
        self.join(root)
        self.count("2026-03-20")
        self.assertEqual(self.current(root).people_change, 1)  # since first counted
        self.join(root)
        self.count("2026-04-10")  # on 11 March there were three
        self.assertEqual(self.current(root).people_change, 2)
        self.count("2026-04-25")  # on 26 March there were four
        self.assertEqual(self.current(root).people_change, 1)

    def test_a_tree_that_joined_another_or_fell_apart_is_no_tree_any_more(self):
        self.set_line()
        joined, *_others = self.make_tree(3, 4)
        left, *others = self.make_tree(2, 3)
        root = self.join()
        self.count("2026-03-02")
        joined.inviter_id = root
        for member in (left, *others):
            member.member_state = "left"
        self.count("2026-03-03")
        self.assertRecordValues(
            self.current(joined) + self.current(left) + self.current(root),
            [
                {"people": 0, "levels": 0, "status": "clear"},
                {"people": 0, "levels": 0, "status": "clear"},
                {"people": 5, "levels": 4, "status": "reached"},
            ],
        )
        self.count("2026-05-01")  # what is gone gets no row a month
        self.assertEqual(str(self.current(joined).date), "2026-03-03")

    def test_the_day_is_the_companys(self):
        self.own.partner_id.tz = "Asia/Shanghai"
        root, *_others = self.make_tree(2, 2)
        with freeze_time("2026-03-02 17:00:00"):  # 3 March in Shanghai
            self.figures._count(self.own)
        self.assertEqual(str(self.current(root).date), "2026-03-03")

    def test_as_many_queries_for_many_trees_as_for_few(self):
        for _number in range(2):
            self.make_tree(2, 2)
        self.count("2026-03-01")
        counts = []
        for trees in (2, 2, 30):
            for _number in range(trees):
                self.make_tree(2, 2)
            self.env.flush_all()
            before = self.env.cr.sql_log_count
            with freeze_time("2026-03-02"):
                self.figures._count(self.own)
            counts.append(self.env.cr.sql_log_count - before)
        self.assertEqual(counts[1], counts[2])

    def test_reading_the_monitor_takes_no_query_a_row(self):
        for _number in range(6):
            self.make_tree(2, 2)
        self.count()
        names = ["root_id", "people", "levels", "people_change", "status"]
        self.assertReadInOneGo(self.current(), names, self.officer)

    def test_after_90_days_one_row_a_month_stays(self):
        root, *_others = self.make_tree(2, 2)
        days = ("2026-01-05", "2026-01-20", "2026-02-03", "2026-02-09", "2026-05-01")
        for day in days:
            self.join(root)
            self.count(day)
        with freeze_time("2026-05-05"):
            self.figures._gc_figures()
        self.env.invalidate_all()
        rows = self.figures.search([("root_id", "=", root.id)], order="date")
        self.assertEqual(
            [str(date) for date in rows.mapped("date")],
            ["2026-01-20", "2026-02-09", "2026-05-01"],
        )

    def test_one_company_that_fails_does_not_keep_the_others_from_being_counted(self):
        done = []

        def count(_model, company):
            done.append(company)
            if company == self.company:
                raise ValueError("poison")

        self.make_tree(2, 2)
        with (
            patch.object(type(self.figures), "_count", count),
            patch.object(self.env.cr, "rollback"),
            patch.object(self.env.cr, "commit"),
            self.assertLogs("odoo.addons.referral_distribution", "ERROR"),
        ):
            self.figures._cron_count()
        self.assertLessEqual({self.company, self.own}, set(done))

    def test_managers_count_at_once_others_do_not(self):
        root, *_others = self.make_tree(2, 2)
        self.figures.with_user(self.officer).action_count()
        self.assertEqual(self.current(root).people, 2)
        for user in (self.sales, self.finance, self.portal):
            with self.assertRaises(AccessError):
                self.figures.with_user(user).action_count()

    def test_a_click_opens_the_contact(self):
        root, *_others = self.make_tree(2, 2)
        self.count()
        action = self.current(root).with_user(self.officer).action_open_root()
        self.assertEqual(
            (action["res_model"], action["res_id"]), ("res.partner", root.id)
        )


@tagged("post_install", "-at_install")
class TestWarnings(TreeCase):
    """Managers are warned before the line is reached, once (rule M7)."""

    def setUp(self):
        super().setUp()
        self.sent = []
        self.startPatcher(
            patch.object(
                type(self.env["mail.thread"]),
                "message_notify",
                lambda _self, **mail: self.sent.append(mail),
            )
        )

    def test_the_status_follows_the_line(self):
        self.set_line(people=8, levels=3, percent=75)
        cases = {
            # levels, people: status
            (2, 5): "clear",
            (2, 6): "near",
            (2, 50): "near",  # one invitation away
            (3, 5): "clear",
            (3, 6): "near",
            (3, 7): "near",
            (3, 8): "reached",
            (5, 8): "reached",
            (7, 7): "near",
        }
        roots = {case: self.make_tree(*case)[0] for case in cases}
        self.count()
        found = {case: self.current(root).status for case, root in roots.items()}
        self.assertEqual(found, cases)

    def test_the_default_line_is_30_people_and_3_levels(self):
        root, *_others = self.make_tree(3, 23)
        for people, status in ((23, "clear"), (24, "near"), (29, "near")):
            for _number in range(people - 1 - len(self.team(root))):
                self.join(root)
            self.count()
            self.assertEqual(self.current(root).status, status)
        self.join(root)
        self.count()
        self.assertEqual(self.current(root).status, "reached")

    def team(self, root):
        return (
            self.env["res.partner"]
            .search([("id", "!=", root.id)])
            .filtered(
                lambda partner: (partner.invite_path or "").startswith(root.invite_path)
            )
        )

    def test_each_time_it_gets_worse_there_is_one_warning(self):
        self.set_line()
        root, *_others = self.make_tree(3, 3)
        self.count("2026-03-02")
        self.count("2026-03-02")
        self.count("2026-03-03")
        self.assertEqual(len(self.activities(root)), 1)
        self.assertEqual(len(self.sent), 1)
        self.join(root)
        self.count("2026-03-04")
        self.count("2026-04-04")
        self.assertEqual(len(self.activities(root)), 2)
        self.assertEqual(self.activities(root).user_id, self.officer)
        self.assertEqual(len(self.sent), 2)

    def test_better_is_no_warning_and_worse_again_is_one(self):
        self.set_line()
        root, *others = self.make_tree(3, 3)
        self.count("2026-03-02")
        others[-1].member_state = "left"
        self.count("2026-03-03")
        self.assertEqual(len(self.sent), 1)
        others[-1].member_state = "active"
        self.count("2026-03-04")
        self.assertEqual(len(self.sent), 2)
        self.assertEqual(len(self.activities(root)), 2)

    def test_a_stricter_line_warns_of_trees_that_did_not_change(self):
        root, *_others = self.make_tree(3, 4)
        self.count("2026-03-02")
        self.assertFalse(self.sent)
        self.set_line()
        self.count("2026-03-03")
        self.assertEqual(self.current(root).status, "reached")
        self.assertEqual(len(self.sent), 1)

    def test_many_trees_are_one_message(self):
        self.set_line()
        roots = [self.make_tree(3, 3 + number % 2)[0] for number in range(4)]
        self.count()
        self.assertEqual([len(self.activities(root)) for root in roots], [1] * 4)
        [mail] = self.sent
        self.assertEqual(mail["partner_ids"], self.officer.partner_id.ids)
        self.assertEqual(mail["body"].count("<td align"), 8)

    def test_the_compliance_officer_is_warned_alone(self):
        self.make_user(
            "rd_officer_2",
            "manager",
            company_id=self.own.id,
            company_ids=[Command.set(self.own.ids)],
        )
        self.set_line()
        root, *_others = self.make_tree(3, 3)
        self.assertEqual(len(self.own._get_referral_compliance_users()), 2)
        self.own.referral_compliance_user_id = self.officer
        self.count()
        self.assertEqual(self.activities(root).user_id, self.officer)
        self.assertEqual(len(self.sent), 1)

    def test_an_officer_who_has_left_does_not_swallow_the_warning(self):
        officer = self.make_user("rd_gone", "manager")
        self.own.referral_compliance_user_id = officer
        officer.active = False
        self.assertEqual(self.own._get_referral_compliance_users(), self.officer)

    def test_managers_of_other_companies_are_not_told(self):
        self.assertEqual(self.own._get_referral_managers(), self.officer)
