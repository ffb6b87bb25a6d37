from odoo import api, fields, models
from odoo.tools import SQL

from . import gate


class SaleOrder(models.Model):
    """Whom an order goes to: its lead's referrer, or that of the customer (rule C2).

    An order that a visitor or customer makes online, without either, goes to who
    brought the visitor (rule L1).
    """

    _inherit = "sale.order"

    referral_link_id = fields.Many2one(
        "referral.link",
        string="Personal link",
        index="btree_not_null",
        ondelete="restrict",
        readonly=True,
        copy=False,
        help="The link that this online order is credited to.",
    )

    @api.depends("opportunity_id.referrer_id", "partner_id.commercial_partner_id")
    def _compute_referral_lead_id(self):
        signed = self.filtered("project_phase")
        for order in signed:
            order.referral_lead_id = order.referral_lead_id
        own = (self - signed).filtered("opportunity_id.referrer_id")
        for order in own:
            order.referral_lead_id = order.opportunity_id
        rest = self - signed - own
        contracts = rest._find_first_contracts(
            SQL("contract.referral_lead_id IS NOT NULL")
        )
        for order in rest:
            order.referral_lead_id = contracts[order].referral_lead_id

    @api.depends("referral_lead_id.referrer_id", "partner_id.commercial_partner_id")
    def _compute_referrer_id(self):
        """Later contracts keep the first one's referrer, with a lead or without."""
        alone = self.filtered(lambda o: not (o.project_phase or o.referral_lead_id))
        contracts = alone._find_first_contracts(SQL("contract.referrer_id IS NOT NULL"))
        for order in self:
            if order in alone:
                order.referrer_id = contracts[order].referrer_id or order.referrer_id
            elif order.project_phase:
                order.referrer_id = order.referrer_id
            else:
                order.referrer_id = order.referral_lead_id.referrer_id

    @api.model_create_multi
    def create(self, vals_list):
        orders = super().create(vals_list)
        orders.filtered(lambda o: not (o.opportunity_id or o.referrer_id))._attribute()
        return orders

    def _attribute(self):
        """Credit orders that nobody brought yet to what the request says (rule L1)."""
        attribution = self and self.env["referral.attribution"]._read()
        if attribution:
            link = attribution.link
            ours = self.sudo().filtered(lambda o: o.company_id == link.company_id)
            gate.opened(ours).write(
                {"referral_link_id": link.id, "referrer_id": attribution.member.id}
            )

    def _get_referral_channel(self):
        """Return the channel the customer came through, which may pay others (S4)."""
        self.ensure_one()
        link = self.sudo().referral_link_id
        if self.referral_lead_id or link.partner_id != self.referrer_id:
            return self.referral_lead_id.referral_channel_id
        return link.channel_id
