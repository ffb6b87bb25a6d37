from datetime import timedelta

from odoo import api, fields, models

from odoo.addons.referral_distribution.engine.visit import Visit

from ..story import campaign


class ReferralDemo(models.AbstractModel):
    _inherit = "referral.demo"

    @api.model
    def _run_campaign(self, scene):
        """The operator makes links for all agents, and names some of members'."""
        self.env.company.referral_target_hosts = "\n".join(campaign.HOSTS)
        media = scene["staff"]["media"]
        batch = self.env["referral.link.batch"].with_user(media)
        batch.create(
            {
                "audience": "tier",
                "grade_id": self._get_tier(campaign.TIER).id,
                "channel_ids": scene["channels"][campaign.CHANNEL].ids,
                "pages": "\n".join(campaign.PAGES),
            }
        ).action_make()
        for number, told in enumerate(campaign.LINKS):
            link = self.env["referral.link"]._obtain(
                scene["members"][told.member],
                scene["channels"][told.channel],
                told.page,
            )
            for visitor in range(told.clicks):
                visit = Visit(f"203.0.113.{visitor + 1}", f"campaign {number}")
                self.env["referral.click"]._record(link.code, visit)
            link.with_user(media).with_context(tracking_disable=False).write(
                {
                    "alias": told.alias or False,
                    "expires_at": told.ends
                    and fields.Datetime.now() + timedelta(hours=told.ends),
                    "active": not told.off,
                }
            )

    @api.model
    def _get_tier(self, role):
        return self.env.ref(f"referral_distribution.res_partner_grade_{role}")
