import re
import time
from datetime import timedelta

from werkzeug.exceptions import abort
from werkzeug.wrappers import Response

from odoo import api, models
from odoo.tools import hash_sign, verify_hash_signed

from ..door import PATH
from ..engine.token import Touches
from ..engine.visit import CODE

COOKIE = "referral_touch"
# Ours are 170 characters long; the alphabet is that of url-safe base64.
_SHAPE = re.compile(r"[A-Za-z0-9_-]{60,400}")


def get_scope(env) -> str:
    """Return what the signature is bound to: this purpose and this database.

    A copy of a database has the same secret, so its name is part of it.
    """
    return f"referral-touch:{env.cr.dbname}"


def sign_touches(env, touches: Touches, days: int) -> str:
    """Return the cookie's value: touches that can be read for ``days`` days.

    Needs no request, see ``read_touches``.
    """
    return hash_sign(
        env["ir.http"].sudo().env,
        get_scope(env),
        touches.to_payload(),
        expiration=timedelta(days=days),
    )


def read_touches(env, cookie_value) -> Touches | None:
    """Return what a cookie says; anything unreadable is as if there were none.

    Expired, cut, forged, of another purpose or database: None, never an exception
    (threat C1). Needs no request.

    :param cookie_value: the text as the visitor sent it, or None.
    """
    if not isinstance(cookie_value, str) or not _SHAPE.fullmatch(cookie_value):
        return None
    superuser = env["ir.http"].sudo().env
    try:
        payload = verify_hash_signed(superuser, get_scope(env), cookie_value)
    except (ValueError, RecursionError):  # ValueError covers binascii's and Unicode's
        return None
    return Touches.from_payload(payload)


class IrHttp(models.AbstractModel):
    _inherit = "ir.http"

    @classmethod
    def _match(cls, path_info):
        """Turn away what cannot be a link's code before pages are looked for (S1).

        Line ends, NULs and dots in an address are more than Odoo's own search for a
        page or a redirect takes.
        """
        code = path_info.removeprefix(PATH)
        if code != path_info and not CODE.fullmatch(code):
            abort(Response(status=404))
        return super()._match(path_info)

    @api.model
    def _referral_may_set_cookie(self, cookies, host):
        """Tell whether the visitor may be given the attribution cookie. A hook.

        Called without an Odoo request too. Without the cookie the code in the page's
        address still counts (threat C3).

        :param cookies: mapping of the cookies the visitor sent.
        :param str host: host name (with port, if any) the visitor came to.
        """
        return True

    @api.model
    def _set_touch_cookie(self, response, link, cookies, environ):
        """Sign the visitor's touches into the attribution cookie (rule L1, threat C2).

        Needs no Odoo request: both roads of ``/s/<code>`` come here.

        :param response: the werkzeug Response to carry it.
        :param OpenLink link: the link just opened.
        :param Mapping cookies: what the visitor's browser sent.
        :param Mapping environ: the request's WSGI environ.
        """
        if not self._referral_may_set_cookie(cookies, environ.get("HTTP_HOST", "")):
            return
        window = link.days * 86400
        touches = read_touches(self.env, cookies.get(COOKIE)) or Touches()
        touches = touches.touch(link.id, int(time.time()), window)
        response.set_cookie(
            COOKIE,
            sign_touches(self.env, touches, link.days),
            max_age=window,
            httponly=True,
            samesite="Lax",
            secure=environ.get("wsgi.url_scheme") == "https",
        )
