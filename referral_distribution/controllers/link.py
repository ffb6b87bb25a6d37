from odoo import http
from odoo.http import request

from ..door import answer
from ..engine.visit import CODE, read_visit
from .link_closed import render_closed


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
        environ = request.httprequest.environ
        visit = read_visit(
            environ,
            country_code=request.geoip.country_code,
            user_id=request.session.uid,
        )
        env = request.env(su=True)
        link = env["referral.click"]._visit(code, visit)
        if not link:
            return render_closed()
        return answer(env, link, visit, request.cookies, environ)
