from collections import defaultdict

from odoo import api, models

from .memo import is_trial, recall


class ReferralRate(models.Model):
    """In a simulation, a company's own rates are looked up once."""

    _inherit = "referral.rate"

    @api.model
    def _get_rates(self, company, people, customer, day, trigger):
        if not is_trial(self.env):
            return super()._get_rates(company, people, customer, day, trigger)
        known = recall(
            self.env, ("rates", company.id), lambda: self._read_rates(company)
        )
        found = [
            one
            for person in people
            for one in known.get((person, trigger), ())
            if one[1] in (False, customer.id)
            and one[2] <= day
            and not (one[3] and one[3] < day)
        ]
        return tuple(engine_rate for *_when, engine_rate in sorted(found, key=_number))

    @api.model
    def _read_rates(self, company):
        """Return ``{(person, trigger): [(id, customer, from, to, engine rate)]}``."""
        found = defaultdict(list)
        for rate in self.sudo().search([("company_id", "=", company.id)]):
            customer = rate.customer_id.commercial_partner_id.id
            told = (rate.id, customer, rate.date_from, rate.date_to, rate._to_engine())
            found[rate.partner_id.id, rate.trigger].append(told)
        return found


def _number(told):
    return told[0]
