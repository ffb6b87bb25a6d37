from .test_concurrency import AGAIN, DONE, TwoConnectionsCase


class TestHoldRaces(TwoConnectionsCase):
    """Two people at the same moment, on real connections (threat L1, rule L5)."""

    def setUp(self):
        super().setUp()
        self.addCleanup(self._erase_meetings)

    def _erase_meetings(self):
        with self.committed() as env:
            env.cr.execute("DELETE FROM referral_lead_meeting")

    def bring(self, **values):
        """Return an action that makes a lead of the member's, and keeps its id."""

        def act(env):
            vals = {"name": "Same", "referral_link_id": self.link, **values}
            self.brought.append(env["crm.lead"].create(vals).id)

        return act

    def race_births(self, *births):
        """Return the outcomes, and which of the leads that came about are held."""
        self.brought = []
        outcomes = self.race(*births)
        with self.committed() as env:
            leads = env["crm.lead"].browse(self.brought).exists()
            for lead in leads:
                self._keep(lead)
            return outcomes, leads.mapped("referral_hold_state")

    def test_the_same_lead_twice_at_once_in_another_spelling_is_one_rewarded(self):
        """Threat L1: case, +tag, phone form, a colleague at the same company."""
        for one, two in (
            (
                {"email_from": "Wang@GMail.com"},
                {"email_from": "w.ang+x@googlemail.com"},
            ),
            ({"phone": "+86 138 0013 8001"}, {"phone": "0086-138-0013-8001"}),
            ({"email_from": "a@raced.cn"}, {"email_from": "b@raced.cn"}),
        ):
            with self.subTest(one=one, two=two):
                outcomes, states = self.race_births(
                    self.bring(**one), self.bring(**two)
                )
                self.assertEqual(outcomes, [DONE, AGAIN])
                self.assertEqual(states, ["none", "held"])

    def test_different_leads_at_once_do_not_wait_for_each_other(self):
        outcomes, states = self.race_births(
            self.bring(email_from="a@one.cn", phone="+86 138 0013 8003"),
            self.bring(email_from="a@two.cn", phone="+86 139 0013 8003"),
        )
        self.assertEqual((outcomes, states), ([DONE, DONE], ["none", "none"]))

    def test_a_lead_that_becomes_another_meets_the_one_that_is_born(self):
        def become(env):
            env["crm.lead"].browse(self.lead).email_from = "same@raced.cn"

        self.brought = []
        born = self.bring(email_from="Same+1@raced.cn")
        self.assertEqual(self.race(become, born), [DONE, AGAIN])
        with self.committed() as env:
            lead = env["crm.lead"].browse(self.brought).exists()
            self._keep(lead)
            self.assertEqual(lead.referral_hold_state, "held")

    # -------------------------------------------------------------- decisions

    def hold(self):
        """Let the lead be held, as one of the member's own mailbox."""
        with self.committed() as env:
            env["res.partner"].browse(self.member).email = "own@raced.cn"
            lead = env["crm.lead"].browse(self.lead)
            lead.email_from = "own+1@raced.cn"
            self.assertEqual(lead.referral_hold_state, "held")

    def release(self, env):
        env["crm.lead"].browse(self.lead).action_referral_release("Fine")

    def withhold(self, env):
        env["crm.lead"].browse(self.lead).action_referral_withhold("Not fine")

    def validate(self, env):
        env["crm.lead"].browse(self.lead).action_referral_validate()

    def assertAmounts(self, *amounts):
        with self.committed() as env:
            lead = env["crm.lead"].browse(self.lead)
            found = sorted(lead.referral_commission_ids.mapped("amount"))
            self.assertEqual(found, [*amounts])
            self.assertEqual(env["referral.trail.entry"]._verify(lead), [])

    def test_two_managers_release_at_once_and_the_reward_is_given_once(self):
        self.hold()
        with self.committed() as env:
            self.validate(env)
        self.assertEqual(self.race(self.release, self.release)[0], DONE)
        self.assertAmounts(10.0)

    def test_one_releases_while_the_other_finds_it_valid_and_it_is_rewarded(self):
        """In either order: no reward is lost between the two."""
        self.hold()
        self.assertEqual(self.race(self.validate, self.release), [DONE, AGAIN])
        self.assertAmounts(10.0)

    def test_one_finds_it_valid_while_the_other_releases_and_it_is_rewarded(self):
        self.hold()
        self.assertEqual(self.race(self.release, self.validate), [DONE, AGAIN])
        self.assertAmounts(10.0)

    def test_finance_confirms_while_a_manager_releases_and_it_is_rewarded(self):
        self.hold()
        order = self.make_order()

        def confirm(env):
            env["sale.order"].browse(order).action_referral_confirm()

        self.assertEqual(self.race(confirm, self.release), [DONE, AGAIN])
        self.assertAmounts(0.5, 5.0)

    def test_a_manager_releases_while_finance_confirms_and_it_is_rewarded(self):
        self.hold()
        order = self.make_order()

        def confirm(env):
            env["sale.order"].browse(order).action_referral_confirm()

        self.assertEqual(self.race(self.release, confirm), [DONE, AGAIN])
        self.assertAmounts(0.5, 5.0)

    def test_one_releases_while_the_other_refuses_and_one_of_them_counts(self):
        self.hold()
        with self.committed() as env:
            self.validate(env)
        self.assertEqual(self.race(self.withhold, self.release), [DONE, AGAIN])
        self.assertAmounts(10.0)
        with self.committed() as env:
            nodes = env["crm.lead"].browse(self.lead).referral_trail_ids.mapped("node")
            self.assertEqual(nodes.count("withheld"), 1)
            self.assertEqual(nodes.count("released"), 1)
