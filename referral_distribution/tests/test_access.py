import inspect

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.service.model import call_kw
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from .common import ROLE, ReferralCase

ADDON = "referral_distribution"
ROLES = ("sales", "content", "media", "finance", "manager", "integration")
# Per model: who reads, and who writes, creates, deletes (besides the superuser).
# "portal" and "staff" (an employee without a role) are listed where they may anything.
MATRIX = {
    "referral.api": {"read": "integration"},
    "referral.api.request": {"read": "manager"},
    "referral.channel": {
        "read": "sales content media finance manager portal",
        "write": "manager",
        "create": "manager",
        "unlink": "manager",
    },
    "referral.click": {"read": "sales content media manager"},
    "referral.commission": {"read": "sales finance manager portal"},
    "referral.compliance.report": {
        "read": "finance manager",
        "write": "finance manager",
        "create": "finance manager",
    },
    "referral.compliance.signoff": {"read": "finance manager", "create": "manager"},
    "referral.consent": {"read": "manager"},
    "referral.consent.text": {"read": "manager"},
    "referral.erasure": {"read": "manager", "write": "manager", "create": "manager"},
    "referral.erasure.request": {"read": "manager"},
    "referral.csv.download": {
        "read": "manager",
        "write": "manager",
        "create": "manager",
    },
    "referral.external.ref": {
        "read": "sales content media finance manager",
        "write": "manager",
        "create": "manager",
        "unlink": "manager",
    },
    "referral.invite.code": {
        "read": "sales finance manager portal",
        "write": "manager",
        "create": "manager",
    },
    "referral.invite.node": {},
    "referral.inviter.change": {
        "read": "sales finance manager",
        "write": "manager",
        "create": "manager",
        "unlink": "manager",
    },
    "referral.invite.code.batch": {
        "read": "manager",
        "write": "manager",
        "create": "manager",
    },
    "referral.link": {
        "read": "sales content media finance manager portal",
        "write": "manager",
    },
    "referral.member.import": {
        "read": "manager",
        "write": "manager",
        "create": "manager",
    },
    "referral.member.join": {
        "read": "sales manager",
        "write": "sales manager",
        "create": "sales manager",
    },
    "referral.plan": {
        "read": "sales finance manager",
        "write": "manager",
        "create": "manager",
        "unlink": "manager",
    },
    "referral.plan.bracket": {
        "read": "sales finance manager",
        "write": "manager",
        "create": "manager",
        "unlink": "manager",
    },
    "referral.plan.rule": {
        "read": "sales finance manager",
        "write": "manager",
        "create": "manager",
        "unlink": "manager",
    },
    "referral.reason": {
        "read": "sales finance manager",
        "write": "sales finance manager",
        "create": "sales finance manager",
    },
    "referral.settlement": {
        "read": "finance manager",
        "write": "finance",
        "unlink": "finance",
    },
    "referral.share": {"read": "sales content media manager portal"},
    "referral.signoff.reason": {
        "read": "manager",
        "write": "manager",
        "create": "manager",
    },
    "referral.territory": {
        "read": "sales finance manager",
        "write": "manager",
        "create": "manager",
        "unlink": "manager",
    },
    "referral.territory.gap": {"read": "sales manager"},
    "referral.territory.owner": {},
    "referral.territory.resolver": {},
    "referral.tier.change": {"read": "sales finance manager"},
    "referral.tier.rule": {
        "read": "sales finance manager",
        "write": "manager",
        "create": "manager",
        "unlink": "manager",
    },
    "referral.trail.entry": {"read": "sales finance manager"},
    "referral.trail.head": {},
    "referral.tree.figure": {"read": "finance manager"},
}
OPERATIONS = ("read", "write", "create", "unlink")


