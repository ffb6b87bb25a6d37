import re
from urllib.parse import urlencode

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import escape_psql
from odoo.tools.json import scriptsafe as json_scriptsafe

from odoo.addons.website.tools import text_from_html

from ..reading import reading_minutes

ARTICLE_KINDS = [
    ("service_package", "Service package"),
    ("hot_topic", "Hot topic"),
    ("event", "Event"),
    ("other", "Other"),
]
_COVER_URL = re.compile(r"url\(['\"]?(/[^/'\"][^'\")]*)['\"]?\)")


class BlogPost(models.Model):
    """Articles of the editorial house, and how readers meet them (rules T1, T2).

    An article has a kind; a post without one is an ordinary blog post and behaves as
    Odoo's own. Its review and its figures are in the two files beside this one.
    """

    _inherit = "blog.post"

    # Odoo's own editors of the site may write any HTML, as before; content operators,
    # whom this addon lets write articles, may not bring scripts.
    content = fields.Html(
        sanitize=True,
        sanitize_overridable=True,
        sanitize_attributes=False,
        sanitize_form=False,
    )
    referral_kind = fields.Selection(
        ARTICLE_KINDS, string="Kind", index="btree_not_null", tracking=True
    )
    publication_ids = fields.One2many(
        "referral.publication",
        "blog_post_id",
        string="Publications",
        groups="base.group_user",
    )
    reading_time = fields.Integer(
        string="Reading time (minutes)", compute="_compute_reading_time"
    )

    @api.depends("content")
    @api.depends_context("lang")
    def _compute_reading_time(self):
        for post in self:
            text = text_from_html(post.content, True) if post.content else ""
            post.reading_time = reading_minutes(text)

    def _publish_on_website(self):
        """Put approved articles on the website, for operators who may not write them.

        :raises ValidationError: when one is not approved (rule T1).
        """
        self.sudo().filtered(lambda post: not post.is_published).is_published = True

    @api.model
    def _get_shareable_domain(self, member, search=""):
        """Return what ``member`` can share: published now, on the company's websites.

        :param member: res.partner.
        :param str search: words of title or subtitle, literally.
        """
        company = member.company_id or self.env.company
        websites = self.env["website"].sudo().search([("company_id", "=", company.id)])
        domain = (
            Domain("is_published", "=", True)
            & Domain("post_date", "<=", fields.Datetime.now())
            & Domain("website_id", "in", [False, *websites.ids])
        )
        if search:
            words = escape_psql(search)
            domain &= Domain.OR(
                Domain(name, "ilike", words) for name in ("name", "subtitle")
            )
        return domain

    def _prepare_shareable_content(self):
        """Return the entry of ``referral.link._get_shareable_contents``."""
        self.ensure_one()
        return {
            "title": self.name,
            "summary": self.subtitle or self.teaser,
            "url": self.website_url,
            "image_url": self._get_cover_url(),
            "kind_label": self._get_kind_label() or self.env._("Article"),
        }

    def _is_readable_by_all(self):
        """Tell whether everybody can read the article now; archived ones nobody can."""
        self.ensure_one()
        due = self.post_date and self.post_date <= fields.Datetime.now()
        return bool(self.is_published and due)

    def _get_kind_label(self):
        """Return the kind in the reader's language, None for an ordinary blog post."""
        self.ensure_one()
        kinds = dict(self._fields["referral_kind"]._description_selection(self.env))
        return kinds.get(self.referral_kind)

    def _get_cover_url(self):
        """Return the path of the cover picture on the own site, or False."""
        self.ensure_one()
        cover = json_scriptsafe.loads(self.cover_properties or "{}")
        match = _COVER_URL.fullmatch(cover.get("background-image") or "")
        return match[1] if match else False

    def _get_order_entry_url(self):
        """Return the path of the contact form that names the article (rule T2)."""
        self.ensure_one()
        return f"/contactus?{urlencode({'subject': self.name})}"

    def _get_share_url(self):
        """Return the path where a member gets a personal link here (rule S6)."""
        self.ensure_one()
        return f"/my/referral/share?{urlencode({'url': self.website_url})}"

    def _is_shareable_by(self, user):
        """Tell whether the reader is an active member of a published article."""
        self.ensure_one()
        if not self.is_published or user._is_public():
            return False
        return user.partner_id.sudo().member_state == "active"
