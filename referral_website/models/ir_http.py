import json

from odoo import api, models

CONSENT_COOKIE = "website_cookies_bar"


def accepts_optional(text) -> bool:
    """Tell whether the cookie bar's cookie says that optional cookies are welcome.

    >>> [accepts_optional(text) for text in (
    ...     '{"required": true, "optional": true}', '{"optional": false}', "{}", "true",
    ...     "", None, "[" * 100, '{"optional": "yes"}')]
    [True, False, False, False, False, False, False, False]
    """
    try:
        said = json.loads(text[:500])
    except (TypeError, ValueError, RecursionError):
        return False
    return isinstance(said, dict) and said.get("optional") is True


class IrHttp(models.AbstractModel):
    _inherit = "ir.http"

    @api.model
    def _referral_may_set_cookie(self, cookies, host):
        """Wait for consent where the website has Odoo's cookie bar (threat C3).

        The same answer as ``_is_allowed_cookie`` of Odoo's website, which needs a
        request of Odoo's.
        """
        if not super()._referral_may_set_cookie(cookies, host):
            return False
        if not self.env["website"]._referral_asks_consent(host):
            return True
        return accepts_optional(cookies.get(CONSENT_COOKIE))
