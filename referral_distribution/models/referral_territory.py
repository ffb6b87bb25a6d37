from collections import namedtuple

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import SQL, format_date

from ..engine import territory as engine

# What makes two territories the same one, in the order of the exclusion constraint.
BOUNDARY = (
    "company_id",
    "country_id",
    "state_id",
    "city_key",
    "zip_prefix",
    "industry_id",
    "categ_id",
)
PERIOD = ("date_from", "date_to")
# A change of these makes a new claim; what ends one (``date_to``) is always allowed.
# What is computed is left out, or an update of this addon would judge old territories.
CLAIM = (
    "active",
    "agent_id",
    "categ_id",
    "city",
    "company_id",
    "country_id",
    "date_from",
    "industry_id",
    "state_id",
    "zip_prefix",
)

Claim = namedtuple("Claim", "values key start end")


class ReferralTerritory(models.Model):
    """What one agent alone serves for a time (rule M5).

    Region (country, state, city or zip prefix) x industry x product category; what is
    empty is held whole. That no two agents hold the same one at the same time is kept
    by the database, through an exclusion constraint; before it refuses, ``create`` and
    ``write`` say whose territory it is. Which one a lead or an order falls in is
    decided in ``engine/territory.py``.

    Archived means withdrawn, as if it had never been; what came to its end keeps the
    leads of its own days.
    """

    _name = "referral.territory"
    _description = "Agent Territory"
    _inherit = ("mail.thread", "referral.territory.resolver")
    _order = "country_id, state_id, city_key, date_from desc, id"
    _rec_names_search = ("agent_id", "country_id", "state_id", "city", "zip_prefix")
    _check_company_auto = True

    active = fields.Boolean(default=True, tracking=True)
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    agent_id = fields.Many2one(
        "res.partner",
        required=True,
        index=True,
        ondelete="restrict",
        check_company=True,
        tracking=True,
        domain="[('referral_role', '=', 'agent'), ('member_state', '=', 'active')]",
    )
    country_id = fields.Many2one(
        "res.country", required=True, ondelete="restrict", tracking=True
    )
    state_id = fields.Many2one(
        "res.country.state",
        string="State / Province",
        ondelete="restrict",
        tracking=True,
        domain="[('country_id', '=?', country_id)]",
    )
    city = fields.Char(
        tracking=True,
        help="Capitals, spaces and the Chinese word for city at the end make no"
        " difference.",
    )
    # written with the row itself: the exclusion is checked when the row goes in
    city_key = fields.Char(compute="_compute_city_key", store=True, precompute=True)
    zip_prefix = fields.Char(
        tracking=True,
        help="How the zip codes of the territory begin. A longer one wins over a"
        " shorter one.",
    )
    industry_id = fields.Many2one(
        "res.partner.industry", ondelete="restrict", tracking=True
    )
    categ_id = fields.Many2one(
        "product.category",
        string="Product category",
        ondelete="restrict",
        tracking=True,
    )
    date_from = fields.Date(
        required=True, default=fields.Date.context_today, tracking=True
    )
    date_to = fields.Date(tracking=True, help="Empty: until further notice.")
    situation = fields.Selection(
        [
            ("planned", "Planned"),
            ("in_force", "In force"),
            ("ended", "Ended"),
            ("idle", "Agent not active"),
        ],
        compute="_compute_situation",
        help="A territory whose agent has left wins no leads: the next wider one does.",
    )

    _period_order = models.Constraint(
        "CHECK (date_to IS NULL OR date_to >= date_from)",
        "A territory ends on or after the day it starts.",
    )
    _city_or_zip = models.Constraint(
        "CHECK (city_key IS NULL OR zip_prefix IS NULL)",
        "Give either a city or a zip prefix.",
    )
    _zip_prefix_form = models.Constraint(
        "CHECK (zip_prefix ~ '^[0-9A-Z]{1,10}$')",
        "A zip prefix has at most 10 letters and digits.",
    )
    _exclusive = models.Constraint(
        "EXCLUDE USING gist (company_id WITH =, country_id WITH =,"
        " COALESCE(state_id, 0) WITH =, COALESCE(city_key, '') WITH =,"
        " COALESCE(zip_prefix, '') WITH =, COALESCE(industry_id, 0) WITH =,"
        " COALESCE(categ_id, 0) WITH =, daterange(date_from, date_to, '[]') WITH &&)"
        " WHERE (active)",
        "An agent was given this territory for that period just now. Reload to see"
        " whom.",
    )

    @api.depends("city")
    def _compute_city_key(self):
        for territory in self:
            territory.city_key = engine.normalize_city(territory.city) or False

    @api.depends(
        "date_from",
        "date_to",
        "agent_id.active",
        "agent_id.member_state",
        "agent_id.grade_id.referral_role",
    )
    def _compute_situation(self):
        for territory in self:
            company = territory.company_id or self.env.company
            today = self._get_day(company, fields.Datetime.now())
            if territory.date_to and territory.date_to < today:
                territory.situation = "ended"
            elif not self._is_serving(territory.agent_id):
                territory.situation = "idle"
            elif territory.date_from and territory.date_from > today:
                territory.situation = "planned"
            else:
                territory.situation = "in_force"

    @api.depends(
        "country_id", "state_id", "city", "zip_prefix", "industry_id", "categ_id"
    )
    @api.depends_context("lang")
    def _compute_display_name(self):
        for territory in self:
            region = (
                territory.country_id.name,
                territory.state_id.name,
                territory.city,
                territory.zip_prefix and f"{territory.zip_prefix}…",
            )
            title = (
                " / ".join(part for part in region if part),
                territory.industry_id.name,
                territory.categ_id.name,
            )
            territory.display_name = " · ".join(part for part in title if part)

    @api.onchange("country_id")
    def _onchange_country_id(self):
        if self.state_id.country_id != self.country_id:
            self.state_id = False

    @api.onchange("state_id")
    def _onchange_state_id(self):
        if self.state_id:
            self.country_id = self.state_id.country_id

    @api.constrains("country_id", "state_id")
    def _check_state_of_country(self):
        for territory in self:
            state, country = territory.state_id, territory.country_id
            if state and state.country_id != country:
                raise ValidationError(
                    self.env._(
                        "%(state)s is no part of %(country)s. Choose a state of that"
                        " country.",
                        state=state.name,
                        country=country.name,
                    )
                )

    @api.constrains(*CLAIM)
    def _check_agent_serves(self):
        for territory in self.filtered("active"):
            if not self._is_serving(territory.agent_id):
                raise ValidationError(
                    self.env._(
                        "%(name)s is no active agent, so no territory can be given to"
                        " them. Choose an active member of an agent's tier.",
                        name=territory.agent_id.sudo().name,
                    )
                )

    @api.model_create_multi
    def create(self, vals_list):
        vals_list = [self._normalize_vals(vals) for vals in vals_list]
        self.check_access("create")
        self._check_claims([self._add_missing_default_values(v) for v in vals_list])
        return super().create(vals_list)

    def write(self, vals):
        vals = self._normalize_vals(vals)
        if {*CLAIM, *PERIOD} & vals.keys():
            names = {*CLAIM, *PERIOD}
            self._check_claims(
                [{**self._read_vals(one, names), **vals} for one in self], self.ids
            )
        return super().write(vals)

    @api.model
    def _read_vals(self, territory, names):
        return {
            name: self._fields[name].convert_to_write(territory[name], territory)
            for name in names
        }

    @api.model
    def _normalize_vals(self, vals):
        """Return ``vals`` as they are kept; the key of a city follows from the city."""
        vals = {name: value for name, value in vals.items() if name != "city_key"}
        if vals.get("city"):
            vals["city"] = " ".join(str(vals["city"]).split()) or False
        if vals.get("zip_prefix"):
            vals["zip_prefix"] = engine.normalize_zip(str(vals["zip_prefix"])) or False
        return vals

    @api.model
    def _check_claims(self, values_list, own_ids=()):
        """Refuse what is no territory or somebody else's, before anything is written.

        :param values_list: the territories as they would be, complete values of each.
        :param own_ids: ids of the territories that change, which bar nothing.
        :raises ValidationError: naming the agent who holds one, and for how long.
        """
        claims = [self._prepare_claim(values) for values in values_list]
        company_ids = set(self.env.companies.ids)
        visible = [
            claim
            for claim in claims
            if claim.values.get("active", True)
            # of a company one may not see, nothing is told: access rules refuse it
            and (self.env.su or claim.key[0] in company_ids)
        ]
        found = self._find_overlap_within(visible)
        found = found or self._query_overlap(visible, own_ids)
        if found:
            raise ValidationError(self._format_overlap(*found))

    @api.model
    def _prepare_claim(self, values):
        start = fields.Date.to_date(values.get("date_from"))
        end = fields.Date.to_date(values.get("date_to")) or None
        zip_prefix = values.get("zip_prefix")
        city_key = engine.normalize_city(values.get("city"))
        if not values.get("country_id"):
            raise ValidationError(
                self.env._("Choose the country the territory lies in.")
            )
        if not start:
            raise ValidationError(self.env._("Say on which day the territory starts."))
        if end and end < start:
            raise ValidationError(
                self.env._("A territory ends on or after the day it starts.")
            )
        if zip_prefix and not engine.ZIP_PREFIX.fullmatch(zip_prefix):
            raise ValidationError(
                self.env._(
                    "“%(prefix)s” is no zip prefix: it has at most 10 letters and"
                    " digits, such as 518.",
                    prefix=zip_prefix,
                )
            )
        if zip_prefix and city_key:
            raise ValidationError(
                self.env._(
                    "Give either a city or a zip prefix: both together would leave"
                    " unclear which one counts."
                )
            )
        key = {**values, "city_key": city_key, "zip_prefix": zip_prefix}
        empty = {"city_key": "", "zip_prefix": ""}
        key = tuple(key.get(name) or empty.get(name, 0) for name in BOUNDARY)
        return Claim(values, key, start, end)

    @api.model
    def _find_overlap_within(self, claims):
        """Return the first claim that overlaps with one before it in the same batch."""
        last = {}
        for claim in sorted(claims, key=lambda claim: (claim.key, claim.start)):
            before = last.get(claim.key)
            if before and (before.end is None or before.end >= claim.start):
                agent_id = before.values.get("agent_id")
                return claim, agent_id, before.start, before.end
            last[claim.key] = claim
        return None

    @api.model
    def _query_overlap(self, claims, own_ids):
        """Return ``(claim, agent id, start, end)`` of the first claim that is taken.

        One statement for all of them, through the index of the exclusion constraint.
        """
        if not claims:
            return None
        self.flush_model([*BOUNDARY, *PERIOD, "agent_id", "active"])
        rows = SQL(", ").join(
            SQL("%s", (number, *claim.key, claim.start, claim.end))
            for number, claim in enumerate(claims)
        )
        found = self.env.execute_query(
            SQL(
                "SELECT claim.number, held.agent_id, held.date_from, held.date_to"
                " FROM (VALUES %s) AS claim (number, company, country, state, city,"
                "   zip, industry, categ, date_from, date_to)"
                " JOIN referral_territory held"
                "   ON held.company_id = claim.company"
                "   AND held.country_id = claim.country"
                "   AND COALESCE(held.state_id, 0) = claim.state"
                "   AND COALESCE(held.city_key, '') = claim.city"
                "   AND COALESCE(held.zip_prefix, '') = claim.zip"
                "   AND COALESCE(held.industry_id, 0) = claim.industry"
                "   AND COALESCE(held.categ_id, 0) = claim.categ"
                "   AND daterange(held.date_from, held.date_to, '[]')"
                "     && daterange(claim.date_from::date, claim.date_to::date, '[]')"
                " WHERE held.active AND held.id <> ALL(%s)"
                " ORDER BY claim.number, held.date_from LIMIT 1",
                rows,
                list(own_ids),
            )
        )
        return (claims[found[0][0]], *found[0][1:]) if found else None

    @api.model
    def _format_overlap(self, claim, agent_id, start, end):
        ends = [day for day in (end, claim.end) if day]
        names = {name for name in BOUNDARY if name != "city_key"} | {"city"}
        title = self.new({name: claim.values.get(name) for name in names}).display_name
        return self.env._(
            "%(agent)s already holds “%(territory)s” (%(period)s). Both would serve it"
            " %(overlap)s. End that territory first, or choose another period, region,"
            " industry or product category.",
            agent=self.env["res.partner"].sudo().browse(agent_id).name,
            territory=title,
            period=self._format_period(start, end),
            overlap=self._format_period(
                max(start, claim.start), min(ends) if ends else None
            ),
        )

    @api.model
    def _format_period(self, start, end):
        start_text = format_date(self.env, start)
        if not end:
            return self.env._("from %(start)s on", start=start_text)
        return self.env._(
            "from %(start)s to %(end)s",
            start=start_text,
            end=format_date(self.env, end),
        )

    def _prepare_engine_territory(self):
        self.ensure_one()
        return engine.Territory(
            id=self.id,
            agent=self.agent_id.id,
            country=self.country_id.id,
            state=self.state_id.id or 0,
            city=self.city_key or "",
            zip_prefix=self.zip_prefix or "",
            industry=self.industry_id.id or 0,
            category=self.categ_id.id or 0,
            start=self.date_from,
            end=self.date_to or None,
            serving=self._is_serving(self.agent_id),
        )
