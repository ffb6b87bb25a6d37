import base64
import json

from odoo import api, models
from odoo.tools import file_open

from ..story import company as story


class ReferralDemoSite(models.AbstractModel):
    """How the story's company looks: name, logo, website."""

    _inherit = "referral.demo"

    @api.model
    def _set_up_company(self):
        company = self.env.company
        with file_open("referral_demo/static/img/logo.png", "rb") as image:
            logo = base64.b64encode(image.read())
        company.write({**story.COMPANY, "logo": logo})
        self.env["website"].search([("company_id", "=", company.id)], limit=1).write(
            {
                "name": company.name,
                "homepage_url": "/blog",
                "logo": logo,
                "auth_signup_uninvited": "b2c",  # who likes the story may join it
            }
        )
        for key in story.SITE_VIEWS:
            self._replace_sample_texts(self.env.ref(key))

    @api.model
    def _request_signoff(self, scene):
        """The manager asks for a third paying level; nobody has signed it yet."""
        self.env["referral.compliance.signoff"].with_user(
            scene["staff"]["manager"]
        ).create({"reason": story.SIGNOFF})

    @api.model
    def _replace_sample_texts(self, view):
        """Put the company's own words where Odoo's website has sample text."""
        arch = view.arch_db
        for sample, own, _chinese in story.SITE_TEXTS:
            arch = arch.replace(sample, own)
        view.arch_db = arch
        if self.env["res.lang"]._get_data(code="zh_CN"):
            terms, _context = view.get_field_translations("arch_db", ["zh_CN"])
            chinese = {
                term["source"]: other
                for _sample, own, other in story.SITE_TEXTS
                for term in terms
                if other and own in term["source"]
            }
            view.update_field_translations("arch_db", {"zh_CN": chinese})

    @staticmethod
    def _to_html(paragraphs):
        inner = "".join(f"<p>{text}</p>" for text in paragraphs)
        return (
            '<section class="s_text_block pt32 pb32"><div class="container">'
            f"{inner}</div></section>"
        )

    @staticmethod
    def _get_cover(key):
        return json.dumps(
            {
                "background-image": f"url('/referral_demo/static/img/{key}.jpg')",
                "resize_class": "o_record_has_cover o_half_screen_height",
                "opacity": "0.4",
            }
        )
