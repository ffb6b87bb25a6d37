from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import formatLang


class ReferralReward(models.Model):
    """What members can get for their points (rules R1-R3).

    Goods are delivered through a sales order, cash through a payment, and a privilege
    is a right with a start and an end date.
    """

    _name = "referral.reward"
    _description = "Reward"
    _order = "kind, points, id"
    _check_company_auto = True

    name = fields.Char(required=True, translate=True)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    product_id = fields.Many2one(
        "product.product", required=True, ondelete="restrict", check_company=True
    )
    kind = fields.Selection(
        [("goods", "Goods"), ("cash", "Cash"), ("privilege", "Privilege")],
        required=True,
        default="goods",
    )
    points = fields.Float(
        string="Price (points)",
        digits=(16, 2),
        required=True,
        help="Price of one piece. For cash: the points that one piece pays out.",
    )
    privilege_days = fields.Integer(
        string="Valid for (days)",
        help="How long the privilege lasts. 0: without an end.",
    )
    redemption_ids = fields.One2many("referral.redemption", "reward_id")
    redemption_count = fields.Integer(compute="_compute_redemption_count")

    _points_range = models.Constraint(
        "CHECK (points > 0 AND points <= 1000000000 AND points = round(points, 2))",
        "The price is a positive number of points with at most two decimals.",
    )
    _privilege_days_range = models.Constraint(
        "CHECK (privilege_days IS NULL OR privilege_days BETWEEN 0 AND 36500)",
        "A privilege lasts between 0 (without an end) and 36,500 days.",
    )

    @api.depends("redemption_ids")
    def _compute_redemption_count(self):
        counts = dict(
            self.env["referral.redemption"]._read_group(
                [("reward_id", "in", self.ids)], ["reward_id"], ["__count"]
            )
        )
        for reward in self:
            reward.redemption_count = counts.get(reward, 0)

    @api.onchange("product_id")
    def _onchange_product_id(self):
        self.name = self.name or self.product_id.name

    @api.constrains("kind", "points", "company_id")
    def _check_goods_minimum(self):
        for reward in self:
            minimum = reward.company_id.referral_goods_minimum
            if reward.kind == "goods" and reward.points < minimum:
                raise ValidationError(
                    self.env._(
                        "Goods start at %(minimum)s points; “%(reward)s” costs less.",
                        minimum=formatLang(self.env, minimum),
                        reward=reward.name,
                    )
                )

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._check_price(vals)
        return super().create(vals_list)

    def write(self, vals):
        self._check_price(vals)
        return super().write(vals)

    @api.model
    def _check_price(self, vals):
        """Refuse a price that Odoo would round or stumble over (threats W6, W7)."""
        if "points" in vals:
            self.env["referral.wallet"]._parse_points(vals["points"])

    def action_view_redemptions(self):
        """Open the requests for this reward.

        :return: window action on referral.redemption.
        """
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "referral_points.referral_redemption_action"
        )
        action["domain"] = [("reward_id", "=", self.id)]
        action["context"] = {"default_reward_id": self.id}
        return action
