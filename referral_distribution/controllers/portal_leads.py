from odoo.fields import Domain
from odoo.http import request, route

from .portal import ReferralPortal, read_number

PAGE_SIZE = 20
SORTS = {
    "newest": "create_date desc, id desc",
    "oldest": "create_date, id",
    "changed": "write_date desc, id desc",
}
SIGNED = "signed"  # a choice beside the validities


class ReferralLeadsPortal(ReferralPortal):
    """The leads a member brought: where each stands, and its history (L2, G4, X1)."""

    @route(
        ["/my/referral/leads", "/my/referral/leads/page/<page>"],
        type="http",
        auth="user",
        website=True,
        readonly=True,
    )
    def portal_referral_leads(
        self, page="1", filterby="all", sortby="newest", **_unknown
    ):
        """List the member's own leads, their contact data masked (rule L2)."""
        member = self._get_member()
        values = self._prepare_referral_layout_values("leads")
        if not member:
            return self._render_non_member(values)
        values |= self._prepare_lead_list_values(member, page, filterby, sortby)
        return request.render("referral_distribution.portal_referral_leads", values)

    @route(
        "/my/referral/leads/<lead_id>",
        type="http",
        auth="user",
        website=True,
        readonly=True,
    )
    def portal_referral_lead(self, lead_id, **_unknown):
        """Show one of the member's own leads and its history; 404 for others' (P1)."""
        member = self._get_member()
        number = read_number(lead_id)
        if not number:
            return request.redirect("/my/referral/leads")  # junk (threat P6)
        lead = member and self._get_own_lead(member, number)
        if not lead:
            raise request.not_found()
        values = self._prepare_referral_layout_values("leads")
        [card] = self._prepare_own_lead_cards(member, lead)
        timeline = request.env["referral.trail.timeline"]
        return request.render(
            "referral_distribution.portal_referral_lead",
            {
                **values,
                "lead": card,
                "lead_title": card["name"],
                "events": timeline._get_events(lead, member)[lead],
                "next_step": card["next_step"],
            },
        )

    def _get_own_lead(self, member, lead_id):
        """Return the lead of that id when the member brought it, else an empty one."""
        leads = request.env["crm.lead"].sudo().with_context(active_test=False)
        domain = self._get_lead_domain(member) & Domain("id", "=", lead_id)
        return leads.search(domain, limit=1)

    def _prepare_lead_list_values(self, member, page, filterby, sortby):
        leads = request.env["crm.lead"].sudo().with_context(active_test=False)
        domain = self._get_lead_domain(member)
        signed = leads._get_signed_domain(self._get_signed_contract_domain(member))
        choices = self._get_lead_choices(member, leads, domain & signed)
        totals = {key: count for key, _label, count in choices}
        chosen = filterby if filterby in totals else None
        order = sortby if sortby in SORTS else "newest"
        pages = self._get_pager(
            "/my/referral/leads",
            totals[chosen],
            page,
            PAGE_SIZE,
            filterby=chosen,
            sortby=order if order != "newest" else None,
        )
        if chosen == SIGNED:
            domain &= signed
        elif chosen:
            domain &= Domain("referral_validity", "=", chosen)
        leads = leads.search(
            domain, order=SORTS[order], offset=pages["offset"], limit=PAGE_SIZE
        )
        return {
            "leads": self._prepare_own_lead_cards(member, leads),
            "pager": pages,
            "filterby": chosen,
            "filters": choices,
            "sortby": order,
            "sorts": self._get_lead_sorts(),
        }

    def _get_lead_choices(self, member, leads, signed):
        """Return the filters as ``(key, label, number of leads)``."""
        counts = self._count_leads(member)
        return [
            (None, request.env._("All"), sum(counts.values())),
            *(
                (key, label, counts.get(key, 0))
                for key, label in leads._get_member_labels().items()
            ),
            (SIGNED, request.env._("Contract"), leads.search_count(signed)),
        ]

    def _get_lead_sorts(self):
        return {
            "newest": request.env._("Newest first"),
            "oldest": request.env._("Oldest first"),
            "changed": request.env._("Latest change first"),
        }

    def _get_signed_contract_domain(self, member):
        return self._get_contract_domain(member) & Domain(
            "referral_lead_id", "!=", False
        )

    def _prepare_own_lead_cards(self, member, leads):
        """Return what a member may know of its leads: status, next step, rewards."""
        steps = leads._get_referral_next_steps(member)
        expected = leads._get_expected_rewards(member)
        cards = self._prepare_lead_cards(leads)
        return [
            {
                **card,
                "id": lead.id,
                "next_step": steps[lead],
                "expected": expected.get(lead, []),
            }
            for lead, card in zip(leads, cards, strict=True)
        ]
