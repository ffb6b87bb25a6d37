from odoo.http import request

from odoo.addons.referral_distribution.controllers.portal import ReferralPortal


class ReferralContentPortal(ReferralPortal):
    def _get_page_texts(self, paths):
        """Introduce an article by its subtitle or first words, once it is published."""
        texts = super()._get_page_texts(paths)
        articles = request.env["referral.link"].sudo()._find_articles(paths)
        texts.update(
            (path, article.subtitle or article.teaser or "")
            for path, article in articles.items()
            if article.is_published
        )
        return texts
