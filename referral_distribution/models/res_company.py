from odoo import fields, models


class ResCompany(models.Model):
    _inherit = "res.company"

    referral_attribution_days = fields.Integer(
        string="Attribution window (days)",
        default=30,
        help="How long a visit through a personal link keeps counting for its member.",
    )
    referral_paying_levels = fields.Selection(
        [("1", "1: who brought it"), ("2", "2: who brought it and the inviter")],
        string="Paying levels",
        default="2",
        required=True,
        help="How many levels of the invite tree a contract rewards.",
    )
    referral_join_approval = fields.Boolean(
        string="A manager approves new members",
        help="Who signs up waits as a candidate. Off: a member at once.",
    )
    referral_team_names = fields.Selection(
        [("masked", "First letter only"), ("full", "Full names")],
        string="Names in the team",
        default="masked",
        required=True,
        help="How members see the names of the people below them.",
    )
    referral_team_insight = fields.Selection(
        [
            ("none", "Nothing"),
            ("counts", "Numbers of leads and contracts"),
            ("amounts", "Numbers and amounts"),
        ],
        string="Insight into the team",
        default="counts",
        required=True,
        help="What agents and distributors see of what the people below them brought.",
    )

    _referral_attribution_days_range = models.Constraint(
        "CHECK (referral_attribution_days BETWEEN 1 AND 400)",
        "The attribution window must be between 1 and 400 days.",
    )

    def _referral_today(self):
        """Return the day it is for this company: a date in its contact's time zone."""
        self.ensure_one()
        tz = self.partner_id.tz or self.env.user.tz or "UTC"
        return fields.Date.context_today(self.with_context(tz=tz))
