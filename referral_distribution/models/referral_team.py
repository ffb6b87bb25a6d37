from odoo import api, models
from odoo.tools import SQL

# Levels with a number of their own; below the last one it is "deeper".
LEVELS = 5
DEEPER = LEVELS + 1
OVERSEERS = ("agent", "distributor")


class ReferralTeam(models.AbstractModel):
    """What a member may see of the people below it (rules M1, M2).

    A team may have 100,000 people: nothing here loads more of them than one page
    shows, and every answer is one statement.
    """

    _name = "referral.team"
    _description = "Team of a Member"

    @api.model
    def _oversees(self, member, company):
        """Return what the member sees of others' results: none, counts or amounts."""
        if member.referral_role not in OVERSEERS:
            return "none"
        return company.referral_team_insight

    @api.model
    def _count(self, member, company, search=""):
        """Return ``{(level, state, role): people}``; level ``DEEPER`` for all below."""
        rows = self.env.execute_query(
            SQL(
                "%s SELECT LEAST(level, %s), member_state, role, count(*) FROM people"
                " GROUP BY 1, 2, 3",
                self._query_people(member, company, search),
                DEEPER,
            )
        )
        return {tuple(row[:3]): row[3] for row in rows}

    @api.model
    def _list(self, member, company, search="", offset=0, limit=20, **chosen):
        """Return ``[(partner id, level)]`` of one page: the nearest, then the newest.

        :param chosen: ``level``, ``state`` and ``role`` to keep; empty for all.
        """
        conditions = [SQL("TRUE")]
        if level := chosen.get("level"):
            operator = SQL("=" if level <= LEVELS else ">=")
            conditions.append(SQL("level %s %s", operator, level))
        if state := chosen.get("state"):
            conditions.append(SQL("member_state = %s", state))
        if role := chosen.get("role"):
            conditions.append(SQL("role = %s", role))
        return self.env.execute_query(
            SQL(
                "%s SELECT id, level FROM people WHERE %s"
                " ORDER BY level, id DESC"
                " LIMIT %s OFFSET %s",
                self._query_people(member, company, search),
                SQL(" AND ").join(conditions),
                limit,
                offset,
            )
        )

    @api.model
    def _find(self, member, company, partner_id):
        """Return ``(partner, level)`` of one person of the team, else an empty one."""
        nodes = self.env["referral.invite.node"]
        places = nodes._read_places([member.id, partner_id])
        none = self.env["res.partner"]
        if partner_id == member.id or len(places) < 2:
            return none, 0
        (top, top_depth), (path, depth) = places[member.id], places[partner_id]
        if not path.startswith(top):
            return none, 0
        domain = [
            ("id", "=", partner_id),
            ("member_state", "in", ("candidate", "active", "suspended")),
            ("company_id", "in", [company.id, False]),
        ]
        return none.sudo().search(domain), depth - top_depth

    @api.model
    def _query_people(self, member, company, search=""):
        """Return SQL that defines ``people``: the team, but not its top.

        The planner cannot know how big a team is. So it is told to find the team
        first, and then each contact by its id: else it reads all contacts for three.
        As the team comes in the order of ``_list``, a page reads its own contacts only.
        """
        self.env.flush_all()
        nodes = self.env["referral.invite.node"]
        _path, depth = nodes._read_places(member.ids).get(member.id, ("", 0))
        words = search.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
        return SQL(
            "%(below)s, people AS ("
            " SELECT team.id, team.level, partner.member_state,"
            "  COALESCE(grade.referral_role, 'member') AS role"
            " FROM ("
            "  SELECT partner_id AS id, depth - %(depth)s AS level FROM below"
            "  WHERE is_member AND partner_id <> %(top)s"
            "  ORDER BY level, id DESC OFFSET 0"
            " ) team CROSS JOIN LATERAL ("
            "  SELECT * FROM res_partner WHERE res_partner.id = team.id"
            "   AND active AND (company_id = %(company)s OR company_id IS NULL)"
            "   AND %(match)s OFFSET 0"
            " ) partner LEFT JOIN res_partner_grade grade"
            "  ON grade.id = partner.grade_id)",
            below=nodes._below(member.ids),
            depth=depth,
            top=member.id,
            company=company.id,
            match=SQL("name ILIKE %s", f"%{words}%") if words else SQL("TRUE"),
        )

    @api.model
    def _query_figures(self, partner_ids, company):
        """Return what each of these people brought, in one statement.

        :return: ``{partner id: dict}`` with ``leads``, ``valid_leads``, ``contracts``
            and ``amount``, the contracts' untaxed sum in the company's currency.
        """
        self.env["crm.lead"].flush_model()
        self.env["sale.order"].flush_model()
        ids = tuple(partner_ids) or (0,)
        rows = self.env.execute_query(
            SQL(
                "SELECT partner.id, lead.leads, lead.valid, sale.contracts, sale.amount"
                " FROM res_partner partner CROSS JOIN LATERAL ("
                "  SELECT count(*) AS leads,"
                "   count(*) FILTER (WHERE referral_validity = 'valid') AS valid"
                "  FROM crm_lead WHERE referrer_id = partner.id"
                "   AND (company_id = %(company)s OR company_id IS NULL)"
                " ) lead CROSS JOIN LATERAL ("
                "  SELECT count(*) AS contracts, COALESCE(sum(amount_untaxed"
                "   / COALESCE(NULLIF(currency_rate, 0), 1)), 0) AS amount"
                "  FROM sale_order WHERE referrer_id = partner.id"
                "   AND company_id = %(company)s AND project_phase > 0"
                " ) sale WHERE partner.id IN %(ids)s",
                company=company.id,
                ids=ids,
            )
        )
        names = ("leads", "valid_leads", "contracts", "amount")
        return {row[0]: dict(zip(names, row[1:], strict=True)) for row in rows}
