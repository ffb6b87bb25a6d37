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
    "referral_decision",
    "referral_link_id",
    "referral_paying_levels",
    "referral_plan_id",
    "referral_reason",
    "referral_state",
}
# Settled by the signature.
SIGNED = {"referrer_id", "referral_lead_id"}


class SaleOrder(models.Model):
    """A confirmed order that came from a lead is the contract (rules C1-C3).

    ``referral_state`` follows the order, its invoices and their payments by itself; the
    one decision in it is finance's: confirm or refuse.
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
    referral_decision = fields.Selection(
        [("confirmed", "Confirmed"), ("refused", "Refused")],
        string="Finance decision",
        readonly=True,
        copy=False,
        tracking=True,
    )
    referral_reason = fields.Char(string="Refusal reason", readonly=True, copy=False)
    referral_state = fields.Selection(
        [
            ("none", "None"),
            ("contracted", "Contracted"),
            ("awaiting_completion", "Awaiting completion"),
            ("awaiting_payment", "Awaiting payment"),
            ("to_confirm", "To confirm"),
            ("confirmed", "Confirmed"),
            ("refused", "Refused"),
        ],
        string="Reward",
        compute="_compute_referral_state",
        store=True,
        index=True,
        copy=False,
    )
    referral_commission_ids = fields.One2many(
        "referral.commission", "order_id", groups=ROLES
    )

    @api.depends(
        "state",
        "referrer_id",
        "project_phase",
        "referral_decision",
        "invoice_status",
        "amount_total",
        "order_line.qty_delivered",
        "order_line.invoice_lines.move_id.state",
        "order_line.invoice_lines.move_id.payment_state",
        "order_line.invoice_lines.move_id.amount_total_signed",
    )
    def _compute_referral_state(self):
        for order in self:
            order.referral_state = order._get_referral_state()

    def _get_referral_state(self):
        """Return where the order stands on the way to its reward (rule C3)."""
        self.ensure_one()
        if self.state != "sale" or not self.referrer_id or not self.project_phase:
            return "none"
        if self.referral_decision:
            return self.referral_decision
        invoices = self._get_referral_invoices()
        if not self._is_referral_complete():
            return "awaiting_completion" if invoices else "contracted"
        return "to_confirm" if self._is_paid_in_full(invoices) else "awaiting_payment"

    def _get_referral_invoices(self):
        """Return every posted invoice, down payment and credit note of the order."""
        moves = self.sudo().order_line.invoice_lines.move_id
        return moves.filtered(lambda move: move.state == "posted")

    def _is_referral_complete(self):
        """Tell whether nothing is left to deliver or to invoice. A hook."""
        self.ensure_one()
        return self.invoice_status in ("invoiced", "upselling")

    def _is_paid_in_full(self, invoices):
        """Tell whether the money has arrived over all documents together (rule C3).

        An invoice that is only "in payment" has not arrived. A reversed one is settled
        by its credit note, and the two net to zero.
        """
        self.ensure_one()
        if any(move.payment_state not in ("paid", "reversed") for move in invoices):
            return False
        received = sum(
            move.currency_id._convert(
                move.amount_total_in_currency_signed,
                self.currency_id,
                self.company_id,
                move.invoice_date or fields.Date.today(),
            )
            for move in invoices
        )
        return self.currency_id.compare_amounts(received, self.amount_total) >= 0

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
        for order in orders.filtered("opportunity_id.referrer_id"):
            order._log_referral("quoted")
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
        earlier = self.sudo().search_count(
            [
                ("partner_id", "child_of", customer.id),
                ("company_id", "=", self.company_id.id),
                ("project_phase", ">", 0),
                ("state", "=", "sale"),
                ("id", "!=", self.id),
            ]
        )
        self._write_guarded(self._prepare_signature_vals(earlier + 1))
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

    def _query_lock(self, customer):
        """Let contracts of one customer be signed one after the other.

        Of two signed at once, the second gets a serialization failure, is tried again
        by Odoo, and then counts the first: the phases are 1 and 2, not 1 and 1.
        """
        query = "UPDATE res_partner SET write_date = write_date WHERE id = %s"
        self.env.cr.execute(SQL(query, customer.id))

    def _action_cancel(self):
        signed = self.filtered("project_phase")
        rewarded = signed.filtered(lambda o: o.referral_decision == "confirmed")
        if rewarded:
            raise UserError(
                self.env._(
                    "The rewards of %(order)s have been given; credit its invoices"
                    " instead of cancelling it.",
                    order=rewarded[0].name,
                )
            )
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

    def action_referral_confirm(self):
        """Finance confirms: those who helped are rewarded, once (rule C3).

        Pressed again it changes nothing.

        :raises AccessError: without the finance role.
        :raises UserError: when an order is not complete or not paid in full.
        """
        self.env.user._referral_require("group_finance")
        todo = self.filtered(lambda order: order.referral_state != "confirmed")
        todo._check_to_confirm()
        todo._decide("confirmed")
        self.env["referral.commission"]._accrue("contract", todo)
        return True

    def action_referral_refuse(self, reason):
        """Finance refuses the reward, with a reason (rule C3).

        :param str reason: required; kept on the order and in the trail.
        :raises AccessError: without the finance role.
        :raises UserError: without a reason, or when the order is not up for decision.
        """
        self.env.user._referral_require("group_finance")
        if not isinstance(reason, str) or not reason.strip():
            raise UserError(self.env._("Give a reason, so that the member can learn."))
        todo = self.filtered(lambda order: order.referral_state != "refused")
        todo._check_to_confirm()
        todo._decide("refused", reason.strip())
        return True

    def _refresh_figures(self):
        """Compute again what a reward rests on, from the order's lines.

        These are stored fields of Odoo that a salesperson could write over RPC.
        """
        names = ("amount_untaxed", "amount_total", "invoice_status")
        orders = self.sudo()
        before = [[order[name] for name in names] for order in orders]
        for name in names:
            self.env.add_to_compute(self._fields[name], orders)
        if before != [[order[name] for name in names] for order in orders]:
            orders.modified(names)

    def _check_to_confirm(self):
        self._refresh_figures()
        labels = dict(self._fields["referral_state"]._description_selection(self.env))
        for order in self:
            if order.referral_state != "to_confirm":
                raise UserError(
                    self.env._(
                        "%(order)s is at “%(state)s”. Its reward can be decided once"
                        " the order is complete and paid in full.",
                        order=order.name,
                        state=labels[order.referral_state],
                    )
                )
            if not order.referral_plan_id:
                raise UserError(
                    self.env._(
                        "%(order)s was signed while no plan was active, so there is"
                        " nothing to reward it by.",
                        order=order.name,
                    )
                )

    def _decide(self, decision, reason=False):
        """Write finance's decision and log it. The one way an order is decided."""
        self._write_guarded({"referral_decision": decision, "referral_reason": reason})
        for order in self:
            order._log_referral(decision, {"reason": reason or ""})

    def _log_referral(self, node, content=None):
        self.ensure_one()
        amount = f"{self.amount_untaxed:.2f} {self.currency_id.name}"
        self.sudo().referral_lead_id._referral_log(
            node,
            document=self,
            content={"document": self.name, "amount": amount, **(content or {})},
        )

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
        people = self.referrer_id._prepare_referral_people(
            company, self.referral_channel_id
        )
        people["paying_levels"] = self._cap_paying_levels(people["paying_levels"])
        return Facts(
            trigger=trigger,
            phase=self.project_phase,
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

    def _cap_paying_levels(self, in_force):
        """Return how many levels the contract rewards (rules M4, M7; threat F5).

        More levels do not reach back to contracts signed before; fewer count at once,
        so that a revoked sign-off stops the third level everywhere.

        :param int in_force: the company's paying levels now.
        """
        self.ensure_one()
        signed = self.referral_paying_levels or 2  # signed before this was kept
        return min(in_force, signed)
