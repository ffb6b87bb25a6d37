from odoo import fields, models
from odoo.fields import Domain
from odoo.tools import SQL


class SaleOrder(models.Model):
    """Whom a customer stays with (rule C2).

    The referrer stays attached for as long as the company says: from the first contract
    on, and anew from each that came from a lead or link of its own, until the end of
    the company's day. The customer is the company, whoever signs for it.

    However many contracts a customer has, one statement finds the one that counts.
    """

    _inherit = "sale.order"

    _referral_contracts_index = models.Index("(partner_id, id) WHERE project_phase > 0")

    def _find_first_contracts(self, condition):
        """Return ``{order: its customer's first contract that meets condition}``.

        A contract of the same company whose referrer is still attached on the order's
        day; an empty set where there is none.

        :param SQL condition: on ``contract``, a row of sale_order.
        """
        found = dict.fromkeys(self, self.sudo().browse())
        asking = self.filtered(lambda order: all(order._get_customer_key()))
        if not asking:
            return found
        self.flush_model(["company_id", "date_order", "opportunity_id", "partner_id"])
        self.flush_model(["project_phase", "referral_lead_id", "referrer_id"])
        self.env["res.partner"].flush_model(["commercial_partner_id"])
        self.env["crm.lead"].flush_model(["referrer_id"])
        for company, orders in asking.grouped("company_id").items():
            rows = self.env.execute_query(
                orders._query_first_contracts(company, condition)
            )
            for number, contract_id in rows:
                found[orders[number - 1]] = self.sudo().browse(contract_id)
        return found

    def _query_first_contracts(self, company, condition):
        """Return the statement that gives ``(number of the order, contract)``."""
        return SQL(
            """
            SELECT asked.number, found.id
            FROM unnest(%(customers)s::int[], %(moments)s::timestamp[])
                WITH ORDINALITY AS asked (customer_id, moment, number)
            CROSS JOIN LATERAL (%(first)s) AS found
            """,
            customers=[order._get_customer_key()[1] for order in self],
            moments=[order.date_order or fields.Datetime.now() for order in self],
            first=self._query_attached(company.sudo(), condition),
        )

    def _query_attached(self, company, condition):
        """Return the statement for one customer: that of ``asked.customer_id``."""
        months = company.referral_attachment_months
        values = {"company": company.id, "condition": condition}
        if months:
            return self._query_attached_for(months, company, values)
        return SQL(
            """
            SELECT contract.id FROM res_partner buyer
            CROSS JOIN LATERAL (
                SELECT contract.id FROM sale_order contract
                WHERE contract.partner_id = buyer.id AND contract.project_phase > 0
                    AND contract.state = 'sale'
                    AND contract.company_id = %(company)s AND %(condition)s
                ORDER BY contract.id LIMIT 1
            ) AS contract
            WHERE buyer.commercial_partner_id = asked.customer_id
            ORDER BY contract.id LIMIT 1
            """,
            **values,
        )

    def _query_attached_for(self, months, company, values):
        """Return the statement where a referrer stays so many months."""
        since = SQL(
            "GREATEST((array_agg(contract.date_order ORDER BY contract.id))[1],"
            " max(contract.date_order) FILTER (WHERE lead.referrer_id"
            " IS NOT NULL OR contract.referral_link_id IS NOT NULL))"
        )
        return SQL(
            """
            SELECT min(contract.id) AS id
            FROM sale_order contract
            JOIN res_partner buyer ON buyer.id = contract.partner_id
            LEFT JOIN crm_lead lead ON lead.id = contract.opportunity_id
            WHERE buyer.commercial_partner_id = asked.customer_id
                AND contract.company_id = %(company)s AND contract.project_phase > 0
                AND contract.state = 'sale' AND %(condition)s
            GROUP BY contract.referrer_id
            HAVING %(day)s <= (%(since)s + %(period)s::interval)::date
            ORDER BY 1 LIMIT 1
            """,
            **values,
            day=self._to_day(SQL("asked.moment"), company),
            since=self._to_day(since, company),
            period=f"{months} months",
        )

    def _to_day(self, moment, company):
        """Return SQL for the company's day of a moment in UTC."""
        return SQL(
            "(%s AT TIME ZONE 'UTC' AT TIME ZONE %s)::date",
            moment,
            company._referral_tz(),
        )

    def _get_customer_key(self):
        """Return the ids of the company and the customer."""
        customer = self.partner_id.commercial_partner_id
        return self.company_id.id or None, customer._origin.id or None

    def _get_signing_day(self):
        """Return the company's day on which the order was confirmed, or today."""
        self.ensure_one()
        company = self.company_id
        if self.state != "sale" or not self.date_order:
            return company._referral_today()
        local = self.with_context(tz=company._referral_tz())
        return fields.Datetime.context_timestamp(local, self.date_order).date()

    def _find_trail_lead(self):
        """Return the lead whose trail tells a contract that has no lead of its own."""
        self.ensure_one()
        customer = self.partner_id.commercial_partner_id
        leads = self.env["crm.lead"].sudo().with_context(active_test=False)
        return leads.search(
            Domain("partner_id.commercial_partner_id", "=", customer.id)
            & Domain("referrer_id", "=", self.referrer_id.id)
            & Domain("company_id", "in", [self.company_id.id, False]),
            order="id",
            limit=1,
        )

    def _attach_quotations(self):
        """The other open quotations of these contracts' customers came through the same
        member (rule C2).

        Those made before the contract could not know it yet.
        """
        contracts = {}
        for order in self:
            contracts.setdefault(order._get_customer_key(), order)
        quotations = self.sudo().search(
            Domain(
                "partner_id.commercial_partner_id",
                "in",
                self.partner_id.commercial_partner_id.ids,
            )
            & Domain("company_id", "in", self.company_id.ids)
            & Domain("state", "in", ("draft", "sent"))
            & Domain("referral_lead_id", "=", False)
            & Domain("referrer_id", "=", False)
        )
        for key, orders in quotations.grouped(
            lambda order: order._get_customer_key()
        ).items():
            if contract := contracts.get(key):
                names = ("referral_lead_id", "referrer_id")
                orders.write({name: contract[name].id for name in names})
