from odoo.tests import tagged

from .test_concurrency import AGAIN, DONE, TwoConnectionsCase


@tagged("post_install", "-at_install")
class TestRecommendRaces(TwoConnectionsCase):
    """Two posts of one member at the same moment (rule L4), on real connections."""

    def setUp(self):
        super().setUp()
        with self.committed() as env:
            self.limit = env.company.referral_recommendation_limit
            env.company.referral_recommendation_limit = 1
        self.addCleanup(self._reset_limit)
        self.problems = []

    def _reset_limit(self):
        with self.committed() as env:
            env.company.referral_recommendation_limit = self.limit

    def recommend(self, company):
        """Return what recommends a company, as a request of the member's would."""
        # nothing in common: likenesses of leads meet elsewhere
        name = company.partition(" ")[0].lower()
        typed = {"company": company, "contact": name, "email": f"{name}@{name}.example"}

        def action(env):
            member = env["res.partner"].browse(self.member)
            lead, problems = env["crm.lead"]._recommend(
                member, env.company, {**typed, "agreed": "1"}
            )
            self.problems.append(problems)
            if lead:
                self._keep(lead)

        return action

    def count(self):
        with self.committed() as env:
            leads = env["crm.lead"].search(
                [
                    ("referrer_id", "=", self.member),
                    ("referral_evidence", "=", "portal"),
                ]
            )
            return len(leads)

    def test_two_at_once_do_not_pass_the_days_limit(self):
        actions = self.recommend("One Ltd"), self.recommend("Two Ltd")
        self.assertEqual(self.race(*actions), [DONE, AGAIN])
        self.assertEqual(self.count(), 1)
        self.assertIn("1 companies today", self.problems[-1][""])

    def test_the_same_twice_at_once_is_one_lead(self):
        actions = self.recommend("One Ltd"), self.recommend("One Ltd")
        self.assertEqual(self.race(*actions), [DONE, AGAIN])
        self.assertEqual(self.count(), 1)
        self.assertEqual(self.problems, [{}, {}])
