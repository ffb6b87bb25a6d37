import logging

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from .sale_order import GUARDED
from .sale_order_forecast import REFUSED_LEADS
from .sale_order_kept import Kept
from .true_up_events import Event

GUARDED.add("referral_was_confirmed")

_logger = logging.getLogger(__name__)


class SaleOrder(models.Model):
    """Rewards follow what is kept of their contract (rules C6, C7; threat F6).

    One mechanism, called by whatever happens to the contract's money. Each reward has a
    target: what its rule gives for the whole contract, times what is kept of it. Who
    has got more gives it back, the latest parts first. Who has got less gets a further
    part: of real-time rewards at once, of the others once finance confirms anew.
    """

    _inherit = "sale.order"

    referral_was_confirmed = fields.Boolean(
        readonly=True,
        copy=False,
        help="Finance confirmed, and nothing has taken that back since.",
    )

    def _is_referral_off(self):
        """Tell whether nothing is due of this contract any more, whatever was paid."""
        self.ensure_one()
        return (
            self.state != "sale"
            or not self.project_phase
            or self.referral_lead_id.referral_validity in REFUSED_LEADS
        )

    # ------------------------------------------------------------------- mechanism

    def _referral_true_up(self, reason):
        """Make what was given equal to what is due (rules C6, C7, M4).

        Again, it changes nothing. Of two transactions that do it for one contract, the
        later fails on the order's row and is tried again by Odoo.

        :param reason: for the beneficiaries; str, or ``Event`` that is told in the
            language of who reads it.
        :return: the new commissions: further parts, and what takes back.
        :raises UserError: when an open settlement holds a reward that has to go back.
        """
        orders = self.sudo()
        orders._query_lock_rewards()
        orders._refresh_money()
        commissions = self.env["referral.commission"].sudo()
        kept = {order: Kept(order) for order in orders}
        lines = commissions._take_back_excess(kept, reason)
        orders._withdraw_confirmation(reason)
        running = orders.filtered(
            lambda o: not o._is_referral_off() and o.referral_decision != "refused"
        )
        paying = running.filtered(
            lambda o: "payment" in o.referral_plan_id.rule_ids.mapped("trigger")
        )
        paying._refresh_figures()
        return lines + commissions._accrue("payment", paying)

    def _refresh_money(self):
        """Compute again what has arrived: Odoo does not tell of each thing it rests
        on, such as an entry that is reset to draft and stays matched."""
        names = ("referral_received_amount", "referral_paid_in_full")
        before = [[order[name] for name in names] for order in self]
        for name in names:
            self.env.add_to_compute(self._fields[name], self)
        if before != [[order[name] for name in names] for order in self]:
            self.modified(names)

    def _query_lock_rewards(self):
        """Let what happens to one contract's money happen one after the other.

        The row is written, not only locked: who has an older snapshot does not go on.
        """
        self.flush_recordset()
        self.env.cr.execute(
            SQL(
                "UPDATE sale_order SET write_date = write_date WHERE id IN %s",
                tuple(sorted(self.ids)) or (0,),
            )
        )

    def _withdraw_confirmation(self, reason):
        """Take finance's confirmation back where nothing is due any more, and tell the
        trail; money that goes back has taken it along already."""
        confirmed = self.filtered("referral_was_confirmed")
        off = confirmed.filtered(lambda order: order._is_referral_off())
        off.filtered("referral_decision")._write_guarded({"referral_decision": False})
        gone = confirmed.filtered(lambda order: not order.referral_decision)
        gone._write_guarded({"referral_was_confirmed": False})
        for order in gone:
            told = {"reason": self._get_event_text(reason)}
            order._log_referral("unconfirmed", told)

    def _decide(self, decision, reason=False):
        result = super()._decide(decision, reason)
        self._write_guarded({"referral_was_confirmed": decision == "confirmed"})
        return result

    def _check_to_confirm(self):
        result = super()._check_to_confirm()
        for order in self.sudo().filtered(lambda order: order._is_referral_off()):
            raise UserError(
                self.env._(
                    "The lead of %(order)s was found invalid or a duplicate, so nobody"
                    " is rewarded for it. Reopen its review first if that was wrong.",
                    order=order.name,
                )
            )
        return result

    def action_referral_refuse(self, reason):
        """Refuse, and take back what payments have given already; see the base."""
        todo = self.filtered(lambda order: order.referral_state != "refused")
        result = super().action_referral_refuse(reason)
        todo._referral_true_up(Event("refused", reason.strip()))
        return result

    def _set_phase(self, phase, reason):
        """Correct the phase, and with it what was given by the rules of the other."""
        result = super()._set_phase(phase, reason)
        orders = self.sudo()
        orders._query_lock_rewards()
        event = Event("phase", reason)
        self.env["referral.commission"].sudo()._take_back_all(orders, event)
        orders._referral_true_up(event)
        return result

    def _action_cancel(self):
        signed = self.filtered("project_phase")
        result = super()._action_cancel()
        for order in signed:
            order._referral_follow(Event("cancelled", order.name))
        return result

    def _referral_follow(self, event):
        """True up now; where that fails, bookkeeping goes on, and a job tries again.

        Whatever it is that fails, a wallet, a settlement, another transaction: the
        books of the company come first. What they have not written yet is written
        before, so that nobody takes their errors for one of ours.
        """
        self.env.flush_all()
        try:
            with self.env.cr.savepoint():
                self._referral_true_up(event)
        except Exception:
            if len(self) > 1:  # the others do not wait for the one
                for order in self:
                    order._referral_follow(event)
                return
            _logger.info("rewards of %s wait for the job", self, exc_info=True)
            self.env["referral.true.up"]._queue(self, event)

    @api.model
    def _get_event_text(self, event):
        """Return what happened in the reader's language; a reason as it was typed."""
        if not isinstance(event, tuple):
            return event
        kind, document = event
        texts = {
            "cancelled": self.env._(
                "Contract %(document)s cancelled", document=document
            ),
            "credit": self.env._("Credit note %(document)s", document=document),
            "invoice": self.env._("Invoice %(document)s changed", document=document),
            "payment": self.env._("Payment of %(document)s undone", document=document),
            "phase": self.env._("Phase corrected: %(reason)s", reason=document),
            "lead": self.env._("The lead does not count: %(reason)s", reason=document),
            "refused": self.env._("Finance refused: %(reason)s", reason=document),
        }
        return texts.get(kind, document)
