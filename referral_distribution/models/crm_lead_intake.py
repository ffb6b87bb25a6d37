from odoo import api, models
from odoo.exceptions import UserError
from odoo.http import request
from odoo.tools import html2plaintext, is_html_empty, plaintext2html
from odoo.tools.mail import email_normalize, email_split_tuples, formataddr

from ..engine import outside_text

# Characters that the fields of a stranger's lead may have.
LIMITS = {
    "city": 120,
    "contact_name": 120,
    "email_from": 254,
    "function": 120,
    "name": 200,
    "partner_name": 200,
    "phone": 32,
    "zip": 24,
}
LINE_LENGTH = 250
ADDRESS_LENGTH = 1000  # of an e-mail address with its name, to be read
TEXT_LENGTH = 10_000
HTML_LENGTH = 60_000


class CrmLead(models.Model):
    """What comes from outside is cleaned before anything else sees it (L1, L5, L3).

    Outside is who is no employee: visitors, members, other sites, senders of mails,
    guests of a chat. A text that is too long is cut; half an e-mail address or phone
    number would be another one, so that is refused where somebody reads the answer.
    What an employee types stays as typed, but for what no database can hold.
    """

    _inherit = "crm.lead"

    @api.model_create_multi
    def create(self, vals_list):
        clean = self._get_intake()
        return super().create([clean(vals) for vals in vals_list])

    def write(self, vals):
        outside = self._comes_from_outside()
        return super().write(self._clean_texts(vals) if outside else _storable(vals))

    @api.model
    def export_data(self, fields_to_export):
        """Export what strangers typed so that no spreadsheet runs it (threat L3)."""
        answer = super().export_data(fields_to_export)
        rows = [[outside_text.cell(value) for value in row] for row in answer["datas"]]
        return {**answer, "datas": rows}

    @api.model
    def _comes_from_outside(self):
        """Tell whether somebody who is no employee gives the values. A hook."""
        if self.env.context.get("referral_outside"):
            return True
        if not self.env.user._is_internal() or self._is_made_by_outside_site():
            return True
        visitor = request and request.env and request.env.user
        return bool(visitor) and not visitor._is_internal()

    @api.model
    def _get_intake(self):
        """Return the function that the values of new leads go through."""
        return self._prepare_outside_vals if self._comes_from_outside() else _storable

    @api.model
    def _prepare_outside_vals(self, vals):
        """Return a stranger's values, cleaned, phone and e-mail written one way.

        The address a mail came from stays as it was sent: it is the one to answer to.
        """
        self._check_lengths(vals)
        clean = self._clean_texts(vals)
        if clean.get("phone"):
            clean["phone"] = self._get_international_phone(clean)
        if clean.get("email_from"):
            as_sent = bool(self.env.context.get("referral_outside"))
            clean["email_from"] = _write_address(vals["email_from"], as_sent)
        if "name" in clean and not clean["name"]:
            told = (clean.get(key) for key in ("partner_name", "contact_name"))
            clean["name"] = next(filter(None, told), self.env._("Inquiry"))
        return clean

    @api.model
    def _check_lengths(self, vals):
        """Refuse an e-mail address or a phone number that cannot be one.

        :raises UserError: unless nobody would read the answer (mail, chat).
        """
        if self.env.context.get("referral_outside"):
            return
        for name in ("email_from", "phone"):
            text = vals.get(name)
            if isinstance(text, str) and len(text.strip()) > LIMITS[name]:
                field = self._fields[name]._description_string(self.env)
                raise UserError(
                    self.env._(
                        "“%(field)s” is too long: write at most %(limit)s characters.",
                        field=field,
                        limit=LIMITS[name],
                    )
                )

    @api.model
    def _clean_texts(self, vals):
        """Return values with each text fit to be kept and shown."""
        clean = {}
        for name, value in vals.items():
            kind = name in self._fields and self._fields[name].type
            if not isinstance(value, str) or kind not in ("char", "text", "html"):
                clean[name] = _storable_deep(value)
            elif kind == "html":
                clean[name] = _clean_html(value)
            elif kind == "text":
                clean[name] = outside_text.paragraphs(value, TEXT_LENGTH)
            else:
                limit = LIMITS.get(name, LINE_LENGTH)
                clean[name] = outside_text.line(value, limit)
        return clean

    @api.model
    def _get_international_phone(self, vals):
        """Return a number as it is dialled from anywhere, or as typed if it is none.

        Without a country code it is one of the lead's country, else of its contact's,
        else of its company's.
        """
        partner = self.env["res.partner"].sudo().browse(vals.get("partner_id") or [])
        company = self.env["res.company"].sudo().browse(vals.get("company_id") or [])
        country = (
            self.env["res.country"].browse(vals.get("country_id") or [])
            or partner.country_id
            or (company or self.env.company).country_id
        )
        return self._format_phone(vals["phone"], country) or vals["phone"]

    @api.model
    def _format_phone(self, number, country):
        """Return a number as it is dialled from anywhere, False if it is none.

        Many write 00 for the + of a country code, also where one dials otherwise.
        """
        if not number:
            return False
        kept = self._phone_format(
            number=number, country=country, force_format="INTERNATIONAL"
        )
        if kept or not number.startswith("00"):
            return kept
        return self._phone_format(
            number=f"+{number[2:]}", country=country, force_format="INTERNATIONAL"
        )


def _storable(vals):
    return {name: _storable_deep(value) for name, value in vals.items()}


def _storable_deep(value):
    """Clean texts inside of lists and dictionaries too: properties, commands."""
    if isinstance(value, (list, tuple)):
        return type(value)(_storable_deep(part) for part in value)
    if isinstance(value, dict):
        return {key: _storable_deep(part) for key, part in value.items()}
    return outside_text.storable(value)


def _clean_html(value):
    """Return a text with markup; one that is too long loses its markup and its end."""
    clean = type(value)(outside_text.visible(value))
    if len(clean) <= HTML_LENGTH or is_html_empty(clean):
        return clean
    return plaintext2html(outside_text.cut(html2plaintext(clean), HTML_LENGTH // 2))


def _write_address(text, as_sent=False):
    """Return one e-mail address, with its name if it has one.

    :param as_sent: keep its capitals.
    """
    text = outside_text.line(text, ADDRESS_LENGTH)
    found = email_split_tuples(text)
    address = len(found) == 1 and email_normalize(text)
    if not address or len(address) > LIMITS["email_from"]:
        return outside_text.cut(text, LIMITS["email_from"])
    [(name, sent)] = found
    name = outside_text.cut(name, LIMITS["contact_name"])
    return formataddr((name, sent if as_sent else address))
