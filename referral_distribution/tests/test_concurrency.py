from contextlib import ExitStack, contextmanager
from threading import Barrier, Thread
from unittest.mock import patch
from uuid import uuid4

import psycopg2

from odoo import SUPERUSER_ID, api
from odoo.exceptions import ConcurrencyError, UserError
from odoo.fields import Command
from odoo.modules.registry import Registry
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY, retrying
from odoo.tests import BaseCase, get_db_name, new_test_user, tagged
from odoo.tools import mute_logger

from odoo.addons.base.tests.common import DISABLED_MAIL_CONTEXT
from odoo.addons.referral_distribution.engine.visit import Visit

from .common import ROLE, RULES

GUARDED = ("trail_entry", "trail_head", "click", "tier_change", "lead_hold")
OF_LINKS = ("referral_click", "referral_click_figure", "referral_link_burst")
DONE, AGAIN, REFUSED = "done", "done on the second try", "refused"


@tagged("post_install", "-at_install")
class TwoConnectionsCase(BaseCase):
    """Real connections, committed data, removed again by its ids.

    ``race`` lets several requests take their snapshot before the first is finished, so
    that the second decides on what is no longer true: the worst case of two people who
    press a button at once, and each time the same.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.registry = Registry(get_db_name())

    def setUp(self):
        super().setUp()
        self.made = {}
        self.addCleanup(self._erase)
        with self.committed() as env:
            self._make(env)

    @contextmanager
    def committed(self, uid=SUPERUSER_ID):
        with self.registry.cursor() as cr:
            env = api.Environment(cr, uid, dict(DISABLED_MAIL_CONTEXT))
            yield env
            env.flush_all()

    def _make(self, env):
        self.inviter = self._keep(
            env["res.partner"].create({"name": "I", "member_state": "active"})
        )
        self.member = self._keep(
            env["res.partner"].create(
                {"name": "M", "member_state": "active", "inviter_id": self.inviter}
            )
        )
        channel = env["referral.channel"].create({"name": "Race"})
        self.channel = self._keep(channel)
        self.source = self._keep(channel.source_id)
        self.link = self._keep(
            env["referral.link"]._obtain(
                env["res.partner"].browse(self.member), channel, "/race"
            )
        )
        self.lead = self._keep(
            env["crm.lead"].create({"name": "Race", "referral_link_id": self.link})
        )
        before = env["referral.plan"]._get_active(env.company)
        self.before = (before.date_to or None, before.id or None)
        self.plan = self._make_plan(env)
        env["referral.plan"].browse(self.plan)._activate()
        self.users = []
        for number in (1, 2):
            login = f"rd_race_{number}_{uuid4().hex}"
            user = new_test_user(env, login, groups=f"{ROLE}finance,{ROLE}sales")
            self._keep(user)
            self._keep(user.partner_id)
            self.users.append(user.id)

    def _make_plan(self, env):
        currency = env.company.currency_id.id
        lines = [Command.create({"currency_id": currency, **rule}) for rule in RULES]
        plan = env["referral.plan"].create({"name": "Race", "rule_ids": lines})
        return self._keep(plan)

    def _keep(self, record):
        """Remember a record for removal; return its id."""
        self.made.setdefault(record._table, []).append(record.id)
        return record.id

    def make_quotations(self, count):
        """Return the ids of quotations of one new customer, each from its own lead."""
        with self.committed() as env:
            product = env["product.product"].create({"name": "R", "type": "service"})
            self._keep(product)
            self._keep(product.product_tmpl_id)
            customer = env["res.partner"].create({"name": "C"})
            self._keep(customer)
            line = {"product_id": product.id, "price_unit": 1000, "tax_ids": []}
            leads = env["crm.lead"].browse(self.lead)
            for number in range(1, count):
                vals = {"name": f"Race {number}", "referral_link_id": self.link}
                leads += leads.create(vals)
                self._keep(leads[number])
            orders = env["sale.order"].create(
                [
                    {
                        "partner_id": customer.id,
                        "opportunity_id": lead.id,
                        "order_line": [Command.create(line)],
                    }
                    for lead in leads
                ]
            )
            return [self._keep(order) for order in orders]

    def make_order(self):
        """Return a signed contract that is paid and waits for finance."""
        patcher = patch.object(
            self.registry["sale.order"],
            "_get_referral_receipts",
            lambda order: (order.amount_total, True),
        )
        patcher.start()
        self.addCleanup(patcher.stop)
        [order_id] = self.make_quotations(1)
        with self.committed() as env:
            env["sale.order"].browse(order_id).action_confirm()
            env.flush_all()
            env.cr.execute(
                "UPDATE sale_order SET referral_state = 'to_confirm' WHERE id = %s",
                (order_id,),
            )
        return order_id

    def _erase(self):
        """Remove what was committed; insert-only tables with their triggers off."""
        ids = {table: tuple(found) for table, found in self.made.items()}
        lead, partners = ids["crm_lead"], ids["res_partner"]
        toggle = ";".join(
            f"ALTER TABLE referral_{name} %(how)s TRIGGER USER" for name in GUARDED
        )
        with self.registry.cursor() as cr:
            cr.execute(toggle % {"how": "DISABLE"})
            for table, column, values in (
                ("referral_commission", "lead_id", lead),
                ("referral_settlement", "partner_id", partners),
                ("account_move", "partner_id", partners),
                ("referral_lead_hold", "lead_id", lead),
                ("referral_trail_entry", "lead_id", lead),
                ("referral_trail_head", "lead_id", lead),
                ("referral_tier_change", "partner_id", partners),
                ("referral_tier_rule", "id", ids.get("referral_tier_rule", (0,))),
                ("sale_order", "id", ids.get("sale_order", (0,))),
                ("crm_lead", "id", lead),
                *((table, "link_id", ids["referral_link"]) for table in OF_LINKS),
                ("referral_link", "partner_id", partners),
                ("referral_channel", "id", ids["referral_channel"]),
                ("utm_source", "id", ids["utm_source"]),
                ("referral_plan", "id", ids["referral_plan"]),
                ("referral_invite_code", "partner_id", partners),
                ("res_users", "id", ids["res_users"]),
                ("product_template", "id", ids.get("product_template", (0,))),
            ):
                cr.execute(f"DELETE FROM {table} WHERE {column} IN %s", (values,))
            query = "UPDATE res_partner SET inviter_id = NULL WHERE id IN %s"
            cr.execute(query, (partners,))
            cr.execute("DELETE FROM res_partner WHERE id IN %s", (partners,))
            cr.execute(
                "UPDATE referral_plan SET state = 'active', date_to = %s WHERE id = %s",
                self.before,
            )
            cr.execute(toggle % {"how": "ENABLE"})
        self.registry.clear_all_caches()

    def race(self, *actions, uids=None):
        """Run ``actions`` one after the other on snapshots taken before the first.

        :param actions: functions of an environment.
        :return: how each ended.
        """
        uids = uids or [SUPERUSER_ID] * len(actions)
        with ExitStack() as stack:
            cursors = [stack.enter_context(self.registry.cursor()) for _ in actions]
            for cr in cursors:
                cr.execute("SELECT 1")
            return [
                self._attempt(cr, uid, action)
                for cr, uid, action in zip(cursors, uids, actions, strict=True)
            ]

    def _attempt(self, cr, uid, action):
        for outcome in (DONE, AGAIN):
            env = api.Environment(cr, uid, dict(DISABLED_MAIL_CONTEXT))
            try:
                with mute_logger("odoo.sql_db"):
                    action(env)
                    env.flush_all()
                # two real connections are what these tests are about
                cr.commit()  # pylint: disable=invalid-commit
                return outcome
            except (ConcurrencyError, *PG_CONCURRENCY_EXCEPTIONS_TO_RETRY):
                cr.rollback()
            except UserError:
                cr.rollback()
                return REFUSED
        return "gave up"


class TestRaces(TwoConnectionsCase):
    def test_two_finance_users_confirm_one_order_and_it_is_rewarded_once(self):
        """Threat F1's sibling: one set of commissions."""
        order = self.make_order()

        def confirm(env):
            env["sale.order"].browse(order).action_referral_confirm()

        self.assertEqual(self.race(confirm, confirm, uids=self.users), [DONE, AGAIN])
        with self.committed() as env:
            lines = env["sale.order"].browse(order).referral_commission_ids
            self.assertEqual(sorted(lines.mapped("amount")), [0.5, 5.0])
            self.assertVerified(env, nodes={"confirmed": 1, "rewarded": 2})

    def test_two_contracts_of_one_customer_signed_at_once_are_phases_one_and_two(self):
        """Rule C2: the second is counted after the first."""
        orders = self.make_quotations(2)

        def sign(order_id):
            return lambda env: env["sale.order"].browse(order_id).action_confirm()

        self.assertEqual(self.race(*map(sign, orders)), [DONE, AGAIN])
        with self.committed() as env:
            phases = env["sale.order"].browse(orders).mapped("project_phase")
        self.assertEqual(phases, [1, 2])

    def test_one_confirms_while_the_other_refuses_and_the_first_counts(self):
        order = self.make_order()

        def confirm(env):
            env["sale.order"].browse(order).action_referral_confirm()

        def refuse(env):
            env["sale.order"].browse(order).action_referral_refuse("No")

        self.assertEqual(self.race(refuse, confirm, uids=self.users), [DONE, REFUSED])
        with self.committed() as env:
            self.assertFalse(env["sale.order"].browse(order).referral_commission_ids)

    def test_two_reviewers_find_one_lead_valid_and_it_is_rewarded_once(self):
        """Rule L2: once per lead."""

        def validate(env):
            env["crm.lead"].browse(self.lead).action_referral_validate()

        self.assertEqual(self.race(validate, validate, uids=self.users), [DONE, AGAIN])
        with self.committed() as env:
            lead = env["crm.lead"].browse(self.lead)
            self.assertEqual(lead.referral_commission_ids.mapped("amount"), [10.0])
            self.assertVerified(env, nodes={"validated": 1, "rewarded": 1})

    def test_two_people_collect_the_same_commission_into_one_settlement(self):
        """Threat J1."""

        def collect(env):
            lines = env["referral.commission"].search([("lead_id", "=", self.lead)])
            lines.action_collect()

        with self.committed() as env:
            env["crm.lead"].browse(self.lead).action_referral_validate()
        self.assertEqual(self.race(collect, collect, uids=self.users), [DONE, AGAIN])
        with self.committed() as env:
            self.assertEqual(len(self.find_settlements(env)), 1)

    def test_two_approvers_make_one_bill(self):
        """Threat F1."""

        def approve(env):
            self.find_settlements(env).action_approve()

        with self.committed() as env:
            env["crm.lead"].browse(self.lead).action_referral_validate()
            lines = env["referral.commission"].search([("lead_id", "=", self.lead)])
            lines.action_collect()
            self.find_settlements(env).action_submit()
        self.assertEqual(self.race(approve, approve, uids=self.users), [DONE, AGAIN])
        with self.committed() as env:
            bills = env["account.move"].search([("partner_id", "=", self.member)])
            self.assertEqual(bills, self.find_settlements(env).bill_id)

    def test_two_requests_obtain_one_link(self):
        """Rule S2: one link a member, channel and page."""

        def obtain(env):
            member = env["res.partner"].browse(self.member)
            channel = env["referral.channel"].browse(self.channel)
            env["referral.link"]._obtain(member, channel, "/new")

        self.assertEqual(self.race(obtain, obtain), [DONE, AGAIN])
        with self.committed() as env:
            domain = [("target_url", "=", "/new"), ("partner_id", "=", self.member)]
            self.assertEqual(env["referral.link"].search_count(domain), 1)

    def test_one_visitor_at_the_same_moment_is_counted_once(self):
        """Threat S4: and no lock is waited for."""

        def click(env):
            code = env["referral.link"].browse(self.link).code
            env["referral.click"]._record(code, Visit("10.0.0.1", "browser"))

        def other_click(env):
            code = env["referral.link"].browse(self.link).code
            env["referral.click"]._record(code, Visit("10.0.0.2", "browser"))

        self.assertEqual(self.race(click, click, other_click), [DONE, AGAIN, DONE])
        with self.committed() as env:
            env["referral.click.figure"]._roll_up()
        with self.committed() as env:
            self.assertEqual(env["referral.link"].browse(self.link).click_count, 2)

    def test_two_plans_activated_at_once_leave_one_active(self):
        with self.committed() as env:
            drafts = [self._make_plan(env), self._make_plan(env)]

        def activate(number):
            return lambda env: env["referral.plan"].browse(drafts[number])._activate()

        self.assertEqual(self.race(activate(0), activate(1)), [DONE, AGAIN])
        with self.committed() as env:
            plans = env["referral.plan"].browse(drafts)
            self.assertEqual(plans.mapped("state"), ["archived", "active"])

    def find_settlements(self, env):
        return env["referral.settlement"].search([("partner_id", "=", self.member)])

    def assertVerified(self, env, nodes):
        lead = env["crm.lead"].browse(self.lead)
        self.assertEqual(env["referral.trail.entry"]._verify(lead), [])
        found = lead.referral_trail_ids.mapped("node")
        self.assertEqual({node: found.count(node) for node in nodes}, nodes)


