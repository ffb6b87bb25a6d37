from collections import defaultdict
from datetime import timedelta

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL, frozendict

DAYS = 90
# A row's number is made of its company and its state, so that it stays the same from
# one reading to the next; of a row without a state, the country's takes its place.
NO_STATE = 1 << 21
COMPANY = 1 << 22


class ReferralTerritoryGap(models.Model):
    """Where no agent serves the whole state today: an uncovered region (rule M5).

    One row per company and state of the countries it works in: its own, and those of
    its territories. A state is covered by a territory in force of an active agent that
    holds it, or its country, for all industries and products. A row without a state
    stands for leads of the country whose state is not known, or for a country that has
    no states.
    """

    _name = "referral.territory.gap"
    _description = "Uncovered Region"
    _auto = False
    _order = "open_lead_count desc, lead_count desc, id"
    _rec_name = "country_id"
    _depends = frozendict(
        {
            "crm.lead": [
                "active",
                "company_id",
                "country_id",
                "create_date",
                "state_id",
                "won_status",
            ],
            "referral.territory": [
                "active",
                "agent_id",
                "categ_id",
                "city_key",
                "company_id",
                "country_id",
                "date_from",
                "date_to",
                "industry_id",
                "state_id",
                "zip_prefix",
            ],
            "res.company": ["partner_id"],
            "res.country.state": ["country_id"],
            "res.partner": ["active", "country_id", "grade_id", "member_state"],
            "res.partner.grade": ["referral_role"],
        }
    )

    company_id = fields.Many2one("res.company", readonly=True)
    country_id = fields.Many2one("res.country", readonly=True)
    state_id = fields.Many2one(
        "res.country.state", string="State / Province", readonly=True
    )
    coverage = fields.Selection(
        [("nobody", "Nobody"), ("partly", "Only partly")], readonly=True
    )
    coverage_text = fields.Char(
        string="Who is there", compute="_compute_coverage_text", compute_sudo=True
    )
    lead_count = fields.Integer(
        string="Leads",
        readonly=True,
        help="Leads from there in the last 90 days, whatever became of them.",
    )
    open_lead_count = fields.Integer(
        string="Open leads",
        readonly=True,
        help="Those of them that are neither won nor lost.",
    )

    @property
    def _table_query(self):
        return SQL(
            """
            WITH today (company_id, day) AS (VALUES %(today)s),
            held AS (%(held)s), worked AS (%(worked)s), region AS (%(region)s),
            demand AS (%(demand)s)
            SELECT region.company_id::bigint * %(company)s + COALESCE(
                       region.state_id, %(no_state)s + region.country_id) AS id,
                   region.company_id, region.country_id, region.state_id,
                   CASE WHEN inside.partly OR around.partly THEN 'partly'
                        ELSE 'nobody' END AS coverage,
                   COALESCE(own.leads, 0) + COALESCE(shared.leads, 0) AS lead_count,
                   COALESCE(own.open, 0) + COALESCE(shared.open, 0) AS open_lead_count
              FROM region
              LEFT JOIN held inside ON inside.company_id = region.company_id
                   AND inside.country_id = region.country_id
                   AND inside.state_id = region.state_id
              LEFT JOIN held around ON around.company_id = region.company_id
                   AND around.country_id = region.country_id AND around.state_id IS NULL
              LEFT JOIN demand own ON own.company_id = region.company_id
                   AND own.country_id = region.country_id
                   AND own.state_id = COALESCE(region.state_id, 0)
              LEFT JOIN demand shared ON shared.company_id = 0
                   AND shared.country_id = region.country_id
                   AND shared.state_id = COALESCE(region.state_id, 0)
             WHERE NOT COALESCE(inside.whole, FALSE)
               AND NOT COALESCE(around.whole, FALSE)
               AND (region.state_id IS NOT NULL OR NOT region.has_states
                    OR own.leads > 0 OR shared.leads > 0)
            """,
            today=self._query_today(),
            held=self._query_held(),
            worked=self._query_worked(),
            region=self._query_region(),
            demand=self._query_demand(),
            company=COMPANY,
            no_state=NO_STATE,
        )

    @api.model
    def _get_days(self):
        """Return ``{res.company: today in its time zone}`` of all companies."""
        territories = self.env["referral.territory"]
        now = fields.Datetime.now()
        companies = self.env["res.company"].sudo().search([])
        return {company: territories._get_day(company, now) for company in companies}

    @api.model
    def _query_today(self):
        return SQL(", ").join(
            SQL("(%s, %s::date)", company.id, day)
            for company, day in self._get_days().items()
        )

    @api.model
    def _query_held(self):
        """Per company, country and state: held whole, or in part, by whom serves."""
        return SQL(
            """
            SELECT t.company_id, t.country_id, t.state_id,
                   bool_or(t.city_key IS NULL AND t.zip_prefix IS NULL
                           AND t.industry_id IS NULL AND t.categ_id IS NULL) AS whole,
                   bool_or(t.state_id IS NOT NULL
                           OR t.city_key IS NULL AND t.zip_prefix IS NULL) AS partly
              FROM referral_territory t
              JOIN today ON today.company_id = t.company_id
               AND today.day BETWEEN t.date_from AND COALESCE(t.date_to, 'infinity')
              JOIN res_partner agent ON agent.id = t.agent_id
               AND agent.active AND agent.member_state = 'active'
              JOIN res_partner_grade grade ON grade.id = agent.grade_id
               AND grade.referral_role = 'agent'
             WHERE t.active
             GROUP BY t.company_id, t.country_id, t.state_id
            """
        )

    @api.model
    def _query_worked(self):
        """The countries each company works in."""
        return SQL(
            """
            SELECT company.id AS company_id, home.country_id
              FROM res_company company
              JOIN res_partner home ON home.id = company.partner_id
             WHERE home.country_id IS NOT NULL
             UNION
            SELECT company_id, country_id FROM referral_territory WHERE active
            """
        )

    @api.model
    def _query_region(self):
        """Each state of those countries, and the country itself without one."""
        return SQL(
            """
            SELECT worked.company_id, worked.country_id, state.id AS state_id,
                   TRUE AS has_states
              FROM worked
              JOIN res_country_state state ON state.country_id = worked.country_id
             UNION ALL
            SELECT company_id, country_id, NULL,
                   EXISTS (SELECT 1 FROM res_country_state state
                            WHERE state.country_id = worked.country_id)
              FROM worked
            """
        )

    @api.model
    def _query_demand(self):
        """Leads of the last days by company (0: of none), country and state."""
        return SQL(
            """
            SELECT COALESCE(company_id, 0) AS company_id, country_id,
                   COALESCE(state_id, 0) AS state_id, count(*) AS leads,
                   count(*) FILTER (WHERE active AND won_status = 'pending') AS open
              FROM crm_lead
             WHERE create_date >= %s AND country_id IS NOT NULL
             GROUP BY 1, 2, 3
            """,
            fields.Datetime.now() - timedelta(days=DAYS),
        )

    @api.depends("country_id", "state_id")
    @api.depends_context("lang")
    def _compute_display_name(self):
        for gap in self:
            parts = (gap.country_id.name, gap.state_id.name)
            gap.display_name = " / ".join(part for part in parts if part)

    @api.depends("company_id", "country_id", "state_id")
    @api.depends_context("lang")
    def _compute_coverage_text(self):
        shelves = self._find_territories()
        for gap in self:
            key = (gap.company_id, gap.country_id)
            found = shelves[(*key, gap.state_id)]
            if gap.state_id:
                wide = shelves[(*key, self.env["res.country.state"])]
                found += [one for one in wide if not (one.city or one.zip_prefix)]
            texts = [self._describe(territory) for territory in found[:3]]
            if len(found) > 3:
                texts.append(self.env._("%(count)s more", count=len(found) - 3))
            gap.coverage_text = "; ".join(texts) or False

    def _find_territories(self):
        """Return the territories in force today by company, country and state."""
        days = self._get_days()
        found = self.env["referral.territory"].search(
            Domain("company_id", "in", self.company_id.ids)
            & Domain("country_id", "in", self.country_id.ids)
        )
        shelves = defaultdict(list)
        for one in found:
            day = days[one.company_id]
            if one.date_from <= day and (not one.date_to or one.date_to >= day):
                shelves[one.company_id, one.country_id, one.state_id].append(one)
        return shelves

    @api.model
    def _describe(self, territory):
        parts = (
            territory.city,
            territory.zip_prefix and f"{territory.zip_prefix}…",
            territory.industry_id.name,
            territory.categ_id.name,
        )
        what = " · ".join(part for part in parts if part)
        label = f"{what}: {territory.agent_id.name}" if what else (
            territory.agent_id.name
        )  # fmt: skip
        if territory.situation == "idle":
            return self.env._("%(holding)s (no active agent any more)", holding=label)
        return label

    def action_assign_agent(self):
        """Open a new territory with the region filled in (rule M5).

        :return: the form of ``referral.territory``; nothing is written yet.
        :raises AccessError: without the manager role.
        """
        self.env.user._referral_require("group_manager")
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Assign an agent"),
            "res_model": "referral.territory",
            "view_mode": "form",
            "views": [(False, "form")],
            "context": {
                "default_company_id": self.company_id.id,
                "default_country_id": self.country_id.id,
                "default_state_id": self.state_id.id,
            },
        }
