from odoo import api, fields, models


class ReferralTerritory(models.Model):
    """What one agent alone serves for a time: region x product category (rule M5).

    An empty state or category means all of them. That no two agents hold the same one
    at the same time is kept by the database, through an exclusion constraint.
    """

    _name = "referral.territory"
    _description = "Agent Territory"
    _order = "country_id, state_id, date_from desc"
    _check_company_auto = True

    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    agent_id = fields.Many2one(
        "res.partner",
        required=True,
        index=True,
        ondelete="restrict",
        domain=[("referral_role", "=", "agent")],
    )
    country_id = fields.Many2one("res.country", required=True, ondelete="restrict")
    state_id = fields.Many2one(
        "res.country.state",
        ondelete="restrict",
        domain="[('country_id', '=', country_id)]",
    )
    categ_id = fields.Many2one(
        "product.category", string="Product category", ondelete="restrict"
    )
    date_from = fields.Date(required=True, default=fields.Date.context_today)
    date_to = fields.Date(help="Empty: until further notice.")

    _period_order = models.Constraint(
        "CHECK (date_to IS NULL OR date_to >= date_from)",
        "A territory ends on or after the day it starts.",
    )
    _exclusive = models.Constraint(
        "EXCLUDE USING gist (company_id WITH =, country_id WITH =,"
        " COALESCE(state_id, 0) WITH =, COALESCE(categ_id, 0) WITH =,"
        " daterange(date_from, date_to, '[]') WITH &&)",
        "Another agent holds this territory in that period.",
    )

    @api.depends("agent_id", "country_id", "state_id", "categ_id")
    def _compute_display_name(self):
        for territory in self:
            parts = (territory.country_id, territory.state_id, territory.categ_id)
            territory.display_name = " / ".join(
                part.display_name for part in parts if part
            )
