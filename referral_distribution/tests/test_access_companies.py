from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import tagged

from odoo.addons.referral_distribution.engine.visit import Visit

from .access import MATRIX, AccessCase


@tagged("post_install", "-at_install")
class TestCompanies(AccessCase):
    """Another company's records are invisible (threat P3)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other = cls.env["res.company"].create({"name": "Other"})
        cls.theirs = cls._make_theirs()

    @classmethod
    def _make_theirs(cls):
        env = cls.env(context={**cls.env.context, "allowed_company_ids": cls.other.ids})
        company = {"company_id": cls.other.id}
        step = (0, 0, {"amount_from": 0, "rate": 1})
        rule = {"name": "B", "rate_type": "bracket", "bracket_ids": [step]}
        plan = cls.make_plan([rule], **company).with_env(env)
        channel = env["referral.channel"].create({"name": "Theirs", **company})
        link = env["referral.link"]._obtain(cls.member, channel, "/theirs")
        env["referral.click"]._record(link.code, Visit("10.0.0.1", "browser"))
        cls.roll_up()
        lead = env["crm.lead"].create(
            {"name": "Theirs", "referral_link_id": link.id, **company}
        )
        commission = cls._make_commission(plan.rule_ids, lead)
        return [
            plan,
            plan.rule_ids,
            plan.rule_ids.bracket_ids,
            cls.make_rate(**company).with_env(env),
            channel,
            link,
            env["referral.click"].search([("link_id", "=", link.id)]),
            cls.env["referral.click.figure"].search([("link_id", "=", link.id)]),
            cls.make_burst(link),
            cls._make_true_up(env, company),
            env["referral.share"].create({"link_id": link.id, "method": "copy"}),
            lead.referral_trail_ids[0],
            cls.make_hold(lead),
            lead.sudo().referral_hold_ids.rule_id,
            *cls.make_seal(),
            commission,
            env["referral.settlement"]._collect(commission),
            *cls.make_members_own(env),
            *cls.make_tier_change(env, cls.other),
            *cls.make_compliance(),
            *cls.make_outside(env),
            *cls.make_privacy(env),
            *cls.make_poster(env),
            *cls.make_explained(plan, lead),
        ]

    @classmethod
    def _make_true_up(cls, env, company):
        vals = {"partner_id": cls.customer.id, **company}
        return cls.make_true_up(env["sale.order"].create(vals))

    @classmethod
    def make_seal(cls):
        """Return their seal, a line of it, and a verification."""
        seal = cls.env["referral.trail.seal"]._seal(cls.other)
        check = cls.env["referral.trail.check"]._start(cls.other)
        return [seal, seal.line_ids[0], check]

    @classmethod
    def make_poster(cls, env):
        """Return their poster design and a box of it."""
        company = {"company_id": cls.other.id}
        design = env["referral.poster.design"].create({"name": "Theirs", **company})
        return [design, design.box_ids[0]]

    @classmethod
    def make_members_own(cls, env):
        """Return their code, change of inviter, territory and gap."""
        return [
            env["referral.invite.code"].create(
                {
                    "partner_id": cls.member.id,
                    "kind": "single_use",
                    "company_id": cls.other.id,
                }
            ),
            env["referral.inviter.change"].create(
                {"partner_id": cls.member.id, "reason": "Top of its own tree"}
            ),
            env["referral.territory"].create(
                {
                    "agent_id": cls.make_agent("Agent").id,
                    "country_id": cls.env.ref("base.cn").id,
                    "city": "深圳",
                }
            ),
            env["referral.territory.gap"].search(
                [("company_id", "=", cls.other.id)], limit=1
            ),
        ]

    @classmethod
    def make_outside(cls, env):
        """Return what an outside site asked of them, and how it calls a member."""
        requests = env["referral.api.request"]
        requests._answer_once("theirs", "method", {}, dict)
        vals = {"partner_id": cls.member.id, "ref": "theirs"}
        return [
            requests.search([("key", "=", "theirs")]),
            env["referral.external.ref"].create(vals),
        ]

    @classmethod
    def make_compliance(cls):
        """Return their sign-off, tree figure and report, made by their own manager."""
        manager = cls.make_user(
            "rd_their_manager",
            "manager",
            company_id=cls.other.id,
            company_ids=[Command.set(cls.other.ids)],
        )
        env = cls.env(user=manager)
        root = cls.make_member("Root", company_id=cls.other.id)
        cls.make_member("Below", company_id=cls.other.id, inviter_id=root.id)
        figures = cls.env["referral.tree.figure"]
        figures._count(cls.other)
        return [
            env["referral.compliance.signoff"].create({"reason": "Theirs"}),
            figures.search([("root_id", "=", root.id)]),
            env["referral.compliance.report"].create({}),
        ]

    @classmethod
    def _make_commission(cls, rule, lead):
        return rule.env["referral.commission"].create(
            {
                "company_id": cls.other.id,
                "partner_id": cls.member.id,
                "trigger": "lead_valid",
                "lead_id": lead.id,
                "rule_id": rule.id,
                "level": 0,
                "amount": 1,
                "currency_id": cls.currency.id,
                "state": "approved",
                "due_date": cls.other._referral_today(),
                "explanation": {"rate_type": "fixed"},
            }
        )

    def test_every_model_that_belongs_to_a_company_is_tried(self):
        tried = {record._name for record in self.theirs}
        without = {
            "referral.click.mark",
            "referral.invite.node",
            "referral.lead.meeting",
            "referral.poster.picture",
            "referral.reason",
            "referral.signoff.reason",
            "referral.simulation.past",
            "referral.trail.head",
        }
        without |= {name for name in MATRIX if self.env[name]._abstract}
        without |= {  # only who made one sees it, or it holds nothing of a company
            "referral.csv.download",
            "referral.erasure",
            "referral.invite.code.batch",
            "referral.link.batch",
            "referral.member.import",
            "referral.member.join",
            "referral.plan.trial",
            "referral.settlement.pay",
            "referral.trail.verify",
        }
        self.assertEqual(set(MATRIX) - without, tried)

    def test_no_role_sees_records_of_another_company(self):
        for record in self.theirs:
            for role in MATRIX[record._name]["read"].split():
                if role == "portal" and record._name != "referral.channel":
                    continue  # the member's own, whatever the company: see below
                mine = record.with_env(self.env(user=self.users[role]))
                self.env.invalidate_all()
                with self.subTest(model=record._name, role=role):
                    self.assertTrue(record.exists())
                    self.assertFalse(mine.search([("id", "=", record.id)]))
                    with self.assertRaises(AccessError):
                        mine.read(["display_name"])

    def test_a_user_of_both_companies_sees_both(self):
        self.manager.company_ids += self.other
        links = self.env["referral.link"].with_user(self.manager)
        links = links.with_context(allowed_company_ids=(self.company + self.other).ids)
        self.assertEqual(len(links.search([("partner_id", "=", self.member.id)])), 2)

    def test_finance_of_one_company_decides_nothing_in_another(self):
        order = self.make_paid_contract()
        outsider = self.make_user(
            "rd_outsider",
            "finance",
            company_id=self.other.id,
            company_ids=[Command.set(self.other.ids)],
        )
        self.env.invalidate_all()
        with self.assertRaises(AccessError):
            order.with_user(outsider).action_referral_confirm()
        [settlement] = [r for r in self.theirs if r._name == "referral.settlement"]
        settlement = settlement.with_env(self.env(user=self.finance))
        self.env.invalidate_all()
        with self.assertRaises(AccessError):
            settlement.action_submit()
