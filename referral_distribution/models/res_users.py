from odoo import models
from odoo.exceptions import AccessError


class ResUsers(models.Model):
    _inherit = "res.users"

    def _referral_require(self, *roles):
        """Refuse unless the user holds one of ``roles`` (or is the superuser, OdooBot).

        ``env.user`` is always a record in superuser mode, so ``self.env.su`` says
        nothing about the caller: only who the user is counts. ``sudo()`` lends no role.

        :param roles: xml ids of groups of this addon, without the module.
        :raises AccessError: naming what is missing.
        """
        self.ensure_one()
        names = [f"referral_distribution.{role}" for role in roles]
        if not self._is_superuser() and not any(map(self.has_group, names)):
            groups = [self.env.ref(name).sudo() for name in names]
            raise AccessError(
                self.env._(
                    "This needs the role “%(role)s”. Ask an administrator for it.",
                    role=" / ".join(group.full_name for group in groups),
                )
            )

    def _get_referral_side(self):
        """Return the user's contact, and the company it works for unless that is ours.

        Who works for a beneficiary counts as it. That colleagues have our own company
        as their contact's company does not.
        """
        self.ensure_one()
        contact = self.sudo().partner_id
        ours = self.env["res.company"].sudo().search([]).partner_id
        return contact, contact.commercial_partner_id - ours.commercial_partner_id
