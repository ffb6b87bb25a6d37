from datetime import timedelta

from freezegun import freeze_time

from odoo.tests import tagged

from .test_tier_rules import NOW, RuleCase


@tagged("post_install", "-at_install")
class TestDemotion(RuleCase):
    """A rule takes back what it gave, and never in turn with giving (rule M1)."""

    def setUp(self):
        super().setUp()
        with freeze_time(NOW - timedelta(days=60)):
            self.member.grade_id = self.tier_member
        self.rule = self.make_rule(
            mode="apply",
            min_valid_leads=10,
            allow_demotion=True,
            keep_percent=70,
        )
        self.bring_leads(10)
        self.evaluate()
        self.assertEqual(self.member.grade_id, self.distributor)

    def test_who_falls_below_goes_back_after_one_period(self):
        self.evaluate(NOW + timedelta(days=30))
        self.assertEqual(self.member.grade_id, self.distributor)
        self.evaluate(NOW + timedelta(days=31))
        self.assertEqual(self.member.grade_id, self.tier_member)
        change = self.member.tier_change_ids[0]
        self.assertEqual((change.kind, change.state), ("demotion", "applied"))
        self.assertEqual(change.figures, {"valid_leads": [0, 7], "days": 30})

    def test_the_kept_percentage_is_enough_and_one_less_is_not(self):
        later = NOW + timedelta(days=40)
        leads = self.bring_leads(7, moment=later)
        self.evaluate(later)
        self.assertEqual(self.member.grade_id, self.distributor)
        leads[0].sudo().referrer_id = self.inviter
        self.env.flush_all()
        self.evaluate(later)
        self.assertEqual(self.member.grade_id, self.tier_member)

    def test_it_never_goes_up_and_down_on_following_days(self):
        moves = []
        for day in range(100):
            moment = NOW + timedelta(days=day)
            self.bring_leads(10 * (day % 33 == 32), moment=moment)
            tier = self.member.grade_id
            self.evaluate(moment)
            if self.member.grade_id != tier:
                moves.append((day, self.member.grade_id))
        self.assertEqual(
            moves,
            [
                (31, self.tier_member),
                (32, self.distributor),
                (63, self.tier_member),
                (65, self.distributor),
                (96, self.tier_member),
                (98, self.distributor),
            ],
        )

    def test_without_demotion_the_tier_stays(self):
        self.rule.allow_demotion = False
        self.evaluate(NOW + timedelta(days=60))
        self.assertEqual(self.member.grade_id, self.distributor)

    def test_who_was_put_into_the_tier_by_hand_stays(self):
        with freeze_time(NOW):
            self.member.grade_id = self.tier_member
            self.member.grade_id = self.distributor
            self.inviter.grade_id = self.distributor
        self.evaluate(NOW + timedelta(days=60))
        self.assertEqual((self.member + self.inviter).grade_id, self.distributor)

    def test_a_demotion_can_wait_for_a_manager_too(self):
        self.rule.mode = "propose"
        for day in (31, 32):
            self.evaluate(NOW + timedelta(days=day))
        change = self.member.tier_change_ids[0]
        self.assertEqual((change.kind, change.state), ("demotion", "proposed"))
        self.assertEqual(len(self.history(self.member)), 3)
        with freeze_time(NOW + timedelta(days=32)):
            change.with_user(self.manager).action_refuse("A good agent")
        self.evaluate(NOW + timedelta(days=62))
        self.assertEqual(len(self.history(self.member)), 3)
        self.evaluate(NOW + timedelta(days=63))
        self.assertEqual(len(self.history(self.member)), 4)

    def test_after_a_demotion_the_rule_that_gave_the_lower_tier_judges(self):
        higher = self.make_rule(
            name="Higher",
            mode="apply",
            from_grade_id=self.distributor.id,
            grade_id=self.agent.id,
            min_valid_leads=10,
            allow_demotion=True,
        )
        self.evaluate(NOW + timedelta(days=1))
        self.assertEqual(self.member.grade_id, self.agent)
        self.assertEqual(self.member.tier_change_ids[0].rule_id, higher)
        for day in range(2, 70):
            self.evaluate(NOW + timedelta(days=day))
        found = self.member.tier_change_ids.sorted("id")[-2:]
        self.assertEqual(
            found.mapped("new_grade_id"), self.distributor + self.tier_member
        )
        self.assertEqual(found.mapped("rule_id"), higher + self.rule)

    def test_a_team_that_shrank_counts_too(self):
        team = [self.make_member(f"T{n}", inviter_id=self.member.id) for n in range(4)]
        self.rule.write({"min_valid_leads": 1, "min_team": 5})  # 4 of them keep it
        later = NOW + timedelta(days=40)
        self.bring_leads(1, moment=later)
        self.evaluate(later)
        self.assertEqual(self.member.grade_id, self.distributor)
        team[0].member_state = False
        self.evaluate(later)
        self.assertEqual(self.member.grade_id, self.tier_member)
