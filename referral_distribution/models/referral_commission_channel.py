from odoo import fields, models


class ReferralCommission(models.Model):
    """What a channel partner is paid knows its channel and terms (rules S4, C8)."""

    _inherit = "referral.commission"

    channel_id = fields.Many2one(
        "referral.channel",
        string="Partner channel",
        index="btree_not_null",
        ondelete="restrict",
        help="The channel whose partner this is for.",
    )

    def _prepare_commission_vals(self, source, facts, line):
        vals = super()._prepare_commission_vals(source, facts, line)
        rule = self.env["referral.plan.rule"].sudo().browse(line.rule)
        if rule.beneficiary == "channel_partner":
            vals["channel_id"] = source._get_referral_source_channel().id
        if rule.rate_type == "terms":
            vals["explanation"]["rate"] = f"{facts.terms.deal_share.normalize():f}"
        return vals

    def _get_explanation(self):
        facts = self.explanation or {}
        if facts.get("rate_type") != "terms" or self.trigger != "lead_valid":
            return super()._get_explanation()
        return self.env._(
            "%(amount)s for a valid lead, as agreed (%(rule)s)",
            amount=self._format_paid(self.amount),
            rule=self._get_where(),
        )
