from odoo import api, fields, models
from odoo.exceptions import UserError

MOST = 1_000_000_000


class ResCompany(models.Model):
    """What a point is worth, company by company (rules P1, R1).

    The value is the company's rate of the currency PTS, so Odoo's own conversion and
    history of rates apply: a change counts from its day on and leaves the past alone.
    """

    _inherit = "res.company"

    referral_point_value = fields.Float(
        string="Value of a point",
        digits=(16, 6),
        default=1.0,
        required=True,
        help="What one point is worth in the company's currency.",
    )
    referral_goods_minimum = fields.Float(
        string="Goods from (points)",
        digits=(16, 2),
        default=2000.0,
        required=True,
        help="The lowest price of goods in the points catalogue.",
    )

    # Finite: NaN is greater than every number in PostgreSQL's numeric.
    _referral_point_value_range = models.Constraint(
        f"CHECK (referral_point_value > 0 AND referral_point_value <= {MOST})",
        "A point is worth more than nothing, and at most a billion.",
    )
    _referral_goods_minimum_range = models.Constraint(
        f"CHECK (referral_goods_minimum >= 0 AND referral_goods_minimum <= {MOST})",
        "The lowest price of goods is zero or more points.",
    )

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._check_referral_numbers(vals)
        companies = super().create(vals_list)
        companies._referral_update_point_rate()
        return companies

    def write(self, vals):
        self._check_referral_numbers(vals)
        result = super().write(vals)
        if vals.keys() & {"referral_point_value", "currency_id"}:
            self._referral_update_point_rate()
        return result

    @api.model
    def _check_referral_numbers(self, vals):
        """Refuse what is no finite number before Odoo rounds it (threats W6, W7)."""
        for name in ("referral_point_value", "referral_goods_minimum"):
            value = vals.get(name, 1.0)
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not number or not 0 <= value <= MOST:  # NaN is in no range
                raise UserError(
                    self.env._(
                        "The value of a point and the lowest price of goods are"
                        " positive numbers."
                    )
                )

    def _get_company_root_delegated_field_names(self):
        # Odoo keeps rates per root company, so branches share its point value.
        names = super()._get_company_root_delegated_field_names()
        return [*names, "referral_point_value"]

    @api.model
    def _referral_value_points(self):
        """Give the points a value in every company there is."""
        self.search([])._referral_update_point_rate()

    def _referral_update_point_rate(self):
        """Make today's rate of the points currency follow the value of a point."""
        points = self.env.ref("referral_points.currency_pts")
        rates = self.env["res.currency.rate"].sudo()
        today = fields.Date.context_today(self)
        for company in self.filtered(lambda company: not company.parent_id):
            rate = rates.search(
                [
                    ("currency_id", "=", points.id),
                    ("company_id", "=", company.id),
                    ("name", "=", today),
                ]
            ) or rates.create(
                {"currency_id": points.id, "company_id": company.id, "name": today}
            )
            rate.with_company(
                company
            ).inverse_company_rate = company.referral_point_value
