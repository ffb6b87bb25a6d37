import hashlib
import re
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import unquote

from odoo import api, models
from odoo.fields import Domain
from odoo.tools import file_open, file_path

from ..engine import poster

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".webp")
_ATTACHMENT = re.compile(r"/web/(?:image|content)/(\d{1,9})(?:-[^/]*)?(?:/.*)?")
_XML_ID = re.compile(r"/web/(?:image|content)/([a-z0-9_]+\.[A-Za-z0-9_.-]+)(?:/.*)?")
_STATIC = re.compile(r"/([a-z0-9_]+/static/[^?#]+)")


class Picture(NamedTuple):
    """A picture for a poster: what tells it from others, and how to read it."""

    identity: str
    read: Callable[[], bytes]


class Draft(NamedTuple):
    """A poster before it is drawn: its fingerprint, and the function that draws it."""

    fingerprint: str
    draw: Callable[[], bytes]


class ReferralLink(models.Model):
    """What a link's poster says (rule S6): only what the page tells everybody anyway,
    and the name of the member who passes it on."""

    _inherit = "referral.link"

    # ------------------------------------------------------------------- hooks

    def _get_poster_content(self):
        """Return what the link's page is about, in the language of the context. A hook.

        The base knows no page, so it names the company. An addon that does returns its
        own for its pages, for published ones only, and ``super()`` for all others.

        :return: dict with ``title`` and ``summary`` (plain text) and ``picture``: a
            ``Picture``, usually from ``_find_poster_picture``, or None.
        """
        self.ensure_one()
        return {"title": self.company_id.name, "summary": "", "picture": None}

    def _get_poster_language(self):
        """Return the code of the language the link's page is in. A hook.

        It is the one its address begins with, as in ``/zh_CN/blog``; else the
        company's.
        """
        self.ensure_one()
        prefix = self._get_language_prefix()
        if prefix:
            return self.env["res.lang"]._get_active_by("url_code")[prefix].code
        owner = self.company_id.partner_id
        owner.fetch(["lang"])
        return owner.lang or self.env.lang

    def _get_language_prefix(self):
        """Return the part of the target that names its language, or an empty text."""
        first = re.split(r"[/?#]", self.target_url or "", maxsplit=2)[1:2]
        languages = self.env["res.lang"]._get_active_by("url_code")
        return first[0] if first and first[0] in languages else ""

    def _get_poster_name(self):
        """Return the member's name as it stands on posters. A hook."""
        self.ensure_one()
        self.partner_id.fetch(["name"])
        return self.partner_id.name or ""

    # ------------------------------------------------------------------ asking

    @api.model
    def _find_for_poster(self, code):
        """Return the link of a code as superuser; empty unless it leads somewhere.

        Of companies, people and pages only what a poster needs is read, here and
        below: this is asked far more often than a poster is drawn.
        """
        link = self._find_open(code)
        link.company_id.fetch(self._get_poster_company_fields())
        return link

    @api.model
    def _get_poster_company_fields(self):
        """Return which fields of its company a link's poster reads. A hook."""
        return ["name", "partner_id"]

    def _in_poster_language(self, wanted=""):
        """Return the link with the language of its poster in the context.

        :param str wanted: code of an active language; the page's one for others.
        """
        self.ensure_one()
        languages = self.env["res.lang"]._get_active_by("code")
        known = isinstance(wanted, str) and wanted in languages
        return self.with_context(lang=wanted if known else self._get_poster_language())

    def _draft_poster(self, design):
        """Return the ``Draft`` of the link's poster, without drawing it.

        :param design: referral.poster.design, empty for a plain poster.
        """
        self.ensure_one()
        design = design.sudo().with_context(lang=self.env.lang)
        layout, about_member, call = design._get_style()
        content, company = self._get_poster_content(), self.company_id
        logo = None
        if any(box.kind == "logo" for box in layout.boxes):
            logo = self._find_company_logo()
        said = poster.Content(
            url=self.short_url,
            title=content["title"] or company.name,
            summary=content["summary"] or "",
            member=design._prepare_member_text(about_member, self._get_poster_name()),
            call=call or "",
            company=company.name,
        )
        picture, fonts = content["picture"], design._get_fonts()
        pictures = tuple(found and found.identity for found in (picture, logo))
        key = repr((self.id, layout.digest, said, pictures, fonts))

        def draw():
            full = said._replace(
                picture=picture and picture.read(), logo=logo and logo.read()
            )
            return poster.render(layout, full, fonts)

        return Draft(hashlib.sha256(key.encode(errors="replace")).hexdigest(), draw)

    def _draw_qr(self, size):
        """Return the QR code of the short link as PNG, ``size`` pixels wide."""
        self.ensure_one()
        return poster.render_qr(self.short_url, size)

    def _get_poster_choices(self):
        """Return the designs a member can take for this link: dicts with ``id``,
        ``name``, ``poster_url`` and ``thumbnail_url``."""
        self.ensure_one()
        language = self.env.lang or ""
        designs = self.env["referral.poster.design"].sudo()
        return [
            {
                "id": design.id,
                "name": design.name,
                "poster_url": f"/referral/poster/{self.code}.png"
                f"?design={design.id}&lang={language}",
                "thumbnail_url": f"/referral/poster/design/{design.id}.png"
                f"?lang={language}&v={int(design.write_date.timestamp())}",
            }
            for design in designs._get_choices(self.company_id)
        ]

    # ---------------------------------------------------------------- pictures

    def _find_company_logo(self):
        attachment = self._search_attachment(
            Domain("res_model", "=", "res.partner")
            & Domain("res_field", "=", "image_512")
            & Domain("res_id", "=", self.company_id.partner_id.id)
        )
        return self._get_attachment_picture(attachment)

    @api.model
    def _find_poster_picture(self, path):
        """Return the ``Picture`` at a path of the own site, None when there is none.

        Only what everybody may see: files of addons, and public attachments. Nothing
        is fetched from other sites.
        """
        path = unquote((path or "").partition("?")[0])
        if not path.isprintable():
            return None
        static = _STATIC.fullmatch(path)
        if static:
            return self._get_static_picture(static[1])
        attachment = self._find_attachment(path)
        if attachment.type == "url" and attachment.url != path:
            static = _STATIC.fullmatch(attachment.url or "")
            return self._get_static_picture(static[1]) if static else None
        return self._get_attachment_picture(attachment)

    @api.model
    def _find_attachment(self, path):
        """Return the public attachment at a path, or an empty recordset."""
        attachments = self.env["ir.attachment"].sudo()
        number, xml_id = _ATTACHMENT.fullmatch(path), _XML_ID.fullmatch(path)
        if number:
            domain = Domain("id", "=", int(number[1]))
        elif xml_id:
            found = self.env.ref(xml_id[1], raise_if_not_found=False)
            if not found or found._name != "ir.attachment":
                return attachments
            domain = Domain("id", "=", found.id)
        elif path:
            domain = Domain("url", "=", path)
        else:
            return attachments
        return self._search_attachment(domain & Domain("public", "=", True))

    @api.model
    def _search_attachment(self, domain):
        attachments = self.env["ir.attachment"].sudo()
        either = Domain("res_field", "=", False) | Domain("res_field", "!=", False)
        told = ["type", "url", "checksum"]
        return attachments.search_fetch(domain & either, told, limit=1, order="id desc")

    @api.model
    def _get_attachment_picture(self, attachment):
        if not attachment.checksum:
            return None
        return Picture(attachment.checksum, lambda: attachment.raw)

    @api.model
    def _get_static_picture(self, path):
        try:
            file = file_path(path, filter_ext=PICTURE_SUFFIXES)
        except (FileNotFoundError, ValueError):
            return None

        def read():
            with file_open(file, "rb") as picture:
                return picture.read()

        return Picture(path, read)
