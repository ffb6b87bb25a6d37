from unittest.mock import patch

from psycopg2.extras import Json

from odoo.exceptions import ValidationError
from odoo.tests import tagged

from odoo.addons.referral_distribution.models.referral_plan_rule import Trigger

from .test_plan_rules import RuleCase

RULES = (
    {"name": "Review", "trigger": "review", "rate_type": "fixed", "amount": 7},
    {
        "name": "Its inviter",
        "trigger": "review",
        "level": 1,
        "base": "member_reward",
        "rate": 10,
    },
)


@tagged("post_install", "-at_install")
class TestTriggerOfAnAddon(RuleCase):
    """An addon adds a trigger: "a customer's review", which stands on the lead (C4).

    What the addon would declare is put in place for the test: the choice, the hook, the
    two constraints of the database.
    """

    def setUp(self):
        super().setUp()
        model = self.env.registry["referral.plan.rule"]
        field = model._fields["trigger"]
        choices = [*field.selection, ("review", "Review of a customer")]
        self.startPatcher(patch.object(field, "selection", choices))
        self.startPatcher(patch.object(field, "_selection", dict(choices)))
        self.add_label()
        known = model._get_triggers

        def get_triggers(rules):
            lead = Trigger("crm.lead", amount=False)
            return {**known(rules), "review": lead}

        self.startPatcher(patch.object(model, "_get_triggers", get_triggers))

    def add_label(self):
        self.env.cr.execute(
            "INSERT INTO ir_model_fields_selection (field_id, value, name, sequence)"
            " SELECT id, 'review', %s, 9 FROM ir_model_fields"
            " WHERE model = 'referral.plan.rule' AND name = 'trigger'",
            (Json({"en_US": "Review of a customer"}),),
        )
        self.env.registry.clear_cache("stable")
        self.addCleanup(self.env.registry.clear_cache, "stable")

    def redeclare(self):
        """As the addon's ``models.Constraint`` of the same names would."""
        self.env.flush_all()
        for table, name, allowed in (
            ("referral_plan_rule", "trigger_known", "trigger = 'review'"),
            (
                "referral_commission",
                "trigger_has_source",
                "trigger = 'review' AND lead_id IS NOT NULL",
            ),
        ):
            self.env.cr.execute(
                "SELECT pg_get_constraintdef(oid) FROM pg_constraint"
                " WHERE conname = %s",
                (f"{table}_{name}",),
            )
            [[definition]] = self.env.cr.fetchall()
            widened = definition.replace("CHECK (", f"CHECK (({allowed}) OR (", 1) + ")"
            self.env.cr.execute(
                f"ALTER TABLE {table} DROP CONSTRAINT {table}_{name},"
                f" ADD CONSTRAINT {table}_{name} {widened}"
            )

    def test_its_rewards_are_given_once_explained_and_computed_again(self):
        self.redeclare()
        self.make_plan(RULES)._activate()
        lead = self.make_lead()
        commissions = self.env["referral.commission"]
        lines = commissions._accrue("review", lead)
        self.assertRewards(lead, [(self.member, 0, 7.0), (self.inviter, 1, 0.7)])
        self.assertFalse(commissions._accrue("review", lead))
        self.assertEqual({state for state, _ in lines._replay().values()}, {"same"})
        self.assertIn("Review of a customer", lines.rule_id.mapped("sentence")[0])

    def test_people_have_own_rates_for_it(self):
        self.redeclare()
        self.make_plan(RULES)._activate()
        own = {"partner_id": self.inviter.id, "trigger": "review", "level": 1}
        self.make_rate(**{**own, "rate": 50})
        lead = self.make_lead()
        self.env["referral.commission"]._accrue("review", lead)
        self.assertRewards(lead, [(self.member, 0, 7.0), (self.inviter, 1, 3.5)])

    def test_its_rules_are_checked_as_all_are(self):
        self.redeclare()
        with self.assertRaisesRegex(ValidationError, "amount"):
            self.make_plan([{"name": "R", "trigger": "review", "rate": 5}])

    def test_without_the_constraints_the_database_refuses_it(self):
        """Rule M7: a trigger says which document it stands on, or pays nobody."""
        with self.assertDatabaseRefuses():
            self.make_plan(RULES)
            self.env.flush_all()
