from collections import Counter

from odoo import fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from .sale_order import GUARDED

GUARDED.add("referral_phase_corrected")
LAST_PHASE = 999


class SaleOrder(models.Model):
    """Which of the customer's contracts it is (rule C2).

    A phase counts the standing contracts of a customer, the company whoever signs for
    it, with one referrer. Where a phase was corrected, counting goes on from there.

    A contract without a lead is told by the trail of the first lead that the referrer
    brought of this customer, if there is one.
    """

    _inherit = "sale.order"

    referral_phase_corrected = fields.Boolean(
        string="Phase corrected",
        readonly=True,
        copy=False,
        help="The phase was corrected, and later contracts are counted on from it.",
    )

    def _get_next_phase(self):
        """Return the phase of a contract that is signed now: an integer from 1."""
        return self._find_next_phases()[self]

    def _find_next_phases(self):
        """Return ``{order: phase}`` of orders that are signed now, in this order."""
        # what is signed already; of these orders themselves nothing counts yet
        self.flush_model(["project_phase", "referral_phase_corrected", "referrer_id"])
        self.env["res.partner"].flush_model(["commercial_partner_id"])
        asked = {order: order._get_phase_key() for order in self}
        keys = list(set(asked.values()))
        rows = self.env.execute_query(self._query_phases(keys))
        reached = Counter({keys[number - 1]: phase for number, phase in rows})
        phases = {}
        for order, key in asked.items():
            reached[key] += 1
            phases[order] = reached[key]
        return phases

    def _get_phase_key(self):
        """Return the ids of company, customer and referrer."""
        return (*self._get_customer_key(), self.referrer_id._origin.id or None)

    def _query_phases(self, keys):
        """Return the statement that gives ``(number of the key, phase reached)``.

        :param list keys: ids of company, customer and referrer.
        """
        companies, customers, referrers = (list(ids) for ids in zip(*keys, strict=True))
        return SQL(
            """
            SELECT number,
                COALESCE(max(project_phase) FILTER (WHERE id = fixed), 0)
                    + count(*) FILTER (WHERE id > COALESCE(fixed, 0))
            FROM (
                SELECT asked.number, contract.id, contract.project_phase,
                    max(contract.id) FILTER (WHERE contract.referral_phase_corrected)
                        OVER (PARTITION BY asked.number) AS fixed
                FROM unnest(%(companies)s::int[], %(customers)s::int[],
                    %(referrers)s::int[])
                    WITH ORDINALITY AS asked (company, customer, referrer, number)
                JOIN res_partner buyer ON buyer.commercial_partner_id = asked.customer
                JOIN sale_order contract ON contract.partner_id = buyer.id
                WHERE contract.company_id = asked.company
                    AND contract.referrer_id = asked.referrer
                    AND contract.project_phase > 0 AND contract.state = 'sale'
            ) AS contract
            GROUP BY number
            """,
            companies=companies,
            customers=customers,
            referrers=referrers,
        )

    def action_referral_set_phase(self, phase, reason):
        """Correct the phase of a contract that is not decided yet (rule C2).

        For finance and managers, but not who sold the order or is rewarded by it.

        :param int phase: 1 for the first contract of the customer ... 999.
        :param str reason: required; kept in the trail and on the order.
        :raises AccessError: without one of the roles.
        :raises UserError: without a reason, with a phase out of range, on an order that
            is no contract or is decided. Nothing is changed then.
        """
        self.ensure_one()
        self.env.user._referral_require("group_finance", "group_manager")
        self.check_access("read")
        if not isinstance(reason, str) or not reason.strip():
            raise UserError(
                self.env._("Give a reason, so that the change can be understood later.")
            )
        if type(phase) is not int or not 1 <= phase <= LAST_PHASE:
            raise UserError(
                self.env._(
                    "A phase is a whole number from 1 to %(last)s.", last=LAST_PHASE
                )
            )
        self._check_phase_open()
        self._check_referral_impartial()
        if phase != self.project_phase:
            self._set_phase(phase, reason.strip())
        return True

    def _check_phase_open(self):
        if not self.project_phase:
            raise UserError(
                self.env._(
                    "%(order)s is no contract, so it has no phase.", order=self.name
                )
            )
        if self.referral_decision:
            raise UserError(
                self.env._(
                    "The reward for %(order)s is decided; its phase stays.",
                    order=self.name,
                )
            )

    def _set_phase(self, phase, reason):
        told = {
            "from": str(self.project_phase),
            "to": str(phase),
            "reason": reason,
        }
        self._write_guarded({"project_phase": phase, "referral_phase_corrected": True})
        self._log_referral("rephased", told)
        self.sudo().message_post(
            author_id=self.env.user.partner_id.id,
            body=self.env._("Phase %(from)s is now phase %(to)s: %(reason)s", **told),
        )

    def write(self, vals):
        if not vals.get("referrer_id"):
            return super().write(vals)
        late = self.filtered(lambda o: o.state == "sale" and not o.project_phase)
        if late and not self.env.su:
            self.env.user._referral_require("group_manager")
        result = super().write(vals)
        late._sign_contracts()
        late._check_referral_impartial()
        return result
