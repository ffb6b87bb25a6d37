from odoo import models


class ResCurrencyRate(models.Model):
    """A rate that is gone is not remembered; see ``res.currency``."""

    _inherit = "res.currency.rate"

    def write(self, vals):
        if vals.keys() & {"currency_id", "company_id"}:
            self.env.registry.clear_cache()
        return super().write(vals)

    def unlink(self):
        self.env.registry.clear_cache()
        return super().unlink()
