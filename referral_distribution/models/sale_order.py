from decimal import Decimal

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL

from ..engine.commission import Facts
from . import gate
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
# Settled by the signature.
SIGNED = {"referrer_id", "referral_lead_id"}


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
        for name in SIGNED & vals.keys() if not self.env.su else ():
            signed = self.filtered(
                lambda o, name=name: o.project_phase and o[name].id != vals[name]
            )
            if signed:
                raise UserError(
                    self.env._(
                        "%(order)s is signed: its referrer stays.", order=signed[0].name
                    )
                )
        return super().write(vals)

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
        for order in self.filtered(lambda o: o.referrer_id and not o.project_phase):
            order._sign_contract()
        return result

    def _sign_contract(self):
        """Freeze the plan in force and the phase; from here on it is a contract."""
        self.ensure_one()
        customer = self.partner_id.commercial_partner_id
        self._query_lock(customer)
        vals = self._prepare_signature_vals(self._get_next_phase())
        if not self.referral_lead_id:
            vals["referral_lead_id"] = self._find_trail_lead().id
        self._write_guarded(vals)
        self._log_referral("contracted")
        self._attach_quotations()

    def _prepare_signature_vals(self, phase):
        """Return what a contract keeps of the day it is signed. A hook."""
        plan = self.env["referral.plan"].sudo()._get_active(self.company_id)
        levels = int(self.company_id.referral_paying_levels)
        return {
            "project_phase": phase,
            "referral_plan_id": plan.id,
            "referral_paying_levels": levels,
        }

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

    def _query_lock(self, customer):
        """Let contracts of one customer be signed one after the other.

        Of two signed at once, the second gets a serialization failure, is tried again
        by Odoo, and then counts the first: the phases are 1 and 2, not 1 and 1.
        """
        query = "UPDATE res_partner SET write_date = write_date WHERE id = %s"
        self.env.cr.execute(SQL(query, customer.id))

    def _action_cancel(self):
        signed = self.filtered("project_phase")
        result = super()._action_cancel()
        for order in signed:
            order._log_referral("cancelled")
        signed._write_guarded(
            {
                "project_phase": 0,
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
        company, signed_on = self.company_id, self.date_order.date()
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
