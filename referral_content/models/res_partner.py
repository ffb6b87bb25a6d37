from odoo import models
from odoo.fields import Domain


class ResPartner(models.Model):
    """What the website remembers of a person: the pages it looked at, logged in."""

    _inherit = "res.partner"

    def _prepare_personal_data(self):
        visitors = self.env["website.visitor"].search([("partner_id", "=", self.id)])
        return {
            **super()._prepare_personal_data(),
            "website_visits": {
                "visits": sum(visitors.mapped("visit_count")),
                "pages": sum(visitors.mapped("visitor_page_count")),
            },
        }

    def _get_erased_domains(self, people, traces):
        return {
            **super()._get_erased_domains(people, traces),
            "website.visitor": Domain("partner_id", "in", people.ids),
        }
