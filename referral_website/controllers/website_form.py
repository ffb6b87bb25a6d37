from odoo.http import request

from odoo.addons.referral_distribution.models.referral_attribution import PARAMETER
from odoo.addons.website.controllers.form import WebsiteForm


class ReferralWebsiteForm(WebsiteForm):
    def extract_data(self, model_sudo, values):
        """Keep a link's code out of what the visitor wrote.

        It is read by ``referral.attribution``. A field of the same name that somebody
        put into a form for people to fill in stays what it is.
        """
        if request.env["referral.link"]._is_known_code(values.get(PARAMETER)):
            values = {name: values[name] for name in values if name != PARAMETER}
        return super().extract_data(model_sudo, values)
