from odoo import api, fields, models


class ReferralLeadDossier(models.AbstractModel):
    """What is printed of a lead when somebody disputes it (rule L3).

    Everything here is read and nothing judged: the lead as it is, why it went to whom,
    its whole trail, and whether the trail is intact at the moment of printing.
    """

    _name = "report.referral_distribution.lead_dossier"
    _description = "Lead Dossier"

    @api.model
    def _get_report_values(self, docids, data=None):
        self.env.user._referral_require("group_sales")
        leads = self.env["crm.lead"].sudo(False).browse(docids)
        leads.check_access("read")
        timeline = self.env["referral.trail.timeline"]
        events = timeline._get_events(leads, fold=False, limit=None)
        steps = leads._get_referral_next_steps()
        return {
            "doc_ids": docids,
            "doc_model": leads._name,
            "docs": leads,
            "dossiers": {
                lead.id: self._get_dossier(lead, events[lead], steps[lead])
                for lead in leads
            },
        }

    @api.model
    def _get_dossier(self, lead, events, next_step):
        """Return what the template prints of one lead that may be read. A hook."""
        lead = lead.sudo()
        company = lead._get_referral_company()
        orders = lead.env["sale.order"].search(
            [("referral_lead_id", "=", lead.id), ("project_phase", ">", 0)], order="id"
        )
        rewards = lead.referral_commission_ids | orders.referral_commission_ids
        return {
            "company": company,
            "tz": lead._get_timeline_tz(),
            "printed_at": fields.Datetime.now(),
            "printed_by": self.env.user.name,
            "evidence": (lead.referral_attribution_text or "").splitlines(),
            "orders": orders,
            "rewards": rewards.sorted("id"),
            "events": events[::-1],
            "next_step": next_step,
            "problems": self._get_problems(lead),
            "seals": self._get_seals(lead),
        }

    @api.model
    def _get_problems(self, lead):
        """Return in words what is wrong with the trail now; empty when it is intact."""
        problems, _count = lead.env["referral.trail.entry"]._find_problems(lead.ids)
        checks = lead.env["referral.trail.check"]
        return [checks._get_problem_text(problem) for problem in problems]

    @api.model
    def _get_seals(self, lead):
        """Return the lines of the seals that hold this trail, the oldest first."""
        lines = lead.env["referral.trail.seal.line"]
        return lines.search([("lead_id", "=", lead.id)], order="entry_count, id")
