import json

import psycopg2

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from odoo.addons.referral_distribution.engine import canonical, commission
from odoo.addons.referral_distribution.models import gate

from .common import ReferralCase


@tagged("post_install", "-at_install")
class TestExplanations(ReferralCase):
    """Every figure explains itself, and comes out the same again (rule C8)."""

    def confirm(self, **values):
        order = self.make_paid_contract(**values)
        order.with_user(self.finance).action_referral_confirm()
        return order.with_env(self.env).referral_commission_ids.sorted("level")

    # ----------------------------------------------------------------- sentences

    def test_the_sentence_of_a_first_contract_and_of_the_inviter(self):
        """120,000 at 0.5 per cent: 600, and 60 for the inviter (rules C1, M4)."""
        own, share = self.confirm()
        plan = f"Money plan v{self.plan.version}"
        self.assertRegex(own.explanation_text, r"120,000\.00.* × 0\.5 % = .*600\.00")
        self.assertIn(f"({plan}, First contract, phase 1)", own.explanation_text)
        self.assertRegex(
            share.explanation_text, r"inviter level 1: 10 % of .*600\.00.* = .*60\.00"
        )
        self.assertIn(f"({plan}, Inviter, phase 1)", share.explanation_text)

    def test_the_sentence_of_a_second_contract_names_its_phase(self):
        """Rule C2."""
        lead = self.make_lead()
        self.confirm(lead=lead)
        own, _share = self.confirm(lead=lead)
        self.assertRegex(own.explanation_text, r"× 1 % = .*1,200\.00")
        self.assertIn("phase 2", own.explanation_text)

    def test_a_member_reads_its_sentence_in_its_own_language(self):
        own, _share = self.confirm()
        mine = own.with_user(self.portal)
        self.assertIn("600.00", mine.explanation_text)
        self.env["res.lang"]._activate_lang("zh_CN")
        self.assertIn("期", mine.with_context(lang="zh_CN").explanation_text)

    def test_a_reward_in_another_currency_tells_the_rate(self):
        other = self.env.ref("base.EUR" if self.currency.name != "EUR" else "base.USD")
        other.active = True
        other.rate_ids.unlink()
        self.env["res.currency.rate"].create(
            {"currency_id": other.id, "rate": 0.5, "name": "2020-01-01"}
        )
        self.make_plan(
            [{"name": "Abroad", "rate": 1, "currency_id": other.id}]
        )._activate()
        [line] = self.confirm()
        self.assertRegex(line.explanation_text, r"× 1 % × 0\.5 = .*600\.00")

    def test_what_is_below_own_rates_and_limits_are_told(self):
        """Rules C4, C5: from the engine's notes."""
        own, _share = self.confirm()
        notes = {
            "rate_type": "differential",
            "below": "100",
            "own_rate": "1",
            "cap": "order",
            "uncapped": "900",
            "given_up": "60",
        }
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE referral_commission SET explanation = explanation || %s::jsonb"
            " WHERE id = %s",
            [json.dumps(notes), own.id],
        )
        self.env.invalidate_all()
        for words in (
            r"× 0\.5 % − .*100\.00 given below = .*600\.00",
            "a rate agreed with this person",
            r"limited from .*900\.00",
            r"60\.00 of it went to inviters",
        ):
            self.assertRegex(own.explanation_text, words)

    # ------------------------------------------------------------------- replays

    def test_the_same_cents_come_from_what_was_kept_alone(self):
        lines = self.confirm(amount=12345.67)
        lines |= self.make_validated().referral_commission_ids
        kept = {line: line.amount for line in lines}
        # whatever becomes of plan, people and contract
        self.make_plan([{"name": "All", "rate": 50}])._activate()
        self.env.flush_all()
        self.env.cr.execute("UPDATE referral_plan_rule SET rate = 7, amount = 7")
        self.env.cr.execute(
            "UPDATE sale_order SET amount_untaxed = 1, project_phase = 9"
        )
        self.env.invalidate_all()
        self.member.accepts_commission = False
        for line, (state, amount) in lines._replay().items():
            self.assertEqual(state, "same")
            self.assertEqual(float(amount), kept[line])
        self.assertEqual(set(lines.mapped("replay_state")), {"same"})
        self.assertEqual(lines.mapped("replayed_amount"), list(kept.values()))

    def make_validated(self):
        lead = self.make_lead()
        lead.with_user(self.sales).action_referral_validate()
        return lead

    def test_the_lines_of_one_contract_share_what_they_were_computed_from(self):
        own, share = self.confirm()
        self.assertTrue(own.calculation_id)
        self.assertEqual(own.calculation_id, share.calculation_id)

    def test_who_was_merged_since_is_still_found(self):
        own, _share = self.confirm()
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE referral_commission SET partner_id = %s WHERE id = %s",
            [self.grandparent.id, own.id],
        )
        self.env.invalidate_all()
        self.assertEqual(own.replay_state, "same")

    def test_a_figure_that_was_tampered_with_differs(self):
        own, share = self.confirm()
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE referral_commission SET amount = 600.01 WHERE id = %s", [own.id]
        )
        self.env.invalidate_all()
        self.assertRecordValues(
            own | share,
            [
                {"replay_state": "differs", "replayed_amount": 600.0},
                {"replay_state": "same", "replayed_amount": 60.0},
            ],
        )

    def test_what_was_given_before_inputs_were_kept_says_so(self):
        own, _share = self.confirm()
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE referral_commission SET calculation_id = NULL WHERE id = %s",
            [own.id],
        )
        self.env.invalidate_all()
        self.assertEqual(own._replay(), {own: ("none", None)})
        self.assertRecordValues(own, [{"replay_state": "none", "replayed_amount": 0}])
        self.assertIn("600.00", own.explanation_text)

    def test_what_this_version_cannot_read_says_so(self):
        own, _share = self.confirm()
        unknown = gate.opened(self.env["referral.calculation"]).create(
            {"company_id": self.company.id, "facts": '{"of": "later"}', "rules": "[]"}
        )
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE referral_commission SET calculation_id = %s WHERE id = %s",
            [unknown.id, own.id],
        )
        self.env.invalidate_all()
        self.assertEqual(own.replay_state, "unreadable")

    def test_what_takes_a_reward_back_has_nothing_to_compute(self):
        own, _share = self.confirm()
        taken = own._reverse("A mistake", 100)
        self.assertEqual(set(taken.mapped("replay_state")), {"none"})
        self.assertEqual(own.replay_state, "same")

    def test_confirming_again_keeps_nothing_twice(self):
        [own, _share] = lines = self.confirm()
        count = self.env["referral.calculation"].search_count([])
        self.env["referral.commission"]._accrue("contract", own.order_id)
        self.assertEqual(self.env["referral.calculation"].search_count([]), count)
        self.assertEqual(own.order_id.referral_commission_ids, lines)

    def test_the_kept_facts_are_shown_in_words(self):
        own, _share = self.confirm()
        calculation = own.calculation_id.with_user(self.finance)
        for words in ("Phase", "120000", "Untaxed amount", self.inviter.name, "Day"):
            self.assertIn(words, calculation.facts_table)
        for words in ("Rate (%)", "Contract confirmed", "First contract of a customer"):
            self.assertIn(words, calculation.rules_table)
        for own_name in ("channel_kind", "paying_levels", "rate_type"):
            self.assertNotIn(own_name, calculation.facts_table)
            self.assertNotIn(own_name, calculation.rules_table)

    def test_finance_sees_which_rewards_come_out_differently(self):
        own, share = self.confirm()
        lines = (own | share).with_user(self.finance)
        notice = lines.action_replay()
        self.assertIn("2 rewards come out the same", notice["params"]["message"])
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE referral_commission SET amount = 61 WHERE id = %s", [share.id]
        )
        self.env.invalidate_all()
        self.assertEqual(lines.action_replay()["domain"], [("id", "in", share.ids)])
        for user in (self.sales, self.portal):
            with self.assertRaises(AccessError):
                lines.with_user(user).action_replay()

    # -------------------------------------------------------------- what is kept

    def test_the_database_keeps_what_a_reward_was_computed_from(self):
        own, _share = self.confirm()
        calculation = own.calculation_id
        self.env.flush_all()
        for statement in (
            "UPDATE referral_calculation SET facts = '{}' WHERE id = %s",
            "DELETE FROM referral_calculation WHERE id = %s",
        ):
            with self.assertDatabaseRefuses(psycopg2.errors.RestrictViolation):
                self.env.cr.execute(statement, [calculation.id])
        for change in (
            lambda: calculation.write({"facts": "{}"}),
            calculation.unlink,
            lambda: calculation.create(
                {"company_id": self.company.id, "facts": "{}", "rules": "[]"}
            ),
        ):
            with self.assertRaises(UserError):
                change()

    def test_sales_and_members_do_not_read_it(self):
        own, _share = self.confirm()
        for user in (self.sales, self.portal):
            with self.assertRaises(AccessError):
                own.with_user(user).read(["calculation_id"])
            with self.assertRaises(AccessError):
                own.calculation_id.with_user(user).read(["facts"])
        self.assertTrue(own.with_user(self.finance).calculation_id)

    def test_what_is_written_today_reads_for_ever(self):
        """A text of the first version: it must give these cents in all later ones."""
        facts = (
            '{"bases":{"total":"135600","untaxed":"120000"},"currencies":{"CNY":'
            '{"factor":"1","rounding":"0.01"}},"people":[{"id":7},{"id":3}],"phase":1,'
            '"trigger":"contract"}'
        )
        rules = (
            '[{"base":"untaxed","currency":"CNY","id":1,"phase":"first","rate":"0.5",'
            '"trigger":"contract"},{"base":"member_reward","currency":"CNY","id":3,'
            '"level":1,"rate":"10","trigger":"contract"}]'
        )
        lines = commission.compute(
            canonical.read(commission.Facts, facts),
            canonical.read(tuple[commission.Rule, ...], rules),
        )
        found = [(line.person, line.level, str(line.amount)) for line in lines]
        self.assertEqual(found, [(7, 0, "600.00"), (3, 1, "60.00")])
