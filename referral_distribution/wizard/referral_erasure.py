from odoo import api, fields, models
from odoo.exceptions import UserError


class ReferralErasure(models.TransientModel):
    """Asks once more before somebody's personal data is erased for good."""

    _name = "referral.erasure"
    _description = "Erase Personal Data"

    partner_id = fields.Many2one("res.partner", string="Person", required=True)
    obstacles = fields.Text(compute="_compute_consequences")
    notices = fields.Text(compute="_compute_consequences")
    reason = fields.Char(
        required=True, help="Stays on record for good: do not name the person in it."
    )
    confirmed = fields.Boolean(string="I know that this cannot be undone")

    @api.depends("partner_id")
    def _compute_consequences(self):
        self.env.user._referral_require("group_manager")
        for wizard in self:
            partner = wizard.partner_id.sudo()
            obstacles = partner._get_erasure_obstacles() if partner else []
            notices = partner._get_erasure_notices() if partner else []
            wizard.obstacles = "\n".join(obstacles)
            wizard.notices = "\n".join(notices)

    def action_apply(self):
        """Erase the personal data of the contact.

        :raises AccessError: unless the user is a manager who may see the contact.
        :raises UserError: unless confirmed with a reason, or if money is still owed.
        """
        self.ensure_one()
        self.env.user._referral_require("group_manager")
        self.partner_id.check_access("write")
        if not self.confirmed:
            raise UserError(
                self.env._("Tick the box first: what is erased does not come back.")
            )
        request = self.partner_id._referral_erase(self.reason)
        return {
            "type": "ir.actions.act_window",
            "res_model": "referral.erasure.request",
            "res_id": request.id,
            "view_mode": "form",
        }
