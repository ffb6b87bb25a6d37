import base64
import logging
import os
from contextlib import contextmanager
from datetime import timedelta

import psycopg2

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL
from odoo.tools.misc import hmac

KEPT_DAYS = 30
KEPT_NUMBER = ("referral_distribution.poster_kept", 5000)
LIMIT_LINK = ("referral_distribution.poster_limit_link", 20)
LIMIT_ADDRESS = ("referral_distribution.poster_limit_address", 60)
LIMIT_SECONDS = 60
TIDY_EVERY = 256  # drawn posters between two looks at how many there are
TIDY_BATCH = 200
PATIENCE = "10s"  # for who draws the same poster

_logger = logging.getLogger(__name__)


class TooMany(Exception):
    """More posters were asked to be drawn than this moment allows."""


class ReferralPosterPicture(models.Model):
    """Posters that were drawn, kept for the next who ask: a cache, nothing else.

    The fingerprint covers everything that is on a poster, so a changed title, picture,
    name or design asks for another one; old ones are dropped after a while. Nobody has
    rights here: the file of a poster is not to be read or listed but through the
    poster's own address (threat P1).
    """

    _name = "referral.poster.picture"
    _description = "Drawn Poster"
    _order = "id desc"

    link_id = fields.Many2one("referral.link", required=True, ondelete="cascade")
    fingerprint = fields.Char(required=True)
    address_hash = fields.Char()
    image = fields.Binary(attachment=True)

    _fingerprint_unique = models.UniqueIndex("(fingerprint)")
    _link_index = models.Index("(link_id, create_date)")
    _address_index = models.Index(
        "(address_hash, create_date) WHERE address_hash IS NOT NULL"
    )

    # ------------------------------------------------------------------ asking

    @api.model
    def _find(self, fingerprint):
        """Return ``(path, None)`` or ``(None, bytes)`` of a drawn poster; or None.

        Which of the two depends on where the database keeps its attachments. One whose
        file is gone, as after a restore without the files, does not count.
        """
        rows = self.env.execute_query(
            SQL(
                "SELECT a.store_fname, a.db_datas FROM referral_poster_picture p"
                " JOIN ir_attachment a ON a.res_id = p.id"
                " AND a.res_model = 'referral.poster.picture' AND a.res_field = 'image'"
                " WHERE p.fingerprint = %s",
                fingerprint,
            )
        )
        for name, data in rows:
            if not name:
                return None, bytes(data or b"")
            path = self.env["ir.attachment"]._full_path(name)
            if os.path.exists(path):
                return path, None
        return None

    @api.model
    def _obtain(self, link, draft, address):
        """Return a poster that is not there yet: drawn by us, or by who was faster.

        Works in a transaction of its own, so that who asks for the same poster at the
        same moment waits for one drawing instead of making another, and finds it.

        :param link: referral.link.
        :param draft: ``Draft`` of the poster.
        :param str address: of who asks, kept as a keyed hash for a day.
        :return: as ``_find``, never None.
        :raises TooMany: when too many were drawn in the last minute for this link or
            this address; drawing is the expensive part.
        """
        with self.env.registry.cursor() as cr:
            pictures = self.with_env(self.env(cr=cr, su=True))
            with pictures._alone(draft.fingerprint):
                found = pictures._find(draft.fingerprint)
                if found:
                    return found
                sender = pictures._hash_address(address)
                if pictures._is_busy(link.id, sender):
                    raise TooMany
                data = draft.draw()
                pictures._keep(link.id, draft.fingerprint, sender, data)
                return None, data

    @contextmanager
    def _alone(self, fingerprint):
        """Hold the lock of a fingerprint; what is read inside is up to date.

        For a cursor of its own, as ``_obtain`` opens one: it is committed. The lock
        belongs to the session: the transaction that waited for it has an old snapshot,
        and ends before anything is read.
        """
        key = int.from_bytes(bytes.fromhex(fingerprint[:16]), "big", signed=True)
        cr = self.env.cr
        try:
            cr.execute(SQL("SET LOCAL lock_timeout = %s", PATIENCE))
            cr.execute(SQL("SELECT pg_advisory_lock(%s)", key), log_exceptions=False)
        except psycopg2.errors.LockNotAvailable as error:
            raise TooMany from error
        cr.commit()  # pylint: disable=invalid-commit
        try:
            yield
            cr.commit()  # pylint: disable=invalid-commit
        finally:
            cr.rollback()
            cr.execute(SQL("SELECT pg_advisory_unlock(%s)", key))

    def _hash_address(self, address):
        return hmac(self.env, "referral-poster", address or "")[:16]

    def _is_busy(self, link_id, sender):
        """Tell whether the link or the address had its share of the last minute."""
        since = self.env.cr.now() - timedelta(seconds=LIMIT_SECONDS)
        [(by_link, by_address)] = self.env.execute_query(
            SQL(
                "SELECT (SELECT count(*) FROM referral_poster_picture"
                "  WHERE link_id = %(link)s AND create_date > %(since)s),"
                " (SELECT count(*) FROM referral_poster_picture"
                "  WHERE address_hash = %(sender)s AND create_date > %(since)s)",
                link=link_id,
                sender=sender,
                since=since,
            )
        )
        return by_link >= self._get_number(LIMIT_LINK) or (
            by_address >= self._get_number(LIMIT_ADDRESS)
        )

    @api.model
    def _get_number(self, parameter):
        """Return a system parameter as a number; what is none is the default."""
        name, default = parameter
        value = self.env["ir.config_parameter"].sudo().get_param(name)
        return int(value) if isinstance(value, str) and value.isdecimal() else default

    def _keep(self, link_id, fingerprint, sender, data):
        self.search([("fingerprint", "=", fingerprint)]).unlink()  # its file is gone
        # Odoo need not look whether it should be reduced.
        picture = self.with_context(image_no_postprocess=True).create(
            {
                "link_id": link_id,
                "fingerprint": fingerprint,
                "address_hash": sender,
                "image": base64.b64encode(data),
            }
        )
        if picture.id % TIDY_EVERY == 0:
            self.env.ref("referral_distribution.ir_cron_poster_picture")._trigger()

    # ------------------------------------------------------------ housekeeping

    @api.model
    def _cron_drop(self):
        """Forget addresses after a day, and posters that are old or too many."""
        cron = self.env["ir.cron"]
        self._query_forget_addresses()
        cron._commit_progress(0)
        while surplus := self._get_surplus():
            surplus.unlink()
            if not cron._commit_progress(len(surplus)):
                break

    @api.model
    def _query_forget_addresses(self):
        self.env.cr.execute(
            SQL(
                "UPDATE referral_poster_picture SET address_hash = NULL"
                " WHERE address_hash IS NOT NULL AND create_date < %s",
                self.env.cr.now() - timedelta(days=1),
            )
        )

    @api.model
    def _get_surplus(self):
        """Return some posters to drop: those that are old, else the oldest too many."""
        since = fields.Datetime.now() - timedelta(days=KEPT_DAYS)
        old = self.search(
            Domain("create_date", "<", since), order="id", limit=TIDY_BATCH
        )
        if old:
            return old
        too_many = self.search_count([]) - self._get_number(KEPT_NUMBER)
        if too_many <= 0:
            return self.browse()
        return self.search([], order="id", limit=min(too_many, TIDY_BATCH))

    @api.model
    def _forget(self, partners):
        """Drop the posters with these people's names, as an erasure asks for."""
        self.search([("link_id.partner_id", "in", partners.ids)]).unlink()
