from odoo import models
from odoo.tools import SQL

from ..engine import invite_path
from ..engine.commission import Person


class ResPartner(models.Model):
    """Members as the engine of rewards sees them (rules M4, C4)."""

    _inherit = "res.partner"

    def _to_engine_person(self, place=0):
        """Return the member as the engine's ``Person``.

        :param int place: steps above who brought the lead.
        """
        self.ensure_one()
        return Person(
            self.id,
            self._earns_commission(),
            self.grade_id.id or 0,
            self.referral_role or "",
            place,
        )

    def _query_nearest_of_roles(self, roles):
        """Return ``[(partner id, steps above)]``: the nearest of each role.

        The member itself is 0 steps above. In one statement, however long the chain.
        """
        self.ensure_one()
        path = self.invite_path or f"{self.id}/"
        self.env.flush_all()
        return self.env.execute_query(
            SQL(
                """
                SELECT DISTINCT ON (grade.referral_role) member.id, up.step - 1
                FROM unnest(%(path)s::int[]) WITH ORDINALITY AS up (id, step)
                JOIN res_partner member ON member.id = up.id
                JOIN res_partner_grade grade ON grade.id = member.grade_id
                WHERE grade.referral_role = ANY(%(roles)s::varchar[])
                ORDER BY grade.referral_role, up.step
                """,
                path=[self.id, *invite_path.ancestors(path)],
                roles=list(roles),
            )
        )
