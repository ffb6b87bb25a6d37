from decimal import Decimal

from odoo import api, fields, models, tools
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Domain

from ..engine.commission import OwnRate
from .finite import check_finite

# What contracts may have been signed under.
FIXED = {
    *("company_id", "partner_id", "customer_id", "trigger", "beneficiary", "level"),
    *("rate", "date_from"),
}


class ReferralRate(models.Model):
    """What is agreed with one person, without a plan of its own (rules C4, G1).

    In place of the per cent of the plan's rules for the same event and place in the
    chain; for one customer, or for all. What is agreed for the customer wins. A rate
    whose first day has come is ended, never changed, and none begins before today:
    contracts that were signed keep what held on their day (threat F5).
    """

    _name = "referral.rate"
    _description = "Own Rate"
    _inherit = ("mail.thread",)
    _order = "partner_id, customer_id, date_from desc, id"
    _check_company_auto = True

    company_id = fields.Many2one(
        "res.company",
        required=True,
        index=True,
        default=lambda self: self.env.company,
    )
    partner_id = fields.Many2one(
        "res.partner",
        string="Beneficiary",
        required=True,
        index=True,
        ondelete="restrict",
        tracking=True,
    )
    customer_id = fields.Many2one(
        "res.partner",
        index="btree_not_null",
        ondelete="restrict",
        tracking=True,
        help="Empty: for the contracts of every customer.",
    )
    trigger = fields.Selection(
        selection=lambda self: (
            self.env["referral.plan.rule"]
            ._fields["trigger"]
            ._description_selection(self.env)
        ),
        required=True,
        default="contract",
        tracking=True,
    )
    beneficiary = fields.Selection(
        [
            ("member", "By level"),
            ("role", "By role"),
            ("territory", "As agent of the territory"),
            ("contact", "As a named contact"),
        ],
        string="Paid as",
        required=True,
        default="member",
        tracking=True,
    )
    level = fields.Integer(
        required=True,
        default=0,
        help="0: who brought it; 1: the inviter above; 2: the inviter's inviter.",
        tracking=True,
    )
    rate = fields.Float(string="Rate (%)", digits=(16, 6), required=True, tracking=True)
    date_from = fields.Date(
        string="From",
        required=True,
        default=lambda self: self.env.company._referral_today(),
        tracking=True,
    )
    date_to = fields.Date(string="Until", tracking=True)

    _rate_range = models.Constraint(
        "CHECK (rate BETWEEN 0 AND 100)", "A rate lies between 0 and 100 per cent."
    )
    _level_range = models.Constraint(
        "CHECK (level BETWEEN 0 AND 2 AND (level = 0 OR beneficiary = 'member'))",
        "Levels are 0, 1 and 2, and only of who is paid by level.",
    )
    _period_order = models.Constraint(
        "CHECK (date_from <= date_to)", "The last day lies before the first."
    )
    _exclusive = models.Constraint(
        "EXCLUDE USING gist (company_id WITH =, partner_id WITH =,"
        " COALESCE(customer_id, 0) WITH =, trigger WITH =, beneficiary WITH =,"
        " level WITH =, daterange(date_from, date_to, '[]') WITH &&)",
        "There is another rate for the same person, customer and event at that time."
        " End it first.",
    )

    @api.depends("partner_id", "rate")
    def _compute_display_name(self):
        for rate in self:
            rate.display_name = f"{rate.partner_id.name} {rate.rate:g} %"

    @api.constrains("partner_id", "customer_id")
    def _check_people(self):
        for rate in self:
            customer = rate.customer_id.commercial_partner_id
            if customer and customer == rate.partner_id.commercial_partner_id:
                raise ValidationError(
                    self.env._("Nobody is rewarded for their own contracts.")
                )

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            check_finite(self, vals)
            self._set_customer(vals)
        rates = super().create(vals_list)
        rates._check_begins()
        self.env.registry.clear_cache()
        return rates

    def write(self, vals):
        check_finite(self, vals)
        self._set_customer(vals)
        self._check_stays(vals)
        self.env.registry.clear_cache()
        result = super().write(vals)
        if "date_from" in vals:
            self._check_begins()
        # the next rate may begin where this one ends, in the same transaction
        self.flush_recordset()
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_except_in_force(self):
        for rate in self._filter_begun():
            rate._refuse_change()

    @api.model
    def _set_customer(self, vals):
        """The customer is the company, whoever signs for it; so is a contract's."""
        if vals.get("customer_id"):
            customer = self.env["res.partner"].browse(vals["customer_id"])
            vals["customer_id"] = customer.commercial_partner_id.id

    def _filter_begun(self):
        """Return those that contracts may have been signed under."""
        if self.env.su:
            return self.browse()
        return self.filtered(
            lambda rate: rate.date_from <= rate.company_id._referral_today()
        )

    def _check_begins(self):
        for rate in self._filter_begun():
            if rate.date_from < rate.company_id._referral_today():
                raise UserError(
                    self.env._(
                        "A rate begins today or later: contracts signed before keep"
                        " what held then. Grant by hand what was promised besides."
                    )
                )

    def _check_stays(self, vals):
        """Refuse to change what has begun, but for the end that is still to come."""
        for rate in self._filter_begun():
            changed = {
                name
                for name in vals.keys() & {*FIXED, "date_to"}
                if (field := self._fields[name]).convert_to_cache(vals[name], rate)
                != field.convert_to_cache(rate[name], rate)
            }
            today = rate.company_id._referral_today()
            ends = (rate.date_to, fields.Date.to_date(vals.get("date_to")))
            earliest = fields.Date.subtract(today, days=1)
            if changed & FIXED or (
                "date_to" in changed and any(end and end < earliest for end in ends)
            ):
                rate._refuse_change()

    def _refuse_change(self):
        raise UserError(
            self.env._(
                "%(rate)s has begun, and contracts may have been signed under it: end"
                " it today or yesterday, and add another one.",
                rate=self.display_name,
            )
        )

    def unlink(self):
        self.env.registry.clear_cache()
        return super().unlink()

    @tools.ormcache("company_id")
    def _has_rates(self, company_id):
        """Tell whether a company has own rates at all; without, nobody asks."""
        domain = [("company_id", "=", company_id)]
        return bool(self.sudo().search_count(domain, limit=1))

    @api.model
    def _get_rates(self, company, people, customer, day, trigger):
        """Return what holds for these people on that day, as the engine reads it.

        :param people: set of res.partner ids.
        :param customer: commercial res.partner, perhaps empty.
        :return: tuple of engine.commission.OwnRate.
        """
        if not people or not self._has_rates(company.id):
            return ()
        rates = self.sudo().search(
            Domain("company_id", "=", company.id)
            & Domain("partner_id", "in", sorted(people))
            & Domain("trigger", "=", trigger)
            & (
                Domain("customer_id", "=", False)
                | Domain("customer_id.commercial_partner_id", "in", customer.ids)
            )
            & Domain("date_from", "<=", day)
            & (Domain("date_to", "=", False) | Domain("date_to", ">=", day))
        )
        return tuple(rate._to_engine() for rate in rates.sorted("id"))

    def _to_engine(self):
        self.ensure_one()
        return OwnRate(
            person=self.partner_id.id,
            trigger=self.trigger,
            beneficiary=self.beneficiary,
            level=self.level,
            rate=Decimal(repr(self.rate)),
            for_customer=bool(self.customer_id),
        )
