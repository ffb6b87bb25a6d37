from odoo import models
from odoo.tools import SQL

KEPT = ("acc_number", "sanitized_acc_number")


class ResPartnerBank(models.Model):
    _inherit = "res.partner.bank"

    def _query_booked(self):
        """Return the ids of accounts that a payment or invoice was booked with.

        Their numbers are part of the books and stay (GDPR Art. 17(3)(b)).
        """
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                "SELECT partner_bank_id FROM account_payment"
                " WHERE partner_bank_id = ANY(%(ids)s)"
                " AND state NOT IN ('draft', 'canceled', 'rejected')"
                " UNION SELECT partner_bank_id FROM account_move"
                " WHERE partner_bank_id = ANY(%(ids)s) AND state = 'posted'",
                ids=self.ids,
            )
        )
        return [row[0] for row in rows]

    def _erase_numbers(self):
        """Archive all accounts, and unlearn the numbers that no booking needs."""
        unused = self - self.browse(self._query_booked())
        texts = [
            name
            for name, field in self._fields.items()
            if field.store and field.type in ("char", "text") and name not in KEPT
        ]
        for bank in unused:
            number = f"erased-{bank.id}"
            self.env.cr.execute(
                SQL(
                    "UPDATE res_partner_bank SET acc_number = %s,"
                    " sanitized_acc_number = %s, %s WHERE id = %s",
                    number,
                    number.replace("-", "").upper(),
                    SQL(", ").join(
                        SQL("%s = NULL", SQL.identifier(name)) for name in texts
                    ),
                    bank.id,
                )
            )
        self.invalidate_recordset()
        self.write({"active": False})
        self.message_ids.unlink()
