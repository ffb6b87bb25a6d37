from odoo import api, fields, models
from odoo.exceptions import UserError

from ..engine.immutable import protect
from .kept import KeptMany2one


class ReferralTrailSealLine(models.Model):
    """How long one lead's trail was when a seal was written, and its last hash."""

    _name = "referral.trail.seal.line"
    _description = "Trail Seal Line"
    _order = "seal_id desc, lead_id"
    _rec_name = "lead_id"
    _log_access = False

    seal_id = fields.Many2one("referral.trail.seal", required=True, ondelete="restrict")
    lead_id = KeptMany2one("crm.lead", required=True)
    entry_count = fields.Integer(string="Entries", required=True)
    hash = fields.Char(required=True)

    _seal_lead_unique = models.Constraint(
        "UNIQUE (seal_id, lead_id)", "A seal has one line for each lead."
    )
    _lead_index = models.Index("(lead_id, entry_count)")

    def init(self):
        protect(self.env.cr, self._table)

    @api.model_create_multi
    def create(self, vals_list):
        if vals_list:
            raise UserError(self.env._("Seals are written by the system only."))
        return super().create(vals_list)

    def write(self, vals):
        if self:
            raise UserError(self.env._("A seal is never changed."))
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_always(self):
        raise UserError(self.env._("A seal is never deleted."))
