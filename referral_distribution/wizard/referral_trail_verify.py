import base64
import binascii

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command

from ..engine import seal

MAX_BYTES = 20 * 1024 * 1024


class ReferralTrailVerify(models.TransientModel):
    """Asks which trails are verified, and for a seal to compare them with."""

    _name = "referral.trail.verify"
    _description = "Verify Trails"

    company_id = fields.Many2one(
        "res.company",
        required=True,
        readonly=True,
        default=lambda self: self.env.company,
    )
    lead_ids = fields.Many2many("crm.lead", string="Leads")
    seal_file = fields.Binary(string="Seal", attachment=False)
    seal_file_name = fields.Char()

    @api.model
    def default_get(self, fields):
        """Add the leads that were chosen in a list."""
        values = super().default_get(fields)
        if self.env.context.get("active_model") == "crm.lead":
            ids = self.env.context.get("active_ids") or []
            values["lead_ids"] = [Command.set(ids)]
        return values

    def action_verify(self):
        """Verify and show what was found (threat A1).

        :raises AccessError: without the manager role.
        :raises UserError: when the file is no seal of this company.
        """
        self.env.user._referral_require("group_manager")
        self.ensure_one()
        told = self._read_seal()
        check = self.env["referral.trail.check"]._start(
            self.company_id,
            self.with_context(active_test=False).lead_ids or None,
            self.seal_file_name if told else False,
            told,
        )
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Verify Trails"),
            "res_model": check._name,
            "res_id": check.id,
            "views": [(False, "form")],
        }

    def _read_seal(self):
        if not self.seal_file:
            return None
        if len(self.seal_file) > MAX_BYTES * 4 / 3:
            raise UserError(self.env._("The file is too large to be a seal."))
        try:
            told = seal.read_file(base64.b64decode(self.seal_file))
        except (ValueError, binascii.Error) as error:
            raise UserError(self._get_file_problem(str(error))) from None
        if told["company_id"] != self.company_id.id:
            raise UserError(
                self.env._(
                    "This is a seal of another company (%(company)s). Switch to that"
                    " company and try again.",
                    company=told.get("company") or told["company_id"],
                )
            )
        return told

    def _get_file_problem(self, problem):
        if problem == "changed":
            return self.env._(
                "Somebody has changed this file since it was downloaded, so nothing can"
                " be compared with it. Look for another copy."
            )
        return self.env._(
            "This file is no seal. Choose one that was downloaded under Trail Seals or"
            " came by mail."
        )
