from odoo import fields, models


class ReferralTrailHead(models.Model):
    """How long a lead's trail is and its last hash: what makes a cut tail show.

    The row is also what two writers of one trail meet at: the second waits, then
    starts over, so a trail never forks (threat A2).
    """

    _name = "referral.trail.head"
    _description = "Referral Trail Head"
    _log_access = False

    lead_id = fields.Many2one("crm.lead", required=True, ondelete="restrict")
    entry_count = fields.Integer(required=True)
    hash = fields.Char(required=True)

    _lead_unique = models.Constraint("UNIQUE (lead_id)")
