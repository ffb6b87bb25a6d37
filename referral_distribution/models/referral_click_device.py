from odoo import models


class ReferralClick(models.Model):
    """Members' own clicks are found by the device they came from (rule L5)."""

    _inherit = "referral.click"

    def init(self):
        """They are few: the index costs a visitor's click nothing."""
        result = super().init()
        self.env.cr.execute(
            "CREATE INDEX IF NOT EXISTS referral_click_own_visitor"
            " ON referral_click (visitor_hash) WHERE NOT counted"
        )
        return result
