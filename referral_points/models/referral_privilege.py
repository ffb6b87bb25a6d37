from odoo import api, fields, models


class ReferralPrivilege(models.Model):
    """A right a member has from one day to another, bought with points (rule R3)."""

    _name = "referral.privilege"
    _description = "Privilege"
    _order = "date_start desc, id desc"
    _rec_name = "reward_id"

    redemption_id = fields.Many2one(
        "referral.redemption", required=True, readonly=True, ondelete="restrict"
    )
    partner_id = fields.Many2one(
        "res.partner",
        string="Member",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
    )
    reward_id = fields.Many2one(
        "referral.reward", required=True, readonly=True, ondelete="restrict"
    )
    company_id = fields.Many2one("res.company", required=True, readonly=True)
    date_start = fields.Date(string="From", required=True)
    date_end = fields.Date(string="To", help="The last day. Empty: without an end.")

    _redemption_unique = models.Constraint(
        "UNIQUE (redemption_id)", "A redemption grants one privilege."
    )
    _dates_ordered = models.Constraint(
        "CHECK (date_end IS NULL OR date_end >= date_start)",
        "A privilege ends after it starts.",
    )

    @api.depends("reward_id", "date_end")
    def _compute_display_name(self):
        for privilege in self:
            end = fields.Date.to_string(privilege.date_end) or "∞"
            privilege.display_name = f"{privilege.reward_id.name} → {end}"
