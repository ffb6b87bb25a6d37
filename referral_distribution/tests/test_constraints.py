import psycopg2

from odoo.orm.table_objects import Constraint
from odoo.tests import tagged
from odoo.tools import mute_logger

from . import checks
from .checks import CLUB, NOT_FINITE
from .common import ReferralCase

ADDON = "referral_distribution"


@tagged("post_install", "-at_install")
class TestCatalogue(ReferralCase):
    """A constraint that could not be applied is only a warning: so look (threat O2)."""

    def declared(self):
        for model in self.env.values():
            if model._auto and not model._abstract:
                for table_object in model._table_objects.values():
                    if table_object._module == ADDON:
                        yield model, table_object

    def test_every_declared_constraint_and_index_is_in_the_database(self):
        self.env.cr.execute(
            "SELECT conname FROM pg_constraint UNION SELECT indexname FROM pg_indexes"
        )
        existing = {name for (name,) in self.env.cr.fetchall()}
        declared = [item.full_name(model) for model, item in self.declared()]
        self.assertGreater(len(declared), 15)
        self.assertEqual([name for name in declared if name not in existing], [])

    def test_tables_that_only_grow_have_their_triggers_and_they_are_on(self):
        self.env.cr.execute(
            "SELECT tgname, tgenabled FROM pg_trigger WHERE tgname LIKE %s",
            (r"referral\_%\_forbid\_%",),
        )
        found = dict(self.env.cr.fetchall())
        for table in (
            "referral_calculation",
            "referral_click",
            "referral_commission_grant",
            "referral_inviter_change",
            "referral_lead_hold",
            "referral_tier_change",
            "referral_trail_entry",
            "referral_trail_head",
            "referral_trail_seal",
            "referral_trail_seal_line",
        ):
            for event in ("change", "truncate"):
                self.assertEqual(found.get(f"{table}_forbid_{event}"), "O", table)

    def test_the_invite_tree_has_its_segments_and_their_indexes(self):
        """They are made by SQL: without them a team is wrong, or found slowly."""
        self.env.cr.execute(
            "SELECT attgenerated, collname, pg_get_expr(adbin, adrelid)"
            " FROM pg_attribute JOIN pg_collation kind ON kind.oid = attcollation"
            " JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum"
            " WHERE attrelid = 'referral_invite_node'::regclass AND attname = 'segment'"
        )
        [(generated, collation, expression)] = self.env.cr.fetchall()
        self.assertEqual((generated, collation), ("s", "C"))
        self.assertIn("referral_invite_segment", expression)
        self.env.cr.execute(
            "SELECT indexrelid::regclass::text, indisunique, indisvalid,"
            "  pg_get_indexdef(indexrelid) FROM pg_index"
            " WHERE indrelid = 'referral_invite_node'::regclass"
        )
        found = {name: facts for name, *facts in self.env.cr.fetchall()}
        for name, unique, columns in (
            (
                "segment_index",
                False,
                "(segment) INCLUDE (partner_id, is_member, depth)",
            ),
            ("anchor_index", False, "(segment) INCLUDE (partner_id) WHERE"),
            ("partner_unique", True, "(partner_id) INCLUDE (depth)"),
        ):
            with self.subTest(name=name):
                facts = found[f"referral_invite_node_{name}"]
                self.assertEqual(facts[:2], [unique, True])
                self.assertIn(columns, facts[2])
        self.env.cr.execute(
            "SELECT attname FROM pg_attribute WHERE attnotnull AND attnum > 0"
            " AND attrelid = 'referral_invite_node'::regclass"
        )
        required = {name for (name,) in self.env.cr.fetchall()}
        self.assertLessEqual({"partner_id", "path", "depth", "is_member"}, required)

    def test_a_member_has_one_place_and_none_without_the_contact(self):
        """Rule M3: the unique index and the foreign key, past the ORM."""
        for change, error in (
            (self.inviter.id, psycopg2.errors.UniqueViolation),
            (0, psycopg2.errors.ForeignKeyViolation),
        ):
            with self.assertDatabaseRefuses(error):
                self.env.cr.execute(
                    "UPDATE referral_invite_node SET partner_id = %s"
                    " WHERE partner_id = %s",
                    (change, self.member.id),
                )

    def test_every_check_has_a_test_here(self):
        """So that a new CHECK does not come without one."""
        checks = {
            item.full_name(model)
            for model, item in self.declared()
            if isinstance(item, Constraint)
            and "CHECK" in item.get_definition(self.registry)
        }
        tested = {name for name, _table, _changes in TestChecks.CASES}
        self.assertEqual(checks - tested, set())

    def test_every_message_tells_what_to_do(self):
        silent = {"referral_trail_entry", "referral_trail_head", "referral_click"}
        for model, item in self.declared():
            if isinstance(item, Constraint) and model._table not in silent:
                with self.subTest(name=item.name):
                    self.assertTrue(item.message)

    def test_what_rewards_stand_on_cannot_be_deleted_away(self):
        """Foreign keys to people, leads, contracts, links: restrict (ledger rule 6)."""
        facts = (
            *("referral_commission", "referral_commission_grant"),
            "referral_settlement",
            "referral_trail_entry",
            "referral_trail_head",
            "referral_link",
            "referral_click",
            "referral_click_figure",
            "referral_link_burst",
            "referral_share",
            "referral_invite_code",
            "referral_lead_hold",
            "referral_tier_change",
            "referral_inviter_change",
        )
        grounds = (
            "res_partner",
            "crm_lead",
            "sale_order",
            "account_move",
            *("referral_calculation", "referral_commission_grant"),
            "referral_plan_rule",
            "referral_channel",
            "referral_link",
            "referral_settlement",
            "referral_tier_rule",
            "referral_hold_rule",
            "res_partner_grade",
        )
        self.env.cr.execute(
            "SELECT conrelid::regclass::text, confrelid::regclass::text, confdeltype"
            " FROM pg_constraint WHERE contype = 'f'"
            " AND conrelid::regclass::text IN %s AND confrelid::regclass::text IN %s",
            (facts, grounds),
        )
        found = self.env.cr.fetchall()
        self.assertGreater(len(found), 12)
        self.assertEqual([row for row in found if row[2] not in "ra"], [])


