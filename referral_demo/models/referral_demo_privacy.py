from odoo import api, models

# Who has not agreed to the consent text yet, and who asks to be forgotten.
UNDECIDED = ("song", "pan", "qin", "yuan")
LEAVING = ("feng", 1)


class ReferralDemo(models.AbstractModel):
    _inherit = "referral.demo"

    @api.model
    def _ask_consent(self, clock, joined, members):
        """Members agree to the consent text as they join; one later wants to go.

        :param joined: ``{key: days ago}`` of each member.
        """
        company = self.env.company
        consents = self.env["referral.consent"].with_context(lang="zh_CN")
        shown = consents.env["referral.consent.text"]._get_shown(company)
        for key, member in members.items():
            clock(joined[key])
            if key not in UNDECIDED:
                consents._agree(member, company, shown["hash"], "signup")
        key, days = LEAVING
        clock(days)
        self.env["referral.erasure.request"]._request(members[key], "portal")
