from odoo import api, fields, models
from odoo.exceptions import UserError

from ..engine.immutable import protect
from . import gate


class ReferralErasureRequest(models.Model):
    """Somebody's wish that its personal data be erased, and what became of it.

    requested -> done | refused. What is decided stays for good, and says who, when, why
    and which fields; never what stood in them (PIPL Art. 47, GDPR Art. 17).
    """

    _name = "referral.erasure.request"
    _description = "Erasure Request"
    _inherit = ("mail.thread", "mail.activity.mixin")
    _order = "id desc"
    _mail_post_access = "read"

    partner_id = fields.Many2one(
        "res.partner",
        string="Person",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
    )
    company_id = fields.Many2one(
        "res.company",
        required=True,
        readonly=True,
        default=lambda self: self.env.company,
    )
    origin = fields.Selection(
        [
            ("portal", "Asked for by the person"),
            ("account", "Account closed by the person"),
            ("back_office", "Back office"),
        ],
        required=True,
        readonly=True,
    )
    state = fields.Selection(
        [("requested", "Requested"), ("done", "Done"), ("refused", "Refused")],
        required=True,
        readonly=True,
        default="requested",
        index=True,
    )
    reason = fields.Char(
        readonly=True, help="Why it was done or refused. Name nobody here: it stays."
    )
    decided_by_id = fields.Many2one(
        "res.users", string="Decided by", readonly=True, ondelete="restrict"
    )
    decided_at = fields.Datetime(string="Decided", readonly=True)
    erased_fields = fields.Json(readonly=True)
    erased_text = fields.Char(
        string="Erased", compute="_compute_erased_text", help="What held something."
    )
    obstacles = fields.Text(
        compute="_compute_obstacles",
        help="What has to be settled first, because money is still owed.",
    )
    notices = fields.Text(
        compute="_compute_obstacles", help="What the person gives up."
    )

    _decision_complete = models.Constraint(
        "CHECK (state = 'requested' OR (decided_at IS NOT NULL"
        " AND decided_by_id IS NOT NULL AND trim(reason) <> ''))",
        "A decision says who, when and why.",
    )
    _one_open = models.UniqueIndex(
        "(partner_id) WHERE state = 'requested'", "This was asked for already."
    )

    def init(self):
        protect(
            self.env.cr,
            self._table,
            when="OLD.state <> 'requested'",
            merged=("partner_id",),
        )

    def _compute_display_name(self):
        for request in self:  # without the name, which is to go
            request.display_name = self.env._(
                "Erasure request %(number)s", number=request.id or ""
            )

    @api.depends("erased_fields")
    @api.depends_context("lang")
    def _compute_erased_text(self):
        for request in self:
            labels = [
                self.env["ir.model.fields"]._get(*name.split(":")).field_description
                for name in request.erased_fields or []
            ]
            request.erased_text = ", ".join(dict.fromkeys(filter(None, labels)))

    @api.depends("partner_id", "state")
    def _compute_obstacles(self):
        for request in self:
            partner = request.partner_id.sudo()
            opened = request.state == "requested"
            request.obstacles = opened and "\n".join(partner._get_erasure_obstacles())
            request.notices = opened and "\n".join(partner._get_erasure_notices())

    @api.model_create_multi
    def create(self, vals_list):
        self._check_writer(vals_list)
        return super().create(vals_list)

    def write(self, vals):
        if self:
            self._check_writer(vals.keys() - {"activity_ids"})
        return super().write(vals)

    def _check_writer(self, vals):
        if vals and not gate.is_open(self.env):
            raise UserError(
                self.env._("Erasure requests are decided with their buttons only.")
            )

    @api.ondelete(at_uninstall=False)
    def _unlink_except_always(self):
        raise UserError(self.env._("An erasure request is kept for good."))

    @api.model
    def _request(self, partner, origin):
        """Ask for an erasure and tell the managers; an open request is found again.

        :param partner: res.partner whose data it is.
        :param str origin: a key of ``origin``.
        """
        requests = gate.opened(self.sudo())
        found = requests.search(
            [("partner_id", "=", partner.id), ("state", "=", "requested")]
        )
        if not found:
            found = requests.create(
                {
                    "partner_id": partner.id,
                    "company_id": (partner.company_id or self.env.company).id,
                    "origin": origin,
                }
            )
            found._call_managers()
        return found

    def _call_managers(self):
        """Give every manager of the company an activity."""
        self.ensure_one()
        for user in self.company_id._get_referral_managers():
            self.with_context(mail_activity_quick_update=True).activity_schedule(
                "mail.mail_activity_data_todo",
                summary=self.with_context(lang=user.lang).env._(
                    "Personal data: somebody asks for erasure"
                ),
                user_id=user.id,
            )

    def action_erase(self):
        """Open the question before the erasure.

        :raises AccessError: unless the user is a manager.
        """
        self.ensure_one()
        self.env.user._referral_require("group_manager")
        return self.partner_id.action_referral_erase()

    def action_refuse(self, reason):
        """Refuse requests; the person reads why, by mail and on its page.

        The law gives few reasons: a duty to keep, or a claim still open (PIPL Art. 47,
        GDPR Art. 17(3)).

        :param str reason: what the person reads.
        :raises AccessError: unless the user is a manager.
        :raises UserError: without a reason.
        """
        self.env.user._referral_require("group_manager")
        self.check_access("read")
        todo = self.filtered(lambda request: request.state == "requested")
        todo._decide("refused", reason)
        template = self.env.ref(
            "referral_distribution.mail_template_erasure_refused", False
        )
        for request in todo.filtered("partner_id.email") if template else ():
            template.sudo().send_mail(request.id)
        return True

    @api.model
    def _prepare_merge(self, sources, stays):
        """Two contacts become one: one open request is enough.

        :param sources: res.partner recordset that goes.
        :param stays: res.partner that gets what was theirs.
        """
        opened = self.sudo().search(
            [
                ("partner_id", "in", (sources | stays).ids),
                ("state", "=", "requested"),
            ]
        )
        kept = opened.filtered(lambda request: request.partner_id == stays)
        double = opened - (kept or opened[:1])
        if double:
            double.with_env(self.env)._decide(
                "refused", self.env._("Merged into contact %(id)s.", id=stays.id)
            )

    def _decide(self, state, reason, erased_fields=None):
        """Write the decision. The one way a request changes."""
        if not isinstance(reason, str) or not reason.strip():
            raise UserError(self.env._("Give a reason: it stays on record."))
        requests = gate.opened(self.sudo())
        requests.activity_ids.unlink()
        requests.write(
            {
                "state": state,
                "reason": reason.strip(),
                "decided_by_id": self.env.uid,
                "decided_at": fields.Datetime.now(),
                "erased_fields": erased_fields,
            }
        )
        requests.flush_recordset()
