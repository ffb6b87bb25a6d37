from urllib.parse import urlsplit

from odoo import api, models


class ReferralLink(models.Model):
    _inherit = "referral.link"

    @api.model
    def _get_own_hosts(self):
        """A target may be written with the domain of any own website (rule S2)."""
        websites = self.env["website"].sudo().search([("domain", "!=", False)])
        hosts = {
            urlsplit(domain).netloc.lower() for domain in websites.mapped("domain")
        }
        return super()._get_own_hosts() | hosts - {""}

    @api.model
    def _is_known_code(self, text):
        """Tell whether a text is the code of a link, open or closed."""
        if not text or not isinstance(text, str) or "\0" in text:
            return False
        links = self.sudo().with_context(active_test=False)
        return bool(links.search_count([("code", "=", text)], limit=1))
