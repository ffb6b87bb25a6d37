from odoo import http
from odoo.http import request

from ..models.referral_poster_picture import LIMIT_SECONDS, TooMany
from .portal import read_number

QR_SIZE, MIN_QR_SIZE, MAX_QR_SIZE = 480, 120, 1200
MAX_AGE = 300  # seconds; then a browser asks whether anything has changed


class ReferralPosterController(http.Controller):
    """Pictures to pass on (rule S6): for everybody who knows a link's code.

    Whatever an address says, the answer is a picture, or 404 (threats S1, P6): junk
    with slashes comes here too, and not to the site's own page about it. No session is
    read or made, so caches may keep the answers.
    """

    @http.route(
        "/referral/poster/<path:code>.png",
        type="http",
        auth="public",
        methods=["GET"],
        sitemap=False,
        save_session=False,
        readonly=False,  # what was not drawn before is stored
    )
    def poster(self, code, design="", lang="", **_unknown):
        """Return the poster of an open link as PNG.

        :param design: id of a design of the link's company; the first one otherwise.
        :param lang: code of an active language; the page's own one otherwise.
        """
        link = request.env["referral.link"]._find_for_poster(code)
        if not link:
            return self._answer_none()
        designs = request.env["referral.poster.design"]
        chosen = designs._choose(link.company_id, read_number(design))
        draft = link._in_poster_language(lang)._draft_poster(chosen)
        if request.httprequest.if_none_match.contains(draft.fingerprint):
            return self._answer(draft.fingerprint, data=b"")  # 304, whatever is kept
        pictures = request.env["referral.poster.picture"].sudo()
        try:
            path, data = pictures._find(draft.fingerprint) or pictures._obtain(
                link, draft, request.httprequest.remote_addr
            )
        except TooMany:
            headers = {"Retry-After": str(LIMIT_SECONDS), "Cache-Control": "no-store"}
            return request.make_response("", list(headers.items()), status=429)
        return self._answer(draft.fingerprint, path, data)

    @http.route(
        "/referral/qr/<path:code>.png",
        type="http",
        auth="public",
        methods=["GET"],
        sitemap=False,
        save_session=False,
        readonly=True,
    )
    def qr(self, code, size="", **_unknown):
        """Return the QR code of an open link as PNG, ``size`` pixels wide."""
        link = request.env["referral.link"]._find_for_poster(code)
        if not link:
            return self._answer_none()
        size = max(MIN_QR_SIZE, min(read_number(size, QR_SIZE), MAX_QR_SIZE))
        return self._answer_data(link._draw_qr(size))

    @http.route(
        "/referral/poster/design/<int:design_id>.png",
        type="http",
        auth="public",
        methods=["GET"],
        sitemap=False,
        save_session=False,
        readonly=True,
    )
    def thumbnail(self, design_id, lang="", **_unknown):
        """Return a small example of an active design, to choose by."""
        design = request.env["referral.poster.design"].sudo().browse(design_id)
        design = design.exists().filtered("active")
        if not design:
            return self._answer_none()
        languages = request.env["res.lang"]._get_active_by("code")
        if lang in languages:
            design = design.with_context(lang=lang)
        return self._answer_data(design._get_thumbnail())

    def _answer_none(self):
        headers = [("Cache-Control", "no-store")]
        return request.make_response("", headers, status=404)

    def _answer_data(self, data):
        return self._answer(
            request.env["ir.attachment"]._compute_checksum(data), data=data
        )

    def _answer(self, fingerprint, path=None, data=None):
        """Return a picture; who has it already is told so (304)."""
        stream = http.Stream(
            type="path" if path else "data",
            path=path,
            data=data,
            size=None if path else len(data),
            mimetype="image/png",
            download_name="poster.png",
            etag=fingerprint,
            public=True,
            max_age=MAX_AGE,
        )
        return stream.get_response()
