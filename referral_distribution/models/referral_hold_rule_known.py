from odoo import models
from odoo.tools import SQL

SHOWN = 5  # of those that are alike; more tell nothing new


class ReferralHoldRule(models.Model):
    """The company knows who asks already: as a lead, or as a customer (rule L5).

    Found by indexes on ``engine/identity_sql``, for any number of leads in one query.
    """

    _inherit = "referral.hold.rule"

    def _find_duplicate(self, leads, visitor):
        """Find leads that the company has had already (threat L1).

        The same mailbox, phone, company domain or customer as an earlier lead, or as
        one that was found valid. A lead merged into another is none any more. Nor is
        what the same member brought before and a contract came of: that customer comes
        again (rule C2).
        """
        leads._flush_identity()
        rows = self.env.execute_query(self._query_duplicates(leads))
        return {lead_id: {"leads": ids, "alike": alike} for lead_id, ids, alike in rows}

    def _query_duplicates(self, leads):
        likes = {
            "email": SQL(
                "referral_plain_email(other.email_normalized)"
                " = referral_plain_email(lead.email_normalized)"
            ),
            "phone": SQL(
                "referral_plain_phone(COALESCE(other.phone_sanitized, other.phone))"
                " = referral_plain_phone(COALESCE(lead.phone_sanitized, lead.phone))"
            ),
            "domain": SQL(
                "other.email_domain_criterion = lead.email_domain_criterion"
                " AND lead.email_domain_criterion LIKE '@%%'"
            ),
            "customer": SQL(
                "other.partner_id IN (SELECT family.id FROM res_partner own"
                " JOIN res_partner family"
                " ON family.commercial_partner_id = own.commercial_partner_id"
                " WHERE own.id = lead.partner_id)"
            ),
        }
        # "+ 0": by the index of the likeness, never along the primary key
        others = [
            SQL(
                "(SELECT other.id, %(kind)s AS alike FROM crm_lead other"
                " WHERE %(like)s AND %(counts)s ORDER BY other.id + 0 LIMIT %(shown)s)",
                kind=kind,
                like=like,
                counts=self._query_counts_as_earlier(),
                shown=SHOWN,
            )
            for kind, like in likes.items()
        ]
        return SQL(
            """
            SELECT lead.id, array_agg(DISTINCT known.id), array_agg(DISTINCT known.alike)
            FROM crm_lead lead CROSS JOIN LATERAL (%(others)s) known
            WHERE lead.id = ANY(%(ids)s) GROUP BY lead.id
            """,
            others=SQL(" UNION ALL ").join(others),
            ids=leads.ids,
        )

    def _query_counts_as_earlier(self):
        """Return the condition that ``other`` makes a duplicate of ``lead``."""
        return SQL(
            """
            other.id <> lead.id
            AND (other.id < lead.id OR other.referral_validity = 'valid')
            AND (other.company_id IS NULL OR lead.company_id IS NULL
                OR other.company_id = lead.company_id)
            AND NOT EXISTS (SELECT FROM referral_trail_entry entry
                WHERE entry.lead_id = other.id AND entry.node = 'merged')
            AND NOT EXISTS (SELECT FROM sale_order contract
                WHERE contract.referral_lead_id = other.id
                    AND contract.project_phase > 0 AND contract.state = 'sale'
                    AND contract.referrer_id = lead.referrer_id)
            """
        )

    def _find_existing_customer(self, leads, visitor):
        """Find leads of who has bought before the lead came (threat L4).

        By a confirmed order or a posted invoice, of a contact with the lead's mailbox,
        phone or company domain, or of its customer. Who came by the same member before
        is no existing customer: the member stays attached (rule C2).
        """
        leads._flush_identity()
        rows = self.env.execute_query(self._query_customers(leads, leads.env.company))
        return {lead_id: {"customers": ids} for lead_id, ids in rows}

    def _query_customers(self, leads, company):
        likes = (
            SQL(
                "contact.id = (SELECT own.commercial_partner_id FROM res_partner own"
                " WHERE own.id = lead.partner_id)"
            ),
            SQL(
                "referral_plain_email(contact.email_normalized)"
                " = referral_plain_email(lead.email_normalized)"
            ),
            SQL(
                "referral_plain_phone(COALESCE(contact.phone_sanitized, contact.phone))"
                " = referral_plain_phone(COALESCE(lead.phone_sanitized, lead.phone))"
            ),
            SQL(
                "referral_mail_host(contact.email_normalized)"
                " = lead.email_domain_criterion"
                " AND lead.email_domain_criterion LIKE '@%%'"
            ),
        )
        contacts = SQL(" UNION ").join(
            SQL(
                "SELECT contact.commercial_partner_id AS id FROM res_partner contact"
                " WHERE %s",
                like,
            )
            for like in likes
        )
        return SQL(
            """
            SELECT lead.id, array_agg(customer.id ORDER BY customer.id)
            FROM crm_lead lead CROSS JOIN LATERAL (
                SELECT known.id FROM (%(contacts)s) known
                WHERE %(bought)s AND NOT %(came_by_member)s
                ORDER BY known.id LIMIT %(shown)s) customer
            WHERE lead.id = ANY(%(ids)s) GROUP BY lead.id
            """,
            contacts=contacts,
            bought=self._query_bought(company),
            came_by_member=self._query_came_by_member(company),
            shown=SHOWN,
            ids=leads.ids,
        )

    def _query_bought(self, company):
        """Return the condition that customer ``known`` bought before ``lead`` came."""
        return SQL(
            """
            EXISTS (SELECT FROM res_partner family
                WHERE family.commercial_partner_id = known.id AND (
                    EXISTS (SELECT FROM sale_order sold
                        WHERE sold.partner_id = family.id AND sold.state = 'sale'
                            AND sold.company_id = %(company)s
                            AND sold.date_order < lead.create_date)
                    OR EXISTS (SELECT FROM account_move invoice
                        WHERE invoice.partner_id = family.id
                            AND invoice.move_type = 'out_invoice'
                            AND invoice.state = 'posted'
                            AND invoice.company_id = %(company)s
                            AND invoice.create_date < lead.create_date)))
            """,
            company=company.id,
        )

    def _query_came_by_member(self, company):
        """Return the condition that ``known`` has a contract by the lead's referrer."""
        return SQL(
            """
            EXISTS (SELECT FROM res_partner family
                JOIN sale_order contract ON contract.partner_id = family.id
                WHERE family.commercial_partner_id = known.id
                    AND contract.project_phase > 0 AND contract.state = 'sale'
                    AND contract.company_id = %(company)s
                    AND contract.referrer_id = lead.referrer_id)
            """,
            company=company.id,
        )
