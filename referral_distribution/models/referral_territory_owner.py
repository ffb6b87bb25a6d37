from collections import namedtuple

from odoo import fields, models

# Who may not read a line's model must not stumble over the field either.
ROLES = "referral_distribution.group_sales,referral_distribution.group_finance"

# company: res.company; place: engine.territory.Place; amount: untaxed, in currency
Question = namedtuple("Question", "company place amount currency", defaults=(0, None))


class ReferralTerritoryOwner(models.AbstractModel):
    """Leads and orders say which agent's territory they fall in (rule M5).

    A model that inherits this says in ``_get_territory_questions`` where it lies, and
    on which fields that depends.
    """

    _name = "referral.territory.owner"
    _description = "Falls in a Territory"

    territory_agent_id = fields.Many2one(
        "res.partner",
        string="Territory of",
        compute="_compute_territory_owner",
        compute_sudo=True,
        groups=ROLES,
        help="The agent who holds the territory this falls in, as of its day.",
    )
    territory_explanation = fields.Char(
        string="Why",
        compute="_compute_territory_owner",
        compute_sudo=True,
        groups=ROLES,
    )

    def _compute_territory_owner(self):
        """Ask for all records at once; of several parts, the agents' largest counts."""
        territories = self.env["referral.territory"]
        asked = [record._get_territory_questions() for record in self]
        verdicts = iter(
            territories._judge(
                [(one.company, one.place) for questions in asked for one in questions]
            )
        )
        for record, questions in zip(self, asked, strict=True):
            parts = [(one, next(verdicts)) for one in questions]
            agent_id, text = territories._weigh(parts)
            record.territory_agent_id = agent_id
            record.territory_explanation = text

    def _get_territory_questions(self):
        """Return the ``Question`` of each part of the record; at least one. A hook."""
        raise NotImplementedError
