from odoo import models


class ResPartner(models.Model):
    """Contacts are found by what tells them apart, among millions (rule L5)."""

    _inherit = "res.partner"

    _referral_email_index = models.Index(
        "(referral_plain_email(email_normalized)) WHERE email_normalized IS NOT NULL"
    )
    _referral_phone_index = models.Index(
        "(referral_plain_phone(COALESCE(phone_sanitized, phone)))"
        " WHERE referral_plain_phone(COALESCE(phone_sanitized, phone)) IS NOT NULL"
    )
    _referral_host_index = models.Index(
        "(referral_mail_host(email_normalized)) WHERE email_normalized IS NOT NULL"
    )
