from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from . import gate

STAFF = "base.group_user"
SALES = "referral_distribution.group_sales"


class ReferralLink(models.Model):
    """A link whose clicks look made waits for a manager's review (threat S5)."""

    _name = "referral.link"
    _inherit = ("referral.link", "mail.activity.mixin")

    suspicion = fields.Selection(
        [("none", "None"), ("to_review", "To review"), ("cleared", "Cleared")],
        string="Suspicious clicks",
        required=True,
        readonly=True,
        default="none",
        copy=False,
        groups=STAFF,
        help="Bursts of clicks are flagged for a manager, who clears them or switches"
        " the link off.",
    )
    burst_ids = fields.One2many(
        "referral.link.burst", "link_id", string="Bursts of clicks", groups=SALES
    )

    _to_review_index = models.Index("(company_id) WHERE suspicion = 'to_review'")

    def init(self):
        """Links are also made by SQL, which knows nothing of suspicion."""
        self.env.cr.execute(
            "ALTER TABLE referral_link ALTER COLUMN suspicion SET DEFAULT 'none'"
        )
        return super().init()

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._check_suspicion_guarded(vals)
        return super().create(vals_list)

    def write(self, vals):
        self._check_suspicion_guarded(vals)
        return super().write(vals)

    def _check_suspicion_guarded(self, vals):
        decides = vals.get("suspicion", "none") != "none" or (
            self and "suspicion" in vals
        )
        if decides and not gate.is_open(self.env):
            raise AccessError(
                self.env._("Use the buttons to clear a link or switch it off.")
            )

    def action_clear_suspicion(self, reason):
        """Find that the bursts of clicks on the links are fine (threat S5).

        For the rest of the company's day, the same reason flags a link no more.

        :param str reason: why they are fine; kept with the bursts; required.
        :raises AccessError: without the manager role.
        :raises UserError: without a reason, or when nothing waits for a review.
        """
        self.env.user._referral_require("group_manager")
        if not isinstance(reason, str) or not reason.strip():
            raise UserError(self.env._("Say why these clicks are fine."))
        todo = self.filtered(lambda link: link.suspicion == "to_review")
        if not todo:
            raise UserError(self.env._("No link among these waits for a review."))
        todo._clear_suspicion(reason.strip())
        return True

    def _clear_suspicion(self, reason):
        open_bursts = self.sudo().burst_ids.filtered(lambda b: b.state == "to_review")
        open_bursts.write(
            {
                "state": "cleared",
                "told": True,
                "cleared_at": fields.Datetime.now(),
                "cleared_by_id": self.env.uid,
                "cleared_reason": reason,
            }
        )
        gate.opened(self).write({"suspicion": "cleared"})
        note = self.env._("Clicks reviewed, nothing wrong: %(reason)s", reason=reason)
        self._close_review(note)

    def action_switch_off(self):
        """Switch links off: who opens them gets a friendly page (threats S5, S7).

        :raises AccessError: without the manager role.
        """
        self.env.user._referral_require("group_manager")
        active = self.filtered("active")
        active.action_archive()
        active._close_review(self.env._("Link switched off"))
        return True

    def _close_review(self, note):
        self._message_log_batch({link.id: note for link in self})
        self.sudo().activity_unlink(["mail.mail_activity_data_todo"])

    def _ask_for_review(self):
        """Leave a to-do on the desk of who watches over each link's company."""
        todo = self.env.ref("mail.mail_activity_data_todo")
        model_id = self.env["ir.model"]._get_id(self._name)
        vals_list = []
        for company, links in self.grouped("company_id").items():
            for user in company._get_referral_compliance_users():
                env = self.with_context(lang=user.lang).env
                summary = env._("Clicks of this link look made: look at them")
                vals_list += [
                    {
                        "activity_type_id": todo.id,
                        "automated": True,
                        "date_deadline": company._referral_today(),
                        "res_model_id": model_id,
                        "res_id": link.id,
                        "summary": summary,
                        "user_id": user.id,
                    }
                    for link in links
                ]
        activities = self.env["mail.activity"]
        activities.with_context(mail_activity_quick_update=True).create(vals_list)
