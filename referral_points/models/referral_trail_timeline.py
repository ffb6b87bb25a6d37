from odoo import api, models
from odoo.tools.misc import formatLang


class ReferralTrailTimeline(models.AbstractModel):
    _inherit = "referral.trail.timeline"

    @api.model
    def _tell_amount(self, number, currency):
        if currency != self.env.ref("referral_points.currency_pts"):
            return super()._tell_amount(number, currency)
        digits = 0 if number == int(number) else currency.decimal_places
        number = formatLang(self.env, number, digits=digits)
        return self.env._("%(number)s points", number=number)
