import hashlib

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import plaintext2html

from ..engine.immutable import protect
from . import gate


class ReferralConsentText(models.Model):
    """A wording of the consent text somebody agreed to, kept as it was shown.

    Who agrees agrees to these words and no others (PIPL Art. 14 and 17, GDPR Art. 7):
    so each wording is kept once, by its hash, and consents point to it.
    """

    _name = "referral.consent.text"
    _description = "Consent Text as Shown"
    _rec_name = "text_hash"
    _order = "id desc"

    company_id = fields.Many2one("res.company", required=True, readonly=True)
    lang = fields.Char(string="Language", required=True, readonly=True)
    body = fields.Text(string="Text", required=True, readonly=True)
    text_hash = fields.Char(
        string="Hash",
        required=True,
        readonly=True,
        help="SHA-256 of the text: shows that it is the one that was agreed to.",
    )

    _wording_unique = models.UniqueIndex("(company_id, lang, text_hash)")

    def init(self):
        protect(self.env.cr, self._table)

    @api.model_create_multi
    def create(self, vals_list):
        if vals_list and not gate.is_open(self.env):
            raise UserError(
                self.env._("The text is edited in the settings, under Data protection.")
            )
        return super().create(vals_list)

    @api.model
    def _hash(self, body):
        return hashlib.sha256(body.encode()).hexdigest()

    @api.model
    def _get_shown(self, company, lang=None):
        """Return the text in force as it is shown, or None if the company has none.

        :param company: res.company.
        :param str lang: by default the language of the request.
        :return: dict with ``lang``, ``body`` (text), ``html`` to show it, ``hash``.
        """
        lang = lang or self.env.lang or "en_US"
        company = company.sudo().with_context(lang=lang)
        body = (company.referral_consent_text or "").strip()
        body = body.replace("{company}", company.name)
        if not body:
            return None
        return {
            "lang": lang,
            "body": body,
            "html": plaintext2html(body),
            "hash": self._hash(body),
        }

    @api.model
    def _get_hashes(self, company):
        """Return ``{hash: text}`` of the text in force, in every installed language.

        Where languages share a text, it is in that of the request.
        """
        langs = [code for code, _name in self.env["res.lang"].get_installed()]
        langs.sort(key=lambda lang: lang == self.env.lang)
        shown = [self._get_shown(company, lang) for lang in langs]
        return {text["hash"]: text for text in shown if text}

    @api.model
    def _keep(self, company, text):
        """Return the record of a shown text, made on first use."""
        texts = self.sudo()
        key = {
            "company_id": company.id,
            "lang": text["lang"],
            "text_hash": text["hash"],
        }
        found = texts.search([(name, "=", value) for name, value in key.items()])
        return found or gate.opened(texts).create({**key, "body": text["body"]})
