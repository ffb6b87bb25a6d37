from odoo import models


class ReferralLink(models.Model):
    """Clicks that are found to be fine hold no lead any more (threat S5, rule L5)."""

    _inherit = "referral.link"

    def _clear_suspicion(self, reason):
        result = super()._clear_suspicion(reason)
        holds = self.env["referral.lead.hold"].sudo()
        holds = holds.search(
            [
                ("kind", "=", "burst"),
                ("state", "=", "held"),
                ("lead_id.referral_link_id", "in", self.ids),
            ]
        )
        bursts = self.sudo().burst_ids
        waiting = set(bursts.filtered(lambda b: b.state == "to_review").ids)
        done = holds.filtered(lambda hold: not waiting & set(hold.facts["bursts"]))
        done.with_env(self.env)._decide("released", reason)
        done.lead_id._reward_released()
        return result
