from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Domain
from odoo.tools import SQL

from ..engine import invite_path
from ..engine.commission import Person
from . import gate


class ResPartner(models.Model):
    """Contacts that are members, and who invited them (rules M1-M4).

    The place in the tree is kept in ``referral.invite.node``: ``parent_id`` is the
    company link and stays what it is. A partner created with ``inviter_id`` and
    ``member_state = "active"`` is a full member.
    """

    _inherit = "res.partner"

    inviter_id = fields.Many2one(
        "res.partner",
        ondelete="restrict",
        copy=False,
        tracking=True,
        help="Who invited this member. Set once.",
    )
    invitee_ids = fields.One2many("res.partner", "inviter_id", string="Invitees")
    invite_path = fields.Char(
        compute="_compute_invite_path", search="_search_invite_path"
    )
    invite_depth = fields.Integer(
        compute="_compute_invite_path",
        search="_search_invite_depth",
        help="Inviters above this member; 0 for a root.",
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
    invite_direct_size = fields.Integer(
        string="Direct team",
        compute="_compute_invite_direct_size",
        help="Members this one invited.",
    )
    member_state = fields.Selection(
        [
            ("candidate", "Candidate"),
            ("active", "Active member"),
            ("suspended", "Suspended"),
            ("left", "Left"),
        ],
        string="Membership",
        index="btree_not_null",
        copy=False,
        tracking=True,
    )
    member_since = fields.Datetime(
        readonly=True, copy=False, help="When the contact first became a member."
    )
    member_reason = fields.Char(
        string="Reason",
        readonly=True,
        copy=False,
        help="Why the membership waits, was refused or ended. The member reads it.",
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
    # Newest first is how a team is looked at.
    _inviter_index = models.Index("(inviter_id, id) WHERE inviter_id IS NOT NULL")

    @api.depends("inviter_id", "member_state")
    def _compute_invite_path(self):
        places = self.env["referral.invite.node"]._read_places(self._origin.ids)
        for partner in self:
            path, depth = places.get(partner._origin.id, (False, 0))
            partner.invite_path = path
            partner.invite_depth = depth

    def _search_invite_path(self, operator, value):
        """Search a team by its top's path ("=like", "1/7/%"), or who has a place."""
        nodes = self.env["referral.invite.node"]
        if operator == "=like" and value.endswith("/%"):
            top = self.browse(invite_path.ids(value[:-1])[-1])
            team = Domain("id", "in", nodes._query_team(top))
            return team if top.invite_path == value[:-1] else Domain.FALSE
        if operator == "in":
            places = nodes.sudo()._search([("path", "in", list(set(value) - {False}))])
            domain = Domain("id", "in", places.subselect("partner_id"))
            if False in value:
                everybody = SQL("(SELECT partner_id FROM referral_invite_node)")
                domain |= Domain("id", "not in", everybody)
            return domain
        return NotImplemented

    def _search_invite_depth(self, operator, value):
        places = self.env["referral.invite.node"].sudo()
        places = places._search([("depth", operator, value)])
        return [("id", "in", places.subselect("partner_id"))]

    @api.depends("invite_code_ids.active", "invite_code_ids.kind")
    def _compute_invite_code(self):
        for partner in self:
            codes = partner.invite_code_ids.filtered(lambda c: c.kind == "personal")
            partner.invite_code = codes[:1].code

    def _search_invite_code(self, operator, value):
        return [("invite_code_ids.code", operator, value)]

    def _compute_invite_team_size(self):
        sizes = self._query_team_sizes()
        for partner in self:
            partner.invite_team_size = sizes.get(partner._origin.id, 0)

    def _query_team_sizes(self):
        """Return ``{partner id: members below, on all levels}`` in one statement."""
        return self.env["referral.invite.node"]._query_team_sizes(self._origin.ids)

    @api.depends("invitee_ids.member_state")
    def _compute_invite_direct_size(self):
        domain = [
            ("inviter_id", "in", self._origin.ids),
            ("member_state", "in", invite_path.COUNTED_STATES),
        ]
        sizes = dict(
            self.sudo()
            .with_context(active_test=False)  # a number tells nothing about people
            ._read_group(domain, ["inviter_id"], ["__count"])
        )
        for partner in self:
            partner.invite_direct_size = sizes.get(partner._origin, 0)

    @api.constrains("member_state", "grade_id")
    def _check_member_is_saved_as_contact(self):
        for partner in self:
            if partner.member_state and partner.is_public:
                raise ValidationError(
                    self.env._("The public user's contact cannot be a member.")
                )

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._check_membership_writer(vals)
            if vals.get("member_state") == "active":
                vals.setdefault("member_since", fields.Datetime.now())
        partners = super().create(vals_list)
        partners.filtered(lambda p: p.inviter_id or p.member_state)._join_tree()
        return partners

    def write(self, vals):
        self._check_membership_writer(vals)
        moved, changed = self.browse(), self.browse()
        if "inviter_id" in vals:
            moved = self.filtered(lambda p: p.inviter_id.id != vals["inviter_id"])
            moved._check_new_inviter(self.browse(vals["inviter_id"]))
        if "member_state" in vals:
            changed = self.filtered(lambda p: p.member_state != vals["member_state"])
            if not self.env.su:  # data loading may take any step
                changed._check_member_move(vals["member_state"])
        result = super().write(vals)
        if moved or changed:
            self._follow_membership(moved, changed)
        return result

    def _follow_membership(self, moved, changed):
        """Keep the tree in step with what was written to some of the partners."""
        nodes = self.env["referral.invite.node"]
        placed = nodes._read_places(moved.ids)
        for partner in moved.filtered(lambda partner: partner.id in placed):
            nodes._move(partner)
        self.filtered(lambda p: p.inviter_id or p.member_state)._join_tree()
        nodes._count_members(changed)
        fresh = changed.filtered(
            lambda p: p.member_state == "active" and not p.member_since
        )
        fresh.member_since = fields.Datetime.now()

    @api.model
    def _check_membership_writer(self, vals):
        """Who may write what of a membership: sales proposes, a manager decides."""
        if self.env.su or gate.is_open(self.env):
            return
        if vals.get("member_state") not in (None, False, "candidate"):
            self.env.user._referral_require("group_manager")
        elif vals.get("inviter_id") or "member_state" in vals:
            self.env.user._referral_require("group_sales")

    def _check_new_inviter(self, inviter):
        """Refuse a second inviter, oneself, and somebody of one's own team (M2, M3)."""
        settled = self.filtered("inviter_id")
        if settled and not gate.is_open(self.env):
            raise UserError(
                self.env._(
                    "%(name)s already has an inviter. The relation is set once; a"
                    " change is a manager's act with a reason.",
                    name=settled[0].display_name,
                )
            )
        if inviter in self:
            raise UserError(
                self.env._("Nobody can be their own inviter. Choose somebody else.")
            )
        if inviter:
            self.env["referral.invite.node"]._check_no_loop(self, inviter)

    def _join_tree(self):
        """Give each partner its place below its inviter, and its personal code."""
        if not self:
            return
        self.env["referral.invite.node"]._place(self)
        members = self.filtered(lambda p: p.member_state == "active")
        self.env["referral.invite.code"]._ensure_personal(members)

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
            "members_earn": channel.kind != "partner",
            "paying_levels": levels,
        }
