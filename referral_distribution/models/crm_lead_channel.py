from dataclasses import replace
from decimal import Decimal

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ..engine.commission import Terms
from .referral_territory_owner import ROLES

FEE = {"referral_lead_fee", "referral_fee_currency_id"}


class CrmLead(models.Model):
    """A lead keeps what its channel's partner gets for it once it is valid (rule S4).

    The fee is that of the day the lead came in; it follows the lead's channel, and
    nothing that is agreed later.
    """

    _inherit = "crm.lead"

    referral_channel_id = fields.Many2one(tracking=True)
    referral_lead_fee = fields.Monetary(
        string="Fee of the channel partner",
        currency_field="referral_fee_currency_id",
        compute="_compute_referral_lead_fee",
        # not computed before the lead is there: Odoo would read it as the user then,
        # and a salesperson without a role could make no lead
        store=True,
        copy=False,
        groups=ROLES,
        help="As agreed with the channel on the day the lead came in; paid once the"
        " lead is found valid.",
    )
    referral_fee_currency_id = fields.Many2one(
        "res.currency",
        compute="_compute_referral_lead_fee",
        store=True,
        copy=False,
        groups=ROLES,
    )

    _referral_lead_fee_finite = models.Constraint(
        "CHECK (referral_lead_fee >= 0 AND referral_lead_fee < 1e12)",
        "The fee of a channel partner is zero or more.",
    )

    @api.depends("referral_channel_id")
    def _compute_referral_lead_fee(self):
        for lead in self:
            channel = lead.referral_channel_id.sudo()
            day = lead._get_arrival_day()
            lead.referral_lead_fee = channel._get_lead_fee(day) if channel else 0.0
            lead.referral_fee_currency_id = channel.currency_id

    def _get_arrival_day(self):
        """Return the day the lead came in, in its company's time zone."""
        return self.env["referral.territory"]._get_day(
            self._get_referral_company(), self.create_date or fields.Datetime.now()
        )

    @api.onchange("referral_channel_id")
    def _onchange_referral_channel_id(self):
        """Who types in a lead of a partner channel need not name its partner twice."""
        if self.referral_channel_id.partner_id and not self.referrer_id:
            self.referrer_id = self.referral_channel_id.partner_id

    @api.model
    def default_get(self, fields):
        """A caller's ``default_`` keys reach no fee either."""
        return super().default_get([name for name in fields if name not in FEE])

    def _check_guarded(self, vals):
        if FEE & vals.keys():
            raise AccessError(
                self.env._("The fee of a channel partner follows from its terms.")
            )
        return super()._check_guarded(vals)

    def write(self, vals):
        if "referral_channel_id" in vals and not self.env.su:
            self._check_channel_stays(vals["referral_channel_id"])
        return super().write(vals)

    def _check_channel_stays(self, channel_id):
        """By its channel a valid lead has rewarded a member or a partner (rule S4)."""
        for lead in self:
            channel = lead.referral_channel_id
            if lead.referral_validity == "valid" and channel.id not in (
                False,
                channel_id,
            ):
                raise UserError(
                    self.env._(
                        "“%(lead)s” was found valid and rewarded by its channel, which"
                        " stays.",
                        lead=lead.display_name,
                    )
                )

    def _prepare_referral_facts(self, trigger, rules):
        facts = super()._prepare_referral_facts(trigger, rules)
        company = self._get_referral_company()
        fee = self.sudo().referral_fee_currency_id._convert(
            self.sudo().referral_lead_fee,
            company.currency_id,
            company,
            self._get_arrival_day(),
            round=False,
        )
        return replace(facts, terms=Terms(lead_fee=Decimal(repr(fee))))
