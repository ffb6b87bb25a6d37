from datetime import datetime

from odoo import models
from odoo.fields import Domain
from odoo.tools import html2plaintext

from ..engine.identity import masked
from .referral_commission_explanation import TO_MEMBER

CONTACT_FIELDS = (
    "name",
    "email",
    "phone",
    "function",
    "company_name",
    "street",
    "street2",
    "zip",
    "city",
    "vat",
    "company_registry",
    "website",
    "ref",
    "lang",
    "tz",
)


class ResPartner(models.Model):
    """Everything kept about one person, for that person (PIPL Art. 45, GDPR 15, 20).

    A plain JSON document with stable English keys, so that a machine can read it. Days
    and times are UTC, ISO 8601; amounts are text with their currency. What belongs to
    other people is masked as on the members' pages (threat P1).
    """

    _inherit = "res.partner"

    def action_referral_export_data(self):
        """Download a contact's personal data, for who asked by letter.

        :raises AccessError: unless the user is a manager.
        """
        self.ensure_one()
        self.env.user._referral_require("group_manager")
        return {
            "type": "ir.actions.act_url",
            "url": f"/referral/personal-data/{self.id}",
            "target": "download",
        }

    def _prepare_personal_data(self):
        """Return what is kept about this person, by section. A hook.

        Extend by super() and add sections; a value is text, a number, a boolean, None,
        or lists and dicts of them. Records of the companies in ``env.companies``.
        Called as superuser, for the person itself or for a manager.

        :return: dict of section -> dict or list.
        """
        self.ensure_one()
        return {
            **self._prepare_identity_data(),
            "membership": self._prepare_membership_data(),
            "invite_codes": self._prepare_code_data(),
            "consents": self._prepare_consent_data(),
            "erasure_requests": self._prepare_erasure_data(),
            "links": self._prepare_link_data(),
            "shares": self._prepare_share_data(),
            "leads_brought": self._prepare_lead_data(),
            "own_enquiries": self._prepare_enquiry_data(),
            "contracts_brought": self._prepare_contract_data(),
            "commissions": self._prepare_commission_data(),
            "settlements": self._prepare_settlement_data(),
        }

    def _prepare_identity_data(self):
        refs = self.env["referral.external.ref"].search(self._get_export_domain())
        return {
            "contact": self._prepare_contact_data(),
            "addresses": [
                address._prepare_contact_data() for address in self._get_own_addresses()
            ],
            "bank_accounts": [
                {"number": bank.acc_number, "holder": bank.acc_holder_name or None}
                for bank in self.bank_ids
            ],
            "accounts": [
                {"login": user.login, "last_login": iso(user.login_date)}
                for user in self.user_ids
            ],
            "references_at_outside_sites": refs.mapped("ref"),
        }

    def _prepare_erasure_data(self):
        return [
            {
                "asked_at": iso(request.create_date),
                "state": request.state,
                "decided_at": iso(request.decided_at),
                "reason": request.reason or None,
            }
            for request in self.referral_erasure_ids
        ]

    def _get_export_domain(self, field="partner_id"):
        return Domain(field, "=", self.id) & Domain(
            "company_id", "in", [*self.env.companies.ids, False]
        )

    def _prepare_contact_data(self):
        values = {name: self[name] or None for name in CONTACT_FIELDS}
        return {
            **values,
            "state": self.state_id.name or None,
            "country": self.country_id.code or None,
            "works_for": self.parent_id.name or None,
            "tags": self.category_id.mapped("name"),
            "notes": html2plaintext(self.comment or "") or None,
            "since": iso(self.create_date),
        }

    def _prepare_membership_data(self):
        return {
            "state": self.member_state or None,
            "reason": self.member_reason or None,
            "since": iso(self.member_since),
            "tier": self.grade_id.name or None,
            "accepts_commission": self.accepts_commission,
            "invited_by": masked(self.inviter_id.name) if self.inviter_id else None,
            "people_invited": self.invite_direct_size,
            "people_in_team": self.invite_team_size,
        }

    def _prepare_code_data(self):
        return [
            {
                "code": code.code,
                "kind": code.kind,
                "state": code.status,
                "made_at": iso(code.create_date),
                "expires": iso(code.date_expiry),
                "used_at": iso(code.used_at),
            }
            for code in self.invite_code_ids
        ]

    def _prepare_consent_data(self):
        consents = self.env["referral.consent"].search(self._get_export_domain())
        return [
            {
                "company": consent.company_id.name,
                "agreed_at": iso(consent.agreed_at),
                "how": consent.method,
                "language": consent.lang,
                "text": consent.body,
                "text_sha256": consent.text_hash,
            }
            for consent in consents
        ]

    def _prepare_link_data(self):
        links = self.env["referral.link"].search(self._get_export_domain())
        return [
            {
                "code": link.code,
                "alias": link.alias or None,
                "page": link.target_url,
                "channel": link.channel_id.name,
                "made_at": iso(link.create_date),
                "clicks": link.click_count,
            }
            for link in links
        ]

    def _prepare_share_data(self):
        shares = self.env["referral.share"].search(self._get_export_domain())
        return [
            {
                "link": share.link_id.code,
                "how": share.method,
                "day": iso(share.share_date),
                "shared_at": iso(share.shared_at),
                "reward": share.reward_state,
            }
            for share in shares
        ]

    def _prepare_lead_data(self):
        """Leads this person brought; who asked is somebody else and stays masked."""
        leads = self.env["crm.lead"].search(self._get_export_domain("referrer_id"))
        return [
            {
                "customer": lead._get_masked_name(),
                "made_at": iso(lead.create_date),
                "verdict": lead.referral_validity,
                "reason": lead.referral_reason or None,
                "stage": lead.stage_id.name or None,
                "link": lead.referral_link_id.code or None,
                "page": lead.referral_link_id.target_url or None,
            }
            for lead in leads
        ]

    def _prepare_enquiry_data(self):
        """Leads in which this person is the one who asked."""
        leads = self.env["crm.lead"].search(self._get_export_domain())
        return [
            {
                "subject": lead.name,
                "text": html2plaintext(lead.description or "") or None,
                "name": lead.contact_name or None,
                "email": lead.email_from or None,
                "phone": lead.phone or None,
                "made_at": iso(lead.create_date),
            }
            for lead in leads
        ]

    def _prepare_contract_data(self):
        orders = self.env["sale.order"].search(
            self._get_export_domain("referrer_id") & Domain("project_phase", ">", 0)
        )
        return [
            {
                "number": order.name,
                "customer": order.partner_id._get_masked_customer_name(
                    order.company_id
                ),
                "phase": order.project_phase,
                "signed_at": iso(order.date_order),
                "amount_untaxed": money(order.amount_untaxed, order.currency_id),
                "state": order.referral_state,
            }
            for order in orders
        ]

    def _prepare_commission_data(self):
        lines = self.env["referral.commission"].search(self._get_export_domain())
        lines = lines.with_context(**{TO_MEMBER: True})
        return [
            {
                "for": line.trigger,
                "level": line.level,
                "amount": money(line.amount, line.currency_id),
                "state": line.state,
                "made_at": iso(line.create_date),
                "contract": line.order_id.name or None,
                "explanation": line.explanation_text,
            }
            for line in lines
        ]

    def _prepare_settlement_data(self):
        settlements = self.env["referral.settlement"].search(self._get_export_domain())
        return [
            {
                "amount": money(settlement.amount_total, settlement.currency_id),
                "state": settlement.state,
                "made_at": iso(settlement.create_date),
            }
            for settlement in settlements
        ]


def iso(moment):
    """Return a day or a UTC time as ISO 8601 text, None for none."""
    if not moment:
        return None
    if isinstance(moment, datetime):
        return moment.isoformat(timespec="seconds") + "Z"
    return moment.isoformat()


def money(amount, currency):
    """Return an amount as text with its currency: a float has no one spelling."""
    return f"{amount:.{currency.decimal_places}f} {currency.name}"
