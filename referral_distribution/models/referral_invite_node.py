from operator import itemgetter

from odoo import api, fields, models
from odoo.exceptions import ConcurrencyError, UserError
from odoo.tools import SQL, groupby

from ..engine import invite_path

_SEGMENT = f"""
CREATE OR REPLACE FUNCTION referral_invite_segment(path text, depth integer)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $body$
    SELECT CASE WHEN depth <= {invite_path.SEGMENT} THEN path
    ELSE array_to_string((string_to_array(path, '/'))
        [(depth - 1) / {invite_path.SEGMENT} * {invite_path.SEGMENT} + 1:], '/')
    END
$body$
"""
_ANCHOR = f"depth > 0 AND mod(depth, {invite_path.SEGMENT}) = 0"
# Compared byte by byte, whatever the database's language: what starts with "1/7/" lies
# between that and "1/70", as "0" follows "/", and statistics know how many that are.
_SEGMENT_COLUMN = (
    'ALTER TABLE referral_invite_node ADD COLUMN IF NOT EXISTS segment text COLLATE "C"'
    " GENERATED ALWAYS AS (referral_invite_segment(path, depth)) STORED"
)
_SEGMENT_INDEX = (
    "CREATE INDEX IF NOT EXISTS referral_invite_node_segment_index"
    " ON referral_invite_node (segment) INCLUDE (partner_id, is_member, depth)"
)
_ANCHOR_INDEX = (
    "CREATE INDEX IF NOT EXISTS referral_invite_node_anchor_index"
    f" ON referral_invite_node (segment) INCLUDE (partner_id) WHERE {_ANCHOR}"
)
# Up to so many, each part of a team is named in the statement.
_FEW_PARTS = 40


