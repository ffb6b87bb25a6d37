"""The page for who opens a link that is not open any more (threat S7)."""

from odoo.http import request


def render_closed():
    """Return a friendly page in the visitor's language: status 404, no cookie.

    It says nothing about the link: not its code, its member, or where it led to. The
    door is no page of the website, so the language is found here, as Odoo does it.
    """
    routes = request.env["ir.http"]
    wished = (
        request.cookies.get("frontend_lang"),
        request.env.context.get("lang"),
        routes._get_default_lang().code,
    )
    lang = next(filter(None, map(routes.get_nearest_lang, wished)))
    request.is_frontend, request.is_frontend_multilang = True, False
    request.lang = request.env["res.lang"]._get_data(code=lang)
    routes._frontend_pre_dispatch()
    request.future_response.headers.remove("Set-Cookie")  # of the language
    response = request.render("referral_distribution.link_closed", {}, status=404)
    response.flatten()
    response.headers["Cache-Control"] = "no-store"
    return response
