from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL

from odoo.addons.referral_distribution.models import gate

# Who may come from where. A repeated button finds its record in place and is harmless.
MOVES = {
    "submitted": ("draft",),
    "approved": ("submitted",),
    "refused": ("submitted",),
    "done": ("approved",),
    "cancelled": ("draft", "submitted", "approved"),
}
MOST_PIECES = 1_000_000


class ReferralRedemption(models.Model):
    """A member's request to exchange points for a reward (rule R5).

    Submitting holds the points. Finance approves or refuses, never its own request;
    fulfilment spends the points; refusal and cancellation release them. Whatever
    happens, held points are spent or released exactly once.
    """

    _name = "referral.redemption"
    _description = "Redemption"
    _inherit = "mail.thread"
    _order = "id desc"
    _check_company_auto = True

    name = fields.Char(string="Number", readonly=True, copy=False)
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    partner_id = fields.Many2one(
        "res.partner",
        string="Member",
        required=True,
        index=True,
        ondelete="restrict",
        domain=[("member_state", "=", "active")],
    )
    reward_id = fields.Many2one(
        "referral.reward", required=True, ondelete="restrict", check_company=True
    )
    kind = fields.Selection(related="reward_id.kind")
    quantity = fields.Integer(required=True, default=1)
    points = fields.Float(
        digits=(16, 2),
        compute="_compute_points",
        store=True,
        precompute=True,
        help="Price times quantity; fixed when the request is submitted.",
    )
    state = fields.Selection(
        [
            ("draft", "Draft"),
            ("submitted", "Submitted"),
            ("approved", "Approved"),
            ("refused", "Refused"),
            ("done", "Done"),
            ("cancelled", "Cancelled"),
        ],
        required=True,
        readonly=True,
        default="draft",
        index=True,
        copy=False,
        tracking=True,
    )
    requester_id = fields.Many2one(
        "res.users",
        string="Requested by",
        readonly=True,
        ondelete="restrict",
        copy=False,
    )
    approver_id = fields.Many2one(
        "res.users",
        string="Decided by",
        readonly=True,
        ondelete="restrict",
        copy=False,
    )
    refuse_reason = fields.Char(readonly=True, copy=False, tracking=True)
    hold_id = fields.Many2one(
        "referral.wallet.entry",
        string="Held points",
        readonly=True,
        ondelete="restrict",
        copy=False,
    )
    order_id = fields.Many2one(
        "sale.order",
        string="Delivery order",
        readonly=True,
        ondelete="restrict",
        copy=False,
    )
    payment_id = fields.Many2one(
        "account.payment", readonly=True, ondelete="restrict", copy=False
    )
    privilege_ids = fields.One2many(
        "referral.privilege", "redemption_id", readonly=True
    )

    _quantity_range = models.Constraint(
        f"CHECK (quantity BETWEEN 1 AND {MOST_PIECES})",
        "The quantity is a whole number from 1 to 1,000,000.",
    )
    _points_range = models.Constraint(
        "CHECK (points > 0 AND points <= 1000000000 AND points = round(points, 2))",
        "A request is for a positive number of points.",
    )
    _hold_matches_state = models.Constraint(
        "CHECK (state IN ('draft', 'cancelled') OR hold_id IS NOT NULL)",
        "A submitted request holds points.",
    )
    _hold_unique = models.UniqueIndex(
        "(hold_id) WHERE hold_id IS NOT NULL", "Held points belong to one request."
    )

    @api.depends("reward_id.points", "quantity", "state")
    def _compute_points(self):
        for redemption in self:
            if redemption.state == "draft":
                redemption.points = redemption.reward_id.points * redemption.quantity
            else:  # the price agreed on stays
                redemption.points = redemption.points

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._check_quantity(vals)
            vals["state"] = "draft"
            company_id = vals.get("company_id") or self.env.company.id
            vals["name"] = (
                self.env["ir.sequence"]
                .with_company(company_id)
                .next_by_code("referral.redemption")
            )
        return super().create(vals_list)

    def write(self, vals):
        self._check_quantity(vals)
        if not gate.is_open(self.env):
            self._check_write(vals)
        return super().write(vals)

    @api.model
    def _check_quantity(self, vals):
        """Refuse what is no number of pieces before it is cast (threats W6, W7)."""
        quantity = vals.get("quantity", 1)
        if type(quantity) is not int or not 1 <= quantity <= MOST_PIECES:
            raise UserError(
                self.env._("The quantity is a whole number from 1 to 1,000,000.")
            )

    def _check_write(self, vals):
        """Refuse what only the steps themselves may write."""
        steps = {"name", "state", "requester_id", "approver_id", "refuse_reason"}
        steps |= {"hold_id", "order_id", "payment_id"}
        if steps & vals.keys():
            raise AccessError(
                self.env._("Use the buttons: a redemption changes step by step.")
            )
        terms = {"partner_id", "company_id", "reward_id", "quantity", "points"}
        if terms & vals.keys() and any(line.state != "draft" for line in self):
            raise UserError(
                self.env._("A submitted request stays as it is. Cancel it instead.")
            )

    @api.ondelete(at_uninstall=False)
    def _unlink_except_draft(self):
        if any(redemption.state != "draft" for redemption in self):
            raise UserError(
                self.env._("Only a draft can be deleted. Cancel the request instead.")
            )

    def action_submit(self):
        """Hold the points and hand the request over for approval (rule R5).

        :raises UserError: not enough points, no active member, archived reward.
        """
        todo = self._get_movable("submitted")
        for redemption in todo:
            redemption._check_may_redeem()
        todo._hold_points()
        todo._set_state("submitted")
        return True

    def action_approve(self):
        """Approve; goods are ordered at once (rules R1, R5).

        :raises AccessError: without the finance role.
        :raises UserError: own request, or the wallet is in debt.
        """
        todo = self._decide("approved")
        for redemption in todo.filtered(lambda line: line.kind == "goods"):
            redemption._order_goods()
        return True

    def action_refuse(self, reason=None):
        """Refuse with a reason; the points are released (rule R5).

        :param str reason: shown to the member. Without it nothing changes, and the
            return value is a window action that asks for it.
        :raises AccessError: without the finance role.
        :raises UserError: own request.
        """
        if not isinstance(reason, str) or not reason.strip():
            return self._get_refuse_action()
        todo = self._decide("refused")
        todo._write_step(refuse_reason=reason.strip())
        todo._end_holds("release")
        return True

    def action_done(self):
        """Hand the reward over and spend the points (rules R2, R3, R5).

        Cash is paid out here, so its payer is neither requester nor approver.

        :raises AccessError: without the finance role.
        :raises UserError: own request, the wallet is in debt, or no bank journal.
        """
        self.env.user._referral_require("group_finance")
        todo = self._get_movable("done")
        todo._check_not_own()
        todo.filtered(lambda line: line.kind == "cash")._check_not_approver()
        todo.filtered(lambda line: line.kind != "goods")._check_no_debt()
        todo._set_state("done")
        todo._end_holds("redeem")
        for redemption in todo:
            if redemption.kind == "cash":
                redemption._pay_out()
            elif redemption.kind == "privilege":
                redemption._grant_privilege()
        return True

    def action_cancel(self):
        """Withdraw the request; held points are released (rule R5).

        :raises UserError: it was decided against or fulfilled already.
        """
        todo = self._set_state("cancelled")
        todo.filtered("hold_id")._end_holds("release")
        todo.sudo().order_id._action_cancel()
        return True

    def _get_movable(self, state):
        """Return those that are not at ``state`` yet and may go there.

        The rows are locked first: of two people pressing at once, the second waits,
        gets a serialization failure, is tried again, and finds the work done (F1).

        :raises UserError: when one of them may not.
        """
        self.check_access("write")
        self._query_lock()
        todo = self.filtered(lambda redemption: redemption.state != state)
        wrong = todo.filtered(lambda redemption: redemption.state not in MOVES[state])
        if wrong:
            labels = dict(self._fields["state"]._description_selection(self.env))
            raise UserError(
                self.env._(
                    "%(redemption)s is “%(now)s” and cannot become “%(next)s”.",
                    redemption=wrong[0].display_name,
                    now=labels[wrong[0].state],
                    next=labels[state],
                )
            )
        return todo

    def _set_state(self, state):
        """Move to ``state``, and return, those that are not there yet."""
        todo = self._get_movable(state)
        todo._write_step(state=state)
        return todo

    def _query_lock(self):
        self.flush_recordset(["state"])
        self.env.cr.execute(
            SQL(
                "SELECT id FROM referral_redemption WHERE id IN %s ORDER BY id"
                " FOR NO KEY UPDATE",
                tuple(self.ids) or (0,),
            )
        )

    def _write_step(self, **vals):
        return gate.opened(self).write(vals)

    def _decide(self, state):
        self.env.user._referral_require("group_finance")
        todo = self._get_movable(state)
        todo._check_not_own()
        if state == "approved":
            todo._check_no_debt()
        todo._set_state(state)
        todo._write_step(approver_id=self.env.uid)
        return todo

    def _get_refuse_action(self):
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Refuse"),
            "res_model": "referral.redemption.refuse",
            "view_mode": "form",
            "target": "new",
            "context": {"default_redemption_ids": self.ids},
        }

    def _check_not_own(self):
        """Who asks for points, or gets them, does not decide or pay (F3)."""
        user = self.env.user
        for redemption in self:
            own = user.partner_id == redemption.partner_id
            if own or user == redemption.requester_id:
                raise UserError(
                    self.env._(
                        "%(redemption)s needs a second person: nobody decides about"
                        " an own request.",
                        redemption=redemption.display_name,
                    )
                )

    def _check_not_approver(self):
        """Who approved a payout does not pay it (F3)."""
        for redemption in self:
            if self.env.user == redemption.approver_id:
                raise UserError(
                    self.env._(
                        "%(redemption)s needs a second person: who approved a payout"
                        " does not pay it.",
                        redemption=redemption.display_name,
                    )
                )

    def _check_may_redeem(self):
        self.ensure_one()
        if self.partner_id.member_state != "active":
            raise UserError(
                self.env._(
                    "%(member)s is no active member.", member=self.partner_id.name
                )
            )
        if not self.reward_id.active:
            raise UserError(
                self.env._(
                    "“%(reward)s” is no longer offered.", reward=self.reward_id.name
                )
            )
        self.reward_id._check_goods_minimum()

    def _check_no_debt(self):
        """Whose points were taken back after the request redeems nothing (W13)."""
        for redemption in self:
            if redemption.hold_id.wallet_id.available < 0:
                raise UserError(
                    self.env._(
                        "The wallet of %(member)s is in debt: points were taken back."
                        " Refuse or cancel the request.",
                        member=redemption.partner_id.name,
                    )
                )

    def _hold_points(self):
        """Hold the points of each request (rule R5)."""
        wallets = self.env["referral.wallet"]._of_many(
            (line.partner_id.id, line.company_id.id) for line in self
        )
        holds = self.env["referral.wallet"]._post_batch(
            [
                {
                    **line._prepare_posting_vals("hold"),
                    "wallet_id": wallets[line.partner_id.id, line.company_id.id].id,
                }
                for line in self
            ]
        )
        for redemption, hold in zip(self, holds, strict=True):
            redemption._write_step(hold_id=hold.id, requester_id=self.env.uid)

    def _end_holds(self, entry_type):
        """Release or redeem the points of each request, once (rule R5)."""
        self.env["referral.wallet"]._post_batch(
            [
                {
                    **line._prepare_posting_vals(entry_type),
                    "wallet_id": line.hold_id.wallet_id.id,
                    "hold_id": line.hold_id.id,
                }
                for line in self
            ]
        )

    def _prepare_posting_vals(self, entry_type):
        self.ensure_one()
        return {
            "entry_type": entry_type,
            "points": self.points,
            "idempotency_key": f"redemption:{self.id}:{entry_type}",
            "origin_ref": f"{self._name},{self.id}",
        }

    def _get_wallet_reason(self):
        """Tell the member which request moved the points (rule C8)."""
        self.ensure_one()
        return self.env._(
            "Redemption %(number)s: %(reward)s",
            number=self.name,
            reward=self.reward_id.name,
        )
