from datetime import timedelta

from odoo import models
from odoo.http import request
from odoo.tools import hash_sign, verify_hash_signed

from ..engine.token import Touches

COOKIE = "referral_touch"
SCOPE = "referral-touch"


def read_touches():
    """Return the request's touches; anything unreadable is as if there were none."""
    value = request.cookies.get(COOKIE)
    if not value or len(value) > 500:
        return None
    try:
        payload = verify_hash_signed(request.env(su=True), SCOPE, value)
    except ValueError:  # covers binascii.Error and UnicodeDecodeError
        return None
    return Touches.from_payload(payload)


class IrHttp(models.AbstractModel):
    _inherit = "ir.http"

    @classmethod
    def _set_touch_cookie(cls, response, link_id, at, days):
        """Sign the visitor's touches into the attribution cookie (rule L1, threat C2).

        The cookie is "optional": where the site's cookie bar is on and the visitor has
        not accepted such cookies, Odoo does not set it (threat C3).

        :param response: the response to carry it.
        :param int link_id: link just opened.
        :param int at: seconds since 1970, UTC.
        :param int days: attribution window of the link's company.
        """
        window = timedelta(days=days)
        touches = (read_touches() or Touches()).touch(link_id, at)
        response.set_cookie(
            COOKIE,
            hash_sign(
                request.env(su=True), SCOPE, touches.to_payload(), expiration=window
            ),
            max_age=int(window.total_seconds()),
            httponly=True,
            samesite="Lax",
            secure=request.httprequest.scheme == "https",
            cookie_type="optional",
        )
