from contextlib import contextmanager

import psycopg2

from odoo.fields import Command, Date
from odoo.tests import TransactionCase, new_test_user
from odoo.tools import mute_logger

from odoo.addons.base.tests.common import DISABLED_MAIL_CONTEXT
from odoo.addons.referral_distribution.models.true_up_events import Event

from ..models import gate

ROLE = "referral_distribution.group_"
RULES = (
    {
        "name": "Valid lead",
        "trigger": "lead_valid",
        "rate_type": "fixed",
        "amount": 10,
    },
    {"name": "First contract", "phase": "first", "rate": 0.5},
    {"name": "Repeat contract", "phase": "repeat", "rate": 1},
    {"name": "Inviter", "level": 1, "base": "member_reward", "rate": 10},
)


class ReferralCase(TransactionCase):
    """A plan in force, three members in a row, a channel, and one user per role.

    ``grandparent`` invited ``inviter``, who invited ``member``; ``portal`` is the
    member's login. The plan pays in the company's currency: 10 for a valid lead, 0.5 %
    of a customer's first contract, 1 % of later ones, and the inviter 10 % of that.

    A contract from the visitor's lead to the money in the bank:

        lead = self.make_lead()
        order = self.make_contract(lead, amount=120000)  # signed by self.sales
        self.pay(self.invoice(order))  # by self.finance
        order.with_user(self.finance).action_referral_confirm()
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env = cls.env(context={**cls.env.context, **DISABLED_MAIL_CONTEXT})
        cls.company = cls.env.company
        cls.currency = cls.company.currency_id
        cls.company.referral_consent_text = False  # nobody is asked, see test_privacy
        cls._make_people()
        cls.plan = cls.make_plan()
        cls.plan._activate()
        cls.channel = cls.env["referral.channel"].create({"name": "Our community"})
        cls.link = cls.env["referral.link"]._obtain(cls.member, cls.channel, "/shop")
        cls.customer = cls.env["res.partner"].create(
            {"name": "A Customer", "is_company": True}
        )
        cls.product = cls.env["product.product"].create(
            {
                "name": "Service",
                "type": "service",
                "invoice_policy": "order",
                "taxes_id": [Command.clear()],
            }
        )

    @classmethod
    def _make_people(cls):
        cls.grandparent = cls.make_member("Grandparent")
        cls.inviter = cls.make_member("Inviter", inviter_id=cls.grandparent.id)
        cls.member = cls.make_member("Member", inviter_id=cls.inviter.id)
        groups = {
            "sales": f"{ROLE}sales",
            "finance": f"{ROLE}finance",
            "finance_2": f"{ROLE}finance",
            "cashier": f"{ROLE}finance",
            "manager": f"{ROLE}manager",
            "clerk": "sales_team.group_sale_salesman",
            "portal": "base.group_portal",
            "stranger": "base.group_portal",
        }
        vals_list = [cls._prepare_user_vals(name, groups[name]) for name in groups]
        vals_list[-2]["partner_id"] = cls.member.id
        users = cls.env["res.users"].create(vals_list)  # at once: much faster
        for name, user in zip(groups, users, strict=True):
            setattr(cls, name, user)

    @classmethod
    def _prepare_user_vals(cls, name, group):
        """Login and password are "rd_" and the name."""
        login = f"rd_{name}"
        return {
            "name": login,
            "login": login,
            "password": login,
            "email": f"{login}@example.com",
            "group_ids": [Command.set(cls.env.ref(group).ids)],
        }

    @classmethod
    def make_privacy(cls, env):
        """Return the member's consent, its text, and its wish to be erased."""
        company = env.company
        company.referral_consent_text = "We use your data."
        shown = env["referral.consent.text"]._get_shown(company)
        consent = env["referral.consent"]._agree(
            cls.member, company, shown["hash"], "portal"
        )
        wish = env["referral.erasure.request"]._request(cls.member, "portal")
        return [consent, consent.text_id, wish.with_env(env)]

    @classmethod
    def make_user(cls, login, role, **values):
        groups = f"base.group_user,{ROLE}{role}"
        return new_test_user(cls.env, login=login, groups=groups, **values)

    @classmethod
    def make_member(cls, name, **values):
        return cls.env["res.partner"].create(
            {"name": name, "member_state": "active", **values}
        )

    @classmethod
    def make_agent(cls, name, **values):
        """Return an active member of the agents' tier, who may hold territories."""
        grade = cls.env.ref("referral_distribution.res_partner_grade_agent")
        return cls.make_member(name, grade_id=grade.id, **values)

    @classmethod
    def make_plan(cls, rules=RULES, **values):
        """Return a draft plan that pays in the company's currency.

        In force since long ago once it is active, also where a test stops the clock.
        """
        return cls.env["referral.plan"].create(
            {
                "name": "Money plan",
                "date_from": "2000-01-01",
                "rule_ids": [
                    Command.create({"currency_id": cls.currency.id, **rule})
                    for rule in rules
                ],
                **values,
            }
        )

    @classmethod
    def make_rate(cls, **values):
        """Return what is agreed with the member: 3 % of every contract."""
        return cls.env["referral.rate"].create(
            {"partner_id": cls.member.id, "rate": 3, **values}
        )

    @classmethod
    def make_lead(cls, **values):
        """Return a lead that came through the member's link."""
        values = {"name": "A lead", "referral_link_id": cls.link.id, **values}
        return cls.env["crm.lead"].create(values)

    @classmethod
    def roll_up(cls):
        """Count the clicks so far: the figures, and what reads them, are behind else.

        As the minute's job does, but in the test's own transaction.
        """
        cls.env["referral.click.figure"]._roll_up_here()

    @classmethod
    def make_burst(cls, link=None):
        """Return an hour in which a link's clicks looked made, to be reviewed."""
        link = link or cls.link
        return cls.env["referral.link.burst"].create(
            {
                "link_id": link.id,
                "company_id": link.company_id.id,
                "hour": "2026-03-10 04:00:00",
                "reason": "limit",
                "clicks": 10000,
                "address_clicks": 1,
                "state": "to_review",
            }
        )

    @classmethod
    def make_explained(cls, plan, lead):
        """Return a calculation, a manual commission that is asked for, a simulation and
        its result, a check of rewards and what it found, of the plan's company."""
        env, company = plan.env, {"company_id": plan.company_id.id}
        calculation = gate.opened(env["referral.calculation"]).create(
            {"facts": "{}", "rules": "[]", **company}
        )
        grant = env["referral.commission.grant"].create(
            {
                "partner_id": cls.member.id,
                "lead_id": lead.id,
                "amount": 1,
                "reason": "Helped",
                **company,
            }
        )
        simulation = env["referral.simulation"].create({"plan_id": plan.id, **company})
        sums = {(cls.member.id, cls.currency.id): [1, 2, 1]}
        env["referral.simulation.line"]._query_add(simulation, sums)
        replay = gate.opened(env["referral.replay"]).create(
            {"scope": "all", "position": 0, "last": 9, "state": "done", **company}
        )
        domain = [("company_id", "=", plan.company_id.id)]
        given = env["referral.commission"].search(domain, limit=1)
        wrong = {given.id: ("differs", 1)} if given else {}
        env["referral.replay.line"]._query_note(replay, wrong, 0, 0)
        made = [calculation, grant, simulation, simulation.line_ids]
        return [one.with_env(env) for one in (*made, replay, replay.line_ids)]

    @classmethod
    def make_hold(cls, lead):
        """Return the hold of a lead by a rule of its own."""
        domain = f"[('id', '=', {lead.id})]"
        rule = lead.env["referral.hold.rule"].create(
            {"name": "This one", "domain": domain, "company_id": lead.env.company.id}
        )
        found = [(rule, lead, {"rules": rule.ids})]
        return lead.env["referral.lead.hold"]._hold(found).with_env(lead.env)

    @classmethod
    def make_true_up(cls, order):
        """Return a contract's place in the line of rewards to correct."""
        event = Event("credit", "RINV/1")
        tasks = order.env["referral.true.up"]
        return tasks._queue(order.sudo(), event).with_env(order.env)

    @classmethod
    def make_order(cls, lead=None, amount=120000.0, **values):
        """Return a quotation of the sales user, from the lead if there is one."""
        lead = lead if lead is not None else cls.env["crm.lead"]
        line = {"product_id": cls.product.id, "price_unit": amount, "tax_ids": []}
        return (
            cls.env["sale.order"]
            .with_user(cls.sales)
            .create(
                {
                    "partner_id": cls.customer.id,
                    "opportunity_id": lead.id,
                    "order_line": [Command.create(line)],
                    **values,
                }
            )
        )

    @classmethod
    def make_contract(cls, lead=None, amount=120000.0, **values):
        """Return an order the sales user has confirmed."""
        order = cls.make_order(lead, amount, **values)
        order.action_confirm()
        return order

    @classmethod
    def invoice(cls, order):
        """Return the posted invoice of what is left to invoice, made by finance."""
        invoice = order.with_user(cls.finance)._create_invoices(final=True)
        invoice.action_post()
        return invoice

    @classmethod
    def pay(cls, invoices, amount=None):
        """Register a payment: all that is left, or ``amount``.

        Finance receives what customers pay; bills are paid by somebody who has neither
        submitted nor approved their settlement.
        """
        payer = cls.cashier if invoices[:1].is_purchase_document() else cls.finance
        vals = {"payment_date": Date.today()}
        if amount is not None:
            vals["amount"] = amount
        wizard = (
            cls.env["account.payment.register"]
            .with_user(payer)
            .with_context(active_model="account.move", active_ids=invoices.ids)
            .create(vals)
        )
        payments = wizard._create_payments()
        cls.env.flush_all()
        return payments

    @classmethod
    def make_paid_contract(cls, lead=None, amount=120000.0, **values):
        """Return a contract that waits for finance's decision."""
        lead = lead if lead is not None else cls.make_lead()
        order = cls.make_contract(lead, amount, **values)
        cls.pay(cls.invoice(order))
        return order

    def assertRewards(self, source, expected):
        """Compare who earned how much on a lead or contract.

        :param expected: list of ``(partner, level, amount)``.
        """
        lines = source.sudo().referral_commission_ids
        if source._name == "crm.lead":
            lines = lines.filtered(lambda line: not line.order_id)
        found = [
            (line.partner_id, line.level, line.amount)
            for line in lines.sorted(lambda line: (line.level, line.id))
        ]
        self.assertEqual(found, expected)

    def assertReadInOneGo(self, records, names, user):
        """Reading all of ``records`` takes no more queries than reading two."""
        counts = []
        for some in (records[:2], records[:2], records):  # the first warms up caches
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            some.browse(some.ids).with_user(user).read(names)  # as a client would
            counts.append(self.env.cr.sql_log_count - before)
        self.assertLessEqual(counts[2], counts[1])

    def nodes(self, lead):
        """Return the nodes of the lead's trail, in order."""
        entries = lead.sudo().referral_trail_ids.sorted("sequence")
        return entries.mapped("node")

    @contextmanager
    def assertDatabaseRefuses(self, error=psycopg2.errors.CheckViolation):
        """The database itself refuses the statements inside."""
        with (
            mute_logger("odoo.sql_db"),
            self.assertRaises(error),
            self.env.cr.savepoint(),
        ):
            yield