class TestTrail(TwoConnectionsCase):
    def test_two_writers_of_one_trail_make_no_fork(self):
        """Threat A2, on old snapshots."""

        def write(env):
            env["crm.lead"].browse(self.lead)._referral_log("assigned")

        self.assertEqual(self.race(write, write, write), [DONE, AGAIN, AGAIN])
        self.assertIntact(3)

    def test_many_writers_at_once_make_no_fork(self):
        """Threat A2, with threads that really meet, retried as Odoo does."""
        threads, each, barrier, failures = 4, 5, Barrier(4), []

        def work():
            barrier.wait(10)
            for _time in range(each):
                with self.registry.cursor() as cr:
                    env = api.Environment(cr, SUPERUSER_ID, {})
                    lead = env["crm.lead"].browse(self.lead)
                    try:
                        retrying(lambda lead=lead: lead._referral_log("assigned"), env)
                    except psycopg2.Error as error:
                        failures.append(error)

        workers = [Thread(target=work) for _number in range(threads)]
        with mute_logger("odoo.sql_db", "odoo.service.model"):
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join(60)
        self.assertIntact(threads * each - len(failures))
        self.assertLess(len(failures), threads * each / 2)

    def assertIntact(self, added):
        with self.committed() as env:
            lead = env["crm.lead"].browse(self.lead)
            self.assertEqual(env["referral.trail.entry"]._verify(lead), [])
            nodes = lead.referral_trail_ids.mapped("node")
            self.assertEqual(nodes.count("assigned"), added)
