from odoo.addons.website_crm.controllers.website_form import WebsiteForm


class ReferralWebsiteForm(WebsiteForm):
    def insert_record(self, request, model_sudo, values, custom, meta=None):
        """Answer a contact form that is sent again with the lead it already made.

        A visitor who presses twice, or reloads the answer, asked once (rule L5).
        """
        if model_sudo.model == "crm.lead":
            leads = request.env["crm.lead"].sudo()
            digest = leads._get_request_digest(values, custom)
            same = leads._find_same_request(digest)
            if same:
                return same.id
            values["referral_request_digest"] = digest
        return super().insert_record(request, model_sudo, values, custom, meta=meta)
