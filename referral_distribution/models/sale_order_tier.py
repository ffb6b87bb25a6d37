from odoo import models
from odoo.exceptions import UserError


class SaleOrder(models.Model):
    """The tier part of the order: it sells no place in the distribution."""

    _inherit = "sale.order"

    def _add_partnership(self):
        """Odoo's way from an order to a tier: none with a role (rules G1, M7).

        Products that sell one are refused already; one that got here all the same, by
        an older version or at the same moment, is stopped at the door itself.
        """
        for order in self:
            grade = order.assigned_grade_id.sudo()
            if grade.referral_role:
                raise UserError(
                    self.env._(
                        "%(order)s would sell the tier “%(tier)s”. Members never pay"
                        " for their place in the distribution: take that product out.",
                        order=order.name,
                        tier=grade.name,
                    )
                )
        return super()._add_partnership()
