from odoo import api, fields, models


class ReferralChannel(models.Model):
    """Where content is shared: the company's own channels and those of partners.

    Each channel has its utm source and medium, so Odoo's own reports tell them apart
    too. On a partner channel members earn nothing, the partner does (rule S4).
    """

    _name = "referral.channel"
    _description = "Referral Channel"
    _order = "sequence, id"
    _check_company_auto = True

    name = fields.Char(required=True, translate=True)
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one("res.company", help="Empty: for every company.")
    kind = fields.Selection(
        [("own", "Own channel"), ("partner", "Partner channel")],
        required=True,
        default="own",
    )
    platform = fields.Selection(
        [
            ("community", "Community"),
            ("wechat", "WeChat official account"),
            ("website", "Official website"),
            ("weibo", "Weibo"),
            ("h5", "H5 page"),
            ("zhihu", "Zhihu"),
            ("toutiao", "Toutiao"),
            ("media", "Media or agency"),
            ("club", "Club or expert"),
        ],
        required=True,
        default="community",
    )
    partner_id = fields.Many2one(
        "res.partner",
        string="Channel partner",
        ondelete="restrict",
        check_company=True,
        help="Who is paid for leads and contracts of a partner channel.",
    )
    source_id = fields.Many2one("utm.source", required=True, ondelete="restrict")
    medium_id = fields.Many2one(
        "utm.medium",
        required=True,
        ondelete="restrict",
        default=lambda self: self._default_medium_id(),
    )

    _partner_kind_has_partner = models.Constraint(
        "CHECK ((kind = 'partner') = (partner_id IS NOT NULL))",
        "A partner channel names its partner; an own channel has none.",
    )

    @api.model
    def _default_medium_id(self):
        return self.env.ref(
            "referral_distribution.utm_medium_referral", raise_if_not_found=False
        )

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            if not vals.get("source_id") and vals.get("name"):
                source = self.env["utm.mixin"]._find_or_create_record(
                    "utm.source", vals["name"]
                )
                vals["source_id"] = source.id
        return super().create(vals_list)
