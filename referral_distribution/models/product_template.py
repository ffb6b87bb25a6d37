from odoo import api, models
from odoo.exceptions import ValidationError


class ProductTemplate(models.Model):
    _inherit = "product.template"

    @api.constrains("grade_id", "service_tracking")
    def _check_tier_not_for_sale(self):
        """A place in the distribution is not bought: no joining fee (rules G1, M7)."""
        for product in self.filtered(lambda p: p.service_tracking == "partnership"):
            grade = product.grade_id.sudo()
            if grade.referral_role:
                raise ValidationError(
                    self.env._(
                        "“%(product)s” would sell the tier “%(tier)s”, which has a role"
                        " in the distribution. Members never pay for their place:"
                        " choose a level without a role.",
                        product=product.display_name,
                        tier=grade.name,
                    )
                )