@tagged("post_install", "-at_install")
class TestChecks(ReferralCase):
    """Each CHECK, by raw SQL past the ORM (threats W6, W7, G1)."""

    CASES = (
        *checks.COMMISSION_CHECKS,
        *checks.PLAN_CHECKS,
        (
            "referral_link_burst_cleared_complete",
            "referral_link_burst",
            ["state = 'cleared'", "cleared_at = now()", "cleared_reason = 'x'"],
        ),
        (
            "referral_erasure_request_decision_complete",
            "referral_erasure_request",
            ["state = 'done'", "state = 'refused', decided_at = now()"],
        ),
        (
            "referral_compliance_signoff_decided_by_another",
            "referral_compliance_signoff",
            ["state = 'signed', decided_at = now(), decider_id = requester_id"],
        ),
        (
            "referral_compliance_signoff_decision_recorded",
            "referral_compliance_signoff",
            ["state = 'signed'", "state = 'refused', decided_at = now()"],
        ),
        (
            "referral_compliance_signoff_revocation_recorded",
            "referral_compliance_signoff",
            [],  # from "signed" only: see test_compliance
        ),
        ("referral_share_waits_first", "referral_share", ["reward_state = 'waiting'"]),
        ("referral_share_no_hashes_kept", "referral_share", ["ip_hash = 'x'"]),
        (
            "referral_plan_rule_trigger_known",
            "referral_plan_rule",
            ["trigger = 'recruit'", "trigger = ''"],
        ),
        (
            "referral_plan_rule_level_range",
            "referral_plan_rule",
            ["level = -1", "level = 3"],
        ),
        (
            "referral_plan_rule_rate_range",
            "referral_plan_rule",
            ["rate = 100.1", *(f"rate = {bad}" for bad in NOT_FINITE[:4])],
        ),
        (
            "referral_plan_rule_amount_finite",
            "referral_plan_rule",
            [f"amount = {bad}" for bad in NOT_FINITE],
        ),
        (
            "referral_plan_bracket_values_range",
            "referral_plan_bracket",
            [
                *(f"amount_from = {bad}" for bad in NOT_FINITE),
                *(f"rate = {bad}" for bad in NOT_FINITE[:4]),
            ],
        ),
        (
            "referral_territory_period_order",
            "referral_territory",
            ["date_to = date_from - 1"],
        ),
        (
            "referral_territory_city_or_zip",
            "referral_territory",
            ["city_key = 'x'"],
        ),
        (
            "referral_territory_zip_prefix_form",
            "referral_territory",
            [
                f"zip_prefix = {bad}"
                for bad in ("''", "'51%'", "'abc'", "'12345678901'")
            ],
        ),
        (
            "referral_link_alias_form",
            "referral_link",
            [
                f"alias = {bad}"
                for bad in ("''", "'ab'", "'Abc'", "'a--b'", "repeat('a', 41)")
            ],
        ),
        *checks.CHANNEL_CHECKS,
        *checks.HOLD_CHECKS,
        *checks.GRANT_CHECKS,
        (
            "referral_tier_rule_thresholds_range",
            "referral_tier_rule",
            [
                *(f"min_amount = {bad}" for bad in NOT_FINITE),
                "min_valid_leads = -1, min_contracts = 1",
                "min_contracts = -1",
                "min_direct_team = -1",
                "min_team = -1",
            ],
        ),
        (
            "referral_tier_rule_own_success",
            "referral_tier_rule",
            [
                "min_valid_leads = 0, min_team = 30, min_direct_team = 3",
                "min_valid_leads = NULL, min_contracts = NULL, min_amount = NULL",
            ],
        ),
        (
            "referral_tier_rule_period_range",
            "referral_tier_rule",
            ["period_days = 6", "period_days = 3651"],
        ),
        (
            "referral_tier_rule_keep_range",
            "referral_tier_rule",
            ["keep_percent = 0", "keep_percent = 91"],
        ),
        (
            "referral_tier_change_decided_has_date",
            "referral_tier_change",
            ["state = 'applied'", "decided_at = now()"],
        ),
        (
            "referral_tier_change_changes_something",
            "referral_tier_change",
            ["new_grade_id = old_grade_id"],
        ),
        (
            "referral_tier_change_by_a_rule",
            "referral_tier_change",
            ["rule_id = NULL", "kind = 'manual'"],
        ),
        (
            "res_company_referral_click_limit_address_range",
            "res_company",
            [
                "referral_click_limit_address = -1",
                "referral_click_limit_address = 1000001",
            ],
        ),
        (
            "res_company_referral_click_limit_link_range",
            "res_company",
            [
                "referral_click_limit_link = -1",
                "referral_click_limit_link = 100000001",
            ],
        ),
        (
            "res_company_referral_attribution_days_range",
            "res_company",
            [
                "referral_attribution_days = 0",
                "referral_attribution_days = -1",
                "referral_attribution_days = 401",
            ],
        ),
        (
            "referral_invite_code_used_once",
            "referral_invite_code",
            ["kind = 'personal', used_by_id = partner_id, used_at = now()"],
        ),
        (
            "referral_invite_code_use_complete",
            "referral_invite_code",
            [
                "kind = 'single_use', used_by_id = partner_id",
                "kind = 'single_use', used_at = now()",
            ],
        ),
        (
            "referral_external_ref_ref_given",
            "referral_external_ref",
            ["ref = ''", "ref = '  '"],
        ),
        (
            "referral_inviter_change_reason_given",
            "referral_inviter_change",
            ["reason = ''", "reason = '  '"],
        ),
        (
            "referral_inviter_change_applied_complete",
            "referral_inviter_change",
            ["state = 'applied'"],
        ),
        (
            "referral_poster_design_background_color_form",
            "referral_poster_design",
            ["background_color = 'red'", "background_color = '#12345g'"],
        ),
        (
            "referral_poster_box_within_canvas",
            "referral_poster_box",
            ["x = -1", "y = -1", "x = 601", "y = 1185", "width = 2147483647"],
        ),
        (
            "referral_poster_box_large_enough",
            "referral_poster_box",
            ["width = 19", "height = 0", "kind = 'qr'", "width = -5"],
        ),
        (
            "referral_poster_box_font_size_range",
            "referral_poster_box",
            ["font_size = 11", "font_size = 201", "font_size = -1"],
        ),
        (
            "referral_poster_box_radius_range",
            "referral_poster_box",
            ["radius = -1", "radius = 376"],
        ),
        (
            "referral_poster_box_color_form",
            "referral_poster_box",
            ["color = 'red'", "color = '#1234567'", "color = '#12345' || chr(10)"],
        ),
        (
            "referral_invite_node_depth_natural",
            "referral_invite_node",
            ["depth = -1"],
        ),
        (
            "res_company_referral_paying_levels_cap",
            "res_company",
            ["referral_paying_levels = '4'", "referral_paying_levels = '0'"],
        ),
        (
            "res_company_referral_people_line_range",
            "res_company",
            ["referral_people_line = 1", "referral_people_line = -1"],
        ),
        (
            "res_company_referral_levels_line_range",
            "res_company",
            ["referral_levels_line = 1", "referral_levels_line = 2000"],
        ),
        (
            "res_company_referral_warn_percent_range",
            "res_company",
            ["referral_warn_percent = 0", "referral_warn_percent = 101"],
        ),
        (
            "res_partner_inviter_not_self",
            "res_partner",
            ["inviter_id = id"],
        ),
    )

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        lead = cls.make_lead()
        lead.with_user(cls.sales).action_referral_validate()
        lead.referral_commission_ids.with_user(cls.finance).action_collect()
        step = (0, 0, {"amount_from": 0, "rate": 1})
        cls.make_rate(date_to="2099-12-31")
        bracket = {"name": "B", "rate_type": "bracket", "bracket_ids": [step]}
        cls.make_plan([{**bracket, "rate": 1}])
        cls.env["referral.territory"].create(
            {
                "agent_id": cls.make_agent("Agent").id,
                "country_id": cls.env.ref("base.cn").id,
                "zip_prefix": "518",
            }
        )
        tier = cls.env.ref("referral_distribution.res_partner_grade_agent").id
        rule = cls.env["referral.tier.rule"].create(
            {"name": "R", "grade_id": tier, "min_valid_leads": 1}
        )
        cls.env["referral.tier.change"]._log(
            {
                "partner_id": cls.member.id,
                "new_grade_id": tier,
                "kind": "promotion",
                "rule_id": rule.id,
            }
        )
        cls.env["referral.compliance.signoff"].with_user(cls.manager).create(
            {"reason": "Opinion of counsel"}
        )
        cls._make_contract_and_channel(lead)
        cls.make_privacy(cls.env)
        cls.make_burst()
        cls.make_hold(lead)
        cls.env["referral.share"].create({"link_id": cls.link.id, "method": "copy"})
        cls.env["referral.external.ref"]._add({cls.member.id: "7"}, cls.company)
        logo = {"kind": "logo", "x": 200, "y": 200, "width": 150, "height": 150}
        cls.env["referral.poster.design"].create({"name": "D"}).box_ids = [(0, 0, logo)]
        cls.env.flush_all()

    @classmethod
    def _make_contract_and_channel(cls, lead):
        cls.make_order(lead)
        cls.make_explained(cls.plan, lead)
        cls.env["referral.inviter.change"].create(
            {"partner_id": cls.member.id, "reason": "Top of its own tree"}
        )
        cls.env["referral.channel"].create({**CLUB, "partner_id": cls.inviter.id})

    def test_every_check_refuses_what_it_is_for(self):
        for name, table, changes in self.CASES:
            for change in changes:
                with self.subTest(constraint=name, change=change):
                    self.assertEqual(self.find_guard(table, change), name)

    def find_guard(self, table, change):
        """Return the constraint that stops the change of the newest row."""
        query = f"UPDATE {table} SET {change} WHERE id = (SELECT max(id) FROM {table})"
        try:
            with mute_logger("odoo.sql_db"), self.env.cr.savepoint():
                self.env.cr.execute(query)
        except psycopg2.errors.CheckViolation as error:
            return error.diag.constraint_name
        return None

    def test_a_reward_is_given_once(self):
        """Its natural key: source, trigger, rule, beneficiary, level."""
        with self.assertDatabaseRefuses(psycopg2.errors.UniqueViolation):
            self.env.cr.execute(
                "INSERT INTO referral_commission (company_id, partner_id, trigger,"
                " lead_id, rule_id, level, instalment, amount, reversed_amount,"
                " currency_id, state, explanation)"
                " SELECT company_id, partner_id, trigger, lead_id, rule_id, level,"
                " instalment, 999, 0, currency_id, 'pending', explanation"
                " FROM referral_commission LIMIT 1"
            )

    def test_a_company_has_one_active_plan(self):
        draft = self.make_plan()
        with self.assertDatabaseRefuses(psycopg2.errors.ExclusionViolation):
            draft._set_state("active")
