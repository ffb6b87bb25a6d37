from odoo import models


class ResUsers(models.Model):
    """Consent given on the sign-up form is recorded with the account, or neither is."""

    _inherit = "res.users"

    def _post_referral_signup(self, company, signup, values):
        problem = super()._post_referral_signup(company, signup, values)
        if signup.get("consent"):
            self.env["referral.consent"]._agree(
                self.partner_id, company, signup["consent"], "signup"
            )
        return problem
