from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import SQL

from ..engine import invite_path
from ..engine.commission import Person
from . import gate

TREE = {"invite_path", "invite_depth"}


class ResPartner(models.Model):
    """Contacts that are members carry their place in the invite tree (M1-M3).

    The tree is a materialised path (``invite_path``, see ``engine/invite_path.py``):
    ``res.partner.parent_id`` is the company link and stays what it is. A partner
    created with ``inviter_id`` and ``member_state = "active"`` is a full member.
    """

    _inherit = "res.partner"

    inviter_id = fields.Many2one(
        "res.partner",
        index="btree_not_null",
        ondelete="restrict",
        copy=False,
        tracking=True,
        help="Who invited this member. Set once.",
    )
    invitee_ids = fields.One2many("res.partner", "inviter_id", string="Invitees")
    invite_path = fields.Char(readonly=True, copy=False)
    invite_depth = fields.Integer(
        readonly=True, copy=False, help="Inviters above this member; 0 for a root."
    )
    invite_code_ids = fields.One2many(
        "referral.invite.code", "partner_id", string="Invite codes"
    )
    invite_code = fields.Char(
        compute="_compute_invite_code", search="_search_invite_code"
    )
    invite_team_size = fields.Integer(
        string="Team",
        compute="_compute_invite_team_size",
        help="Members below this one, on all levels.",
    )
    member_state = fields.Selection(
        [
            ("candidate", "Candidate"),
            ("active", "Active"),
            ("suspended", "Suspended"),
            ("left", "Left"),
        ],
        string="Membership",
        index="btree_not_null",
        copy=False,
        tracking=True,
    )
    accepts_commission = fields.Boolean(
        string="Accepts commissions",
        default=True,
        help="The member's own choice: without it neither the member nor the inviter"
        " earns.",
    )
    referral_role = fields.Selection(related="grade_id.referral_role")

    _inviter_not_self = models.Constraint(
        "CHECK (inviter_id <> id)", "Nobody can invite themselves."
    )
    _invite_path_prefix_index = models.Index(
        "(invite_path text_pattern_ops) WHERE invite_path IS NOT NULL"
    )

    @api.depends("invite_code_ids.code")
    def _compute_invite_code(self):
        for partner in self:
            codes = partner.invite_code_ids.mapped("code")
            partner.invite_code = codes[0] if codes else False

    def _search_invite_code(self, operator, value):
        return [("invite_code_ids.code", operator, value)]

    @api.depends("invite_path")
    def _compute_invite_team_size(self):
        sizes = self._query_team_sizes()
        for partner in self:
            partner.invite_team_size = sizes.get(partner.id, 0)

    def _query_team_sizes(self):
        """Return ``{partner id: members below}`` in one statement.

        The range from "1/7/" to "1/70" is what starts with "1/7/", as "0" follows "/";
        unlike LIKE with a pattern from another row, it can use the index on the path.
        """
        self.flush_model(["invite_path"])
        return dict(
            self.env.execute_query(
                SQL(
                    "SELECT top.id, count(*) - 1 FROM res_partner top"
                    " JOIN res_partner below"
                    "   ON below.invite_path ~>=~ top.invite_path"
                    "   AND below.invite_path ~<~ (rtrim(top.invite_path, '/') || '0')"
                    " WHERE top.id IN %s AND below.member_state IS NOT NULL"
                    " GROUP BY top.id",
                    tuple(self.ids) or (0,),
                )
            )
        )

    @api.constrains("member_state", "grade_id")
    def _check_member_is_saved_as_contact(self):
        for partner in self:
            if partner.member_state and partner.is_public:
                raise ValidationError(
                    self.env._("The public user's contact cannot be a member.")
                )

    @api.model_create_multi
    def create(self, vals_list):
        vals_list = [self._drop_tree(vals) for vals in vals_list]
        partners = super().create(vals_list)
        partners.filtered(lambda p: p.inviter_id or p.member_state)._join_tree()
        return partners

    def write(self, vals):
        vals = self._drop_tree(vals)
        moved = self.browse()
        if "inviter_id" in vals:
            moved = self.filtered(lambda p: p.inviter_id.id != vals["inviter_id"])
            self._check_inviter_unset(moved)
            self._check_inviter_not_self(vals["inviter_id"])
        result = super().write(vals)
        moved.filtered("invite_path")._move_in_tree()
        if moved or vals.get("member_state"):
            self.filtered(lambda p: p.inviter_id or p.member_state)._join_tree()
        return result

    def _check_inviter_unset(self, partners):
        settled = partners.filtered("inviter_id")
        if settled:
            raise UserError(
                self.env._(
                    "%(name)s already has an inviter. The relation is set once; a"
                    " change is a manager's act with a reason.",
                    name=settled[0].display_name,
                )
            )

    def _check_inviter_not_self(self, inviter_id):
        if inviter_id in self.ids:
            raise UserError(
                self.env._("Nobody can be their own inviter. Choose somebody else.")
            )

    @api.model
    def default_get(self, fields):
        return super().default_get([name for name in fields if name not in TREE])

    @api.model
    def _drop_tree(self, vals):
        """Return ``vals`` without the place in the tree, unless it is our own code's.

        The place follows from ``inviter_id`` alone. It is dropped rather than refused
        because Odoo's merge of contacts copies every field it finds.
        """
        if gate.is_open(self.env):
            return vals
        return {name: value for name, value in vals.items() if name not in TREE}

    def _join_tree(self):
        """Give each partner its path below its inviter, and its personal code."""
        for partner in self.filtered(lambda p: not p.invite_path):
            inviter = partner.inviter_id
            if inviter and not inviter.invite_path:
                inviter._join_tree()
            path = invite_path.extend(inviter.invite_path or "", partner.id)
            gate.opened(partner).write(
                {"invite_path": path, "invite_depth": invite_path.depth(path)}
            )
        members = self.filtered(lambda p: p.member_state == "active")
        self.env["referral.invite.code"]._ensure_personal(members)

    def _move_in_tree(self):
        """Rewrite the paths below partners whose inviter was just set.

        One statement per partner moves its whole subtree. The inviter's row is written
        too: of two transactions that would close a loop together, each then writes a
        row the other has read, and one of them fails and is tried again (rule M3).
        """
        for partner in self:
            inviter = partner.inviter_id
            if inviter and not inviter.invite_path:
                inviter._join_tree()
            if inviter and invite_path.is_within(
                inviter.invite_path, partner.invite_path
            ):
                raise UserError(
                    self.env._(
                        "%(inviter)s stands below %(member)s in the invite tree and"
                        " cannot become the inviter.",
                        inviter=inviter.display_name,
                        member=partner.display_name,
                    )
                )
            partner._query_move_subtree(
                invite_path.extend(inviter.invite_path or "", partner.id)
            )

    def _query_move_subtree(self, new_path):
        self.ensure_one()
        self.flush_model(["inviter_id", "invite_path", "invite_depth"])
        shift = invite_path.depth(new_path) - self.invite_depth
        self.env.cr.execute(
            SQL(
                "UPDATE res_partner SET invite_path ="
                " %s || substr(invite_path, %s), invite_depth = invite_depth + %s"
                " WHERE invite_path LIKE %s",
                new_path,
                len(self.invite_path) + 1,
                shift,
                self.invite_path + "%",
            )
        )
        self.env.cr.execute(
            SQL(
                "UPDATE res_partner SET invite_path = invite_path WHERE id = %s",
                self.inviter_id.id or None,
            )
        )
        self.env["res.partner"].invalidate_model(["invite_path", "invite_depth"])

    def _get_invite_chain(self, levels):
        """Return the member and its inviters upwards, at most ``levels`` people.

        :param int levels: paying levels, 1 to 3 (rule M4).
        :return: res.partner recordset, the member first; missing levels are left out.
        """
        self.ensure_one()
        above = invite_path.ancestors(self.invite_path or f"{self.id}/", levels - 1)
        return self.browse([self.id, *above])

    def _earns_commission(self):
        """Tell whether the member takes part in rewards now (rule M4)."""
        self.ensure_one()
        return self.member_state == "active" and self.accepts_commission

    def _prepare_referral_people(self, company, channel):
        """Return who stands in the chain, as the engine's facts name it (M4, S4).

        :param company: res.company, for the number of paying levels.
        :param channel: referral.channel the lead came through; may be empty.
        """
        levels = int(company.referral_paying_levels)
        partner = channel.partner_id
        return {
            "people": tuple(
                Person(member.id, member._earns_commission())
                for member in self._get_invite_chain(levels)
            ),
            "channel_partner": Person(partner.id) if partner else None,
            "paying_levels": levels,
        }
