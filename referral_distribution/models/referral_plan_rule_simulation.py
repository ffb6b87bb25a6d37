from odoo import models

from .memo import is_trial, recall


class ReferralPlanRule(models.Model):
    """In a run over many contracts, what they ask alike is looked up once."""

    _inherit = "referral.plan.rule"

    def _get_engine_currencies(self, company, date):
        return recall(
            self.env,
            ("currencies", tuple(self.ids), company.id, date),
            lambda: super(ReferralPlanRule, self)._get_engine_currencies(company, date),
        )

    def _to_engine(self):
        return recall(self.env, ("engine", tuple(self.ids)), super()._to_engine)

    def _find_roles(self, referrer):
        return recall(
            self.env,
            ("roles", tuple(self.ids), referrer.id),
            lambda: super(ReferralPlanRule, self)._find_roles(referrer),
        )

    def _get_past_scopes(self):
        return recall(
            self.env,
            ("scopes", self.id),
            super()._get_past_scopes,
        )

    def _find_past(self, document, facts):
        """A plan that is tried has given nothing: the run tells what it would have."""
        if is_trial(self.env):
            return ()
        return super()._find_past(document, facts)
