from odoo.http import request

from odoo.addons.referral_distribution.controllers.portal import ReferralPortal


class ReferralContentPortal(ReferralPortal):
    def _get_page_titles(self, paths):
        """Call an article by its title, once it is published (threat P1)."""
        titles = super()._get_page_titles(paths)
        articles = request.env["referral.link"].sudo()._find_articles(paths)
        titles.update(
            (path, article.name)
            for path, article in articles.items()
            if article.is_published
        )
        return titles
