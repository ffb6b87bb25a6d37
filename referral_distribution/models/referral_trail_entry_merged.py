from odoo import models


class ReferralTrailEntry(models.Model):
    """Finds what was merged into a lead without reading every trail."""

    _inherit = "referral.trail.entry"

    _merged_index = models.Index("(document) WHERE node = 'merged'")