class ReferralInviteNode(models.Model):
    """A member's place in the invite tree (rules M2, M3).

    The tree has a narrow table of its own, beside ``res.partner`` where it belongs by
    meaning: moving a team of 100,000 rewrites 100,000 small rows and not as many
    contacts with all their indexes, and who edits a contact does not wait for it.

    ``path`` lists the ids from the root down: "1/7/42/", see ``engine/invite_path.py``.
    A B-tree takes no key of 9 kB, which is what a path of 1,000 levels needs. So what
    is indexed is ``segment``, which PostgreSQL itself derives: the path from the last
    anchor on, an anchor being a member at each 64th level. Up to 64 levels, that is
    the path; a deeper team is its top's segment and those of the anchors below.

    Written by this class alone, through SQL, after ``inviter_id``; nobody has access.
    """

    _name = "referral.invite.node"
    _description = "Place in the Invite Tree"
    _rec_name = "path"
    _log_access = False

    partner_id = fields.Many2one("res.partner", required=True, ondelete="cascade")
    path = fields.Char(required=True)
    depth = fields.Integer(required=True, help="Inviters above; 0 for a root.")
    is_member = fields.Boolean(
        required=True, help="A candidate, active or suspended member: counts in a team."
    )

    _partner_unique = models.UniqueIndex("(partner_id) INCLUDE (depth)")
    _depth_natural = models.Constraint(
        "CHECK (depth >= 0)", "Nobody stands above the top of a tree."
    )

    def init(self):
        for statement in (_SEGMENT, _SEGMENT_COLUMN, _SEGMENT_INDEX, _ANCHOR_INDEX):
            self.env.cr.execute(statement)

    # ---------------------------------------------------------------- reading

    @api.model
    def _read_places(self, partner_ids):
        """Return ``{partner id: (path, depth)}`` of those who have a place."""
        if not partner_ids:
            return {}
        rows = self.env.execute_query(
            SQL(
                "SELECT partner_id, path, depth FROM referral_invite_node"
                " WHERE partner_id IN %s",
                tuple(partner_ids),
            )
        )
        return {partner_id: (path, depth) for partner_id, path, depth in rows}

    @api.model
    def _read_parts(self, partner_ids):
        """Return the ranges of ``segment`` that hold the teams: (top, from, up to).

        They are read first, so that the planner knows how large a team is: a wrong
        guess makes a page of 20 people read everybody.
        """
        if not partner_ids:
            return []
        rows = self.env.execute_query(
            SQL(
                "WITH RECURSIVE part(top, prefix) AS ("
                " SELECT partner_id, segment FROM referral_invite_node"
                " WHERE partner_id IN %s UNION ALL"
                " SELECT part.top, (anchor.partner_id || '/') COLLATE \"C\""
                " FROM part JOIN referral_invite_node anchor"
                "  ON anchor.segment >= part.prefix"
                "  AND anchor.segment < rtrim(part.prefix, '/') || '0'"
                "  AND %s) SELECT top, prefix FROM part",
                tuple(partner_ids),
                SQL(_ANCHOR),
            )
        )
        return sorted((top, low, f"{low[:-1]}0") for top, low in rows)

    @api.model
    def _below(self, partner_ids):
        """Return the rows ``below(partner_id, top, is_member, depth)`` of teams.

        A team's top is a row of its own team.

        :param partner_ids: tops, an SQL tuple of ids.
        :return: SQL that starts with WITH and defines ``below``.
        """
        parts = self._read_parts(partner_ids)
        if len(parts) > _FEW_PARTS:
            rows = SQL(
                "SELECT node.partner_id, part.top, node.is_member, node.depth"
                " FROM %s JOIN referral_invite_node node"
                "  ON node.segment >= part.low AND node.segment < part.high",
                self._list_parts(parts),
            )
        else:
            rows = SQL(" UNION ALL ").join(
                SQL(
                    "SELECT partner_id, %s AS top, is_member, depth"
                    " FROM referral_invite_node WHERE %s",
                    top,
                    self._match_parts(own),
                )
                for top, own in groupby(parts or [(0, "", "")], itemgetter(0))
            )
        return SQL("WITH below AS NOT MATERIALIZED (%s)", rows)

    @api.model
    def _match_parts(self, parts):
        """Return the condition that a node is in one of a few parts."""
        return SQL(" OR ").join(
            SQL("(segment >= %s AND segment < %s)", low, high)
            for _top, low, high in parts
        )

    @api.model
    def _list_parts(self, parts):
        """Return the table ``part(top, low, high)``."""
        tops, lows, highs = map(list, zip(*parts, strict=True))
        return SQL(
            "unnest(%s::integer[], %s::text[], %s::text[]) AS part(top, low, high)",
            tops,
            lows,
            highs,
        )

    @api.model
    def _query_team_sizes(self, partner_ids):
        """Return ``{partner id: members below}``, of those who have any."""
        parts = self._read_parts(partner_ids)
        if not parts:
            return {}
        rows = self.env.execute_query(
            SQL(
                "SELECT part.top, sum((SELECT count(*) FROM referral_invite_node node"
                "  WHERE node.segment >= part.low AND node.segment < part.high"
                "  AND node.is_member)) - (SELECT own.is_member::integer"
                "  FROM referral_invite_node own WHERE own.partner_id = part.top)"
                " FROM %s GROUP BY part.top",
                self._list_parts(parts),
            )
        )
        return {top: int(size) for top, size in rows if size}

    @api.model
    def _query_team(self, partner):
        """Return an SQL subquery of the ids below ``partner`` and of its own.

        As plain as can be: from a WITH, the planner does not see that it need not read
        the whole team for the newest 20.
        """
        parts = self._read_parts(partner.ids)
        if not parts or len(parts) > _FEW_PARTS:
            return SQL("(%s SELECT partner_id FROM below)", self._below(partner.ids))
        return SQL(
            "(SELECT partner_id FROM referral_invite_node WHERE %s)",
            self._match_parts(parts),
        )

    # ---------------------------------------------------------------- joining

    @api.model
    def _place(self, partners):
        """Give each partner that has none its place below its inviter.

        Constant cost: nobody else's row is written. The inviter's row is locked in
        share mode: who moves it waits for us, and if it was moved since our snapshot,
        PostgreSQL makes us start again. An inviter without a place gets one too.

        :raises UserError: if the inviters of ``partners`` form a loop.
        """
        partners.flush_model(["inviter_id", "member_state"])
        missing = dict(self.env.execute_query(self._query_missing(partners.ids)))
        if not missing:
            return
        self.env.execute_query(
            SQL(
                "SELECT id FROM referral_invite_node WHERE partner_id IN %s"
                " ORDER BY id FOR SHARE",
                tuple({inviter for inviter in missing.values() if inviter}) or (0,),
            )
        )
        self.env.cr.execute(self._query_insert(tuple(missing)))
        if self.env.cr.rowcount < len(missing):
            raise UserError(
                self.env._("These inviters form a loop. Nobody can invite themselves.")
            )
        self._forget_places()

    @api.model
    def _query_missing(self, partner_ids):
        """Partners and, above them, inviters without a place: (id, inviter id)."""
        return SQL(
            "WITH RECURSIVE missing(id, inviter_id) AS ("
            " SELECT id, inviter_id FROM res_partner WHERE id IN %s UNION"
            " SELECT above.id, above.inviter_id FROM missing"
            " JOIN res_partner above ON above.id = missing.inviter_id"
            " WHERE NOT EXISTS (SELECT FROM referral_invite_node node"
            "  WHERE node.partner_id = above.id))"
            " SELECT id, inviter_id FROM missing WHERE NOT EXISTS (SELECT"
            "  FROM referral_invite_node node WHERE node.partner_id = missing.id)",
            tuple(partner_ids) or (0,),
        )

    @api.model
    def _query_insert(self, partner_ids):
        """Places for partners whose inviters have one or are among them."""
        return SQL(
            "WITH RECURSIVE newcomer AS ("
            " SELECT id, inviter_id, member_state FROM res_partner WHERE id IN %(ids)s"
            "), placed(id, path, depth, state) AS ("
            " SELECT newcomer.id, COALESCE(above.path, '') || newcomer.id || '/',"
            "  COALESCE(above.depth + 1, 0), newcomer.member_state"
            " FROM newcomer LEFT JOIN referral_invite_node above"
            "  ON above.partner_id = newcomer.inviter_id"
            " WHERE newcomer.inviter_id IS NULL OR above.id IS NOT NULL"
            " UNION ALL"
            " SELECT below.id, placed.path || below.id || '/', placed.depth + 1,"
            "  below.member_state"
            # by the index, level after level: a join would sort everybody each time
            " FROM placed CROSS JOIN LATERAL (SELECT id, member_state FROM res_partner"
            "  WHERE inviter_id = placed.id AND id IN %(ids)s OFFSET 0) below)"
            " INSERT INTO referral_invite_node (partner_id, path, depth, is_member)"
            " SELECT id, path, depth, COALESCE(state IN %(states)s, FALSE)"
            " FROM placed ORDER BY id ON CONFLICT DO NOTHING",
            ids=partner_ids,
            states=invite_path.COUNTED_STATES,
        )

    @api.model
    def _count_members(self, partners):
        """Note after a change of membership who counts in a team."""
        partners.flush_recordset(["member_state"])
        self.env.cr.execute(
            SQL(
                "UPDATE referral_invite_node node SET is_member = NOT node.is_member"
                " FROM res_partner partner WHERE partner.id = node.partner_id"
                " AND node.partner_id IN %s AND node.is_member"
                "  <> COALESCE(partner.member_state IN %s, FALSE)",
                tuple(partners.ids) or (0,),
                invite_path.COUNTED_STATES,
            )
        )
        self._forget_places()

    # ----------------------------------------------------------------- moving

    @api.model
    def _check_no_loop(self, partners, inviter):
        """Refuse an inviter that stands below one of ``partners`` (rule M3)."""
        place = self._read_places(inviter.ids).get(inviter.id)
        above = invite_path.ids(place[0]) if place else inviter.ids
        below = partners.filtered(lambda partner: partner.id in above)
        if below:
            raise UserError(
                self.env._(
                    "%(inviter)s stands below %(member)s in the invite tree and"
                    " cannot become the inviter.",
                    inviter=inviter.display_name,
                    member=below[0].display_name,
                )
            )

    @api.model
    def _move(self, partner):
        """Put ``partner`` and its team below the inviter just written.

        One statement moves the team. The inviter's row is written too: of two
        transactions that would close a loop together, each then writes a row the
        other has read, and one of them has to start again (rule M3).

        :raises ConcurrencyError: if somebody joined the team since our snapshot; the
            request is then tried again by Odoo, and sees them.
        """
        self._place(partner.inviter_id)
        places = self._read_places((partner | partner.inviter_id).ids)
        old_path, old_depth = places[partner.id]
        above, _depth = places.get(partner.inviter_id.id, ("", -1))
        new_path = invite_path.extend(above, partner.id)
        self.env.cr.execute(
            SQL(
                "UPDATE referral_invite_node SET depth = depth WHERE partner_id = %s",
                partner.inviter_id.id or None,
            )
        )
        moved = self.env.execute_query(
            SQL(
                "UPDATE referral_invite_node node"
                " SET path = %s || substr(node.path, %s), depth = node.depth + %s"
                " FROM %s WHERE node.segment >= part.low AND node.segment < part.high"
                " RETURNING node.partner_id",
                new_path,
                len(old_path) + 1,
                invite_path.depth(new_path) - old_depth,
                self._list_parts(self._read_parts(partner.ids)),
            )
        )
        self._check_nobody_joined(partner, {member for (member,) in moved})
        self._forget_places()
        return len(moved)

    @api.model
    def _check_nobody_joined(self, partner, moved):
        """Look with fresh eyes for who joined the team after our snapshot was taken.

        Nobody can join any more: that takes a share lock on rows we have just
        written. A transaction cannot see what was committed since it began, so the
        look is another connection's.
        """
        with self.env.registry.cursor() as fresh:
            nodes = self.with_env(self.env(cr=fresh))
            team = nodes.env.execute_query(
                SQL("%s SELECT partner_id FROM below", nodes._below(partner.ids))
            )
            if any(member not in moved for (member,) in team):
                raise ConcurrencyError("somebody joined the team that is being moved")

    @api.model
    def _remove(self, partners):
        """Take contacts out of the tree that nobody stands below any more."""
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                "DELETE FROM referral_invite_node WHERE partner_id IN %s",
                tuple(partners.ids) or (0,),
            )
        )
        self._forget_places()

    @api.model
    def _forget_places(self):
        names = ["invite_path", "invite_depth", "invite_team_size"]
        self.env["res.partner"].invalidate_model(names, flush=False)
