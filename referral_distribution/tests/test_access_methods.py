import inspect

from odoo.exceptions import AccessError, UserError
from odoo.service.model import call_kw
from odoo.tests import tagged
from odoo.tools import mute_logger

from .access import ADDON, MATRIX, AccessCase

ARGUMENTS = {
    "vals": {"active": False},
    "vals_list": [{"name": "x"}],
    "fields": ["name", "referral_link_id"],
    "code": "x",
    "channel": "community",
    "url": "/",
    "phase": 2,
    "reason": "x",
}


@tagged("post_install", "-at_install")
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
            "referral.share": self.env["referral.share"]._record(self.link, "copy"),
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
        self.records |= self.make_registering() | self.make_planned()
        more = [*self.make_privacy(self.env), *self.make_explained(self.plan, lead)]
        more.append(self.env["referral.tree.figure"].search([], limit=1))
        self.records |= {record._name: record for record in more}

    def make_planned(self):
        trials = self.env["referral.plan.trial"].with_user(self.manager)
        return {
            "referral.rate": self.make_rate(),
            "referral.plan.trial": trials.create({"plan_id": self.plan.id}),
        }

    def make_registering(self):
        """Return the interface and a record of each wizard that registers members."""
        vals = {
            "referral.csv.download": {"name": "x", "content": "eA=="},
            "referral.erasure": {"partner_id": self.member.id, "reason": "x"},
            "referral.invite.code.batch": {"partner_ids": self.member.ids},
            "referral.link.batch": {"partner_ids": self.member.ids},
            "referral.member.import": {"file": "eA=="},
            "referral.member.join": {"partner_ids": self.customer.ids},
            "referral.trail.verify": {},
        }
        records = {name: self.env[name].create(vals[name]) for name in vals}
        records["referral.settlement.pay"] = self.make_payment_wizard()
        records["referral.true.up"] = self.make_true_up(self.make_order())
        records["referral.lead.hold"] = self.make_hold(self.make_lead())
        for name, method in (("seal", "_seal"), ("check", "_start")):
            trails = self.env[f"referral.trail.{name}"]
            records[trails._name] = getattr(trails, method)(self.company)
        return {**records, "referral.api": self.env["referral.api"]}

    def make_payment_wizard(self):
        settlements = self.records["referral.settlement"]
        return self.env["referral.settlement.pay"].create(
            {"settlement_ids": settlements.ids}
        )

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
            record = model if model._abstract else model.sudo().search([], limit=1)
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
            ("crm.lead", "action_set_lost"),  # Odoo's own
            ("referral.plan", "action_new_version"),
            ("referral.reason", "action_apply"),
            ("referral.compliance.report", "action_print"),
            ("referral.signoff.reason", "action_apply"),
        }
        for model, name in self.public_methods():
            if not name.startswith("action_") or (model._name, name) in unguarded:
                continue
            record = self.records[model._name].with_user(self.users["staff"])
            parameters = inspect.signature(getattr(type(model), name)).parameters
            args = [ARGUMENTS[key] for key in ("phase", "reason") if key in parameters]
            with (
                self.subTest(model=model._name, method=name),
                self.assertRaisesRegex(AccessError, "needs the role"),
            ):
                getattr(record, name)(*args)
