from odoo import fields, models


class ReferralComplianceReport(models.TransientModel):
    """Asks for which company and day the evidence report is printed (rule M7)."""

    _name = "referral.compliance.report"
    _description = "Evidence Report"

    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    date = fields.Date(string="As of", required=True, default=fields.Date.context_today)
    lang = fields.Selection(
        selection=lambda self: self.env["res.lang"].get_installed(),
        string="Language",
        required=True,
        default=lambda self: self.env.lang or self.env.user.lang,
    )

    def action_print(self):
        """Return the report as a PDF.

        :raises AccessError: for a company that is not the user's own.
        """
        report = self.env.ref("referral_distribution.compliance_evidence_action")
        return report.report_action(self, config=False)
