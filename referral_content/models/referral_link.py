from odoo import api, fields, models

from ..article_path import get_article_id


class ReferralLink(models.Model):
    _inherit = "referral.link"

    blog_post_id = fields.Many2one(
        "blog.post",
        string="Article",
        compute="_compute_blog_post_id",
        store=True,
        index="btree_not_null",
        ondelete="set null",
    )

    @api.depends("target_url")
    def _compute_blog_post_id(self):
        articles = self._find_articles(self.mapped("target_url"))
        for link in self:
            link.blog_post_id = articles.get(link.target_url)

    @api.model
    def _get_target_kind(self, path):
        languages = set(self.env["res.lang"]._get_active_by("url_code"))
        if get_article_id(path, languages):
            return "article"
        return super()._get_target_kind(path)

    @api.model
    def _find_kinds_anew(self):
        """Find the kind of page of links that are older than this addon's say in it."""
        links = self.with_context(active_test=False)
        links.search([("blog_post_id", "!=", False)])._compute_target_kind()

    @api.model
    def _prepare_target_vals(self, targets):
        found = super()._prepare_target_vals(targets)
        articles = self._find_articles(targets)
        for url, vals in found.items():
            vals["blog_post_id"] = articles[url].id if url in articles else False
        return found

    @api.model
    def _find_articles(self, targets):
        """Return ``{target: blog.post}`` of the targets that lead to an article.

        One query for all of them; drafts and archived articles are found too.
        """
        languages = set(self.env["res.lang"]._get_active_by("url_code"))
        ids = {target: get_article_id(target or "", languages) for target in targets}
        posts = self.env["blog.post"].browse(filter(None, ids.values())).exists()
        return {
            target: posts.browse(article_id)
            for target, article_id in ids.items()
            if article_id in posts._ids
        }

    @api.model
    def _get_target_titles(self, targets):
        """Call an article by its title, once it is published (threat P1)."""
        titles = super()._get_target_titles(targets)
        titles.update(
            (path, article.name)
            for path, article in self._find_articles(targets).items()
            if article.is_published
        )
        return titles

    @api.model
    def _get_shareable_contents(self, member, search="", offset=0, limit=12):
        """Return published articles, newest first (rule S2).

        While nothing is published yet, there is still what the base offers.
        """
        posts = self.env["blog.post"]
        domain = posts._get_shareable_domain(member, search)
        total = posts.search_count(domain)
        if not total and not search:
            return super()._get_shareable_contents(member, search, offset, limit)
        posts = posts.search(
            domain, offset=offset, limit=limit, order="post_date desc, id desc"
        )
        return [post._prepare_shareable_content() for post in posts], total
