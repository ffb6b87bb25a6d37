from odoo import api, fields, models
from odoo.tools import float_compare

from .sale_order import GUARDED

GUARDED |= {
    "referral_decision",
    "referral_missing_amount",
    "referral_paid_in_full",
    "referral_reason",
    "referral_received_amount",
    "referral_state",
}
SETTLED = ("paid", "reversed")  # "in payment" is on its way, and has not arrived


class SaleOrder(models.Model):
    """Where a contract stands on the way to its reward, and its money (rule C3).

    Everything follows the order and its posted documents by itself; the one decision
    in it is finance's. A confirmation stands as long as the money stays: when it goes
    back, finance decides anew.

    **What has arrived.** Each invoice, receipt and credit note counts with the lines
    that are this order's, also where one document bills several orders, in the order's
    currency at the document's rate. An invoice counts as far as it is settled; a credit
    note in full, from the day it is posted. So an invoice and what reverses it net to
    nothing. Not settled: by a payment that Odoo calls "in payment", or by a credit note
    that is no order's.

    **Paid in full.** The order's lines net to its total over all documents, and each
    document is settled. A credit on the price alone leaves the total unreached: correct
    the order's price, or what was credited stays missing.

    **Orders without invoices.** An order worth nothing has nothing to pay, and is
    complete once everything is delivered or invoiced. So is one that was paid
    otherwise, see ``_is_referral_prepaid``.
    """

    _inherit = "sale.order"

    referral_received_amount = fields.Monetary(
        string="Received",
        compute="_compute_referral_money",
        store=True,
        copy=False,
        help="What has arrived for this contract, over all invoices, down payments and"
        " credit notes, with taxes.",
    )
    referral_missing_amount = fields.Monetary(
        string="Missing",
        compute="_compute_referral_money",
        store=True,
        copy=False,
        help="What has not arrived yet of the contract's total.",
    )
    referral_paid_in_full = fields.Boolean(
        string="Paid in full",
        compute="_compute_referral_money",
        store=True,
        copy=False,
        help="Everything is invoiced and every document is settled.",
    )
    referral_decision = fields.Selection(
        [("confirmed", "Confirmed"), ("refused", "Refused")],
        string="Finance decision",
        compute="_compute_referral_decision",
        store=True,
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

    @api.depends(
        "state",
        "referrer_id",
        "project_phase",
        "amount_total",
        "currency_id",
        "order_line.invoice_lines.price_total",
        "order_line.invoice_lines.move_id.state",
        "order_line.invoice_lines.move_id.payment_state",
        "order_line.invoice_lines.move_id.amount_total",
        "order_line.invoice_lines.move_id.amount_residual",
        "order_line.invoice_lines.move_id.matched_payment_ids.is_matched",
    )
    def _compute_referral_money(self):
        contracts = self.filtered(lambda order: order._is_referral_contract())
        for order in self - contracts:
            order.referral_received_amount = order.referral_missing_amount = 0.0
            order.referral_paid_in_full = False
        contracts._fetch_referral_documents()
        for order in contracts:
            received, paid = order._get_referral_receipts()
            missing = 0.0 if paid else max(order.amount_total - received, 0.0)
            order.referral_received_amount = order.currency_id.round(received)
            order.referral_missing_amount = order.currency_id.round(missing)
            order.referral_paid_in_full = paid

    @api.depends("referral_paid_in_full")
    def _compute_referral_decision(self):
        """Money that goes back takes the confirmation with it (rule C7, threat F6)."""
        for order in self:
            gone = (
                order.referral_decision == "confirmed"
                and not order.referral_paid_in_full
            )
            order.referral_decision = False if gone else order.referral_decision

    @api.depends(
        "state",
        "referrer_id",
        "project_phase",
        "referral_decision",
        "referral_paid_in_full",
        "invoice_status",
        "order_line.product_uom_qty",
        "order_line.qty_delivered",
        "order_line.invoice_lines.move_id.state",
    )
    def _compute_referral_state(self):
        for order in self:
            order.referral_state = order._get_referral_state()

    def _is_referral_contract(self):
        self.ensure_one()
        return bool(self.state == "sale" and self.referrer_id and self.project_phase)

    def _get_referral_state(self):
        """Return where the order stands on the way to its reward (rule C3)."""
        self.ensure_one()
        if not self._is_referral_contract():
            return "none"
        if self.referral_decision:
            return self.referral_decision
        if not self._is_referral_complete():
            invoices = self._get_referral_invoices()
            return "awaiting_completion" if invoices else "contracted"
        return "to_confirm" if self.referral_paid_in_full else "awaiting_payment"

    def _get_referral_invoices(self):
        """Return every posted invoice, down payment and credit note of the order."""
        return self._get_referral_invoice_lines().move_id

    def _get_referral_invoice_lines(self):
        return self.sudo().order_line.invoice_lines.filtered(
            lambda line: (
                line.parent_state == "posted"
                and line.move_id.is_sale_document(include_receipts=True)
            )
        )

    def _is_referral_complete(self):
        """Tell whether nothing is left to invoice. A hook.

        What needs no invoice is complete once it is delivered.
        """
        self.ensure_one()
        if self.invoice_status in ("invoiced", "upselling"):
            return True
        return self._needs_no_invoice() and self._is_referral_delivered()

    def _needs_no_invoice(self):
        return self.currency_id.is_zero(self.amount_total) or (
            self._is_referral_prepaid()
        )

    def _is_referral_prepaid(self):
        """Tell whether the money came before and without invoices. A hook.

        An addon that lets orders draw on what was bought in advance overrides this.
        """
        self.ensure_one()
        return False

    def _is_referral_delivered(self):
        lines = self.order_line.filtered(
            lambda line: not line.display_type and not line.is_downpayment
        )
        return bool(lines) and all(
            float_compare(
                line.qty_delivered,
                line.product_uom_qty,
                precision_rounding=line.product_uom_id.rounding or 0.01,
            )
            >= 0
            for line in lines
        )

    def _get_referral_receipts(self):
        """Return what has arrived, in the order's currency, and whether that is all.

        See the class for what counts.
        """
        self.ensure_one()
        net = received = tolerance = 0.0
        settled = True
        for move, lines in (
            self._get_referral_invoice_lines().grouped("move_id").items()
        ):
            rate = self._get_referral_rate(move)
            sign, arrived = -move.direction_sign, move._get_referral_settled_part()
            own = sign * rate * sum(lines.mapped(self._get_billed_amount))
            net += own
            received += own * (arrived if sign > 0 else 1.0)
            settled &= arrived == 1.0 and move.payment_state in SETTLED
            # taxes are rounded per document, and not as they were on the order
            step = max(self.currency_id.rounding, rate * move.currency_id.rounding)
            tolerance += step * len(lines.filtered("price_total"))
        if self._is_referral_prepaid() and settled:
            return self.amount_total, True
        enough = (
            self.currency_id.compare_amounts(net + tolerance, self.amount_total) >= 0
        )
        return max(received, 0.0), settled and enough

    def _get_billed_amount(self, line):
        """Return what a line of a document bills of this order: once, not for each."""
        billed = line.sale_line_ids
        own = billed & self.order_line
        if own == billed:
            return line.price_total
        whole = sum(billed.mapped("price_total"))
        part = sum(own.mapped("price_total")) / whole if whole else 0.0
        return line.price_total * part

    def _fetch_referral_documents(self):
        """Read what settles the documents of all these orders in one go."""
        billing = self.sudo().order_line.invoice_lines
        billing.mapped("sale_line_ids")
        lines = billing.move_id.line_ids
        lines.account_id.fetch(["account_type"])
        settling = lines.matched_credit_ids.credit_move_id.move_id
        settling.origin_payment_id.fetch(["is_matched"])

    def _get_referral_rate(self, move):
        """Return what one unit of the document's currency is in the order's."""
        return self.env["res.currency"]._get_conversion_rate(
            move.currency_id,
            self.currency_id,
            self.company_id,
            move.invoice_date or fields.Date.today(),
        )
