from odoo import models
from odoo.tools import SQL

SHOWN = 5  # of those that are alike; more tell nothing new
EMAIL = SQL(
    "referral_plain_email(known.email_normalized)"
    " = referral_plain_email(lead.email_normalized)"
)
PHONE = SQL(
    "referral_plain_phone(COALESCE(known.phone_sanitized, known.phone))"
    " = referral_plain_phone(COALESCE(lead.phone_sanitized, lead.phone))"
)
# Odoo keeps the whole address where many people share a provider's domain.
HOST = SQL("lead.email_domain_criterion LIKE '@%%'")
# In what ``known`` is like ``lead``; each is an index look-up.
LIKE_LEAD = {
    "email": EMAIL,
    "phone": PHONE,
    "domain": SQL(
        "known.email_domain_criterion = lead.email_domain_criterion AND %s", HOST
    ),
    "customer": SQL(
        "known.partner_id IN (SELECT family.id FROM res_partner own"
        " JOIN res_partner family"
        " ON family.commercial_partner_id = own.commercial_partner_id"
        " WHERE own.id = lead.partner_id)"
    ),
}
LIKE_CONTACT = (
    EMAIL,
    PHONE,
    SQL(
        "referral_mail_host(known.email_normalized) = lead.email_domain_criterion"
        " AND %s",
        HOST,
    ),
    SQL("known.id = lead.partner_id"),
)


class ReferralHoldRule(models.Model):
    """The company knows who asks already: as a lead, or as a customer (rule L5).

    Found by indexes on ``engine/identity_sql``, for any number of leads in one query.
    ``OFFSET 0`` keeps PostgreSQL from joining all contracts before it knows the few
    leads or contacts that are alike, also where it has no statistics yet.
    """

    _inherit = "referral.hold.rule"

    def _find_duplicate(self, leads, visitor):
        """Find leads that the company has had already (threat L1).

        The same mailbox, phone, company domain or customer as an earlier lead, or as
        one that was found valid before and is not held itself: of a lead and its
        duplicate one is rewarded, in whatever order they are reviewed. A lead merged
        into another is none any more. Nor is what the same member brought before and a
        contract came of: that customer comes again (rule C2).
        """
        rows = self.env.execute_query(self._query_duplicates(leads))
        return {lead_id: {"leads": ids, "alike": alike} for lead_id, ids, alike in rows}

    def _query_duplicates(self, leads):
        # "+ 0": by the index of the likeness, never along the primary key
        alike = [
            SQL(
                "(SELECT known.id, %s AS alike FROM crm_lead known WHERE %s AND %s"
                " ORDER BY known.id + 0 LIMIT %s)",
                kind,
                like,
                self._query_came_first(leads),
                SHOWN,
            )
            for kind, like in LIKE_LEAD.items()
        ]
        return SQL(
            """
            SELECT lead.id, array_agg(DISTINCT other.id),
                array_agg(DISTINCT other.alike)
            FROM crm_lead lead CROSS JOIN LATERAL (%s) other
            WHERE lead.id = ANY(%s) GROUP BY lead.id
            """,
            SQL(" UNION ALL ").join(alike),
            leads.ids,
        )

    def _query_came_first(self, leads):
        """Return the condition that ``lead`` is a duplicate of ``known``, its like."""
        return SQL(
            """
            known.id <> lead.id
            AND (known.id < lead.id OR known.referral_validity = 'valid'
                AND known.referral_hold_state NOT IN ('held', 'refused')
                AND known.id <> ALL(%s))
            AND (known.company_id IS NULL OR lead.company_id IS NULL
                OR known.company_id = lead.company_id)
            AND NOT EXISTS (SELECT FROM referral_trail_entry entry
                WHERE entry.lead_id = known.id AND entry.node = 'merged'
                OFFSET 0)
            AND NOT EXISTS (SELECT FROM sale_order contract
                WHERE contract.referral_lead_id = known.id
                    AND contract.project_phase > 0 AND contract.state = 'sale'
                    AND contract.referrer_id = lead.referrer_id
                OFFSET 0)
            """,
            leads.ids,
        )

    def _find_existing_customer(self, leads, visitor):
        """Find leads of who has bought before the lead came (threat L4).

        By a confirmed order or a posted invoice, of the lead's customer or of a contact
        with its mailbox, phone or company domain. Who came by the same member before is
        no existing customer: the member stays attached (rule C2).
        """
        rows = self.env.execute_query(self._query_customers(leads))
        return {lead_id: {"customers": ids} for lead_id, ids in rows}

    def _query_customers(self, leads):
        company = leads.env.company
        contacts = [
            SQL("SELECT commercial_partner_id AS id FROM res_partner known WHERE %s", x)
            for x in LIKE_CONTACT
        ]
        return SQL(
            """
            SELECT lead.id, array_agg(customer.id)
            FROM crm_lead lead CROSS JOIN LATERAL (
                SELECT found.id FROM (%(contacts)s) found
                WHERE %(bought)s AND NOT %(came_by_member)s
                ORDER BY found.id LIMIT %(shown)s) customer
            WHERE lead.id = ANY(%(ids)s) GROUP BY lead.id
            """,
            contacts=SQL(" UNION ").join(contacts),
            bought=self._query_bought(company),
            came_by_member=self._query_came_by_member(company),
            shown=SHOWN,
            ids=leads.ids,
        )

    def _query_bought(self, company):
        """Return the condition that customer ``found`` bought before ``lead`` came."""
        return SQL(
            """
            EXISTS (SELECT FROM res_partner family
                WHERE family.commercial_partner_id = found.id AND (
                    EXISTS (SELECT FROM sale_order sold
                        WHERE sold.partner_id = family.id AND sold.state = 'sale'
                            AND sold.company_id = %(company)s
                            AND sold.date_order < lead.create_date)
                    OR EXISTS (SELECT FROM account_move invoice
                        WHERE invoice.partner_id = family.id
                            AND invoice.move_type = 'out_invoice'
                            AND invoice.state = 'posted'
                            AND invoice.company_id = %(company)s
                            AND invoice.create_date < lead.create_date))
                OFFSET 0)
            """,
            company=company.id,
        )

    def _query_came_by_member(self, company):
        """Return the condition that ``found`` has a contract by the lead's referrer."""
        return SQL(
            """
            EXISTS (SELECT FROM res_partner family
                JOIN sale_order contract ON contract.partner_id = family.id
                WHERE family.commercial_partner_id = found.id
                    AND contract.project_phase > 0 AND contract.state = 'sale'
                    AND contract.company_id = %(company)s
                    AND contract.referrer_id = lead.referrer_id
                OFFSET 0)
            """,
            company=company.id,
        )
