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
        languages = set(self.env["res.lang"]._get_active_by("url_code"))
        articles = {
            link: get_article_id(link.target_url or "", languages) for link in self
        }
        found = self.env["blog.post"].browse(filter(None, articles.values())).exists()
        for link, article_id in articles.items():
            link.blog_post_id = article_id if article_id in found._ids else False

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
