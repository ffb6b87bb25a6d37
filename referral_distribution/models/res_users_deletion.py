import logging

from odoo import api, models
from odoo.exceptions import UserError

from .references import find_keepers

_logger = logging.getLogger(__name__)


class ResUsersDeletion(models.Model):
    """Odoo's queue of portal accounts to delete: people of the ledger are masked.

    A contact with commissions, links or a wallet cannot be deleted, so the queue would
    fail. What the person asked for is done all the same (threat M3).
    """

    _inherit = "res.users.deletion"

    @api.model
    def _gc_portal_users(self, batch_size=50):
        """Erase whom the ledger needs; leave everybody else to Odoo."""
        queue = self.search([("state", "=", "todo")], limit=batch_size, order="id")
        for entry in queue.filtered("user_id"):
            partner = entry.user_id.partner_id
            if partner.member_state or find_keepers(partner):
                entry._erase_member(partner)
                self.env["ir.cron"]._commit_progress(1)
        return super()._gc_portal_users(batch_size)

    def _erase_member(self, partner):
        """Mask the person, or ask the managers to, if money is owed by now."""
        reason = self.env._("The person closed the account.")
        try:
            with self.env.cr.savepoint():
                partner._referral_erase(reason, "account")
        except UserError as error:
            _logger.info("Contact %s waits for its erasure: %s", partner.id, error)
            self.env["referral.erasure.request"]._request(partner, "account")
        self.state = "done"
