from .test_concurrency import AGAIN, DONE, REFUSED, TwoConnectionsCase


class TestReviewRaces(TwoConnectionsCase):
    """Two people review, reopen, settle at once: once each (rules L2, C7)."""

    def setUp(self):
        super().setUp()
        with self.committed() as env:
            self.browse(env).action_referral_validate()

    def browse(self, env):
        return env["crm.lead"].browse(self.lead)

    def lines(self, env):
        return self.browse(env).referral_commission_ids.sorted("id")

    def reopen(self, env):
        self.browse(env).action_referral_reopen("Both")

    def reverse(self, env, amount=None):
        given = self.lines(env).filtered(lambda line: not line.reverses_id)
        given._reverse("Both", amount)

    def collect(self, env):
        self.lines(env).action_collect()

    def assertTakenBackOnce(self):
        with self.committed() as env:
            self.assertEqual(self.lines(env).mapped("amount"), [10.0, -10.0])
            self.assertEqual(env["referral.trail.entry"]._verify(self.browse(env)), [])

    def test_two_people_reopen_one_lead_and_it_is_taken_back_once(self):
        self.assertEqual(
            self.race(self.reopen, self.reopen, uids=self.users), [DONE, AGAIN]
        )
        self.assertTakenBackOnce()

    def test_two_transactions_take_back_one_reward_once(self):
        """Where nothing else but the reward's own row is written by both."""
        self.assertEqual(self.race(self.reverse, self.reverse), [DONE, AGAIN])
        self.assertTakenBackOnce()

    def test_parts_taken_back_at_once_are_no_more_than_was_given(self):
        def take(env):
            self.reverse(env, 6)

        self.assertEqual(self.race(take, take), [DONE, REFUSED])
        with self.committed() as env:
            self.assertEqual(self.lines(env).mapped("amount"), [10.0, -6.0])

    def test_one_settles_what_the_other_takes_back(self):
        self.assertEqual(
            self.race(self.reopen, self.collect, uids=self.users), [DONE, AGAIN]
        )
        with self.committed() as env:
            self.assertFalse(self.lines(env).settlement_id)
        self.assertTakenBackOnce()

    def test_one_takes_back_what_the_other_has_just_settled(self):
        """What is only a draft goes along."""
        self.assertEqual(
            self.race(self.collect, self.reopen, uids=self.users), [DONE, AGAIN]
        )
        with self.committed() as env:
            self.assertFalse(self.lines(env).settlement_id)
        self.assertTakenBackOnce()

    def test_valid_again_by_two_at_once_is_rewarded_once(self):
        with self.committed() as env:
            self.reopen(env)

        def validate(env):
            self.browse(env).action_referral_validate()

        self.assertEqual(self.race(validate, validate, uids=self.users), [DONE, AGAIN])
        with self.committed() as env:
            self.assertEqual(self.lines(env).mapped("amount"), [10.0, -10.0, 10.0])
