from odoo import api, fields, models

READERS = "referral_distribution.group_finance,referral_distribution.group_manager"


class ReferralCommission(models.Model):
    """A reward keeps what it was computed from (rule C8); see also its replay."""

    _inherit = "referral.commission"

    calculation_id = fields.Many2one(
        "referral.calculation",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="restrict",
        groups=READERS,
        help="What the amount was computed from. Empty for what is granted by hand or"
        " takes a reward back, and for rewards from before this was kept.",
    )

    @api.model_create_multi
    def create(self, vals_list):
        """Keep the ``inputs`` of what is written; one row for all that share them."""
        computed, given = {}, []
        for vals in vals_list:
            inputs = vals.pop("inputs", None)
            if inputs is not None:
                computed[id(inputs)] = vals["company_id"], inputs
                given.append((vals, id(inputs)))
        rows = self.env["referral.calculation"]._keep(list(computed.values()))
        kept = dict(zip(computed, rows, strict=True))
        for vals, key in given:
            vals["calculation_id"] = kept[key].id
        return super().create(vals_list)
