from decimal import Decimal

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL

from ..engine.commission import Facts
from . import gate
from .memo import recall, remembered
from .referral_territory_owner import ROLES, Question

# Written by this module's own methods only, whatever rights a user has on orders.
GUARDED = {
    "project_phase",
    "referral_channel_id",
    "referral_deal_share",
    "referral_link_id",
    "referral_paying_levels",
    "referral_plan_id",
}
# Settled by the signature: who brought the customer, and what a reward is measured by.
SIGNED = {"referrer_id", "referral_lead_id"}
MEASURE = {"company_id", "currency_id", "date_order", "partner_id"}


class SaleOrder(models.Model):
    """A confirmed order that came from a lead is the contract (rules C1-C3).

    Where it stands on the way to its reward is in ``sale_order_state.py``, finance's
    decision in ``sale_order_decision.py``.
    """

    _name = "sale.order"
    _inherit = ("sale.order", "referral.territory.owner")

    referral_lead_id = fields.Many2one(
        "crm.lead",
        string="Origin lead",
        compute="_compute_referral_lead_id",
        store=True,
        index="btree_not_null",
        ondelete="restrict",
        help="The lead this customer came from; later contracts keep it.",
    )
    referrer_id = fields.Many2one(
        "res.partner",
        compute="_compute_referrer_id",
        store=True,
        readonly=False,
        index="btree_not_null",
        ondelete="restrict",
        copy=False,
        tracking=True,
        help="The member who brought this customer.",
    )
    project_phase = fields.Integer(
        string="Phase",
        readonly=True,
        copy=False,
        help="1 for a customer's first contract, 2 for the second ... 0: no contract.",
    )
    referral_plan_id = fields.Many2one(
        "referral.plan",
        string="Plan",
        readonly=True,
        copy=False,
        ondelete="restrict",
        check_company=True,
        help="The version in force when the contract was signed.",
    )
    referral_paying_levels = fields.Integer(
        string="Paying levels",
        readonly=True,
        copy=False,
        help="The company's setting when the contract was signed. Its rewards reach no"
        " further, and no further than the setting allows when they are given.",
    )
    referral_commission_ids = fields.One2many(
        "referral.commission", "order_id", groups=ROLES
    )

    @api.depends(
        "company_id",
        "currency_id",
        "date_order",
        "partner_id.commercial_partner_id.industry_id",
        "partner_id.country_id",
        "partner_shipping_id.country_id",
        "partner_shipping_id.state_id",
        "partner_shipping_id.city",
        "partner_shipping_id.zip",
        "order_line.price_subtotal",
        "order_line.product_id.categ_id",
    )
    @api.depends_context("lang")
    def _compute_territory_owner(self):
        return super()._compute_territory_owner()

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._check_guarded(vals)
        orders = super().create(vals_list)
        orders.filtered("opportunity_id.referrer_id")._log_referral("quoted")
        return orders

    def write(self, vals):
        self._check_guarded(vals)
        if not self.env.su:
            self._check_signed(vals)
        return super().write(vals)

    def _check_signed(self, vals):
        """Refuse to change what the signature has settled (rule C2, threat F5)."""
        for name in (SIGNED | MEASURE) & vals.keys():
            field = self._fields[name]
            for order in self.filtered("project_phase"):
                value = field.convert_to_cache(vals[name], order)
                if field.convert_to_record(value, order) == order[name]:
                    continue
                if name in SIGNED:
                    raise UserError(
                        self.env._(
                            "%(order)s is signed: its referrer stays.", order=order.name
                        )
                    )
                raise UserError(
                    self.env._(
                        "%(order)s is signed: “%(field)s” stays, as its reward is"
                        " measured by it. Cancel the order to sign it anew.",
                        order=order.name,
                        field=field._description_string(self.env),
                    )
                )

    @api.model
    def default_get(self, fields):
        """A caller's ``default_`` keys reach no guarded field either."""
        return super().default_get([name for name in fields if name not in GUARDED])

    def _check_guarded(self, vals):
        if GUARDED & vals.keys() and not gate.is_open(self.env):
            raise AccessError(
                self.env._("Only finance's own buttons decide about rewards.")
            )

    def _write_guarded(self, vals):
        gate.opened(self.sudo()).write(vals)

    def _action_confirm(self):
        result = super()._action_confirm()
        orders = self.filtered(lambda o: o.referrer_id and not o.project_phase)
        orders._sign_contracts()
        return result

    def _sign_contracts(self):
        """Freeze the plan in force and the phase; from here on these are contracts."""
        if not self:
            return
        self._query_lock(self.partner_id.commercial_partner_id)
        phases, alike = self._find_next_phases(), {}
        for order in remembered(self):
            vals = order._prepare_signature_vals(phases[order])
            if not order.referral_lead_id:
                vals["referral_lead_id"] = order._find_trail_lead().id
            alike.setdefault(tuple(vals.items()), []).append(order.id)
        for vals, ids in alike.items():
            self.browse(ids)._write_guarded(dict(vals))
        self._log_referral("contracted")
        self._attach_quotations()

    def _prepare_signature_vals(self, phase):
        """Return what a contract keeps of the day it is signed. A hook."""
        levels = int(self.company_id.referral_paying_levels)
        return {
            "project_phase": phase,
            "referral_plan_id": self._get_plan_in_force().id,
            "referral_paying_levels": levels,
        }

    def _get_plan_in_force(self, kind="standard"):
        """Return the plan of the day the order was confirmed, or today (rule C4).

        Of many orders, it is asked for once.
        """
        company, day = self.company_id, self._get_signing_day()
        plans = self.env["referral.plan"].sudo()
        return recall(
            self.env,
            ("plan", company.id, day, kind),
            lambda: plans._get_active(company, day, kind),
        )

    def _get_signature_vals(self):
        """Return what the contract was signed with, or would be signed with today."""
        self.ensure_one()
        if not self.project_phase:
            return self._prepare_signature_vals(self._get_next_phase())
        return self._convert_to_write(
            {name: self[name] for name in self._get_signature_fields()}
        )

    @api.model
    def _get_signature_fields(self):
        """Return the fields that ``_prepare_signature_vals`` gives. A hook."""
        return ["project_phase", "referral_plan_id", "referral_paying_levels"]

    def _query_lock(self, customers):
        """Let contracts of one customer be signed one after the other.

        Of two signed at once, the second gets a serialization failure, is tried again
        by Odoo, and then counts the first: the phases are 1 and 2, not 1 and 1.
        """
        self.env.cr.execute(
            SQL(
                "UPDATE res_partner SET write_date = write_date WHERE id IN"
                " (SELECT id FROM res_partner WHERE id = ANY(%s) ORDER BY id"
                " FOR NO KEY UPDATE)",
                customers.ids,
            )
        )

    def _action_cancel(self):
        signed = self.filtered("project_phase")
        result = super()._action_cancel()
        for order in signed:
            order._log_referral("cancelled")
        signed._write_guarded(
            {
                "project_phase": 0,
                "referral_phase_corrected": False,
                "referral_plan_id": False,
                "referral_paying_levels": 0,
                "referral_channel_id": False,
                "referral_deal_share": 0.0,
                "referral_decision": False,
            }
        )
        return result

    def _log_referral(self, node, content=None):
        """Add an entry to the trail of each order's lead, in one go."""
        steps = []
        for order in self.sudo():
            lead = order.referral_lead_id
            amount = f"{order.amount_untaxed:.2f} {order.currency_id.name}"
            told = {"document": order.name, "amount": amount, **(content or {})}
            if lead:
                steps.append(lead._prepare_step(node, told, order))
        self.env["referral.trail.entry"]._append_each(steps)

    def _get_referral_company(self):
        self.ensure_one()
        return self.company_id

    def _get_referral_plan(self):
        """Return the plan the contract was signed under (rule C4)."""
        self.ensure_one()
        return self.referral_plan_id

    def _prepare_commission_source_vals(self):
        self.ensure_one()
        return {"lead_id": self.referral_lead_id.id, "order_id": self.id}

    def _prepare_referral_facts(self, trigger, rules):
        """Return what the engine needs to know of this contract, in company currency.

        Amounts and rates are those of the day the contract was signed (threat F5).
        """
        self.ensure_one()
        company, signed_on = self.company_id, self._get_referral_day()
        bases = {
            name: Decimal(
                repr(
                    self.currency_id._convert(
                        self[field], company.currency_id, company, signed_on
                    )
                )
            )
            for name, field in (
                ("untaxed", "amount_untaxed"),
                ("total", "amount_total"),
            )
        }
        signature = self._get_signature_vals()
        people = self.referrer_id._prepare_referral_people(
            company,
            self.env["referral.channel"].browse(signature["referral_channel_id"]),
        )
        people["paying_levels"] = self._cap_paying_levels(
            people["paying_levels"], signature["referral_paying_levels"]
        )
        return Facts(
            trigger=trigger,
            phase=signature["project_phase"],
            bases=bases,
            currencies=rules._get_engine_currencies(company, signed_on),
            **people,
        )

    def _get_territory_questions(self):
        """An order lies where it is delivered, once per product category (rule M5)."""
        self.ensure_one()
        territories = self.env["referral.territory"]
        company = self.company_id or self.env.company
        day = territories._get_day(company, self.date_order or fields.Datetime.now())
        addresses = self.partner_shipping_id + self.partner_id
        address = addresses.filtered("country_id")[:1] or self.partner_id
        industry = self.partner_id.commercial_partner_id.industry_id
        parts = {}
        for line in self.order_line:
            if not line.display_type and not line.is_downpayment:
                category = line.product_id.categ_id
                parts[category] = parts.get(category, 0) + line.price_subtotal
        return [
            Question(
                company,
                territories._prepare_place(address, day, category, industry),
                amount,
                self.currency_id,
            )
            for category, amount in (parts or {None: 0}).items()
        ]

    @api.model
    def _cap_paying_levels(self, in_force, signed):
        """Return how many levels a contract rewards (rules M4, M7; threat F5).

        More levels do not reach back to contracts signed before; fewer count at once,
        so that a revoked sign-off stops the third level everywhere.

        :param int in_force: the company's paying levels now.
        :param int signed: those when it was signed; 0: signed before that was kept.
        """
        return min(in_force, signed or 2)
