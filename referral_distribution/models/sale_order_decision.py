from odoo import fields, models
from odoo.exceptions import UserError

from ..engine.commission import MAX_LEVELS
from .memo import remembered
from .refresh import refresh
from .sale_order import GUARDED

GUARDED.add("referral_salesperson_id")


class SaleOrder(models.Model):
    """Finance confirms or refuses a contract's reward (rule C3).

    Not who sold it, and not who is rewarded by it.
    """

    _inherit = "sale.order"

    referral_salesperson_id = fields.Many2one(
        "res.users",
        string="Sold by",
        readonly=True,
        copy=False,
        ondelete="set null",
        help="The salesperson on the day the contract was signed. Whoever that was does"
        " not decide about its reward, also once somebody else looks after it.",
    )

    def _prepare_signature_vals(self, phase):
        vals = super()._prepare_signature_vals(phase)
        return {**vals, "referral_salesperson_id": self.user_id.id}

    def action_referral_confirm(self):
        """Finance confirms: those who helped are rewarded, once (rule C3).

        Pressed again it changes nothing.

        :raises AccessError: without the finance role.
        :raises UserError: when an order is not complete or not paid in full; to its
            salesperson and to those it rewards. None of the orders is confirmed then.
        """
        self.env.user._referral_require("group_finance")
        todo = self.filtered(lambda order: order.referral_state != "confirmed")
        todo._check_to_confirm()
        measured = remembered(todo)
        measured._check_referral_impartial()
        todo._decide("confirmed")
        self.env["referral.commission"]._accrue("contract", measured)
        return True

    def action_referral_refuse(self, reason):
        """Finance refuses the reward, with a reason (rule C3).

        :param str reason: required; kept on the order and in the trail.
        :raises AccessError: without the finance role.
        :raises UserError: without a reason, or when the order is not up for decision;
            to its salesperson and to those it rewards.
        """
        self.env.user._referral_require("group_finance")
        if not isinstance(reason, str) or not reason.strip():
            raise UserError(self.env._("Give a reason, so that the member can learn."))
        todo = self.filtered(lambda order: order.referral_state != "refused")
        todo._check_to_confirm()
        todo._check_referral_impartial()
        todo._decide("refused", reason.strip())
        return True

    def _refresh_figures(self):
        """Compute again what a reward rests on, from the order's lines and documents.

        Some are stored fields of Odoo that a salesperson could write over RPC.
        """
        orders = self.sudo()
        orders.order_line.mapped("tax_ids")  # at once, for all of them
        refresh(orders.order_line, orders._get_referral_line_amounts().values())
        refresh(orders, ["invoice_status", *orders._get_referral_amounts().values()])
        self.env.add_to_compute(self._fields["referral_paid_in_full"], orders)

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

    def _check_referral_impartial(self):
        """Refuse who sold the order or is rewarded by it: that is a colleague's."""
        user = self.env.user
        if user._is_superuser():
            return
        contact, family = user._get_referral_side()
        self._fetch_referral_people()
        for order in self.sudo():
            if user in order.user_id | order.referral_salesperson_id:
                raise UserError(
                    self.env._(
                        "You sold %(order)s, so a colleague of yours decides about its"
                        " reward.",
                        order=order.name,
                    )
                )
            people = order._get_referral_people()
            if contact in people or family & people.commercial_partner_id:
                raise UserError(
                    self.env._(
                        "You are among those whom %(order)s rewards, so a colleague of"
                        " yours decides about it.",
                        order=order.name,
                    )
                )

    def _get_referral_people(self):
        """Return the contacts a reward of this contract may reach. A hook.

        The member who brought it, the inviters up to the deepest level there ever is,
        the partner of its channel, and whom the plan names.
        """
        self.ensure_one()
        chain = self.referrer_id._get_invite_chain(MAX_LEVELS)
        return chain | self.referral_channel_id.partner_id

    def _fetch_referral_people(self):
        """Read the customers and who may be rewarded of all these orders at once."""
        orders = self.sudo()
        people = {
            member.id
            for referrer in orders.referrer_id
            for member in referrer._get_invite_chain(MAX_LEVELS)
        }
        orders.partner_id.commercial_partner_id.mapped("name")
        self.env["res.partner"].sudo().browse(people).mapped("member_state")

    def _decide(self, decision, reason=False):
        """Write finance's decision and log it. The one way an order is decided."""
        self._write_guarded({"referral_decision": decision, "referral_reason": reason})
        self._log_referral(decision, {"reason": reason or ""})
