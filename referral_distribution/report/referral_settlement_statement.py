from odoo import api, models


class ReferralSettlementStatement(models.AbstractModel):
    """What a beneficiary is paid, line by line, to be kept (rules C6, C8).

    Written in the beneficiary's language. Who may read a settlement may print it.
    """

    _name = "report.referral_distribution.settlement_statement"
    _description = "Settlement Statement"

    @api.model
    def _get_report_values(self, docids, data=None):
        settlements = self.env["referral.settlement"].sudo(False).browse(docids)
        settlements.check_access("read")
        return {
            "doc_ids": docids,
            "doc_model": settlements._name,
            "docs": settlements.sudo(),
        }
