from odoo.http import request

from .signup import ReferralSignup


class ConsentSignup(ReferralSignup):
    """Who signs up as a member agrees to the consent text first (PIPL Art. 14)."""

    def get_auth_signup_qcontext(self):
        qcontext = super().get_auth_signup_qcontext()
        texts = request.env["referral.consent.text"]
        qcontext["consent_text"] = texts._get_shown(request.env.company)
        qcontext["consent_required"] = self._joins(qcontext)
        return qcontext

    def _joins(self, qcontext):
        """Tell whether the account becomes a member: all but Odoo's own guests do."""
        return bool(qcontext["invite"] or not qcontext.get("token"))

    def _prepare_referral_signup_vals(self, qcontext):
        """Refuse a sign-up without the tick; the form keeps what was typed."""
        values = super()._prepare_referral_signup_vals(qcontext)
        consent = request.params.get("consent")
        if consent or self._joins(qcontext):
            request.env["referral.consent"]._check_agreed(request.env.company, consent)
        return {**values, "consent": consent}
