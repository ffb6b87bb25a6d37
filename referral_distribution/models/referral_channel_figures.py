from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools.misc import formatLang

from .referral_territory_owner import ROLES

OWED = ("pending", "approved")
PAID = ("settled", "reversed")  # what takes one back is in there too


class ReferralChannel(models.Model):
    """What a channel has brought and what its partner is owed, for all at once."""

    _inherit = "referral.channel"

    link_count = fields.Integer(string="Number of links", compute="_compute_link_count")
    lead_count = fields.Integer(string="Number of leads", compute="_compute_lead_count")
    valid_lead_count = fields.Integer(
        string="Valid leads", compute="_compute_lead_count"
    )
    contract_count = fields.Integer(
        string="Number of contracts", compute="_compute_contract_count"
    )
    commission_ids = fields.One2many(
        "referral.commission", "channel_id", string="Commissions", groups=ROLES
    )
    owed_text = fields.Char(string="Owed", compute="_compute_amounts", groups=ROLES)
    paid_text = fields.Char(string="Paid out", compute="_compute_amounts", groups=ROLES)

    @api.depends_context("allowed_company_ids")
    def _compute_link_count(self):
        counts = self._count("referral.link", "channel_id", [])
        for channel in self:
            channel.link_count = counts.get(channel.id, {}).get(True, 0)

    @api.depends_context("allowed_company_ids")
    def _compute_lead_count(self):
        counts = self._count("crm.lead", "referral_channel_id", ["referral_validity"])
        for channel in self:
            found = counts.get(channel.id, {})
            channel.lead_count = sum(found.values())
            channel.valid_lead_count = found.get("valid", 0)

    @api.depends_context("allowed_company_ids")
    def _compute_contract_count(self):
        counts = self._count("sale.order", "referral_channel_id", [])
        for channel in self:
            channel.contract_count = counts.get(channel.id, {}).get(True, 0)

    def _count(self, model, name, by):
        """Return ``{channel id: {group: number}}``, archived ones included.

        A number tells nothing about people, so whoever sees the channel may read it.
        """
        records = self.env[model].sudo().with_context(active_test=False)
        domain = Domain(name, "in", self.ids) & Domain(
            "company_id", "in", [*self.env.companies.ids, False]
        )
        counts = {}
        for channel, *rest in records._read_group(domain, [name, *by], ["__count"]):
            group = rest[0] if by else True
            counts.setdefault(channel.id, {})[group] = rest[-1]
        return counts

    @api.depends("commission_ids.state")
    @api.depends_context("allowed_company_ids", "lang")
    def _compute_amounts(self):
        sums = self._get_amounts(self.env.companies)
        for channel in self:
            for name, states in (("owed_text", OWED), ("paid_text", PAID)):
                channel[name] = ", ".join(
                    formatLang(self.env, amount, currency_obj=currency)
                    for currency, amount in sums.get((channel.id, states), [])
                )

    def _get_amounts(self, companies):
        """Return what the channels' partners are owed and were paid (rule S4).

        :return: ``{(channel id, OWED or PAID): [(res.currency, amount)]}``.
        """
        lines = self.env["referral.commission"].sudo()
        sums = {}
        for states in (OWED, PAID):
            for channel, currency, amount in lines._read_group(
                Domain("channel_id", "in", self.ids)
                & Domain("company_id", "in", companies.ids)
                & Domain("state", "in", states),
                ["channel_id", "currency_id"],
                ["amount:sum"],
            ):
                if not currency.is_zero(amount):
                    found = sums.setdefault((channel.id, states), [])
                    found.append((currency, amount))
        return sums
