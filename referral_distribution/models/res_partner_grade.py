from odoo import api, fields, models
from odoo.exceptions import ValidationError


class ResPartnerGrade(models.Model):
    _inherit = "res.partner.grade"

    referral_role = fields.Selection(
        [
            ("agent", "Agent"),
            ("distributor", "Distributor"),
            ("member", "Member"),
            ("channel_partner", "Channel Partner"),
        ],
        help="What members of this tier are in the distribution.",
    )
    member_count = fields.Integer(
        string="Members", compute="_compute_member_count", help="Active members."
    )

    def _compute_member_count(self):
        counts = dict(
            self.env["res.partner"]._read_group(
                [("grade_id", "in", self.ids), ("member_state", "=", "active")],
                ["grade_id"],
                ["__count"],
            )
        )
        for grade in self:
            grade.member_count = counts.get(grade, 0)

    @api.constrains("referral_role")
    def _check_not_for_sale(self):
        """A place in the distribution is not bought: no joining fee (rules G1, M7)."""
        products = self.env["product.template"].sudo().with_context(active_test=False)
        for grade in self.filtered("referral_role"):
            product = products.search(
                [
                    ("grade_id", "=", grade.id),
                    ("service_tracking", "=", "partnership"),
                ],
                limit=1,
            )
            if product:
                raise ValidationError(
                    self.env._(
                        "“%(product)s” sells the tier “%(tier)s”, so it cannot have a"
                        " role in the distribution: members never pay for their place."
                        " Change the product first.",
                        product=product.display_name,
                        tier=grade.name,
                    )
                )
