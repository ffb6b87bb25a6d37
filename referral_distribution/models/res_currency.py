from odoo import models, tools
from odoo.exceptions import UserError
from odoo.fields import Domain


class ResCurrency(models.Model):
    _inherit = "res.currency"

    def _referral_check_rate(self, company):
        """Refuse to pay in a currency whose worth nobody has said (rule C8).

        Odoo takes one for one where neither it nor the company's own currency has a
        rate, which would pay a wrong amount without a word.

        :param company: res.company whose currency the amounts are in.
        :raises UserError: names the currency and where to give its rate.
        """
        for currency in self - company.currency_id:
            currency._referral_find_rate(company.root_id.id, company.currency_id.id)

    @tools.ormcache("self.id", "company_id", "company_currency_id")
    def _referral_find_rate(self, company_id, company_currency_id):
        """Return True, which is remembered; what is missing is looked for again."""
        own = self.browse(company_currency_id)
        domain = Domain("currency_id", "in", (self | own).ids)
        domain &= Domain("company_id", "in", (False, company_id))
        if not self.env["res.currency.rate"].sudo().search_count(domain, limit=1):
            raise UserError(
                self.env._(
                    "%(currency)s has no rate to %(company_currency)s. Give one under"
                    " Accounting / Configuration / Currencies first.",
                    currency=self.name,
                    company_currency=own.name,
                )
            )
        return True
