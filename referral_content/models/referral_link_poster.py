from odoo import api, models

ARTICLE_FIELDS = (
    *("name", "subtitle", "cover_properties"),
    *("is_published", "post_date"),
)


class ReferralLink(models.Model):
    """What posters of articles and pages say: what is published, in its language."""

    _inherit = "referral.link"

    @api.model
    def _get_poster_company_fields(self):
        return [*super()._get_poster_company_fields(), "website_id"]

    def _get_poster_language(self):
        """Return the language the address names; else the website's own (rule S6)."""
        website = self.company_id.website_id
        if not website or self._get_language_prefix():
            return super()._get_poster_language()
        website.fetch(["domain", "company_id", "default_lang_id"])
        return self.env["res.lang"]._get_data(id=website.default_lang_id.id).code

    def _get_poster_content(self):
        """Return title, summary and cover of a published article or page (rule S6)."""
        article = self.blog_post_id
        article.fetch(ARTICLE_FIELDS)
        if article and article._is_readable_by_all():
            return {
                "title": article.name,
                "summary": article.subtitle or article.teaser or "",
                "picture": self._find_poster_picture(article._get_cover_url()),
            }
        content = super()._get_poster_content()
        page = self._find_poster_page() if not article else None
        if page:
            content["title"] = page.website_meta_title or page.name
            content["summary"] = page.website_meta_description or ""
        return content

    def _find_poster_page(self):
        """Return the website.page everybody can read at the link's target, if any."""
        path = (self.target_url or "").partition("?")[0].partition("#")[0]
        prefix = self._get_language_prefix()
        if prefix:
            path = path.removeprefix(f"/{prefix}")
        websites = [False, *self.company_id.website_id.ids]
        return (
            self.env["website.page"]
            .sudo()
            .search(
                [
                    ("url", "=", path or "/"),
                    ("is_published", "=", True),
                    ("website_id", "in", websites),
                    ("visibility", "in", [False, ""]),
                ],
                order="website_id",
                limit=1,
            )
        )
