import psycopg2

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.referral_distribution.models import gate

from .common import ReferralCase


class TierCase(ReferralCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        tier = "referral_distribution.res_partner_grade_"
        cls.tier_member = cls.env.ref(f"{tier}member")
        cls.distributor = cls.env.ref(f"{tier}distributor")
        cls.agent = cls.env.ref(f"{tier}agent")
        cls.channel_partner = cls.env.ref(f"{tier}channel_partner")
        cls.changes = cls.env["referral.tier.change"]

    @classmethod
    def make_rule(cls, **values):
        """Return a rule that promotes for two valid leads in 30 days."""
        return cls.env["referral.tier.rule"].create(
            {
                "name": "Two leads",
                "grade_id": cls.distributor.id,
                "period_days": 30,
                "min_valid_leads": 2,
                **values,
            }
        )

    def propose(self, partner=None, grade=None, **values):
        """Return an open proposal for the partner as it is now."""
        partner = partner or self.member
        return self.changes._log(
            {
                "partner_id": partner.id,
                "company_id": self.company.id,
                "old_grade_id": partner.grade_id.id,
                "new_grade_id": (grade or self.distributor).id,
                "kind": "promotion",
                "rule_id": self.make_rule().id,
                "figures": {"valid_leads": [12, 10], "days": 30},
                **values,
            }
        )

    def history(self, partner):
        """Return the log of a partner, the oldest first."""
        return [
            (c.old_grade_id, c.new_grade_id, c.kind, c.state)
            for c in self.changes.search([("partner_id", "=", partner.id)], order="id")
        ]


@tagged("post_install", "-at_install")
class TestPriceLists(TierCase):
    """The price list of the tier is the member's, however the tier came (rule M1)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        names = ("Agents", "Distributors", "Own")
        cls.for_agents, cls.for_distributors, cls.own = cls.env[
            "product.pricelist"
        ].create([{"name": name, "company_id": False} for name in names])
        cls.agent.default_pricelist_id = cls.for_agents
        cls.distributor.default_pricelist_id = cls.for_distributors
        cls.other_company = cls.env["res.company"].create({"name": "Second"})

    def price_lists(self, partner):
        """Return the price list set in this company and in the other one."""
        here, there = (self.company, self.other_company)
        return [
            partner.with_company(company).specific_property_product_pricelist
            for company in (here, there)
        ]

    def test_a_member_created_in_a_tier_has_its_price_list_everywhere(self):
        members = self.env["res.partner"].create(
            [
                {"name": "A", "member_state": "active", "grade_id": self.agent.id},
                {"name": "D", "grade_id": self.distributor.id},
            ]
        )
        self.assertEqual(self.price_lists(members[0]), [self.for_agents] * 2)
        self.assertEqual(self.price_lists(members[1]), [self.for_distributors] * 2)

    def test_a_price_list_given_at_creation_stays(self):
        member = self.make_member(
            "A",
            grade_id=self.agent.id,
            specific_property_product_pricelist=self.own.id,
        )
        self.assertEqual(self.price_lists(member), [self.own, self.for_agents])

    def test_a_batch_that_changes_tier_changes_price_lists(self):
        members = self.member + self.inviter + self.make_member("Third")
        self.member.grade_id = self.agent
        members.grade_id = self.distributor
        for member in members:
            self.assertEqual(self.price_lists(member), [self.for_distributors] * 2)

    def test_the_old_tiers_price_list_goes_with_the_tier(self):
        for target in (self.tier_member, self.env["res.partner.grade"]):
            self.member.grade_id = self.agent
            self.assertEqual(self.price_lists(self.member), [self.for_agents] * 2)
            self.member.grade_id = target
            self.assertFalse(any(self.price_lists(self.member)))

    def test_a_price_list_set_by_hand_stays_when_the_tier_has_none(self):
        self.member.grade_id = self.agent
        self.member.specific_property_product_pricelist = self.own
        self.member.grade_id = self.tier_member
        self.assertEqual(self.price_lists(self.member), [self.own, self.own.browse()])

    def test_a_price_list_of_one_company_is_used_there_alone(self):
        self.for_agents.company_id = self.company
        self.member.grade_id = self.agent
        self.assertEqual(
            self.price_lists(self.member), [self.for_agents, self.own.browse()]
        )

    def test_contacts_outside_the_distribution_are_left_to_odoo(self):
        plain = self.env["res.partner.grade"].create({"name": "Gold"})
        other = self.env["res.partner.grade"].create(
            {"name": "Silver", "default_pricelist_id": self.own.id}
        )
        contact = self.env["res.partner"].create({"name": "C", "grade_id": other.id})
        self.assertFalse(contact.specific_property_product_pricelist)
        contact.write({"specific_property_product_pricelist": self.own.id})
        contact.grade_id = plain
        self.assertEqual(contact.specific_property_product_pricelist, self.own)

    def test_a_promotion_that_is_approved_brings_the_price_list(self):
        self.propose().with_user(self.manager).action_approve()
        self.assertEqual(self.price_lists(self.member), [self.for_distributors] * 2)


@tagged("post_install", "-at_install")
class TestLog(TierCase):
    """Every change of a member's tier is logged, whoever makes it (rule M1)."""

    def test_a_tier_written_by_hand_is_logged_with_who_and_when(self):
        none = self.env["res.partner.grade"]
        self.member.with_user(self.sales).grade_id = self.tier_member
        self.member.with_user(self.manager).write({"grade_id": self.agent.id})
        self.assertEqual(
            self.history(self.member),
            [
                (none, self.tier_member, "manual", "applied"),
                (self.tier_member, self.agent, "manual", "applied"),
            ],
        )
        changes = self.member.tier_change_ids.sorted("id")
        self.assertEqual(changes.mapped("user_id"), self.sales + self.manager)
        self.assertTrue(all(changes.mapped("decided_at")))

    def test_a_batch_and_a_creation_are_logged_too(self):
        created = self.make_member("New", grade_id=self.agent.id)
        (self.member + self.inviter + created).grade_id = self.agent
        for partner in (self.member, self.inviter, created):
            self.assertEqual(len(self.history(partner)), 1)

    def test_an_import_is_logged(self):
        ids = {p: p.export_data([".id"])["datas"][0][0] for p in self.member}
        result = self.env["res.partner"].load(
            [".id", "grade_id/.id"], [[ids[self.member], str(self.agent.id)]]
        )
        self.assertFalse(result["messages"])
        self.assertEqual(self.history(self.member)[0][1], self.agent)

    def test_the_same_tier_again_and_contacts_that_are_no_members_are_not(self):
        self.member.grade_id = self.agent
        self.member.grade_id = self.agent
        self.assertEqual(len(self.history(self.member)), 1)
        self.customer.grade_id = self.agent
        self.assertFalse(self.history(self.customer))

    def test_no_client_hides_a_change_by_its_context(self):
        forged = self.member.with_user(self.sales).with_context(
            referral_tier_logged=True, referral_gate=True
        )
        forged.grade_id = self.agent
        self.assertEqual(len(self.history(self.member)), 1)

    def test_logging_takes_the_same_queries_for_two_and_for_forty(self):
        counts = []
        for size in (2, 2, 40):
            members = self.env["res.partner"].create(
                [{"name": f"M{n}", "member_state": "active"} for n in range(size)]
            )
            self.env.flush_all()
            before = self.env.cr.sql_log_count
            members.grade_id = self.agent
            self.env.flush_all()
            counts.append(self.env.cr.sql_log_count - before)
        self.assertLessEqual(counts[2], counts[1] + 1)

    def test_nobody_writes_the_log_by_hand(self):
        change = self.propose()
        vals = {"partner_id": self.member.id, "kind": "manual", "state": "applied"}
        for user in (self.manager, self.env.user):
            log = self.changes.with_user(user)
            with self.subTest(user=user.login):
                with self.assertRaises(UserError):
                    log.create(vals)
                with self.assertRaises(UserError):
                    change.with_user(user).write({"state": "applied"})
                with self.assertRaises(UserError):
                    change.with_user(user).unlink()

    def test_even_the_gate_opens_the_decision_only(self):
        with self.assertRaises(UserError):
            gate.opened(self.propose()).write({"new_grade_id": self.agent.id})

    def test_what_was_decided_is_beyond_change_in_the_database(self):
        """Threat W8."""
        self.member.grade_id = self.tier_member
        refused = self.propose(grade=self.agent)
        refused.with_user(self.manager).action_refuse("Not yet")
        self.env.flush_all()
        for change in self.member.tier_change_ids:
            for query in (
                "UPDATE referral_tier_change SET reason = 'x' WHERE id = %s",
                "DELETE FROM referral_tier_change WHERE id = %s",
            ):
                with self.assertDatabaseRefuses(psycopg2.errors.RestrictViolation):
                    self.env.cr.execute(query, (change.id,))
        with self.assertDatabaseRefuses(psycopg2.errors.RestrictViolation):
            self.env.cr.execute("TRUNCATE referral_tier_change CASCADE")

    def test_a_member_with_a_history_is_not_deleted(self):
        member = self.make_member("Old", grade_id=self.agent.id)
        member.invite_code_ids.sudo().unlink()
        with self.assertRaisesRegex(UserError, "Tier Change"):
            member.unlink()
        with self.assertDatabaseRefuses(psycopg2.errors.ForeignKeyViolation):
            self.env.cr.execute("DELETE FROM res_partner WHERE id = %s", (member.id,))

    def test_two_members_who_are_merged_keep_both_histories(self):
        """Threat M2: and of two open proposals for one tier, one is left."""
        other = self.make_member("Same person", grade_id=self.tier_member.id)
        self.inviter.grade_id = self.agent
        self.inviter.grade_id = self.tier_member
        kept = self.propose(self.inviter)
        dropped, moved = self.propose(other), self.propose(other, self.agent)
        wizard = self.env["base.partner.merge.automatic.wizard"].create({})
        wizard._merge((self.inviter + other).ids, self.inviter)
        self.env.invalidate_all()
        log = self.inviter.tier_change_ids
        self.assertEqual(len(log), 6)
        states = [change.state for change in (kept, dropped, moved)]
        self.assertEqual(states, ["proposed", "refused", "proposed"])

    def test_a_member_is_told_by_mail_in_their_language(self):
        self.env["res.lang"]._activate_lang("zh_CN")
        self.member.write({"email": "m@example.com", "lang": "zh_CN"})
        loud = dict.fromkeys(("tracking_disable",))
        context = {k: v for k, v in self.env.context.items() if k not in loud}
        member = self.member.with_env(self.env(context=context))
        sent = self.env["mail.mail"].search([])
        member.grade_id = self.tier_member  # the first tier: joining has its own mail
        self.assertFalse(self.env["mail.mail"].search([]) - sent)
        member.with_context(import_file=True).grade_id = self.agent
        self.assertFalse(self.env["mail.mail"].search([]) - sent)
        member.grade_id = self.distributor
        mail = self.env["mail.mail"].search([]) - sent
        self.assertEqual(mail.recipient_ids, self.member)
        self.assertIn("您的级别", mail.body_html)
        self.env.ref("referral_distribution.mail_template_tier_change").active = False
        member.grade_id = self.agent
        self.assertEqual(self.env["mail.mail"].search([]) - sent, mail)


@tagged("post_install", "-at_install")
class TestDecisions(TierCase):
    """Managers approve and refuse proposals (rule M1)."""

    def test_a_manager_approves_and_the_member_moves_once(self):
        change = self.propose()
        for _time in range(2):
            change.with_user(self.manager).action_approve()
        self.assertEqual(self.member.grade_id, self.distributor)
        self.assertRecordValues(
            change, [{"state": "applied", "user_id": self.manager.id}]
        )
        self.assertEqual(len(self.history(self.member)), 1)

    def test_a_manager_refuses_with_a_reason(self):
        change = self.propose().with_user(self.manager)
        for reason in ("", "  ", None):
            with self.subTest(reason=reason), self.assertRaises(UserError):
                change.action_refuse(reason)
        wizard = self.env["referral.reason"].with_user(self.manager)
        for _time in range(2):
            wizard.create(
                {"tier_change_id": change.id, "reason": " Not yet "}
            ).action_apply()
        self.assertRecordValues(change, [{"state": "refused", "reason": "Not yet"}])
        self.assertFalse(self.member.grade_id)

    def test_what_was_decided_is_not_decided_otherwise(self):
        applied, refused = self.propose(), self.propose(self.inviter)
        applied.with_user(self.manager).action_approve()
        refused.with_user(self.manager).action_refuse("No")
        with self.assertRaisesRegex(UserError, "decided already"):
            applied.with_user(self.manager).action_refuse("Late")
        with self.assertRaisesRegex(UserError, "decided already"):
            refused.with_user(self.manager).action_approve()

    def test_a_proposal_that_the_member_has_left_behind_is_not_applied(self):
        change = self.propose()
        self.member.grade_id = self.agent
        with self.assertRaisesRegex(UserError, "has moved to the tier “Agent”"):
            change.with_user(self.manager).action_approve()
        self.assertEqual(change.state, "proposed")

    def test_who_is_no_active_member_is_not_promoted(self):
        change = self.propose()
        self.member.member_state = "suspended"
        with self.assertRaisesRegex(UserError, "no active member"):
            change.with_user(self.manager).action_approve()

    def test_nobody_approves_their_own_tier(self):
        self.manager.partner_id.member_state = "active"
        change = self.propose(self.manager.partner_id)
        with self.assertRaisesRegex(UserError, "own tier"):
            change.with_user(self.manager).action_approve()

    def test_others_do_not_decide(self):
        change = self.propose()
        for user in (self.sales, self.finance, self.clerk, self.portal):
            with self.subTest(user=user.login):
                with self.assertRaises(AccessError):
                    change.with_user(user).action_approve()
                with self.assertRaises(AccessError):
                    change.with_user(user).action_refuse("No")

    def test_a_member_has_one_open_proposal_for_a_tier(self):
        self.propose()
        with self.assertDatabaseRefuses(psycopg2.errors.UniqueViolation):
            self.propose()

    def test_the_figures_are_a_sentence_in_the_readers_language(self):
        figures = {"valid_leads": [12, 10], "amount": [5.5, 3], "days": 30}
        change = self.propose(figures=figures)
        self.assertRegex(
            change.figures_text,
            r"\AValid leads: 12 of 10; Amount of contracts: .*5\.50",
        )

    def test_a_list_of_changes_takes_the_same_queries_for_two_and_for_forty(self):
        changes = self.changes
        rule = self.make_rule()
        for number in range(40):
            member = self.make_member(f"M {number}")
            changes += self.propose(member, rule_id=rule.id)
        names = ["display_name", "figures_text", "partner_id", "new_grade_id", "state"]
        self.assertReadInOneGo(changes, names, self.manager)


@tagged("post_install", "-at_install")
class TestNoJoiningFee(TierCase):
    """A place in the distribution is not bought (rules G1, M7, threat G1)."""

    def make_partnership(self, grade, **values):
        return self.env["product.product"].create(
            {
                "name": "Membership",
                "type": "service",
                "service_tracking": "partnership",
                "grade_id": grade.id,
                **values,
            }
        )

    def test_no_product_sells_a_tier_with_a_role(self):
        for grade in (self.tier_member, self.agent, self.channel_partner):
            with self.subTest(tier=grade.name), self.assertRaises(ValidationError):
                self.make_partnership(grade)

    def test_nor_becomes_one_later(self):
        gold = self.env["res.partner.grade"].create({"name": "Gold"})
        product = self.make_partnership(gold)
        with self.assertRaises(ValidationError), self.env.cr.savepoint():
            product.grade_id = self.agent
        dormant = self.make_partnership(self.agent, service_tracking="no")
        with self.assertRaises(ValidationError), self.env.cr.savepoint():
            dormant.service_tracking = "partnership"

    def test_no_role_for_a_level_that_products_sell_even_archived_ones(self):
        gold = self.env["res.partner.grade"].create({"name": "Gold"})
        self.make_partnership(gold, active=False)
        with self.assertRaisesRegex(ValidationError, "Membership"):
            gold.referral_role = "member"

    def test_an_order_that_sells_a_tier_all_the_same_is_not_confirmed(self):
        gold = self.env["res.partner.grade"].create({"name": "Gold"})
        order = self.make_order(partner_id=self.member.id)
        order.order_line.product_id = self.make_partnership(gold)
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE res_partner_grade SET referral_role = 'agent' WHERE id = %s",
            (gold.id,),
        )
        self.env.invalidate_all()
        with self.assertRaisesRegex(UserError, "never pay"):
            order.action_confirm()

    def test_levels_without_a_role_are_sold_as_before(self):
        gold = self.env["res.partner.grade"].create({"name": "Gold"})
        order = self.make_order(partner_id=self.member.id)
        order.order_line.product_id = self.make_partnership(gold)
        with mute_logger("odoo.models"):
            order.action_confirm()
        self.assertEqual(self.member.grade_id, gold)
        self.assertEqual(self.history(self.member)[0][1:], (gold, "manual", "applied"))
