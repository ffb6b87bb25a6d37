from odoo import fields, models


class ReferralCommission(models.Model):
    """What is granted by hand stands on its grant, once (rules C4, C6)."""

    _inherit = "referral.commission"

    grant_id = fields.Many2one(
        "referral.commission.grant",
        string="Granted by",
        readonly=True,
        index="btree_not_null",
        ondelete="restrict",
        groups="referral_distribution.group_finance,referral_distribution.group_manager",
    )

    _grant_once = models.UniqueIndex(
        "(grant_id) WHERE reverses_id IS NULL AND grant_id IS NOT NULL",
        "This manual commission has been given already.",
    )
    _manual_has_grant = models.Constraint(
        "CHECK (trigger <> 'manual' OR rule_id IS NOT NULL OR grant_id IS NOT NULL)",
        "What is given by hand was asked for by one person and approved by another.",
    )

    def _prepare_trail_content(self):
        """What is granted tells its reason: no rule does (rule L3)."""
        content = super()._prepare_trail_content()
        if self.trigger == "manual" and not self.reverses_id:
            content["reason"] = self.explanation["reason"]
        return content
