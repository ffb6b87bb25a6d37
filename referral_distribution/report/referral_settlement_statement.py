from odoo import api, models


class ReferralSettlementStatement(models.AbstractModel):
    """What a beneficiary is paid, line by line, to be kept (rules C6, C8).

    Written in the beneficiary's language. Who may read a settlement may print it; so
    may its beneficiary, also one who works here.
    """

    _name = "report.referral_distribution.settlement_statement"
    _description = "Settlement Statement"

    @api.model
    def _get_report_values(self, docids, data=None):
        settlements = self.env["referral.settlement"].sudo(False).browse(docids)
        own = settlements._get_own_domain(self.env.user.partner_id)
        theirs = settlements.sudo().filtered_domain(own).sudo(False)
        if others := settlements - theirs:
            others.check_access("read")
        return {
            "doc_ids": docids,
            "doc_model": settlements._name,
            "docs": settlements.sudo(),
        }
