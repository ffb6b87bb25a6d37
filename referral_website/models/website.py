import re

from odoo import api, models, tools

_HOST = re.compile(r"[\w.:\[\]-]{0,255}")


class Website(models.Model):
    _inherit = "website"

    @api.model
    @tools.ormcache("host")
    def _referral_asks_consent(self, host):
        """Tell whether the website of this host name asks before it sets cookies.

        Needs no request. What is no host name is nobody's website: better ask.
        """
        if not _HOST.fullmatch(host):
            return True
        try:
            website = self.sudo().browse(self._get_current_website_id(host))
        except UnicodeError:
            return True
        return website.cookies_bar

    @api.model_create_multi
    def create(self, vals_list):
        websites = super().create(vals_list)
        self.env.registry.clear_cache()  # a host name may have got its own website
        return websites

    def write(self, vals):
        result = super().write(vals)
        self.env.registry.clear_cache()  # Odoo does before; a visit may be in between
        return result
