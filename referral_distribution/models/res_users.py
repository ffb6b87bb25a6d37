from odoo import models
from odoo.exceptions import AccessError


class ResUsers(models.Model):
    _inherit = "res.users"

    def _referral_require(self, role):
        """Refuse unless the user holds ``role`` (or is the superuser, OdooBot).

        ``env.user`` is always a record in superuser mode, so ``self.env.su`` says
        nothing about the caller: only who the user is counts. ``sudo()`` lends no role.

        :param str role: xml id of a group of this addon, without the module.
        :raises AccessError: naming the role that is missing.
        """
        self.ensure_one()
        group = f"referral_distribution.{role}"
        if not self._is_superuser() and not self.has_group(group):
            raise AccessError(
                self.env._(
                    "This needs the role “%(role)s”. Ask an administrator for it.",
                    role=self.env.ref(group).sudo().full_name,
                )
            )
