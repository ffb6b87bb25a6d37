from odoo.http import request, route

from ..models.crm_lead_recommendation import TYPED
from .portal import ReferralPortal


class ReferralRecommendPortal(ReferralPortal):
    """A member recommends a company (rule L4)."""

    @route(
        "/my/referral/leads/new",
        type="http",
        auth="user",
        website=True,
        methods=["GET", "POST"],
    )
    def portal_referral_recommend(self, sent="", **typed):
        """Show the form, or make a lead of it; other fields it may post are ignored.

        What is wrong is said beside its field, and what was typed stays. A GET, as
        after a change of language, starts over.
        """
        member = self._get_member()
        values = self._prepare_referral_layout_values("leads")
        if not member:
            return self._render_non_member(values)
        problems = {}
        if request.httprequest.method == "POST":
            lead, problems = request.env["crm.lead"]._recommend(
                member, request.env.company, typed
            )
            if lead:
                return request.redirect("/my/referral/leads/new?sent=1")
        values |= self._prepare_recommend_values(member, typed, problems)
        values["sent"] = bool(sent)
        return request.render("referral_distribution.portal_referral_recommend", values)

    def _prepare_recommend_values(self, member, typed, problems):
        """Return what the form shows: what was typed, and what is wrong with it."""
        leads = request.env["crm.lead"]
        closed = leads._get_recommend_problem(member, request.env.company)
        text = {key: typed.get(key) for key in TYPED}
        return {
            "typed": {
                key: value.replace("\0", "")[: TYPED[key] * 2]
                for key, value in text.items()
                if isinstance(value, str)
            },
            "agreed": bool(typed.get("agreed")),
            "limits": TYPED,
            "problems": problems,
            "closed": closed,
        }
