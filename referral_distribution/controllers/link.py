import logging
import re
import time

import psycopg2

from odoo import http
from odoo.http import request

CODE = re.compile(r"[A-Za-z0-9_-]{1,64}")

_logger = logging.getLogger(__name__)


class ReferralLinkController(http.Controller):
    @http.route(
        "/s/<path:code>",
        type="http",
        auth="public",
        methods=["GET"],
        sitemap=False,
        save_session=False,
        readonly=False,
    )
    def open_link(self, code, **_query):
        """Send the visitor on to the link's page and remember who sent them (S2).

        Recording may fail, the visitor's way may not (threat S8).
        """
        if not CODE.fullmatch(code):  # a page about it would have to repeat it
            return request.make_response("", status=404)
        link = self._record_click(code)
        if not link:
            raise request.not_found()
        link_id, target, days = link
        response = request.redirect(target, code=302, local=True)
        response.headers["Cache-Control"] = "no-store"
        request.env["ir.http"]._set_touch_cookie(
            response, link_id, int(time.time()), days
        )
        return response

    def _record_click(self, code):
        clicks = request.env["referral.click"].sudo()
        if request.httprequest.method != "GET":
            return clicks._find(code)
        try:
            with request.env.cr.savepoint(flush=False):
                return clicks._record(
                    code,
                    request.httprequest.remote_addr or "",
                    request.httprequest.user_agent.string,
                )
        except psycopg2.errors.SerializationFailure:  # counted by a parallel request
            return clicks._find(code)
        except psycopg2.Error:
            _logger.exception("click on a personal link not recorded")
            return clicks._find(code)
