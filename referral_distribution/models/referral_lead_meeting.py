from odoo import api, fields, models
from odoo.tools import SQL
from odoo.tools.misc import hmac

DIGITS = 7  # hexadecimal; two leads that share a number by chance only wait a moment


class ReferralLeadMeeting(models.Model):
    """Where two requests that bring the same lead at the same moment meet (threat L1).

    One row for what tells a lead apart: its mailbox, phone, company domain, customer.
    Of two transactions that come to the same row, the second is stopped by PostgreSQL
    (a serialization failure), tried again by Odoo, and then sees the first one's lead.
    The row's number is 28 bits of a keyed hash, which say nothing about anybody.
    """

    _name = "referral.lead.meeting"
    _description = "Meeting of Equal Leads"
    _log_access = False

    number = fields.Integer(required=True)
    met_on = fields.Date(required=True)

    _number_unique = models.UniqueIndex("(number)")

    @api.model
    def _meet(self, leads):
        """Stop at what tells ``leads`` apart until whoever was there is done.

        :param leads: crm.lead recordset, as superuser.
        :raises SerializationFailure: when somebody else was there since this
            transaction took its snapshot; Odoo then starts the request again.
        """
        numbers = sorted({self._number(key) for key in leads._query_identity_keys()})
        if numbers:
            self.env.cr.execute(
                SQL(
                    "INSERT INTO referral_lead_meeting (number, met_on)"
                    " SELECT unnest(%s), %s"
                    " ON CONFLICT (number) DO UPDATE SET met_on = EXCLUDED.met_on",
                    numbers,
                    fields.Date.today(),
                ),
                log_exceptions=False,  # starting again is no error
            )

    @api.model
    def _number(self, key):
        return int(hmac(self.sudo().env, "referral-lead", key)[:DIGITS], 16)

    @api.autovacuum
    def _gc_meetings(self):
        """Nobody who could have met there is still on the way."""
        self.env.cr.execute(
            SQL(
                "DELETE FROM referral_lead_meeting WHERE met_on < %s",
                fields.Date.subtract(fields.Date.today(), days=2),
            )
        )
