from datetime import timedelta

from odoo import api, fields, models

from ..story import channels as story

DISTRIBUTION = "referral_distribution"


class ReferralDemo(models.AbstractModel):
    """Partner channels in every stage; one cooperates and brings leads (S1, S4)."""

    _inherit = "referral.demo"

    @api.model
    def _make_partner(self):
        """Return the channel partner's company, a member, with a colleague's login."""
        tier = self.env.ref(f"{DISTRIBUTION}.res_partner_grade_channel_partner")
        partner = self.env["res.partner"].create(
            {
                "name": story.PARTNER,
                "is_company": True,
                "country_id": self.env.ref("base.cn").id,
                "email": "hello@insight.example",
                "grade_id": tier.id,
                "member_state": "active",
            }
        )
        colleague = self.env["res.partner"].create(
            {
                "name": story.COLLEAGUE,
                "parent_id": partner.id,
                "email": "linxia@insight.example",
                "tz": "Asia/Shanghai",
            }
        )
        self._make_login(story.LOGIN, colleague)
        return partner

    @api.model
    def _make_partner_channels(self, clock, staff, partner):
        """Return the channel that cooperates; the others stand where they stand."""
        kinds = [f"{DISTRIBUTION}.referral_channel_{name}" for name in story.FOUND]
        for kind in kinds:
            self.env.ref(kind).active = False
        since, until = story.PERIOD
        clock(since)
        self._make_partner_plan(staff)
        today = fields.Date.today()
        channel = self._make_partner_channel(
            story.COOPERATING,
            staff,
            partner_id=partner.id,
            contact_id=partner.child_ids[:1].id,
            terms="both",
            lead_fee=story.LEAD_FEE,
            deal_share=story.DEAL_SHARE,
            date_from=today,
            date_to=today + timedelta(days=since + until),
        )
        for told in story.WON_OVER:
            self._make_partner_channel(told, staff)
        return channel

    def _make_partner_channel(self, told, staff, **values):
        english, chinese = told.audience
        channel = self.env["referral.channel"].create(
            {
                "name": told.name,
                "kind": "partner",
                "platform": told.platform,
                "stage": told.stage,
                "fit": told.fit,
                "audience_size": told.readers,
                "audience": f"{chinese} {english}",
                "contact_name": told.contact,
                "contact_wechat": told.wechat,
                "user_id": staff["media"].id,
                "sequence": 60,
                **values,
            }
        )
        return self._translate(channel, name=told.chinese)

    @api.model
    def _call_on_partners(self, scene):
        """What is to be done next with those who are being won, and with who is won."""
        media = scene["staff"]["media"]
        channels = self.env["referral.channel"].search(
            [("stage", "in", ("contacted", "negotiating"))]
        )
        for number, channel in enumerate(channels):
            channel.activity_schedule(
                "mail.mail_activity_data_call",
                summary=story.NEXT,
                date_deadline=fields.Date.today() + timedelta(days=number - 1),
                user_id=media.id,
            )
        scene["channels"]["partner"]._notice_end()
