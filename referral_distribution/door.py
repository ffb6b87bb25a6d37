"""The two roads to a personal link, ``/s/<code>``, and what they have in common.

``answer`` is the whole of it: find the link, write the visit down, send the visitor on.
The ordinary road is a route of Odoo's (``controllers/link.py``). Where this addon is
loaded server-wide, ``stand_in_front`` lets most visitors in before Odoo's dispatcher
builds a request around them: same functions, same statement, same answer. What it does
not understand it hands over: other methods, a database named in a header, closed links,
anything that fails. ``docs/hot-path.md`` explains it in one page.
"""

import functools
import logging
import os
import threading
import time
from contextlib import contextmanager
from math import inf

import psycopg2
from werkzeug.sansio.http import parse_cookie
from werkzeug.wrappers import Response

from odoo import SUPERUSER_ID, api, http
from odoo.modules.registry import Registry
from odoo.sql_db import Cursor
from odoo.tools import config

from .engine.visit import CODE, add_code, read_visit

ADDON = "referral_distribution"
PATH = "/s/"
SIGNALING_SECONDS = 5

_checked = {}  # database: monotonic moment
_kept = {}  # database: (registry, idle cursors)

_logger = logging.getLogger(__name__)


def answer(env, link, visit, cookies, environ):
    """Return the response that sends a visitor on to the link's page (rules S2, L1).

    :param env: superuser's environment.
    :param OpenLink link: from ``referral.click``.
    :param Visit visit: only a person's visit is remembered in the cookie (threat C4).
    :param Mapping cookies: the visitor's.
    :param Mapping environ: the request's WSGI environ.
    """
    response = Response(status=302)
    response.headers["Location"] = add_code(link.target_url, link.code)
    response.headers["Cache-Control"] = "no-store"
    if visit.counts:
        env["ir.http"]._set_touch_cookie(response, link, cookies, environ)
    return response


def stand_in_front():
    """Answer ``/s/<code>`` before Odoo's dispatcher; the addon's ``post_load``.

    Odoo calls this whenever it first loads the addon, for one database too. The road
    in front is for servers whose administrator loads the addon server-wide.
    """
    if ADDON not in config["server_wide_modules"]:
        return
    dispatch = http.Application.__call__

    @functools.wraps(dispatch)
    def call(application, environ, start_response):
        response = None
        if environ.get("PATH_INFO", "").startswith(PATH):
            response = answer_in_front(environ)
        if response is None:
            return dispatch(application, environ, start_response)
        return response(environ, start_response)

    http.Application.__call__ = call


def answer_in_front(environ):
    """Return the response to a visit, or None to hand it over to Odoo."""
    if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
        return None
    code = environ["PATH_INFO"][len(PATH) :]
    if not CODE.fullmatch(code):  # a page about it would have to repeat it
        return Response(status=404)
    try:
        return _answer(_behind_proxy(environ), code)
    except Exception:  # the ordinary road is there for what goes wrong on this one
        _logger.warning("visit of a personal link handed over to Odoo", exc_info=True)
        return None


def _answer(environ, code):
    cookies = parse_cookie(environ.get("HTTP_COOKIE"))  # any bytes will do
    session = _read_session(cookies)
    database = _find_database(environ, session)
    if not database:
        return None
    registry = _get_registry(database)
    if "referral.click" not in registry:
        return None
    threading.current_thread().dbname = database
    visit = read_visit(
        environ,
        country_code=_get_country(environ.get("REMOTE_ADDR")),
        user_id=session.get("uid"),
    )
    with _connected(registry) as env:
        link = _visit(env["referral.click"], code, visit)
        return link and answer(env, link, visit, cookies, environ)


def _get_country(address):
    """Return where an address is; Odoo looks for its GeoIP database each time."""
    return http.GeoIP(address).country_code if _has_geoip() else None


@functools.cache
def _has_geoip():
    files = (config["geoip_country_db"], config["geoip_city_db"])
    return any(os.access(path, os.R_OK) for path in files if path)


def _get_registry(database):
    """Return the database's registry; every few seconds it hears of other workers."""
    registry = Registry(database)
    now = time.monotonic()
    if now - _checked.get(database, -inf) > SIGNALING_SECONDS:
        registry = registry.check_signaling()
        _checked[database] = now
    return registry


def _visit(clicks, code, visit):
    """Record in one statement with a plan that is ready; what fails, with all care."""
    if not visit.counts:
        return clicks._find(code)
    if not isinstance(clicks.env.cr, Cursor):  # a test's
        return clicks._visit(code, visit)
    try:
        return clicks._record_prepared(code, visit)
    except psycopg2.Error:
        with clicks.pool.cursor() as cr:
            return clicks.with_env(clicks.env(cr=cr))._visit(code, visit)


@contextmanager
def _connected(registry):
    """Give an environment whose statements are transactions of their own.

    Its connection is kept from visit to visit, with its plan of the statement, until
    the registry changes: borrowing one from Odoo's pool begins with DISCARD ALL. A
    worker keeps one per database, a threaded server one per visit at the same time.
    """
    kept_for, kept = _kept.get(registry.db_name, (None, []))
    if kept_for is not registry:
        while kept:
            kept.pop().close()
        _kept[registry.db_name] = registry, kept
    cr = kept.pop() if kept else None
    if cr is None or cr.closed:
        cr = registry.cursor()
        if not isinstance(cr, Cursor):  # shares the transaction of a test
            with cr:
                yield api.Environment(cr, SUPERUSER_ID, {})
            return
        cr.connection.autocommit = True
        api.Environment(cr, SUPERUSER_ID, {})["referral.click"]._query_prepare()
    try:
        yield api.Environment(cr, SUPERUSER_ID, {})
    except BaseException:
        cr.close()
        raise
    cr.clear()
    kept.append(cr)


def _behind_proxy(environ):
    """Return the environ as Odoo's proxy mode reads it; the original stays as it is."""
    environ = dict(environ)
    if config["proxy_mode"] and environ.get("HTTP_X_FORWARDED_HOST"):
        http.ProxyFix(lambda *_args: [])(environ, None)
    return environ


def _read_session(cookies):
    """Return the visitor's session as it is stored; empty without one."""
    sid = cookies.get("session_id")
    if not sid or not http.root.session_store.is_valid_key(sid):
        return {}
    return http.root.session_store.get(sid)


def _find_database(environ, session):
    """Return the request's database, chosen as Odoo does, or None if unsure."""
    if "HTTP_X_ODOO_DATABASE" in environ:
        return None
    host = environ.get("HTTP_HOST", "")
    chosen = session.get("db")
    if chosen and http.db_filter([chosen], host=host):
        return chosen
    databases = http.db_list(force=True, host=host)
    return databases[0] if len(databases) == 1 else None