@tagged("post_install", "-at_install")
class AccessCase(ReferralCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.users = {
            "sales": cls.sales,
            "content": cls.make_user("rd_content", "content_operator"),
            "media": cls.make_user("rd_media", "media_operator"),
            "finance": cls.finance,
            "manager": cls.manager,
            "integration": cls.make_user("rd_integration", "integration"),
            "portal": cls.portal,
            "staff": new_test_user(cls.env, login="rd_staff"),
            "public": cls.env.ref("base.public_user"),
        }

    @classmethod
    def make_tier_change(cls, env, company):
        """Return a proposal and its rule."""
        grade = env.ref("referral_distribution.res_partner_grade_agent").id
        rule = env["referral.tier.rule"].create(
            {"name": "Theirs", "grade_id": grade, "min_valid_leads": 1}
        )
        vals = {"kind": "promotion", "rule_id": rule.id, "new_grade_id": grade}
        vals |= {"partner_id": cls.member.id, "company_id": company.id}
        return env["referral.tier.change"]._log([vals]).sudo(False), rule


class TestMatrix(AccessCase):
    """Each role, each model, each operation: allowed and refused (section 7)."""

    def test_every_model_of_the_addon_is_in_the_matrix(self):
        self.env.cr.execute(
            "SELECT m.model FROM ir_model m JOIN ir_model_data d"
            " ON d.model = 'ir.model' AND d.res_id = m.id"
            " WHERE d.module = %s AND m.model LIKE 'referral.%%'",
            (ADDON,),
        )
        self.assertEqual({name for (name,) in self.env.cr.fetchall()}, set(MATRIX))

    def test_each_role_may_do_what_it_is_for_and_nothing_else(self):
        for model, allowed in MATRIX.items():
            for operation in OPERATIONS:
                expected = set(allowed.get(operation, "").split())
                found = {
                    role
                    for role, user in self.users.items()
                    if self.env[model].with_user(user).has_access(operation)
                }
                with self.subTest(model=model, operation=operation):
                    self.assertEqual(found, expected, f"{operation} {model}")

    def test_employees_without_a_role_still_read_their_documents_as_a_whole(self):
        """As outside tools do: without naming fields."""
        accountant = new_test_user(
            self.env, login="rd_accountant", groups="account.group_account_invoice"
        )
        lead = self.make_lead(user_id=self.clerk.id)
        order = self.make_contract(lead, user_id=self.clerk.id)
        invoice = self.invoice(order)
        for record, user in (
            (lead, self.clerk),
            (order, self.clerk),
            (order, accountant),
            (invoice, accountant),
        ):
            self.env.invalidate_all()
            with self.subTest(model=record._name, user=user.login):
                self.assertTrue(record.with_user(user).read())

    def test_a_plain_salesperson_works_on_leads_and_orders_as_before(self):
        lead = self.make_lead(user_id=self.clerk.id).with_user(self.clerk)
        lead.write(
            {"name": "Renamed", "stage_id": self.env["crm.stage"].search([])[0].id}
        )
        order = self.make_order(lead, user_id=self.clerk.id).with_user(self.clerk)
        order.action_confirm()
        self.assertEqual(order.referral_state, "contracted")
        order._action_cancel()
        self.assertEqual(order.referral_state, "none")


class TestOwnRecords(AccessCase):
    """A member sees their own records and nobody else's (threat P1)."""

    def setUp(self):
        super().setUp()
        self.theirs = self.env["referral.link"]._obtain(
            self.inviter, self.channel, "/theirs"
        )
        order = self.make_paid_contract()
        order.with_user(self.finance).action_referral_confirm()
        self.lines = order.referral_commission_ids
        shares = self.env["referral.share"]
        for link in (self.link, self.theirs):
            shares |= shares.create({"link_id": link.id, "method": "copy"})
        self.shares = shares

    def test_members_find_their_own_and_read_nobody_elses(self):
        for records in (
            self.link + self.theirs,
            self.shares,
            self.lines,
            self.member.invite_code_ids + self.inviter.invite_code_ids,
        ):
            mine = records.filtered(lambda r: r.partner_id == self.member)
            seen = records.with_user(self.portal)
            with self.subTest(model=records._name):
                self.assertEqual(len(mine), 1)
                found = seen.search([("id", "in", records.ids)])
                self.assertEqual(found.ids, mine.ids)
                self.env.invalidate_all()
                with self.assertRaises(AccessError):
                    (seen - mine.with_user(self.portal)).read(["display_name"])
                nobody = records.with_user(self.stranger)
                self.assertFalse(nobody.search([("id", "in", records.ids)]))

    def test_members_see_own_channels_only(self):
        """Rule S4: what a partner is paid is no member's business."""
        club = self.env["referral.channel"].create(
            {
                "name": "Club",
                "kind": "partner",
                "partner_id": self.env["res.partner"].create({"name": "P"}).id,
            }
        )
        channels = self.env["referral.channel"].with_user(self.portal)
        self.assertIn(self.channel, channels.search([]))
        self.assertNotIn(club, channels.search([]))

    def test_members_do_not_group_or_export_their_way_to_others(self):
        """Threat P9's way in: aggregates obey the same rules."""
        groups = (
            self.env["referral.commission"]
            .with_user(self.portal)
            ._read_group([("id", "in", self.lines.ids)], ["partner_id"], ["amount:sum"])
        )
        self.assertEqual(
            [(p.id, total) for p, total in groups], [(self.member.id, 600)]
        )

    def test_members_read_neither_leads_nor_orders_of_others(self):
        lead = self.lines[0].lead_id
        order = self.lines[0].order_id
        for record in (lead, order):
            with self.subTest(model=record._name), self.assertRaises(AccessError):
                record.with_user(self.portal).read(["name"])


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
        plan = cls.make_plan(
            [{"name": "B", "rate_type": "bracket", "bracket_ids": [step]}], **company
        ).with_env(env)
        channel = env["referral.channel"].create({"name": "Theirs", **company})
        link = env["referral.link"]._obtain(cls.member, channel, "/theirs")
        env["referral.click"]._record(link.code, "10.0.0.1", "browser")
        lead = env["crm.lead"].create(
            {"name": "Theirs", "referral_link_id": link.id, **company}
        )
        commission = cls._make_commission(plan.rule_ids, lead)
        return [
            plan,
            plan.rule_ids,
            plan.rule_ids.bracket_ids,
            channel,
            env["referral.invite.code"].create(
                {"partner_id": cls.member.id, "kind": "single_use", **company}
            ),
            env["referral.inviter.change"].create(
                {"partner_id": cls.member.id, "reason": "Top of its own tree"}
            ),
            link,
            env["referral.click"].search([("link_id", "=", link.id)]),
            env["referral.share"].create({"link_id": link.id, "method": "copy"}),
            lead.referral_trail_ids[0],
            commission,
            env["referral.settlement"]._collect(commission),
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
            *cls.make_tier_change(env, cls.other),
            *cls.make_compliance(),
            *cls.make_outside(env),
            *cls.make_privacy(env),
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
                "explanation": {"rate_type": "fixed"},
            }
        )

    def test_every_model_that_belongs_to_a_company_is_tried(self):
        tried = {record._name for record in self.theirs}
        without = {
            "referral.invite.node",
            "referral.reason",
            "referral.signoff.reason",
            "referral.trail.head",
        }
        without |= {name for name in MATRIX if self.env[name]._abstract}
        without |= {  # only who made one sees it, or it holds nothing of a company
            "referral.csv.download",
            "referral.erasure",
            "referral.invite.code.batch",
            "referral.member.import",
            "referral.member.join",
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


ARGUMENTS = {
    "vals": {"active": False},
    "vals_list": [{"name": "x"}],
    "fields": ["name", "referral_link_id"],
    "reason": "x",
}


class TestPublicMethods(AccessCase):
    """Whatever a client may call by name is refused or harmless (threat P2)."""

    def setUp(self):
        super().setUp()
        order = self.make_paid_contract()
        lead = self.make_lead()
        lead.with_user(self.sales).action_referral_validate()
        commission = lead.referral_commission_ids
        tier_change, tier_rule = self.make_tier_change(self.env, self.company)
        self.records = {
            "crm.lead": self.make_lead(),
            "sale.order": order,
            "account.move": order.sudo().invoice_ids,
            "res.partner": self.inviter,
            "res.users": self.sales,
            "res.company": self.company,
            "referral.plan": self.make_plan(),
            "referral.plan.rule": self.plan.rule_ids[0],
            "referral.channel": self.channel,
            "referral.link": self.link,
            "referral.commission": commission,
            "referral.settlement": self.env["referral.settlement"]._collect(commission),
            "referral.trail.entry": lead.referral_trail_ids[0],
            "referral.tier.change": tier_change,
            "referral.tier.rule": tier_rule,
            "referral.invite.code": self.inviter.invite_code_ids,
            "referral.territory.gap": self.env["referral.territory.gap"].search(
                [], limit=1
            ),
            "referral.inviter.change": self.env["referral.inviter.change"].create(
                {"partner_id": self.inviter.id, "reason": "Top of its own tree"}
            ),
            "referral.compliance.signoff": self.env["referral.compliance.signoff"]
            .with_user(self.manager)
            .create({"reason": "x"}),
        }
        self.env["referral.tree.figure"]._count(self.company)
        self.records |= self.make_registering()
        self.records |= {r._name: r for r in self.make_privacy(self.env)}
        figures = self.env["referral.tree.figure"].search([], limit=1)
        self.records["referral.tree.figure"] = figures

    def make_registering(self):
        """Return the interface and a record of each wizard that registers members."""
        vals = {
            "referral.csv.download": {"name": "x", "content": "eA=="},
            "referral.erasure": {"partner_id": self.member.id, "reason": "x"},
            "referral.invite.code.batch": {"partner_ids": self.member.ids},
            "referral.member.import": {"file": "eA=="},
            "referral.member.join": {"partner_ids": self.customer.ids},
        }
        records = {name: self.env[name].create(vals[name]) for name in vals}
        return {**records, "referral.api": self.env["referral.api"]}

    def public_methods(self):
        """Yield (model, method) for what this addon defines without underscore."""
        for model in self.env.values():
            names = set()
            for base in type(model).mro():
                if base.__module__.startswith(f"odoo.addons.{ADDON}."):
                    names |= {
                        name
                        for name, value in vars(base).items()
                        if inspect.isfunction(value) and not name.startswith("_")
                    }
            for name in sorted(names):
                yield model, name

    def fingerprint(self):
        """Return what must not change, row by row."""
        self.env.flush_all()
        models = [self.env[name] for name in MATRIX if name != "referral.reason"]
        tables = [model._table for model in models if model._auto]
        prints = {}
        for table in [*tables, "crm_lead", "sale_order", "account_move", "res_partner"]:
            self.env.cr.execute(
                "SELECT count(*), md5(string_agg(t::text, '|' ORDER BY id))"
                f" FROM {table} t"
            )
            prints[table] = self.env.cr.fetchone()
        return prints

    def call(self, model, name, user):
        method = getattr(type(model), name)
        parameters = list(inspect.signature(method).parameters.values())[1:]
        kwargs = {
            parameter.name: ARGUMENTS.get(parameter.name)
            for parameter in parameters
            if parameter.default is parameter.empty
            and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
        }
        record = self.records.get(model._name)
        if record is None:
            record = model.sudo().search([], limit=1)
        on_model = getattr(method, "_api_model", False)
        args = [] if on_model else [record.ids]
        with self.env.cr.savepoint():
            call_kw(model.with_user(user), name, args, kwargs)
            self.env.flush_all()

    def test_a_portal_user_changes_nothing_by_calling_anything(self):
        before = self.fingerprint()
        called = 0
        for user in (self.portal, self.stranger, self.users["public"]):
            for model, name in self.public_methods():
                with mute_logger("odoo.models", "odoo.addons.base.models.ir_model"):
                    try:
                        self.call(model, name, user)
                    except (UserError, AttributeError, TypeError, ValueError):
                        self.env.invalidate_all()
                called += 1
                with self.subTest(user=user.login, model=model._name, method=name):
                    self.assertEqual(self.fingerprint(), before)
        self.assertGreater(called, 60)

    def test_every_button_names_its_role(self):
        """A method a client may call and that acts is an action_ with a check."""
        unguarded = {  # by access rights, or by what they hand on to
            ("referral.plan", "action_new_version"),
            ("referral.reason", "action_apply"),
            ("referral.compliance.report", "action_print"),
            ("referral.signoff.reason", "action_apply"),
        }
        for model, name in self.public_methods():
            if not name.startswith("action_") or (model._name, name) in unguarded:
                continue
            record = self.records[model._name].with_user(self.users["staff"])
            args = (
                ["reason"]
                if "reason" in inspect.signature(getattr(type(model), name)).parameters
                else []
            )
            with (
                self.subTest(model=model._name, method=name),
                self.assertRaisesRegex(AccessError, "needs the role"),
            ):
                getattr(record, name)(*args)


@tagged("post_install", "-at_install")
class TestRoles(ReferralCase):
    def test_no_role_includes_another_by_accident(self):
        """Who reviews leads does not decide about money, and the other way round."""
        strong = ("sales", "finance", "manager", "integration")
        expected = {
            "sales": {"sales"},
            "content_operator": set(),
            "media_operator": set(),
            "finance": {"finance"},
            "manager": {"manager", "sales"},
            "integration": {"integration"},
        }
        for role, groups in expected.items():
            user = self.make_user(f"rd_role_{role}", role)
            found = {name for name in strong if user.has_group(f"{ROLE}{name}")}
            with self.subTest(role=role):
                self.assertEqual(found, groups)
