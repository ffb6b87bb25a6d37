from dateutil.relativedelta import relativedelta

from odoo import fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain

LAST_PHASE = 999


class SaleOrder(models.Model):
    """Which of the customer's contracts it is, and whom the customer stays with (C2).

    A phase counts the contracts of a customer, the company whoever signs for it, with
    one referrer. The referrer stays attached for as long as the company says: from the
    first contract on, and anew from each that came from a lead or link of its own.

    A contract without a lead is told by the trail of the first lead that the referrer
    brought of this customer, if there is one.
    """

    _inherit = "sale.order"

    def _get_next_phase(self):
        """Return the phase of a contract that is signed now: an integer from 1."""
        self.ensure_one()
        customer = self.partner_id.commercial_partner_id
        earlier = self.sudo().search_count(
            [
                ("partner_id", "child_of", customer.id),
                ("company_id", "=", self.company_id.id),
                ("referrer_id", "=", self.referrer_id.id),
                ("project_phase", ">", 0),
                ("state", "=", "sale"),
                ("id", "!=", self._origin.id),
            ]
        )
        return earlier + 1

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
        self._write_guarded({"project_phase": phase})
        self._log_referral("rephased", told)
        self.sudo().message_post(
            author_id=self.env.user.partner_id.id,
            body=self.env._("Phase %(from)s is now phase %(to)s: %(reason)s", **told),
        )

    def write(self, vals):
        late = self.filtered(lambda o: o.state == "sale" and not o.project_phase)
        late = late if vals.get("referrer_id") else late.browse()
        if late and not self.env.su:
            self.env.user._referral_require("group_manager")
        result = super().write(vals)
        for order in late:
            order._check_referral_impartial()
            order._sign_contract()
        return result

    def _get_signing_day(self):
        """Return the company's day on which the order was confirmed, or today."""
        self.ensure_one()
        company = self.company_id
        if self.state != "sale" or not self.date_order:
            return company._referral_today()
        local = self.with_context(tz=company._referral_tz())
        return fields.Datetime.context_timestamp(local, self.date_order).date()

    def _find_trail_lead(self):
        """Return the lead whose trail tells a contract that has no lead of its own."""
        self.ensure_one()
        customer = self.partner_id.commercial_partner_id
        leads = self.env["crm.lead"].sudo().with_context(active_test=False)
        return leads.search(
            Domain("partner_id", "child_of", customer.id)
            & Domain("referrer_id", "=", self.referrer_id.id)
            & Domain("company_id", "in", [self.company_id.id, False]),
            order="id",
            limit=1,
        )

    def _query_first_contracts(self, domain):
        """Return ``{order: its customer's first contract within domain}``.

        A contract of the same company whose referrer is still attached on the order's
        day; an empty set where there is none.
        """
        contracts = self.sudo().search(
            Domain("partner_id", "child_of", self.partner_id.commercial_partner_id.ids)
            & Domain("project_phase", ">", 0)
            & domain,
            order="id",
        )
        by_customer = contracts.grouped(lambda order: order._get_attachment_key())
        return {
            order: by_customer.get(
                order._get_attachment_key(), contracts.browse()
            )._get_attached(order.date_order or fields.Datetime.now())
            for order in self
        }

    def _get_attachment_key(self):
        return self.company_id.id, self.partner_id.commercial_partner_id.id

    def _get_attached(self, moment):
        """Return the first of one customer's contracts whose referrer is attached.

        :param datetime moment: in UTC.
        """
        months = self.company_id.referral_attachment_months
        for contracts in self.grouped("referrer_id").values():
            brought = contracts.filtered(lambda order: order._is_brought())
            since = max((contracts[:1] | brought).mapped("date_order"))
            if not months or moment <= since + relativedelta(months=months):
                return contracts[:1]
        return self.browse()

    def _is_brought(self):
        """Tell whether the contract came from a lead or link of its own."""
        return bool(self.opportunity_id.referrer_id or self.referral_link_id)
