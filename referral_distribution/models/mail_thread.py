from odoo import api, models
from odoo.tools.mail import email_normalize, email_split

from ..engine.mail_code import without_tag


class MailThread(models.AbstractModel):
    """Mail to ``sales+<code>@...`` reaches the leads' alias ``sales@...`` (rule L4)."""

    _inherit = "mail.thread"

    @api.model
    def message_route(
        self, message, message_dict, model=None, thread_id=None, custom_values=None
    ):
        """Route a mail to a plus-address as one to the address behind it.

        Many mail servers deliver them there, but tell Odoo the address as written.
        """
        plain = self._get_lead_aliases(message_dict.get("recipients") or "")
        if plain:
            message_dict["recipients"] = ",".join([message_dict["recipients"], *plain])
        return super().message_route(
            message,
            message_dict,
            model=model,
            thread_id=thread_id,
            custom_values=custom_values,
        )

    @api.model
    def _get_lead_aliases(self, recipients):
        """Return the addresses of leads' aliases that plus-addresses lead to."""
        addresses = [email_normalize(text) or "" for text in email_split(recipients)]
        plain = {without_tag(text) for text in addresses if "+" in text}
        plain -= set(addresses)
        if not plain:
            return []
        aliases = self.env["mail.alias"].sudo()
        found = aliases.search(
            [
                ("alias_full_name", "in", sorted(plain)),
                ("alias_model_id.model", "=", "crm.lead"),
            ]
        )
        return found.mapped("alias_full_name")
