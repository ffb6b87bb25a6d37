from odoo import api, fields, models
from odoo.exceptions import UserError

from ..engine.immutable import protect
from . import gate


class ReferralConsent(models.Model):
    """Somebody agreed to a company's consent text: who, to which words, when, how.

    The proof that the law asks the company for (PIPL Art. 13-17, GDPR Art. 7): never
    changed, never deleted, and kept with the masked contact after an erasure. It holds
    no more than the proof takes: no address of the device, no browser.
    """

    _name = "referral.consent"
    _description = "Consent"
    _rec_name = "partner_id"
    _order = "id desc"
    _log_access = False

    partner_id = fields.Many2one(
        "res.partner",
        string="Person",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
    )
    company_id = fields.Many2one("res.company", required=True, readonly=True)
    text_id = fields.Many2one(
        "referral.consent.text",
        string="Wording",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
    )
    body = fields.Text(related="text_id.body")
    lang = fields.Char(related="text_id.lang")
    text_hash = fields.Char(related="text_id.text_hash")
    agreed_at = fields.Datetime(
        required=True, readonly=True, default=fields.Datetime.now
    )
    method = fields.Selection(
        [
            ("signup", "Sign-up"),
            ("portal", "Members' page"),
            ("back_office", "Back office"),
            ("api", "Outside site"),
        ],
        string="How",
        required=True,
        readonly=True,
    )
    user_id = fields.Many2one(
        "res.users",
        string="Recorded by",
        readonly=True,
        ondelete="restrict",
        help="Who noted a consent that was given on paper or by word.",
    )
    in_force = fields.Boolean(
        compute="_compute_in_force", help="The text has not changed since."
    )

    def init(self):
        protect(self.env.cr, self._table, merged=("partner_id",))

    @api.depends("text_id", "company_id")
    def _compute_in_force(self):
        texts = self.env["referral.consent.text"]
        hashes = {
            company: texts._get_hashes(company) for company in self.sudo().company_id
        }
        for consent in self:
            consent.in_force = consent.text_hash in hashes[consent.sudo().company_id]

    @api.model_create_multi
    def create(self, vals_list):
        if vals_list and not gate.is_open(self.env):
            raise UserError(
                self.env._("A consent is recorded where it is given, not by hand.")
            )
        return super().create(vals_list)

    # Odoo's merge of contacts writes to what it found, which is nothing: that passes.
    def write(self, vals):
        if self:
            raise UserError(self.env._("A consent is kept as it was given."))
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_always(self):
        raise UserError(self.env._("A consent is kept as it was given."))

    @api.model
    def _check_agreed(self, company, text_hash):
        """Refuse to go on unless the text in force was agreed to.

        :param company: res.company.
        :param text_hash: what the form sent along with the tick; anything.
        :return: the text agreed to, see ``referral.consent.text._get_shown``; None
            if the company has no text.
        :raises UserError: when it was not ticked, or has changed in the meantime.
        """
        wordings = self.env["referral.consent.text"]
        if not wordings._get_shown(company):
            return None
        texts = wordings._get_hashes(company)
        if not isinstance(text_hash, str) or not text_hash:
            raise UserError(
                self.env._(
                    "Please read how your personal data is used, and tick the box to"
                    " agree. Without it there is no membership."
                )
            )
        if text_hash not in texts:
            raise UserError(
                self.env._(
                    "The text on personal data has just been changed. Please read it"
                    " again and tick the box."
                )
            )
        return texts[text_hash]

    @api.model
    def _agree(self, partner, company, text_hash, method):
        """Record that a person agreed to the text in force; once is enough.

        :param partner: res.partner who agreed.
        :param company: res.company whose text it is.
        :param str text_hash: of the text as it was shown, so that nobody agrees to
            words that changed between reading and sending.
        :param str method: a key of ``method``.
        :return: the consent; empty if the company has no text.
        :raises UserError: see ``_check_agreed``.
        """
        consents = self.sudo()
        text = self._check_agreed(company, text_hash)
        if not text:
            return consents.browse()
        kept = self.env["referral.consent.text"]._keep(company, text)
        found = consents.search(
            [("partner_id", "=", partner.id), ("text_id", "=", kept.id)], limit=1
        )
        return found or gate.opened(consents).create(
            {
                "partner_id": partner.id,
                "company_id": company.id,
                "text_id": kept.id,
                "method": method,
                "user_id": self.env.uid if method == "back_office" else False,
            }
        )
